//! Actors: state that lives on a worker and is changed by calls, in order.
//!
//! Walkers wander on many workers; a tally, which is an actor, keeps the score while they come home.
//!
//! ```text
//! cargo run --example actors
//! ```

use brisk_client::{ActorHandle, AsCompleted, Client, actor, task};
use serde::{Deserialize, Serialize};

const WALKERS: u64 = 200;
const STEPS: u32 = 1_000;

/// How far from home a random walker is after so many steps.
#[task]
fn walk(seed: u64, steps: u32) -> i64 {
    // Marsaglia's xorshift: the same walk for the same seed, on any worker.
    let mut x = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    let mut place = 0;
    for _ in 0..steps {
        x ^= x << 13;
        x ^= x >> 7;
        x ^= x << 17;
        place += if x >> 63 == 0 { 1 } else { -1 };
    }
    place
}

/// Counts walkers. It never leaves the worker that made it, so it need not be a value.
struct Tally {
    seen: i64,
    squares: i64,
    farthest: i64,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
struct Summary {
    seen: i64,
    root_mean_square: f64,
    farthest: i64,
}

#[derive(Clone, Debug, Serialize, Deserialize, thiserror::Error)]
#[error("nobody can be {0} steps from home after {STEPS}")]
struct TooFar(i64);

#[actor]
impl Tally {
    fn new() -> Self {
        Tally { seen: 0, squares: 0, farthest: 0 }
    }

    /// Takes note of one walker, and says how many there were.
    fn add(&mut self, distance: i64) -> Result<i64, TooFar> {
        if distance.abs() > i64::from(STEPS) {
            return Err(TooFar(distance));
        }
        self.seen += 1;
        self.squares += distance * distance;
        self.farthest = self.farthest.max(distance.abs());
        Ok(self.seen)
    }

    fn summary(&self) -> Summary {
        let mean = self.squares as f64 / self.seen as f64;
        Summary { seen: self.seen, root_mean_square: mean.sqrt(), farthest: self.farthest }
    }
}

#[brisk_client::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let client = Client::from_env().await?;
    let tally = client.actor(TallyActor::new());
    println!("{} is called as if it were here", tally.name());

    let mut walks = AsCompleted::from_iter((1..=WALKERS).map(|seed| client.submit(walk(seed, STEPS))));
    let mut noted = Vec::new();
    while let Some(walk) = walks.next().await {
        // The call is under way at once; its answer can wait.
        noted.push(tally.add(walk.await?));
    }
    for (n, noted) in (1..).zip(noted) {
        assert_eq!(noted.await?, n, "calls are made in order");
    }

    // An `Err` is this call's alone. A panic would end the actor.
    let error = tally.add(1_000_000).await.expect_err("it is too far");
    println!("refused: {}", error.downcast::<TooFar>().ok_or("it is that error")?);

    let Summary { seen, root_mean_square, farthest } = tally.summary().await?;
    println!("{seen} walkers: {root_mean_square:.1} steps from home (expected: {:.1})", f64::from(STEPS).sqrt());
    println!("the farthest: {farthest}");
    Ok(())
}
