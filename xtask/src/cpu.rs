//! Processor time of child processes.

use std::fs;
use std::time::Duration;

/// User and system time of all children that were waited for, with all their descendants; where the
/// system tells it, which is on Linux.
pub(crate) fn of_children() -> Option<Duration> {
    let ticks = parse(&fs::read_to_string("/proc/self/stat").ok()?)?;
    let rate = rustix::param::clock_ticks_per_second();
    Some(Duration::from_millis(ticks.saturating_mul(1000) / rate.max(1)))
}

/// cutime and cstime, the 16th and 17th fields of proc_pid_stat(5), together.
fn parse(stat: &str) -> Option<u64> {
    // The second field, the program's name, may hold anything; it ends at the last parenthesis.
    let mut fields = stat.rsplit_once(')')?.1.split_whitespace().skip(13);
    let user: u64 = fields.next()?.parse().ok()?;
    let system: u64 = fields.next()?.parse().ok()?;
    Some(user + system)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_fields_are_counted_from_the_name() {
        let stat = "7 (a) b) S 1 7 7 0 -1 4194304 10 20 0 0 1 2 300 40 20 0 1 0 99";
        assert_eq!(parse(stat), Some(340));
        assert_eq!(parse("7 (a"), None);
    }
}
