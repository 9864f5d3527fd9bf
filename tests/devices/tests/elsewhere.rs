//! Where nothing can be supervised, this says so.

#[cfg(not(all(target_os = "linux", target_arch = "x86_64")))]
#[test]
fn programs_are_supervised_on_linux_and_x86_64_only() {
    eprintln!("no program is supervised here: the devices need Linux on x86_64");
}
