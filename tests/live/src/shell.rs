//! Lines of a shell that several tests have Linux run.

/// A line that waits until the condition holds, and fails if it does not within some minutes.
#[must_use]
pub fn until(condition: &str) -> String {
    format!("for i in $(seq 900); do {condition} && exit 0; sleep 0.2; done; exit 1")
}

/// A line that waits until the domain `name`, which xl has started, has written a line with `text` to its console.
#[must_use]
pub fn until_written(name: &str, text: &str) -> String {
    until(&format!("grep -q '{text}' /var/log/xen/console/guest-{name}.log"))
}
