//! Releases of upstream's, from a clone of its repository and from its archives.

mod support;

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use debian_packages::Digest;
use debian_packages::testing::{gz, says, tar, xz};
use support::checkout::Checkout;
use support::{NEW, OLD, World, headers, pins, pins_with_points};
use tempfile::TempDir;
use xen_headers::{Error, HeaderTree, Options, Origin, Upstream, Warning};

/// The bytes of an archive of source with these headers.
fn tarball(name: &str, headers: &BTreeMap<String, String>) -> Vec<u8> {
    let top = format!("xen-{name}");
    let mut files: BTreeMap<String, String> = BTreeMap::new();
    for (header, text) in headers {
        files.insert(format!("{top}/xen/include/public/{header}"), text.clone());
    }
    // What is not wanted.
    files.insert(format!("{top}/xen/common/xen.h"), "other".to_owned());
    files.insert(format!("{top}/README"), "other".to_owned());
    tar(files.iter().map(|(name, text)| (name.as_str(), text.as_bytes())))
}

/// A cache, and a directory with archives of 1.1.0 and 1.1.2, each placed otherwise.
struct Archives {
    dir: TempDir,
}

impl Archives {
    fn new() -> Self {
        let archives = Self { dir: tempfile::tempdir().unwrap() };
        archives.serve("xen-1.1.0.tar.gz", &gz(&tarball("1.1.0", &headers(OLD, "1.1.0"))));
        archives.serve("1.1.2/xen-1.1.2.tar.gz", &gz(&tarball("1.1.2", &headers(OLD, "1.1.2"))));
        archives
    }

    fn tarballs(&self) -> PathBuf {
        self.dir.path().join("archives")
    }

    fn serve(&self, name: &str, bytes: &[u8]) -> PathBuf {
        let file = self.tarballs().join(name);
        fs::create_dir_all(file.parent().unwrap()).unwrap();
        fs::write(&file, bytes).unwrap();
        file
    }

    fn upstream(&self) -> Upstream {
        Upstream { tarballs: Some(self.tarballs()), git: None }
    }

    fn options(&self) -> Options<'static> {
        Options { cache: self.dir.path().join("cache"), ..Options::from_env() }
    }

    fn obtain(&self, name: &str, upstream: &Upstream) -> Result<HeaderTree, Error> {
        HeaderTree::obtain_from(&pins_with_points(), name, upstream, &self.options())
    }

    fn open(&self, file: &Path) -> Result<HeaderTree, Error> {
        HeaderTree::from_tarball_among(&pins(), file, &self.options())
    }
}

#[test]
fn releases_come_out_of_archives() {
    let archives = Archives::new();
    for name in ["1.1.0", "1.1.2"] {
        let tree = archives.obtain(name, &archives.upstream()).unwrap();
        assert_eq!((tree.label.as_str(), tree.release.as_deref()), (name, Some(name)));
        assert_eq!(tree.warnings, []);
        let text = fs::read_to_string(tree.root.join("arch-x86/xen.h")).unwrap();
        assert_eq!(text, format!("/* {name} */\n"));
        let Origin::Tarball { file, sha256 } = &tree.origin else { panic!("{:?}", tree.origin) };
        assert_eq!(*sha256, Digest::of(&fs::read(file).unwrap()));
        drop(tree);
        assert_eq!(fs::read_dir(archives.options().cache).unwrap().count(), 0, "nothing is left");
    }
}

#[test]
fn releases_come_out_of_a_clone() {
    let (checkout, archives) = (Checkout::new(), Archives::new());
    checkout.commit(&headers(OLD, "1.1.2"), "a release");
    checkout.git(&["tag", "RELEASE-1.1.2"]);
    let git = Upstream { git: Some(checkout.path().to_owned()), tarballs: None };
    let tree = archives.obtain("1.1.2", &git).unwrap();
    assert!(matches!(tree.origin, Origin::Git { .. }), "{:?}", tree.origin);
    assert_eq!(tree.release.as_deref(), Some("1.1.2"));
    // The archives have what a clone does not.
    let error = archives.obtain("1.1.0", &git).unwrap_err();
    says(&error, &["has no revision \"RELEASE-1.1.0\"", "did you mean RELEASE-1.1.2?"]);
    let both = Upstream { tarballs: Some(archives.tarballs()), ..git };
    let tree = archives.obtain("1.1.0", &both).unwrap();
    assert!(matches!(tree.origin, Origin::Tarball { .. }), "{:?}", tree.origin);
}

#[test]
fn other_headers_than_the_pinned_ones_are_refused() {
    let (checkout, archives) = (Checkout::new(), Archives::new());
    let mut changed = headers(OLD, "1.1.0");
    changed.insert("grant_table.h".to_owned(), "/* changed */\n".to_owned());
    archives.serve("xen-1.1.0.tar.gz", &gz(&tarball("1.1.0", &changed)));
    let words = ["does not have the headers of Xen 1.1.0: changed: grant_table.h;"];
    says(&archives.obtain("1.1.0", &archives.upstream()).unwrap_err(), &words);
    checkout.commit(&changed, "another release");
    checkout.git(&["tag", "RELEASE-1.1.0"]);
    let git = Upstream { git: Some(checkout.path().to_owned()), tarballs: None };
    let error = archives.obtain("1.1.0", &git).unwrap_err();
    assert!(matches!(error, Error::NotAsPinned { .. }), "{error:?}");
    says(&error, &words);
    says(&error, &["RELEASE-1.1.0 of "]);
}

#[test]
fn names_of_releases() {
    let archives = Archives::new();
    let none = Upstream::default();
    let label = |name| archives.obtain(name, &archives.upstream()).map(|tree| tree.label);
    // A series without a package is its newest release; 1.1 has one.
    let only_points = pins_with_points();
    assert_eq!(only_points.point("1.1").unwrap().name, "1.1.2");
    assert_eq!(only_points.names(), ["1.1", "1.1.0", "1.1.2", "1.3", "1.3.0"]);
    assert_eq!(label("1.1.0").unwrap(), "1.1.0");
    for (wrong, right) in [("1.1.1", "1.1.2"), ("1.3.7", "1.3.0"), ("1.2", "1.3"), ("1.31", "1.3")]
    {
        says(&label(wrong).unwrap_err(), &[&format!("did you mean {right}?"), "--rev"]);
    }
    let error = archives.obtain("1.1.0", &none).unwrap_err();
    says(&error, &["Xen 1.1.0 are in no Debian package", "XEN_GIT=DIR", "xen-1.1.0.tar.gz"]);
    says(&error, &["XEN_TARBALLS=DIR", "--headers DIR"]);
}

/// A package that has the same headers is as good.
#[test]
fn a_release_comes_out_of_the_package_with_its_headers() {
    let world = World::new();
    let pins = pins_with_points();
    let obtain = |options: &Options<'_>| {
        HeaderTree::obtain_from(&pins, "1.3.0", &Upstream::default(), options)
    };
    let tree = obtain(&world.options()).unwrap();
    assert!(matches!(tree.origin, Origin::Package(_)), "{:?}", tree.origin);
    assert_eq!(tree.warnings, []);
}

#[test]
fn what_is_said_about_packages_is_checked() {
    let text = |packaged: &str| {
        let entry = pins_with_points().points()[2].to_toml(None);
        assert!(entry.contains("packaged = { release = \"1.3\" }"), "{entry}");
        pins().with_points(&entry.replace("packaged = { release = \"1.3\" }", packaged))
    };
    assert!(text("").is_ok());
    assert!(text("packaged = { release = \"1.3\" }").is_ok());
    for wrong in [
        "packaged = { release = \"1.1\" }",
        "packaged = { release = \"1.2\" }",
        "packaged = { release = \"1.3\", lacks = [\"xen.h\"] }",
        "packaged = { release = \"1.3\", lacks = [\"no.h\"] }",
    ] {
        says(&text(wrong).unwrap_err(), &["release 1.3.0", "does not have these headers"]);
    }
}

#[test]
fn unsound_lists_are_refused() {
    let known = pins_with_points();
    let [first, second] = [0, 1].map(|index| &known.points()[index]);
    let (one, two) = (first.to_toml(None), second.to_toml(Some(first)));
    for (text, words) in [
        (format!("{two}\n{one}"), "in order"),
        (format!("{one}\n{one}"), "in order"),
        (one.replace("1.1.0", "1.1"), "three numbers"),
        (one.replace("1.1.0", "1.1.x"), "three numbers"),
        (one.lines().take(3).collect::<Vec<_>>().join("\n"), "no headers"),
        (
            format!("{one}\n{}", two.replacen("\n[release", "\ngone = [\"a.h\"]\n[release", 1)),
            "a.h is gone",
        ),
        (one.replacen("name", "nam", 1), "malformed"),
    ] {
        says(&pins().with_points(&text).unwrap_err(), &[words]);
    }
}

#[test]
fn archives_of_any_compression() {
    let archives = Archives::new();
    let plain = tarball("1.3.0", &headers(NEW, "1.3"));
    for (name, bytes) in [("a.tar", plain.clone()), ("a.tgz", gz(&plain)), ("a.tar.xz", xz(&plain))]
    {
        let tree = archives.open(&archives.serve(name, &bytes)).unwrap();
        assert_eq!(tree.release.as_deref(), Some("1.3"), "{name}");
    }
}

#[test]
fn files_that_are_no_archives_of_headers() {
    let archives = Archives::new();
    let whole = tarball("1.3.0", &headers(NEW, "1.3"));
    let file = |bytes: &[u8]| archives.serve("bad.tar.gz", bytes);
    let none = tar([("xen-1/README", &b"text"[..]), ("xen-1/xen/xen.h", b"")]);
    says(&archives.open(&file(&none)).unwrap_err(), &["bad.tar.gz is not a Xen header tree"]);
    let two = [whole.as_slice(), &tarball("2", &headers(NEW, "1.3"))];
    let two: Vec<u8> = [&two[0][..two[0].len() - 1024], two[1]].concat();
    says(&archives.open(&file(&two)).unwrap_err(), &["bad.tar.gz is not a Xen header tree"]);
    for broken in [&b"not an archive"[..], &gz(&whole)[..400], &whole[..1500]] {
        let error = archives.open(&file(broken)).unwrap_err();
        assert!(matches!(error, Error::Package(_)), "{error:?}");
        says(&error, &["bad.tar.gz", "--headers DIR"]);
    }
    let out = tar([("xen-1/../../xen/include/public/xen.h", &b""[..])]);
    says(&archives.open(&file(&out)).unwrap_err(), &["leads outside"]);
    let gone = archives.tarballs().join("gone.tar.gz");
    says(&archives.open(&gone).unwrap_err(), &["cannot read", "gone.tar.gz"]);
    let many: Vec<String> =
        (0..1100).map(|number| format!("xen-1/xen/include/public/{number}.h")).collect();
    let many = tar(many
        .iter()
        .map(|name| (name.as_str(), &b""[..]))
        .chain([("xen-1/xen/include/public/xen.h", &b""[..])]));
    assert!(archives.open(&file(&many)).is_err());
}

#[test]
fn an_altered_archive_is_named() {
    let archives = Archives::new();
    let mut changed = headers(NEW, "1.3");
    changed.remove("grant_table.h");
    changed.insert("a b.h".to_owned(), String::new());
    let file = archives.serve("odd.tar", &tarball("1.3.0", &changed));
    says(&archives.open(&file).unwrap_err(), &["odd.tar:xen/include/public/a b.h has a name"]);
    changed.remove("a b.h");
    let file = archives.serve("odd.tar", &tarball("1.3.0", &changed));
    let tree = archives.open(&file).unwrap();
    let [warning @ Warning::NotPinned { .. }] = &tree.warnings[..] else {
        panic!("{:?}", tree.warnings)
    };
    says(warning, &["odd.tar", "missing: grant_table.h"]);
}
