//! Amounts as people write them.

use std::time::Duration;

/// A span of time: `2 s`, `1.5 s`, `250 ms`.
pub(super) fn span(span: Duration) -> String {
    const UNITS: [(u128, &str); 3] = [(1_000_000_000, "s"), (1_000_000, "ms"), (1_000, "µs")];
    amount(span.as_nanos(), &UNITS, "ns")
}

/// A length: `2 GB`, `1.5 MB`, `12 bytes`.
pub(super) fn bytes(bytes: u64) -> String {
    const UNITS: [(u128, &str); 3] = [(1_000_000_000, "GB"), (1_000_000, "MB"), (1_000, "kB")];
    amount(bytes.into(), &UNITS, "bytes")
}

/// In the largest unit of which there is one, with as many as three places behind the point.
fn amount(amount: u128, units: &[(u128, &str)], smallest: &str) -> String {
    let Some((unit, name)) = units.iter().find(|(unit, _)| amount >= *unit) else {
        return format!("{amount} {smallest}");
    };
    let thousandths = amount * 1_000 / unit;
    let digits = format!("{}.{:03}", thousandths / 1_000, thousandths % 1_000);
    format!("{} {name}", digits.trim_end_matches('0').trim_end_matches('.'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amounts_are_short() {
        let spans = [2_000_000_000, 1_500_000_000, 250_000_000, 61_000_000_000, 10_000_000_000, 1_234_567, 999, 0];
        let told = spans.map(|nanos| span(Duration::from_nanos(nanos)));
        assert_eq!(told, ["2 s", "1.5 s", "250 ms", "61 s", "10 s", "1.234 ms", "999 ns", "0 ns"]);
        assert_eq!([0, 1_000, 2_000_001, 3 << 30].map(bytes), ["0 bytes", "1 kB", "2 MB", "3.221 GB"]);
    }
}
