//! The page that `brisk scheduler` serves: where it says, for whom it says, or not at all.

use std::process::Command;

use brisk_client::blocking::Client;

#[path = "../../dashboard/tests/support/browser.rs"]
mod browser;
mod common;

use browser::Browser;
use common::{BRISK, Directory, Running};

#[test]
fn clients_are_told_of_the_page_that_the_scheduler_prints() {
    let directory = Directory::new("dashboard");
    let credentials = directory.file("cluster.brisk");
    assert!(Command::new(BRISK).args(["credentials", "create", &credentials]).status().unwrap().success());
    let arguments = ["scheduler", "--credentials", &credentials, "--port", "0", "--dashboard"];
    let mut served = Running::start(Command::new(BRISK).args(arguments).arg("127.0.0.1:0"));
    let address = served.line("scheduler at ");
    let link = served.line("  dashboard: ");
    let browser = Browser::open(&link);
    assert_eq!(browser.get("/api/graph", "").status, 401);
    assert_eq!(browser.get("/api/graph", &browser.cookie()).status, 200);
    let client = Client::connect(&address, &credentials).unwrap();
    assert_eq!(client.dashboard_url().unwrap(), link);
    // A plot reaches the page of another process's scheduler.
    client.plot("far").line().push(1.0, 2.0);
    let mut events = browser.follow(&browser.cookie());
    while events.next().expect("it goes on").1["plots"]
        .as_array()
        .is_none_or(|plots| plots.iter().all(|plot| plot["points"] != 1))
    {}

    let mut off = Running::start(Command::new(BRISK).args(arguments).arg("off"));
    let address = off.line("scheduler at ");
    let error = Client::connect(&address, &credentials).unwrap().dashboard_url().unwrap_err().to_string();
    assert!(error.contains("--dashboard on"), "{error}");

    let taken = browser.address().to_string();
    let output = Command::new(BRISK).args(arguments).arg(&taken).output().unwrap();
    let text = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(!output.status.success() && text.contains(&taken), "{text}");
    let output = Command::new(BRISK).args(arguments).arg("somewhere").output().unwrap();
    let text = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(!output.status.success() && text.contains("`somewhere`"), "{text}");
    for mut scheduler in [served, off] {
        scheduler.signal("-TERM");
        scheduler.ends();
    }
}
