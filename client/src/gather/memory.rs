//! How much memory this process could take.

/// The bytes that the system would still give: what Linux says is available, or what is left of the control group's limit,
/// whichever is less. `None` where nobody says.
pub(super) fn available() -> Option<u64> {
    let system = std::fs::read_to_string("/proc/meminfo").ok().and_then(|text| of_meminfo(&text));
    let number =
        |name: &str| std::fs::read_to_string(format!("/sys/fs/cgroup/{name}")).ok()?.trim().parse::<u64>().ok();
    let group = number("memory.max").map(|limit| limit.saturating_sub(number("memory.current").unwrap_or(0)));
    [system, group].into_iter().flatten().min()
}

fn of_meminfo(text: &str) -> Option<u64> {
    let line = text.lines().find_map(|line| line.strip_prefix("MemAvailable:"))?;
    line.trim().strip_suffix("kB")?.trim().parse::<u64>().ok()?.checked_mul(1024)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn meminfo_is_read_in_kibibytes() {
        let text = "MemTotal:       16384000 kB\nMemFree:         1000 kB\nMemAvailable:    2000 kB\n";
        assert_eq!(of_meminfo(text), Some(2_048_000));
        assert_eq!(of_meminfo("MemTotal: 1 kB\n"), None);
    }
}
