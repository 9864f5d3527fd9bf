//! Which Debian mirrors this machine uses.

use std::fs;
use std::process::Command;

use crate::download::run;
use crate::{Error, Options, PackagePin};

/// The base addresses to try for `package`, best first; there is at least one.
pub(crate) fn mirrors(package: &PackagePin, options: &Options<'_>) -> Result<Vec<String>, Error> {
    if let Some(mirror) = &options.mirror {
        let base = usable(mirror).ok_or_else(|| Error::BadMirror { mirror: mirror.clone() })?;
        return Ok(vec![base]);
    }
    // This prints what an update would fetch, and changes nothing. It needs neither root nor
    // lists from an earlier update, and reads both formats of apt's sources.
    let mut command = Command::new("apt-get");
    let uris = match run(command.args(["update", "--print-uris"])) {
        Ok(output) => String::from_utf8_lossy(&output.stdout).into_owned(),
        Err(_) => String::new(),
    };
    let mirrors = debian_mirrors(&uris);
    if mirrors.is_empty() {
        return Err(Error::NoMirror { package: package.name.clone() });
    }
    Ok(mirrors)
}

/// The base addresses in apt's list of index files, those that are surely Debian's first.
fn debian_mirrors(uris: &str) -> Vec<String> {
    let mut bases: Vec<String> = Vec::new();
    for line in uris.lines() {
        let Some((base, rest)) = line.trim_start_matches('\'').split_once("/dists/") else {
            continue;
        };
        let suite = rest.split('/').next().unwrap_or_default();
        // Security mirrors hold other packages, under another pool.
        if suite.contains("security") || rest.starts_with(&format!("{suite}/updates/")) {
            continue;
        }
        if let Some(base) = usable(&listed(base)).filter(|base| !bases.contains(base)) {
            bases.push(base);
        }
    }
    bases.retain(|base| !last_part(base).starts_with("ubuntu"));
    bases.sort_by_key(|base| last_part(base) != "debian");
    bases
}

fn last_part(base: &str) -> &str {
    base.rsplit('/').next().unwrap_or_default()
}

/// Cloud images name a file that lists mirrors: its first one, or the address unchanged.
fn listed(base: &str) -> String {
    let Some(path) = base.strip_prefix("mirror+file:") else {
        return base.to_owned();
    };
    let text = fs::read_to_string(format!("/{}", path.trim_start_matches('/')));
    let text = text.unwrap_or_default();
    let first = text.lines().map(str::trim).find(|line| line.starts_with("http"));
    first.and_then(|line| line.split_whitespace().next()).unwrap_or_default().to_owned()
}

/// An address in the form the rest of the crate expects, when it can be used at all.
///
/// Blanks and brackets would become options in apt's list of sources.
fn usable(mirror: &str) -> Option<String> {
    let odd = |c: char| c.is_whitespace() || c.is_control() || "[]'\"\\#".contains(c);
    let mirror = mirror.trim_end_matches('/');
    if mirror.contains(odd) {
        return None;
    }
    let (scheme, rest) = match mirror.split_once(':') {
        None if mirror.starts_with('/') => ("file", mirror),
        found => found?,
    };
    let rest = rest.trim_start_matches('/');
    match scheme {
        "file" | "copy" if !rest.is_empty() => Some(format!("file:///{rest}")),
        "http" | "https" if !rest.is_empty() => Some(format!("{scheme}://{rest}")),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn debian_comes_first_and_security_and_ubuntu_never() {
        let uris = "'http://one.test/tool/dists/stable/InRelease' x 0\n\
                    'http://two.test/ubuntu/dists/noble/InRelease' x 0\n\
                    'http://three.test/debian/dists/trixie/InRelease' x 0\n\
                    'http://three.test/debian/dists/trixie-updates/InRelease' x 0\n\
                    'http://three.test/debian-security/dists/trixie-security/InRelease' x 0\n\
                    'http://four.test/security/dists/buster/updates/InRelease' x 0\n\
                    'mirror+file:/no/such/list/dists/trixie/InRelease' x 0\n\
                    nonsense\n";
        assert_eq!(debian_mirrors(uris), ["http://three.test/debian", "http://one.test/tool"]);
    }

    #[test]
    fn addresses_are_normalised_or_refused() {
        assert_eq!(usable("http://a.test/debian/").as_deref(), Some("http://a.test/debian"));
        assert_eq!(usable("/srv/debian").as_deref(), Some("file:///srv/debian"));
        assert_eq!(usable("file:/srv/debian").as_deref(), Some("file:///srv/debian"));
        for bad in ["", "debian", "ftp://a.test/x", "http://", "http://a.test/ [trusted=yes]"] {
            assert_eq!(usable(bad), None, "{bad}");
        }
    }
}
