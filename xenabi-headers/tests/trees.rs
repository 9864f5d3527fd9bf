//! Questions about header trees and revisions that no record has.
#![cfg(feature = "headers")]

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use xen_headers::{HeaderTree, Options, pins};

/// A copy of the newest packaged headers below `dir`, where a checkout has them.
fn headers(dir: &Path) -> PathBuf {
    headers_at(&dir.join("xen/include/public"))
}

fn headers_at(to: &Path) -> PathBuf {
    let from = HeaderTree::obtain(pins(), &pins().default_release().name, &Options::from_env())
        .expect("the headers are at hand");
    devtools::copy_directory(&from.root, to).expect("a copy");
    to.to_owned()
}

fn xenabi(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_xenabi-headers")).args(arguments).output().expect("it runs")
}

#[track_caller]
fn ends(output: &Output, status: i32) -> (String, String) {
    let [out, err] = [&output.stdout, &output.stderr].map(|text| String::from_utf8_lossy(text));
    assert_eq!(output.status.code(), Some(status), "{out}{err}");
    (out.into_owned(), err.into_owned())
}

#[test]
fn a_tree_answers_without_what_is_not_understood() {
    let dir = tempfile::tempdir().expect("a directory");
    let sched = headers(dir.path()).join("sched.h");
    let text = fs::read_to_string(&sched).expect("the header");
    fs::write(&sched, format!("{text}\nstruct sched_odd {{ int x : 3; }};\n")).expect("written");
    let path = dir.path().to_string_lossy().into_owned();
    let layout = |ty| xenabi(&["layout", ty, "--arch", "arm", "--headers", &path]);
    let (out, err) = ends(&layout("gnttab_copy"), 0);
    assert!(out.contains("gnttab_copy"), "{out}");
    assert!(err.contains("sched.h:") && err.contains("sched_odd"), "{err}");
    let (_, err) = ends(&layout("sched_odd"), 2);
    assert!(err.contains("sched_odd"), "{err}");
}

/// FreeBSD has all of a release's headers with other comments, and sets the interface version in a header of its
/// own, outside of the copy.
#[test]
fn a_whole_copy_in_a_kernel_s_source_is_read_as_upstream_s_tree() {
    let dir = tempfile::tempdir().expect("a directory");
    let compat = headers_at(&dir.path().join("sys/contrib/xen")).join("xen-compat.h");
    let text = fs::read_to_string(&compat).expect("the header");
    fs::write(&compat, format!("/** For a generator of documents. */\n{text}")).expect("written");
    let own = dir.path().join("sys/xen");
    fs::create_dir_all(&own).expect("a directory");
    let version = "#define __XEN_INTERFACE_VERSION__ 0x00030201\n#include <contrib/xen/xen.h>\n";
    fs::write(own.join("xen-os.h"), version).expect("a header");
    let path = dir.path().to_string_lossy().into_owned();
    let (out, err) =
        ends(&xenabi(&["layout", "grant_entry_v1", "--arch", "x86_64", "--headers", &path]), 0);
    // At the older version the structure has another name.
    assert!(out.contains("struct grant_entry_v1"), "{out}");
    let warnings: Vec<_> = err.lines().collect();
    assert!(matches!(warnings[..], [only] if only.contains("xen-compat.h")), "{err}");
}

/// A kernel's copy: what every architecture shares, in the kernel's words.
fn kernel_copy(dir: &Path) {
    let copy = dir.join("include/xen/interface");
    let write = |name: &str, text: &str| {
        let path = copy.join(name);
        fs::create_dir_all(path.parent().expect("a parent")).expect("a directory");
        fs::write(path, text).expect("a header");
    };
    write(
        "xen.h",
        "#ifndef XEN_H
#define XEN_H
#include <asm/xen/interface.h>
DEFINE_GUEST_HANDLE(u64);
typedef uint16_t domid_t;
#define DOMID_SELF (0x7FF0U)
struct runstate { u32 state; uint64_t entered; GUEST_HANDLE(u64) times; };
DEFINE_GUEST_HANDLE_STRUCT(runstate);
/* A typedef, which is no tag. */
typedef struct plain { u8 x[3]; u8 set; } plain_t;
DEFINE_GUEST_HANDLE_STRUCT(plain_t);
/* Declared once more, and with a type of the architecture's own. */
DEFINE_GUEST_HANDLE_STRUCT(runstate);
struct per_cpu { uint8_t pending; struct arch_vcpu_info arch; };
#endif
",
    );
    // Its other headers are named by the kernel's include path.
    write(
        "memory.h",
        "#include <linux/spinlock.h>
#include <xen/interface/xen.h>
struct exchange { GUEST_HANDLE(xen_pfn_t) list; xen_ulong_t count; __u8 order; domid_t domid; };
extern spinlock_t lock_of_the_list;
",
    );
    write(
        "event_channel.h",
        "struct bind { domid_t dom; u32 port; GUEST_HANDLE(runstate) to; };\n",
    );
    // What only this kernel has: a header that cannot be read, and its user.
    write("io/own.h", "#include <linux/own.h>\nstruct own { int a; };\n");
    write("io/user.h", "#include <xen/interface/io/own.h>\nstruct user { struct own own; };\n");
    write("io/ring.h", "struct index { uint32_t producer; } __attribute__((packed));\n");
}

#[test]
fn a_kernel_s_copy_is_read_as_far_as_it_goes() {
    let dir = tempfile::tempdir().expect("a directory");
    kernel_copy(dir.path());
    let path = dir.path().to_string_lossy().into_owned();
    let layout = |ty, arch| xenabi(&["layout", ty, "--arch", arch, "--headers", &path]);
    let rows = |out: &str| -> Vec<String> {
        let rows = out.lines().map(|line| line.split_whitespace().collect::<Vec<_>>().join(" "));
        rows.collect()
    };
    // Handles and integers have the width that the architecture gives them.
    for (arch, list, count, size) in [
        ("x86_64", "list 0 8", "count 8 8", "size 24"),
        ("x86_32", "list 0 4", "count 4 4", "size 12"),
        ("arm", "list 0 8", "count 8 8", "size 24"),
        ("aarch64", "list 0 8", "count 8 8", "size 24"),
    ] {
        let (out, err) = ends(&layout("exchange", arch), 0);
        let rows = rows(&out);
        for row in [format!("{list} XEN_GUEST_HANDLE(xen_pfn_t)"), count.into(), size.into()] {
            assert!(rows.iter().any(|found| found.starts_with(&row)), "{arch} {row}: {out}");
        }
        // What is absent is said, with the place.
        for words in ["xen.h:3: ", "per_cpu, which holds arch_vcpu_info", "io/own.h", "io/user.h"] {
            assert!(err.contains(words), "{words}: {err}");
        }
    }
    let (out, _) = ends(&layout("bind", "x86_64"), 0);
    assert!(out.contains("XEN_GUEST_HANDLE(struct runstate)"), "{out}");
    let (out, _) = ends(&layout("plain_t", "x86_32"), 0);
    assert!(rows(&out).contains(&String::from("size 4")), "{out}");
    let (out, _) = ends(&layout("runstate", "x86_32"), 0);
    assert!(rows(&out).contains(&String::from("size 16")), "{out}");
    // What needs the absent is no answer, and no other architecture is made up.
    let (_, err) = ends(&layout("per_cpu", "x86_64"), 2);
    assert!(err.contains("per_cpu"), "{err}");
    let (_, err) = ends(&layout("exchange", "riscv64"), 2);
    assert!(err.contains("known are x86_64, x86_32, aarch64, arm"), "{err}");
}

#[test]
fn headers_of_no_architecture_are_named() {
    let dir = tempfile::tempdir().expect("a directory");
    for name in ["xen.h", "grant_table.h"] {
        fs::write(dir.path().join(name), "struct a { unsigned char b; };\n").expect("a header");
    }
    let path = dir.path().to_string_lossy().into_owned();
    let (_, err) = ends(&xenabi(&["layout", "a", "--headers", &path]), 2);
    assert!(err.contains(&path) && err.contains("arch-x86"), "{err}");
}

fn git(dir: &Path, arguments: &[&str]) {
    let output = Command::new("git")
        .current_dir(dir)
        .args(["-c", "user.name=a", "-c", "user.email=a@b", "-c", "commit.gpgsign=false"])
        .args(arguments)
        .output()
        .expect("git is installed");
    assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
}

#[test]
fn revisions_are_compared() {
    let dir = tempfile::tempdir().expect("a directory");
    git(dir.path(), &["init", "--quiet", "--initial-branch=main"]);
    let sched = headers(dir.path()).join("sched.h");
    let commit = |subject| {
        git(dir.path(), &["add", "--all", "--force"]);
        git(dir.path(), &["commit", "--quiet", "--message", subject]);
    };
    commit("first");
    let text = fs::read_to_string(&sched).expect("the header");
    let changed = text.replacen("unsigned int reason;", "unsigned int reason, more;", 1);
    assert_ne!(text, changed);
    fs::write(&sched, changed).expect("written");
    commit("second");
    let path = dir.path().to_string_lossy().into_owned();

    let (out, _) = ends(&xenabi(&["diff", "--git", &path, "HEAD~1", "HEAD", "--arch", "arm"]), 1);
    assert!(out.contains("HEAD~1") && out.contains("sched_shutdown"), "{out}");
    ends(&xenabi(&["diff", "--git", &path, "HEAD", "main", "--arch", "arm"]), 0);
    let layout = ["layout", "sched_shutdown", "--arch", "arm", "--git", &path, "--rev", "HEAD"];
    let (out, _) = ends(&xenabi(&layout), 0);
    assert!(out.contains("more"), "{out}");
    let (_, err) = ends(&xenabi(&["diff", "--git", &path, "HEAD", "mein"]), 2);
    assert!(err.contains("mein") && err.contains("main"), "{err}");
}
