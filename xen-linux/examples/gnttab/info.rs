//! `gnttab info`

use std::fs::read_to_string;
use std::io::{self, Write};
use std::path::Path;

use clap::Args;
use xen_linux::xen_abi::xen::DOMID_SELF;
use xen_linux::xen_ops::hypercall::{Hypercall, grant_table_op, xen_version};
use xen_linux::{Cause, Error, Evtchn, Gntalloc, Gntdev, Privcmd};

use crate::failure::Failure;

#[derive(Args, Debug)]
pub(crate) struct Info {}

impl Info {
    pub(crate) fn run(&self, devices: &Path, out: &mut dyn Write) -> Result<(), Failure> {
        let at = |name: &str| devices.join(name);
        let xen = Privcmd::open_at(at("privcmd"), at("hypercall"));
        let states = [
            ("gntdev", "maps and copies grants", Gntdev::open_at(at("gntdev")).err()),
            ("gntalloc", "shares pages", Gntalloc::open_at(at("gntalloc")).err()),
            ("evtchn", "events", Evtchn::open_at(at("evtchn")).err()),
            ("privcmd", "hypercalls", xen.as_ref().err().cloned()),
        ];
        let is_usable = states[..2].iter().all(|(_, _, error)| error.is_none());
        let facts = [facts_of_linux(), xen.map(|xen| facts_of_xen(&xen)).unwrap_or_default()];
        print(&states, &facts.concat(), out).map_err(Failure::Output)?;
        if is_usable { Ok(()) } else { Err(Failure::NoXen) }
    }
}

type State<'a> = (&'a str, &'a str, Option<Error>);

fn print(states: &[State<'_>], facts: &[(&str, String)], out: &mut dyn Write) -> io::Result<()> {
    writeln!(out, "{:<10}{:<24}state", "device", "what for")?;
    for (name, what_for, error) in states {
        let state = error.as_ref().map_or("can be used".into(), short);
        writeln!(out, "{name:<10}{what_for:<24}{state}")?;
    }
    // What to do about those that do not open.
    let closed = |error: &&Error| matches!(error.cause(), Cause::Open { .. });
    let closed: Vec<_> =
        states.iter().filter_map(|(_, _, error)| error.as_ref()).filter(closed).collect();
    if !closed.is_empty() {
        writeln!(out)?;
    }
    for error in closed {
        writeln!(out, "{error}")?;
    }
    if !facts.is_empty() {
        writeln!(out)?;
    }
    for (name, value) in facts {
        writeln!(out, "{name:<34}{value}")?;
    }
    out.flush()
}

/// The text of an error beside the name of its device.
fn short(error: &Error) -> String {
    match (error.cause(), error.as_errno()) {
        // The line is about two devices.
        (Cause::Open { path, .. }, Some(errno)) if path.ends_with("hypercall") => {
            format!("hypercall: {errno}")
        }
        (_, Some(errno)) => errno.to_string(),
        (cause, None) => cause.to_string(),
    }
}

/// Facts that the kernel has in files.
fn facts_of_linux() -> Vec<(&'static str, String)> {
    let files = [
        ("kind of domain", "/sys/hypervisor/guest_type"),
        ("grants mapped at once, at most", "/sys/module/xen_gntdev/parameters/limit"),
        ("pages shared by all, at most", "/sys/module/xen_gntalloc/parameters/limit"),
    ];
    let read = |(name, path)| Some((name, read_to_string(path).ok()?.trim().to_owned()));
    files.into_iter().filter_map(read).collect()
}

/// Facts from Xen. Domains without privileges do not get all of them.
fn facts_of_xen(xen: &impl Hypercall) -> Vec<(&'static str, String)> {
    let version = xen_version::version(xen).map(|version| {
        let extra = xen_version::extraversion(xen).map(|extra| text(&extra)).unwrap_or_default();
        format!("{}.{}{extra}", version >> 16, version & 0xffff)
    });
    let guests = xen_version::capabilities(xen).map(|guests| text(&guests).trim().to_owned());
    let frames = grant_table_op::query_size(xen, DOMID_SELF)
        .map(|size| format!("{} of {}", size.nr_frames, size.max_nr_frames));
    let format = grant_table_op::get_version(xen, DOMID_SELF).map(|version| version.to_string());
    [
        ("Xen", version),
        ("kinds of guest", guests),
        ("frames of the grant table", frames),
        ("version of the grant table", format),
    ]
    .map(|(name, value)| (name, value.unwrap_or_else(|error| error.to_string())))
    .into()
}

/// The text before the first 0.
fn text(bytes: &[u8]) -> String {
    let text = bytes.split(|&byte| byte == 0).next().unwrap_or_default();
    String::from_utf8_lossy(text).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use xen_sim::{DomainConfig, GuestKind, Xen};

    #[test]
    fn facts_are_aligned() {
        let domain = Xen::new().domain(DomainConfig::new(GuestKind::Pvh)).unwrap();
        let facts = facts_of_xen(&domain);
        let mut out = Vec::new();
        print(&[("gntdev", "maps", None)], &facts, &mut out).unwrap();
        let text = String::from_utf8(out).unwrap();
        assert!(text.contains("\ngntdev    maps                    can be used\n"), "{text}");
        assert!(text.contains("\nXen                               4.20.0-sim\n"), "{text}");
        assert!(text.contains("\nframes of the grant table         1 of 64\n"), "{text}");
    }
}
