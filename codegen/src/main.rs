//! t
use xen_codegen::{arch::Arch, import::Source, ir::*};
fn main() {
    let dir = std::env::args().nth(1).unwrap();
    let tree = xen_headers::HeaderTree::open(dir.as_ref()).unwrap();
    let source = Source::new(tree).unwrap();
    for arch in Arch::ALL {
        let t = std::time::Instant::now();
        match source.import(arch, Profile::Tools) {
            Ok(mut abi) => { let t1=t.elapsed(); if let Err(e)=xen_codegen::transform::run(&mut abi){println!("{e}");} println!("{t1:?}"); println!("{arch} {} types {} constants {:?}", abi.types.len(), abi.constants.len(), t.elapsed())}
            Err(e) => println!("{arch} {e}"),
        }
    }
}
