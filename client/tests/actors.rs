//! Actors: state that stays on one worker; on every kind of cluster.

mod support;

use std::time::Duration;

use brisk_client::{
    ActorHandle, Client, ErrorKind, TaskContext, TaskError, TaskState, actor,
    blocking::{self, Block},
    current, task,
};
use serde::{Deserialize, Serialize};
use support::all_is_forgotten;

brisk_client::test_worker!();

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, thiserror::Error)]
#[error("{asked} is more than the {there} that there are")]
struct TooMuch {
    asked: i64,
    there: i64,
}

/// Neither `Clone` nor a value: it never travels.
struct Account {
    balance: i64,
    notes: Vec<String>,
}

#[actor]
impl Account {
    fn new(balance: i64) -> Self {
        Account { balance, notes: Vec::new() }
    }

    fn open(balance: i64) -> Result<Self, TooMuch> {
        if balance > 1_000 { Err(TooMuch { asked: balance, there: 1_000 }) } else { Ok(Self::new(balance)) }
    }

    /// Adds, and says how much there is then.
    fn add(&mut self, x: i64) -> i64 {
        self.balance += x;
        self.balance
    }

    fn take(&mut self, x: i64) -> Result<i64, TooMuch> {
        if x > self.balance {
            return Err(TooMuch { asked: x, there: self.balance });
        }
        self.balance -= x;
        Ok(self.balance)
    }

    async fn add_later(&mut self, x: i64) -> i64 {
        let before = self.balance;
        tokio::time::sleep(Duration::from_millis(20)).await;
        // Were another call made meanwhile, what it adds would be lost.
        self.balance = before + x;
        self.balance
    }

    fn note(&mut self, text: &str, numbers: &[i64]) {
        self.notes.push(format!("{text} {numbers:?}"));
    }

    fn notes(&self) -> Vec<String> {
        self.notes.clone()
    }

    fn divide(&mut self, x: i64) -> i64 {
        self.balance / x
    }

    fn process(&self) -> u32 {
        std::process::id()
    }
}

/// Its methods use the cluster that it lives on.
struct Foreman {
    done: i64,
}

#[actor]
impl Foreman {
    fn new() -> Self {
        let context = TaskContext::current().expect("a constructor is a task");
        context.metadata("born", "here").expect("there is room");
        Foreman { done: 0 }
    }

    fn where_am_i(&self) -> String {
        let context = TaskContext::current().expect("a method has one, as a task has");
        assert!(!context.is_cancelled() && context.time_left().is_none(), "{context:?}");
        format!("{} on {}", context.name(), context.worker_name())
    }

    /// Says how far it is, and the time of its call.
    fn report(&mut self, day: u64) -> Result<(), TaskError> {
        let context = TaskContext::current().expect("a method has one, as a task has");
        context.progress((day, 7), "working");
        context.log(format!("day {day}"));
        context.metadata("day", day)
    }

    /// Notes facts until there are too many.
    async fn note_all(&mut self) -> usize {
        let context = TaskContext::current().expect("a method has one, as a task has");
        (0..100).take_while(|fact| context.metadata(fact.to_string(), fact).is_ok()).count()
    }

    async fn have_done(&mut self, n: i64) -> Result<i64, TaskError> {
        let client = current().await.expect("a method has a client, as a task has");
        let many = client.map(0..n, inc);
        self.done += client.gather(&many).await?.into_iter().sum::<i64>();
        assert!(TaskContext::current().is_some(), "after a wait too");
        Ok(self.done)
    }

    fn have_done_here(&mut self, n: i64) -> Result<i64, TaskError> {
        let client = blocking::Client::current().expect("a method has a client, as a task has");
        self.done += client.submit(inc(n)).block()?;
        Ok(self.done)
    }

    /// Asks another one, or itself.
    async fn delegate(&self, to: ForemanActor, n: i64) -> Result<i64, TaskError> {
        to.have_done(n).await
    }
}

/// Calls an actor from within.
#[task(impure)]
async fn deposit(account: AccountActor, times: i64) -> Result<i64, TaskError> {
    let mut last = 0;
    for _ in 0..times {
        last = account.add(1).await?;
    }
    Ok(last)
}

#[task]
fn inc(x: i64) -> i64 {
    x + 1
}

on_every_cluster! {
    async fn a_method_has_a_context_and_a_client(cluster: LocalCluster) {
        let client = cluster.client().await.unwrap();
        let foreman = client.actor(ForemanActor::new().workers(["worker-1"]));
        let place = foreman.where_am_i().await.unwrap();
        assert!(place.starts_with("Foreman::where_am_i-") && place.ends_with(" on worker-1"), "{place}");
        assert_eq!(foreman.have_done(4).await.unwrap(), 10);
        assert_eq!(foreman.have_done_here(4).await.unwrap(), 15);
        let other = client.actor(ForemanActor::new());
        assert_eq!(other.delegate(foreman.clone(), 1).await.unwrap(), 16);
        // A call of its own would begin when this one has ended.
        let error = foreman.delegate(foreman.clone(), 1).await.unwrap_err();
        let error = error.downcast::<TaskError>().expect("what the method returned");
        assert_eq!(error.kind(), ErrorKind::Deadlock, "{error}");
        assert!(error.to_string().contains("waits for a call of the same actor"), "{error}");
        // It is made all the same, before or after what others ask for.
        while foreman.have_done_here(-1).await.unwrap() != 17 {}
        drop((foreman, other));
        all_is_forgotten(&cluster).await;
    }

    async fn what_calls_say_is_kept_with_their_actor(cluster: LocalCluster) {
        let client = cluster.client().await.unwrap();
        let foreman = client.actor(ForemanActor::new());
        for day in 1..=3 {
            foreman.report(day).await.unwrap();
        }
        let facts = loop {
            let facts = client.metadata(&foreman).await.unwrap();
            if facts.get("day").is_some_and(|day| &**day == "3") {
                break facts;
            }
            tokio::task::yield_now().await;
        };
        assert_eq!(facts.get("born").map(|born| &**born), Some("here"), "its constructor's are kept: {facts:?}");
        let story: Vec<_> = client.story(&foreman).await.unwrap().into_iter().map(|line| line.what.to_string()).collect();
        let said: Vec<_> = story.iter().filter(|line| line.starts_with("a call says: ")).collect();
        assert_eq!(said, [1, 2, 3].map(|day| format!("a call says: Foreman::report: day {day}")).iter().collect::<Vec<_>>());
        let actor = client.tasks().state(TaskState::Memory).await.unwrap().tasks.pop().expect("it is the only one");
        assert!(actor.to_string().contains(": 3 of 7, working ("), "{actor}");
        // All calls have one set of facts, which is full some time.
        assert_eq!(foreman.note_all().await.unwrap(), 31);
        assert_eq!(foreman.note_all().await.unwrap(), 31, "what is known already may change");
        let key = actor.task.key;
        drop(foreman);
        all_is_forgotten(&cluster).await;
        assert!(client.metadata(&key).await.unwrap().is_empty(), "and goes with it");
    }

    async fn calls_are_made_in_order_on_one_state(cluster: LocalCluster) {
        let client = cluster.client().await.unwrap();
        // Calls do not wait for the actor to be there; constructors take futures.
        let account = client.actor(AccountActor::new(client.submit(inc(9))));
        let sums: Vec<_> = (1..=500).map(|x| account.add(x)).collect();
        let mut expected = 10;
        for (x, sum) in (1..=500).zip(sums) {
            expected += x;
            assert_eq!(sum.await.unwrap(), expected);
        }
        let slow: Vec<_> = (0..4).map(|_| account.add_later(1)).collect();
        assert_eq!(account.add(1).await.unwrap(), expected + 5, "a call begins once the one before has ended");
        for (n, slow) in (1..).zip(slow) {
            assert_eq!(slow.await.unwrap(), expected + n);
        }
        account.note("numbers", vec![1, 2]).await.unwrap();
        assert_eq!(account.notes().await.unwrap(), ["numbers [1, 2]"]);
        assert!(account.name().to_string().starts_with("Account-"), "{account:?}");
        // Two actors are two states, though they are made alike.
        let other = client.actor(AccountActor::new(0));
        assert_eq!(other.add(0).await.unwrap(), 0);
        drop((account, other));
        all_is_forgotten(&cluster).await;
    }

    async fn an_error_is_the_calls_and_a_panic_ends_the_actor(cluster: LocalCluster) {
        let client = cluster.client().await.unwrap();
        let account = client.actor(AccountActor::open(100));
        account.ready().await.unwrap();
        let error = account.take(500).await.unwrap_err();
        assert_eq!(error.downcast::<TooMuch>(), Some(TooMuch { asked: 500, there: 100 }));
        assert!(error.to_string().starts_with("Account::take-"), "{error}");
        assert_eq!(account.take(50).await.unwrap(), 50, "the actor lives on");
        let panicked = account.divide(0);
        let after = account.add(1);
        let error = panicked.await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Panicked);
        assert!(error.to_string().contains("attempt to divide by zero"), "{error}");
        let error = after.await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::ActorLost);
        assert!(error.to_string().contains("its method `divide` panicked"), "{error}");

        let refused = client.actor(AccountActor::open(2_000));
        let early = refused.add(1);
        assert_eq!(refused.ready().await.unwrap_err().kind(), ErrorKind::Failed);
        for call in [early, refused.add(1)] {
            let error = call.await.unwrap_err();
            assert!(error.to_string().contains("2000 is more than"), "{error}");
        }
        drop((account, refused));
        all_is_forgotten(&cluster).await;
    }

    async fn clones_share_the_actor_and_threads_may_have_one_each(cluster: LocalCluster) {
        let client = cluster.client().await.unwrap();
        let account = client.actor(AccountActor::new(0));
        let callers: Vec<_> = (0..4)
            .map(|_| {
                let account = account.clone();
                tokio::spawn(async move {
                    let mut last = 0;
                    for _ in 0..100 {
                        let sum = account.add(1).await.unwrap();
                        assert!(sum > last, "one caller's calls are made in order");
                        last = sum;
                    }
                })
            })
            .collect();
        for caller in callers {
            caller.await.unwrap();
        }
        assert_eq!(account.add(0).await.unwrap(), 400);
    }

    async fn tasks_call_an_actor_that_they_are_given(cluster: LocalCluster) {
        let client = cluster.client().await.unwrap();
        let account = client.actor(AccountActor::new(0));
        // Before it is there: the tasks' calls wait for it too.
        let deposits: Vec<_> = (0..10).map(|_| client.submit(deposit(account.clone(), 20))).collect();
        client.gather(&deposits).await.unwrap();
        assert_eq!(account.add(0).await.unwrap(), 200);
        drop((deposits, account));
        all_is_forgotten(&cluster).await;
    }

    async fn an_actor_that_is_nowhere_is_let_go_with_its_handle(cluster: LocalCluster) {
        let client = cluster.client().await.unwrap();
        let account = client.actor(AccountActor::new(1).workers(["nobody"]));
        let call = account.add(1);
        client.flush().await;
        assert_eq!(account.status(), brisk_client::Status::Pending);
        drop((account, call));
        all_is_forgotten(&cluster).await;
    }

    async fn an_actor_stays_where_it_is(cluster: LocalCluster) {
        let client = cluster.client().await.unwrap();
        let account = client.actor(AccountActor::new(1).workers(["worker-1"]));
        assert_eq!(account.add(1).await.unwrap(), 2);
        client.rebalance().await.unwrap();
        let error = client.retire_workers(["worker-1"]).await.unwrap_err();
        assert!(error.to_string().contains("the actor Account-"), "{error}");
        assert_eq!(account.add(1).await.unwrap(), 3);
        drop(account);
        client.flush().await;
        assert_eq!(client.retire_workers(["worker-1"]).await.unwrap().len(), 1, "what is let go holds nobody");
    }
}

/// The worker is killed in the middle.
#[cfg(feature = "quic")]
#[test]
fn an_actor_dies_with_its_worker_and_says_so() {
    support::run_on(support::Kind::Processes, killed);
}

#[cfg(feature = "quic")]
async fn killed(cluster: brisk_client::LocalCluster) {
    let client = cluster.client().await.unwrap();
    let account = client.actor(AccountActor::new(1).workers(["worker-1"]));
    let process = account.process().await.unwrap();
    assert!(cluster.processes().iter().any(|running| running.pid == process));
    support::signal(&cluster, "worker-1", "-9");
    let error = loop {
        match account.add(1).await {
            // It was made before the signal came.
            Ok(_) => tokio::task::yield_now().await,
            Err(error) => break error,
        }
    };
    assert_eq!(error.kind(), ErrorKind::ActorLost);
    support::eventually(Duration::from_secs(20), "the scheduler says it too", || {
        account.status() == brisk_client::Status::Erred
    })
    .await;
    let error = account.add(1).await.unwrap_err();
    assert!(error.to_string().contains("this actor is gone, and its state with it"), "{error}");
    assert!(error.to_string().contains("signal"), "{error}");
    // Others are not affected, and a new one may live in its place.
    let next = client.actor(AccountActor::new(5));
    assert_eq!(next.add(1).await.unwrap(), 6);
}

#[tokio::test]
async fn without_a_cluster_an_actor_lives_in_the_calling_thread() {
    let client = Client::sync();
    let account = client.actor(AccountActor::new(1));
    assert_eq!(account.add(1).await.unwrap(), 2);
    assert_eq!(account.take(5).await.unwrap_err().kind(), ErrorKind::Failed);
    assert_eq!(account.process().await.unwrap(), std::process::id());
}
