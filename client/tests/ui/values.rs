//! Types that can't travel.

use std::rc::Rc;

use brisk_client::task;
use serde::{Deserialize, Serialize};

struct Plain;

#[derive(Serialize, Deserialize)]
struct Table(Vec<f64>);

#[task]
fn takes(_: &Plain) {}

#[task]
fn makes() -> Plain {
    Plain
}

#[task]
fn copies(table: Table) -> usize {
    table.0.len()
}

#[task]
fn fails() -> Result<u8, Plain> {
    Err(Plain)
}

type Outcome = Result<u8, String>;

#[task]
fn by_another_name() -> Outcome {
    Ok(1)
}

#[task]
async fn keeps(x: u8) -> u8 {
    let shared = Rc::new(x);
    std::future::ready(()).await;
    *shared
}

fn main() {}
