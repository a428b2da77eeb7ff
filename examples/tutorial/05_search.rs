//! Chapter 5. A search that steers itself: each result decides where to look next. The points are drawn over the function's
//! contours as they come, on the dashboard and here.
//!
//! ```text
//! cargo run --release --example 05_search
//! ```

use std::time::Duration;

use brisk_client::{AsCompleted, Client, task};

/// Rosenbrock's function: 0 at (1, 1), at the bottom of a long curved valley. It sleeps in place of the work that a real one does.
#[task]
fn rosenbrock(x: f64, y: f64) -> (f64, f64, f64) {
    std::thread::sleep(Duration::from_millis(5));
    (x, y, height(x, y))
}

fn height(x: f64, y: f64) -> f64 {
    (1.0 - x).powi(2) + 100.0 * (y - x * x).powi(2)
}

#[brisk_client::main]
async fn main() -> anyhow::Result<()> {
    let client = Client::from_env().await?;
    let contours = |x, y| height(x, y).max(1e-3).log10();
    let plot = client.plot("search").title("A search").axes("x", "y").background(-2.0..2.0, -1.0..3.0, contours)?;
    let points = plot.scatter();
    let (tried, bests) = (points.series("tried"), points.series("best so far"));

    let mut random = numbers(7);
    let mut near = |(x, y): (f64, f64), scale: f64| (x + scale * random(), y + scale * random());
    let start: Vec<_> = (0..20).map(|_| near((0.0, 1.0), 2.0)).collect();
    let mut done = AsCompleted::from_iter(start.into_iter().map(|(x, y)| client.submit(rosenbrock(x, y))));

    let mut scale = 2.0;
    let (mut best, mut lowest) = ((0.0, 0.0), f64::INFINITY);
    let mut all = Vec::new();
    while let Some(future) = done.next().await {
        let (x, y, value) = future.result().await?;
        tried.push(x, y);
        all.push((x, y));
        if value < lowest {
            (best, lowest) = ((x, y), value);
            bests.push(x, y);
            println!("after {:4} points: f({x:+.4}, {y:+.4}) = {value:.6}", all.len());
        }
        scale *= 0.99;
        if scale < 0.001 {
            break;
        }
        // While others are still being computed, the next one is tried near the best that is known now.
        let (x, y) = near(best, scale);
        done.push(client.submit(rosenbrock(x, y)));
    }
    draw(&all, best);
    println!("best of {}: f({:.3}, {:.3}) = {lowest:.6}", all.len(), best.0, best.1);
    Ok(())
}

/// The contours, the points and the best one, in characters.
fn draw(points: &[(f64, f64)], best: (f64, f64)) {
    const COLUMNS: usize = 64;
    const ROWS: usize = 20;
    let cell = |(x, y): (f64, f64)| ((3.0 - y) / 4.0 * ROWS as f64, (x + 2.0) / 4.0 * COLUMNS as f64);
    for row in 0..ROWS {
        let line = (0..COLUMNS).map(|column| {
            let hits = |point: &(f64, f64)| {
                let (r, c) = cell(*point);
                r.floor() == row as f64 && c.floor() == column as f64
            };
            let (x, y) =
                (-2.0 + 4.0 * (column as f64 + 0.5) / COLUMNS as f64, 3.0 - 4.0 * (row as f64 + 0.5) / ROWS as f64);
            let contour = [' ', '.', ':', '-', '='][(height(x, y).max(0.1).log10() + 1.0) as usize];
            if hits(&best) {
                '*'
            } else if points.iter().any(hits) {
                'o'
            } else {
                contour
            }
        });
        println!("{}", line.collect::<String>());
    }
}

/// Numbers between -1 and 1, the same in every run: Lehmer's generator.
fn numbers(seed: u64) -> impl FnMut() -> f64 {
    let mut state = u128::from(seed) << 1 | 1;
    move || {
        state = state.wrapping_mul(0xda94_2042_e4dd_58b5);
        (state >> 64) as u64 as f64 / u64::MAX as f64 * 2.0 - 1.0
    }
}
