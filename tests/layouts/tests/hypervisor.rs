//! Our layouts against those that a hypervisor was compiled with: the debug information of Debian's
//! own build, which has the structures of 32-bit guests (compat) too.
#![cfg(feature = "headers")]

use debian_packages::Options;
use devtools::Arch;
use xen_layouts::hypervisor::compare;
use xen_layouts::pins::symbols;
use xen_layouts::release;

#[test]
fn layouts_are_those_the_hypervisor_was_compiled_with() {
    let known = symbols().first().expect("one is pinned");
    let image = known.obtain(&Options::from_env()).expect("the package");
    let data = std::fs::read(&image).expect("the image is in the cache");
    let source = release(&known.release).expect("headers");
    for (arch, root, minimum) in
        [(Arch::X86_64, "./include/public", 400), (Arch::X86_32, "./include/compat", 85)]
    {
        let compared = compare(&data, root, &source, arch).expect("debug information");
        eprintln!("{compared}");
        assert!(compared.complaints.is_empty(), "{arch}: {:#?}", compared.complaints);
        assert!(compared.compared >= minimum, "{arch}: too few records were found");
    }
}
