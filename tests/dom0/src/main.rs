//! What a program in dom0 can do with `/dev/xen`, step by step.

mod transcript;

use std::fs;

use transcript::Transcript;

fn main() -> std::io::Result<()> {
    let mut transcript = Transcript::new();
    transcript.begin("devices")?;
    for name in ["evtchn", "gntalloc", "gntdev", "hypercall", "privcmd", "xenbus", "xenbus_backend"]
    {
        let there = fs::metadata(format!("/dev/xen/{name}")).is_ok();
        transcript.step(name, if there { "there" } else { "missing" })?;
    }
    transcript.end()
}
