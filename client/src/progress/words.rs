//! What is said of counts, in few words.

use std::time::Duration;

use super::watch::{Count, Group, Watch};

/// What stands behind a function's bar: `3 erred, 120/s, 40 s left`, or `3 erred, in 12 s`.
pub(super) fn of_group(watch: &Watch, group: &Group) -> String {
    let mut words = troubles(&group.count());
    match watch.took(group) {
        Some(took) => words.push(format!("in {}", span(took.as_secs_f64()))),
        None => words.extend(pace(&group.count(), group.rate())),
    }
    words.join(", ")
}

/// A line for a log: `progress: 10 of 40 after 5 s, 2/s, 15 s left: load 10/20, sum 0/20`.
pub(super) fn of_all(watch: &Watch) -> String {
    let count = watch.count();
    let mut words = vec![format!("{} of {} after {}", count.ended, count.total, span(watch.elapsed().as_secs_f64()))];
    words.extend(troubles(&count));
    words.extend(pace(&count, watch.rate()));
    let line = format!("progress: {}", words.join(", "));
    if watch.groups.len() < 2 {
        return line;
    }
    let groups = watch.groups.iter().map(|group| (&group.name, group.count()));
    let groups: Vec<String> = groups.map(|(name, count)| format!("{name} {}/{}", count.ended, count.total)).collect();
    format!("{line}: {}", groups.join(", "))
}

fn troubles(count: &Count) -> Vec<String> {
    let counts = [(count.erred, "erred"), (count.cancelled, "cancelled")];
    counts.iter().filter(|(count, _)| *count > 0).map(|(count, what)| format!("{count} {what}")).collect()
}

fn pace(count: &Count, rate: f64) -> Vec<String> {
    let Some(left) = count.seconds_left(rate) else { return Vec::new() };
    vec![per_second(rate), format!("{} left", span(left))]
}

/// `0.25/s`, `12/s`, `3.4k/s`.
fn per_second(rate: f64) -> String {
    match rate {
        0.0..1.0 => format!("{rate:.2}/s"),
        1.0..1e3 => format!("{rate:.0}/s"),
        1e3..1e6 => format!("{:.1}k/s", rate / 1e3),
        _ => format!("{:.1}M/s", rate / 1e6),
    }
}

/// `0.3 s`, `12 s`, `3 min 20 s`, `2 h 5 min`.
pub(super) fn span(seconds: f64) -> String {
    // Nothing lasts as long as a Duration may.
    let whole = Duration::try_from_secs_f64(seconds).unwrap_or(Duration::MAX).as_secs();
    match whole {
        0..10 => format!("{seconds:.1} s"),
        10..60 => format!("{whole} s"),
        60..3_600 => format!("{} min {} s", whole / 60, whole % 60),
        _ => format!("{} h {} min", whole / 3_600, whole / 60 % 60),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amounts_are_told_in_few_digits() {
        assert_eq!([0.25, 12.3, 3_400.0, 2.5e6].map(per_second), ["0.25/s", "12/s", "3.4k/s", "2.5M/s"]);
        assert_eq!([0.31, 59.9, 200.0, 7_500.0].map(span), ["0.3 s", "59 s", "3 min 20 s", "2 h 5 min"]);
        assert!(span(f64::INFINITY).ends_with(" min"));
    }

    #[test]
    fn what_is_left_is_only_told_while_something_ends() {
        let count = Count { total: 10, ended: 4, erred: 1, cancelled: 0 };
        assert_eq!(pace(&count, 2.0), ["2/s", "3.0 s left"]);
        assert!(pace(&count, 0.0).is_empty() && pace(&Count { ended: 10, ..count }, 2.0).is_empty());
        assert_eq!(troubles(&count), ["1 erred"]);
    }
}
