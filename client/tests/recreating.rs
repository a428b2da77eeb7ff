//! Failed calls, brought here with their inputs; on every kind of cluster.

mod support;

use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    path::PathBuf,
    time::Duration,
};

use brisk_client::{CaseError, ErrorKind, TaskState, pack, replay_case, task, wait};

brisk_client::test_worker!();

#[task]
fn inc(x: i64) -> i64 {
    x + 1
}

#[task]
fn ratio(x: i64, y: i64) -> i64 {
    x / y
}

type Rows = Vec<(String, Option<Vec<i64>>)>;

/// The sum of all rows by a number.
#[task]
fn named_ratio(rows: &Rows, by: i64) -> i64 {
    rows.iter().flat_map(|(_, row)| row).flatten().sum::<i64>() / by
}

#[task]
fn sum(xs: &[i64]) -> i64 {
    xs.iter().sum()
}

#[task]
async fn later(x: i64) -> Result<i64, String> {
    tokio::time::sleep(Duration::from_millis(1)).await;
    if x > 0 { Ok(x) } else { Err(format!("{x} is not positive")) }
}

#[task]
fn block(bytes: usize) -> Vec<u8> {
    vec![7; bytes]
}

#[task]
fn odd(block: &[u8]) -> Result<usize, String> {
    if block.len() % 2 == 1 { Ok(block.len()) } else { Err("it is even".to_owned()) }
}

/// Runs until it is cancelled.
#[task]
async fn forever() {
    std::future::pending::<()>().await;
}

/// A file of this test's own.
fn temporary(name: &str) -> PathBuf {
    let unique = format!("brisk-case-{name}-{}-{:?}", std::process::id(), std::thread::current().id());
    std::env::temp_dir().join(unique)
}

/// What code panics with.
fn panic_of(code: impl FnOnce()) -> String {
    let payload = catch_unwind(AssertUnwindSafe(code)).expect_err("it panics");
    payload.downcast_ref::<&str>().map(ToString::to_string).expect("with a text")
}

on_every_cluster! {
    async fn the_culprit_comes_here_with_its_inputs_and_panics_here(cluster: LocalCluster) {
        let client = cluster.client().await.unwrap();
        // Nobody keeps the zero: it is made again for the case.
        let bad = ratio(inc(24), inc(-1));
        let asked = client.submit(sum([ratio(5, 5), bad]));
        let error = asked.exception().await.unwrap();
        let case = client.recreate_error_locally(&asked).await.unwrap();
        assert_eq!(Some(case.task().key), error.key());
        assert_eq!(case.error(), Some(&error));
        assert!(format!("{case:?}").contains("(25, 0)"), "{case:?}");
        assert_eq!(panic_of(|| drop(case.run())), "attempt to divide by zero");

        let path = temporary("panics");
        let saved = case.save(&path).unwrap();
        let again = replay_case(saved.path()).unwrap();
        assert_eq!((format!("{again:?}"), again.error()), (format!("{case:?}"), Some(&error)));
        assert_eq!(panic_of(|| drop(again.run())), "attempt to divide by zero");
        std::fs::remove_file(path).unwrap();
    }

    async fn a_task_that_went_well_can_be_had_too(cluster: LocalCluster) {
        let client = cluster.client().await.unwrap();
        let well = client.submit(later(inc(1)));
        let refused = client.recreate_error_locally(&well).await.unwrap_err();
        assert!(matches!(refused, CaseError::NotFailed(_)), "{refused}");
        let case = client.recreate_task_locally(&well).await.unwrap();
        assert_eq!(case.result::<i64>().unwrap(), 2);
        assert_eq!(case.result::<i64>().unwrap(), 2, "as often as one likes");
        assert_eq!(case.result::<String>().unwrap_err().kind(), ErrorKind::Decode);
        let badly = client.submit(later(-1));
        let error = client.recreate_error_locally(&badly).await.unwrap().run().unwrap_err();
        assert!(error.to_string().contains("-1 is not positive"), "{error}");
        assert!(error.to_string().ends_with("called with (-1)"), "{error}");
    }

    async fn what_had_failed_before_it_was_an_argument_is_kept_for_who_looks(cluster: LocalCluster) {
        let client = cluster.client().await.unwrap();
        let ratios = client.map([(5, 5), (25, 0)], |(x, y)| ratio(x, y));
        wait(&ratios).await;
        let asked = client.submit(sum(&ratios));
        drop(ratios);
        let error = asked.exception().await.unwrap();
        assert_eq!(error.report().needed_by.last().map(|task| task.key), Some(asked.key()), "{error}");
        let case = client.recreate_error_locally(&asked).await.unwrap();
        assert!(format!("{case:?}").contains("(25, 0)"), "{case:?}");
        // And for who tries again: it fails as it did.
        client.retry([&asked]);
        assert_eq!(asked.exception().await.unwrap().kind(), ErrorKind::Panicked);
        let attempts = client.tasks().function("ratio").state(TaskState::Erred).await.unwrap();
        assert_eq!(attempts.tasks.iter().map(|task| task.attempt).collect::<Vec<_>>(), [2]);
    }

    async fn what_was_packed_comes_as_the_task_took_it(cluster: LocalCluster) {
        let client = cluster.client().await.unwrap();
        let rows = || vec![("one".to_owned(), Some(vec![inc(0), inc(1)])), ("two".to_owned(), None)];
        let asked = client.submit(named_ratio(pack(rows()), 0));
        let error = asked.exception().await.unwrap();
        let case = client.recreate_error_locally(&asked).await.unwrap();
        assert_eq!(case.error(), Some(&error));
        assert!(format!("{case:?}").contains(r#"[("one", Some([1, 2])), ("two", None)], 0"#), "{case:?}");
        let path = temporary("packed");
        let again = replay_case(case.save(&path).unwrap().path()).unwrap();
        assert_eq!(format!("{again:?}"), format!("{case:?}"));
        assert_eq!(panic_of(|| drop(again.run())), "attempt to divide by zero");

        // And the task that packs, which no program has written.
        let packed = client.submit(pack(rows()));
        let case = client.recreate_task_locally(&packed).await.unwrap();
        let again = replay_case(case.save(&path).unwrap().path()).unwrap();
        for case in [case, again] {
            assert_eq!(case.result::<Rows>().unwrap()[0].1, Some(vec![1, 2]));
        }
        std::fs::remove_file(path).unwrap();
    }

    async fn what_can_not_come_is_told(cluster: LocalCluster) {
        let client = cluster.client().await.unwrap();
        // Its input has failed: there is nothing to call it with.
        let poisoned = client.submit(inc(ratio(1, 0)));
        wait([&poisoned]).await;
        let error = client.recreate_task_locally(&poisoned).await.unwrap_err();
        assert!(matches!(error, CaseError::Input { .. }) && error.to_string().contains("divide by zero"), "{error}");
        // What a program has put there was not computed.
        let scattered = client.scatter(7i64).await.unwrap();
        let error = client.recreate_task_locally(&scattered).await.unwrap_err();
        assert!(error.to_string().contains("was not computed"), "{error}");
        let cancelled = client.submit(forever());
        cancelled.cancel();
        let error = client.recreate_error_locally(&cancelled).await.unwrap_err();
        assert!(matches!(&error, CaseError::Task(error) if error.kind() == ErrorKind::Cancelled), "{error}");
    }
}

/// Where values move by pointer nothing comes here that was not here before.
#[cfg(feature = "quic")]
#[test]
fn inputs_that_are_too_long_stay_where_they_are() {
    support::run_on(support::Kind::Processes, |cluster| async move {
        let client = cluster.client().await.unwrap();
        let even = client.submit(odd(block(100_000)));
        let error = client.recreate_error_locally(&even).limit(99_999).await.unwrap_err();
        let CaseError::Input { error, .. } = error else { panic!("{error}") };
        assert_eq!(error.kind(), ErrorKind::TooLarge, "{error}");
        let case = client.recreate_error_locally(&even).limit(200_000).await.unwrap();
        assert!(case.run().unwrap_err().to_string().contains("it is even"));
    });
}

/// As a debugger would: the program makes the call and nothing else.
#[cfg(feature = "inproc")]
#[brisk_client::test]
async fn a_saved_case_is_made_by_the_program_itself(client: brisk_client::Client) {
    let path = temporary("program");
    let case = client.recreate_error_locally(&client.submit(ratio(inc(24), 0))).await.unwrap();
    let saved = case.save(&path).unwrap();
    let command = saved.debugger_command();
    assert_eq!(saved.to_string(), command);
    assert!(command.starts_with("BRISK_CASE='/") && command.contains("rust-gdb"), "{command}");
    let (_, program) = command.split_once("--args ").unwrap();
    let run = |case: &std::path::Path| {
        let mut shell = std::process::Command::new("sh");
        shell.args(["-c", program]).env("BRISK_CASE", case).env_remove("RUST_BACKTRACE").output().unwrap()
    };
    let output = run(saved.path());
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(!output.status.success());
    assert!(said.contains("(25, 0)>") && said.contains("attempt to divide by zero"), "{said}");
    std::fs::remove_file(&path).unwrap();
    let output = run(&path);
    assert_eq!(output.status.code(), Some(2), "{}", String::from_utf8_lossy(&output.stderr));
}
