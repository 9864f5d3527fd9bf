//! Which ABI a question is about.

use std::path::PathBuf;

use clap::Args;
use xen_records::catalogue::Catalogue;
use xen_records::cells::Cells;
use xen_records::view::Index;
use xen_records::{Entry, Records};

use crate::error::{Error, nearest};
use crate::trees::{Trees, revision, tree};

/// The release or tree that is asked about.
#[derive(Clone, Debug, Default, Args)]
pub(crate) struct Input {
    /// The release, such as 4.17 [default: the newest that is known]
    #[arg(long, value_name = "RELEASE")]
    release: Option<String>,
    /// A tree of headers instead: a checkout, its xen/include/public, or an installed usr/include/xen
    #[arg(long, value_name = "DIR", conflicts_with = "release")]
    headers: Option<PathBuf>,
    /// A git repository of upstream's instead, with --rev
    #[arg(long, value_name = "DIR", conflicts_with_all = ["release", "headers"], requires = "rev")]
    git: Option<PathBuf>,
    /// The branch, tag or commit in the repository
    #[arg(long, value_name = "REV", requires = "git")]
    rev: Option<String>,
}

/// The records, and the release in them that is asked about.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Asked {
    pub(crate) records: &'static Records,
    pub(crate) release: usize,
}

impl Input {
    /// Loads what is asked about: of a tree `arches` alone, or all if it names none.
    pub(crate) fn load(&self, trees: Option<Trees>, arches: &[String]) -> Result<Asked, Error> {
        self.load_by(trees, arches, xen_records::records)
    }

    /// As [`Input::load`], for a question about one architecture: of other releases and architectures the records
    /// have nothing.
    pub(crate) fn load_only(&self, trees: Option<Trees>, arch: &String) -> Result<Asked, Error> {
        let wanted = |catalogue: &Catalogue| {
            let mut cells = Cells::default();
            // What is not known is an error of a later step, which needs the catalogue alone.
            if let (Ok(release), Some(arch)) = (self.number(catalogue), catalogue.arch(arch)) {
                cells.insert(release, arch);
            }
            cells
        };
        self.load_by(trees, std::slice::from_ref(arch), || xen_records::records_within(wanted))
    }

    /// As [`Input::load`], for a question whose answer names no line of a header.
    pub(crate) fn load_without_lines(&self, trees: Option<Trees>) -> Result<Asked, Error> {
        self.load_by(trees, &[], xen_records::records_without_lines)
    }

    fn load_by(
        &self,
        trees: Option<Trees>,
        arches: &[String],
        recorded: impl FnOnce() -> Result<Records, xen_records::Error>,
    ) -> Result<Asked, Error> {
        if let Some(dir) = &self.headers {
            return Ok(Asked::of_tree(tree(trees, dir, arches)?));
        }
        if let (Some(dir), Some(rev)) = (&self.git, &self.rev) {
            return Ok(Asked::of_tree(revision(trees, dir, rev, arches)?));
        }
        let records = kept(recorded()?);
        let release = self.number(&records.catalogue)?;
        Ok(Asked { records, release })
    }

    /// The number of the release that is asked about.
    fn number(&self, catalogue: &Catalogue) -> Result<usize, Error> {
        match &self.release {
            Some(name) => release(catalogue, name),
            None => Ok(catalogue.releases.len().saturating_sub(1)),
        }
    }
}

/// Keeps records until the program ends, which is with its answer: to free them costs more than many answers.
pub(crate) fn kept(records: Records) -> &'static Records {
    Box::leak(Box::new(records))
}

/// The number of the release called `name`.
pub(crate) fn release(catalogue: &Catalogue, name: &str) -> Result<usize, Error> {
    catalogue.release(name).ok_or_else(|| {
        let known: Vec<&str> = catalogue.releases.iter().map(|known| known.name.as_str()).collect();
        let points = catalogue.releases.iter().map(|known| known.point.as_str());
        // Of another point release the branch's record is the nearest.
        let branch = known.iter().find(|known| name.starts_with(&format!("{known}.")));
        let alike = known.iter().copied().chain(points);
        let nearest = branch.map(|name| (*name).to_owned()).or_else(|| nearest(name, alike));
        Error::UnknownRelease { name: name.to_owned(), nearest, known: known.join(", ") }
    })
}

impl Asked {
    /// The records of a tree, whose only release is asked about.
    pub(crate) fn of_tree(records: Records) -> Self {
        Self { records: kept(records), release: 0 }
    }

    /// The release's name.
    pub(crate) fn name(&self) -> &str {
        &self.records.catalogue.releases[self.release].name
    }

    /// The numbers of the architectures called `names`, or of all that the release has.
    pub(crate) fn arches(&self, names: &[String]) -> Result<Vec<usize>, Error> {
        let catalogue = &self.records.catalogue;
        let there: Vec<usize> = catalogue.cells.arches_of(self.release).collect();
        let known = || {
            let names = there.iter().map(|arch| catalogue.arches[*arch].name.as_str());
            names.collect::<Vec<_>>().join(", ")
        };
        if names.is_empty() {
            return Ok(there);
        }
        let number = |name: &String| {
            let Some(arch) = catalogue.arch(name) else {
                let all = catalogue.arches.iter().map(|arch| arch.name.as_str());
                let nearest = nearest(name, all);
                return Err(Error::UnknownArch { name: name.clone(), nearest, known: known() });
            };
            if !there.contains(&arch) {
                let (release, arch) = (self.name().to_owned(), catalogue.arches[arch].name.clone());
                return Err(Error::NotInRelease { release, arch, known: known() });
            }
            Ok(arch)
        };
        names.iter().map(number).collect()
    }

    /// Everything by name.
    pub(crate) fn index(&self) -> Index<'static> {
        Index::new(self.records)
    }

    /// Every entry called `name`, with its header.
    pub(crate) fn entries<'a>(
        &self,
        name: &'a str,
    ) -> impl Iterator<Item = (&'static str, &'static Entry)> + use<'a> {
        let headers = self.records.headers.iter();
        let entries = headers
            .flat_map(|header| header.entries.iter().map(|entry| (header.name.as_str(), entry)));
        entries.filter(move |(_, entry)| entry.name == name)
    }

    /// The error for a name that the release does not have.
    pub(crate) fn unknown(
        &self,
        what: &'static str,
        name: &str,
        is_kind: impl Fn(&Entry) -> bool,
    ) -> Error {
        let cells = self.entries(name).filter(|(_, entry)| is_kind(entry));
        let cells = cells.fold(Cells::default(), |all, (_, entry)| all.union(&entry.cells()));
        let elsewhere = (!cells.is_empty()).then(|| releases(&self.records.catalogue, &cells));
        let names = self.records.headers.iter().flat_map(|header| &header.entries);
        let names = names.filter(|entry| is_kind(entry) && entry.cells().has_release(self.release));
        Error::Unknown {
            what,
            name: name.to_owned(),
            release: self.name().to_owned(),
            elsewhere,
            nearest: nearest(name, names.map(|entry| entry.name.as_str())),
        }
    }
}

/// The releases of `cells`, as `4.14 to 4.17, 4.19`.
pub(crate) fn releases(catalogue: &Catalogue, cells: &Cells) -> String {
    let has = |at: usize| cells.has_release(at);
    let mut out = Vec::new();
    let mut at = 0;
    while at < catalogue.releases.len() {
        let start = at;
        while at < catalogue.releases.len() && has(at) {
            at += 1;
        }
        match at - start {
            0 => at += 1,
            1 => out.push(catalogue.releases[start].name.clone()),
            _ => out.push(format!(
                "{} to {}",
                catalogue.releases[start].name,
                catalogue.releases[at - 1].name
            )),
        }
    }
    out.join(", ")
}

/// The architectures of `cells` in `release`, by name; empty where they are all that the release has.
pub(crate) fn arches(catalogue: &Catalogue, cells: &Cells, release: usize) -> String {
    let all = catalogue.cells.arches_of(release);
    let (there, absent): (Vec<_>, Vec<_>) = all.partition(|arch| cells.contains(release, *arch));
    if absent.is_empty() {
        return String::new();
    }
    there.iter().map(|arch| catalogue.arches[*arch].name.as_str()).collect::<Vec<_>>().join(", ")
}
