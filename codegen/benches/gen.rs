//! The generator beside bindgen alone, on the same headers, in one run: `cargo bench -p codegen`.
//!
//! Bindgen's time is for its own defaults, without formatting, on the bare `#include` lines, one
//! architecture after the other. Ours is for all that `codegen gen` does: bindgen with the constants'
//! probes, the transforms, the modules' text and writing them; as the command does it, on all cores,
//! which the bound is about, and on one core to show the work.

use std::time::{Duration, Instant};

use devtools::Arch;
use xen_codegen::docs::Docs;
use xen_codegen::import::{Source, time_bindgen};
use xen_codegen::ir::Profile;
use xen_codegen::{emit, output};
use xen_headers::{HeaderTree, LinuxTree, Options, linux_pins, pins};

const ROUNDS: usize = 7;
const BOUND: f64 = 1.5;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let release = &pins().default_release().name;
    let options = Options::from_env();
    let linux = LinuxTree::obtain(linux_pins(), &options)?;
    let source = Source::new(HeaderTree::obtain(pins(), release, &options)?, Some(linux))?;
    let dir = tempfile::tempdir()?;
    let (mut alone, mut ours, mut parallel) = (Vec::new(), Vec::new(), Vec::new());
    for _ in 0..ROUNDS {
        let mut bindgen = Duration::ZERO;
        for arch in Arch::SHIPPED {
            bindgen += time_bindgen(&source, arch)?;
        }
        alone.push(bindgen);

        let start = Instant::now();
        let source = Source::new(source.tree.clone(), source.linux.clone())?;
        let abis: Result<Vec<_>, _> = Arch::SHIPPED
            .iter()
            .map(|arch| xen_codegen::abi(&source, *arch, Profile::Tools))
            .collect();
        output::write(&dir.path().join("generated"), &emit::tree(&abis?, &Docs::load()?)?)?;
        ours.push(start.elapsed());

        let start = Instant::now();
        let abis = xen_codegen::abis(&source, &Arch::SHIPPED, Profile::Tools)?;
        output::write(&dir.path().join("generated"), &emit::tree(&abis, &Docs::load()?)?)?;
        parallel.push(start.elapsed());
    }
    let (alone, ours, parallel) = (median(alone), median(ours), median(parallel));
    let (ratio, work) = (parallel / alone, ours / alone);
    let word = if ratio <= BOUND { "within" } else { "over" };
    println!("{release}, four architectures, median of {ROUNDS} rounds");
    println!("  bindgen alone          {alone:5.2} s");
    println!(
        "  codegen gen            {parallel:5.2} s  {ratio:4.2} times bindgen, {word} {BOUND}"
    );
    println!("  codegen gen, one core  {ours:5.2} s  {work:4.2} times bindgen");
    Ok(())
}

fn median(mut times: Vec<Duration>) -> f64 {
    times.sort_unstable();
    times[times.len() / 2].as_secs_f64()
}
