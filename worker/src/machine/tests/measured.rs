//! What transfers have taken.

use brisk_core::message::Transfer;

use super::*;

fn transfer(from: u64, nbytes: u64, ms: u64) -> Transfer {
    Transfer { from: peer(from), nbytes, took: Duration::from_millis(ms) }
}

fn told(actions: Vec<Action>) -> Vec<Transfer> {
    let transfers = actions.into_iter().filter_map(|action| match action {
        Action::ToScheduler(WorkerToScheduler::Transfers(transfers)) => Some(transfers),
        _ => None,
    });
    transfers.flatten().collect()
}

#[test]
fn transfers_are_measured_to_their_last_byte_and_told_together() {
    let mut bench = Bench::new(1, 0);
    bench.run(1, &[(10, &[1]), (11, &[1]), (12, &[2])]);
    bench.now = 100 * MS;
    assert_eq!(told(bench.answer(2, &[(12, stored(7))])), []);
    assert_eq!(told(bench.answer(1, &[(10, stored(100))])), []);
    bench.now = 300 * MS;
    assert_eq!(told(bench.answer(1, &[(11, stored(1))])), []);
    assert_eq!(told(bench.all_at(599)), []);
    assert_eq!(told(bench.all_at(600)), [transfer(2, 7, 100), transfer(1, 101, 300)]);
    assert_eq!(told(bench.all_at(5_000)), []);
}

#[test]
fn what_brought_nothing_measures_nothing() {
    let mut bench = Bench::new(1, 0);
    bench.run(1, &[(10, &[1])]);
    bench.answer(1, &[(10, FetchResult::Missing)]);
    bench.run(2, &[(11, &[2]), (12, &[2])]);
    bench.answer(2, &[(11, stored(1))]);
    // The rest never came.
    bench.event(Event::PeerLost { worker: peer(2) });
    assert_eq!(told(bench.all_at(900)), []);
}

#[test]
fn values_that_nobody_wants_any_more_have_travelled_all_the_same() {
    let mut bench = Bench::new(1, 0);
    bench.run(1, &[(10, &[1])]);
    bench.cancel(1);
    bench.now = 5 * MS;
    bench.answer(1, &[(10, stored(9))]);
    assert_eq!(told(bench.all_at(505)), [transfer(1, 9, 5)]);
}

#[test]
fn many_transfers_are_told_before_their_time() {
    let mut bench = Bench::new(1, 0);
    let mut all = Vec::new();
    for n in 1..=130 {
        bench.run(n, &[(1_000 + u128::from(n), &[1])]);
        all.push(told(bench.answer(n, &[(1_000 + u128::from(n), stored(1))])).len());
        bench.done(n, 0);
    }
    assert_eq!((all[63], all[127], all.iter().sum::<usize>()), (64, 64, 128));
    assert_eq!(told(bench.all_at(500)).len(), 2);
}
