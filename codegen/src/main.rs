//! t
use xen_codegen::{arch::Arch, import::Source, ir::*};
fn main() {
    let dir = std::env::args().nth(1).unwrap();
    let out = std::env::args().nth(2).unwrap();
    let docs = xen_codegen::docs::Docs::load().unwrap();
    let tree = xen_headers::HeaderTree::open(dir.as_ref()).unwrap();
    let source = Source::new(tree).unwrap();
    for arch in Arch::SHIPPED {
        let t = std::time::Instant::now();
        let mut abi = source.import(arch, Profile::Tools).unwrap();
        let t1 = t.elapsed();
        xen_codegen::transform::run(&mut abi).unwrap();
        println!("{arch} {:?} {t1:?} {:?}", xen_codegen::emit::counts(&abi), t.elapsed());
        for (p, text) in xen_codegen::emit::files(&abi, &docs) {
            let p = std::path::Path::new(&out).join(arch.name()).join(p);
            std::fs::create_dir_all(p.parent().unwrap()).unwrap();
            std::fs::write(p, text).unwrap();
        }
        println!("{:?}", t.elapsed());
    }
}
