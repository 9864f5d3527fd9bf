//! `codegen record`.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Instant;

use clap::Args;
use devtools::Arch;
use xen_headers::{HeaderTree, LinuxTree, linux_pins};
use xen_records::{Files, Records};

use super::{Outcome, tree};
use crate::docs::Docs;
use crate::error::Error;
use crate::import::Source;
use crate::ir::Profile;
use crate::{output, record};

#[derive(Debug, Args)]
pub(super) struct Record {
    /// Tags of releases in the repository, such as RELEASE-4.22.0: their headers are read anew
    #[arg(value_name = "TAG", required = true)]
    tags: Vec<String>,
    /// A clone of upstream's repository
    #[arg(long, value_name = "DIR")]
    git: PathBuf,
    /// Compare with what is there and list the differences, status 1 if there are any
    #[arg(long)]
    check: bool,
    /// Forget all releases that are not named
    #[arg(long)]
    only: bool,
    /// Where the records are [default: records/data of this workspace]
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
}

impl Record {
    pub(super) fn run(self) -> Result<Outcome, Error> {
        let start = Instant::now();
        let out = match &self.out {
            Some(out) => out.clone(),
            None => {
                let generated = output::workspace_directory()?;
                generated.ancestors().nth(3).unwrap_or(&generated).join("records/data")
            }
        };
        let linux = LinuxTree::obtain(linux_pins(), &tree::options())?;
        let mut snapshots = Vec::new();
        for tag in &self.tags {
            let headers = HeaderTree::from_git(&self.git, tag, &tree::options())?;
            let point = tag.strip_prefix("RELEASE-").unwrap_or(tag);
            let release = record::release(point, &headers.versions);
            let source = Source::new(headers, Some(linux.clone()))?;
            let arches: Vec<_> = Arch::ALL.into_iter().filter(|arch| source.has(*arch)).collect();
            snapshots.extend(record::snapshots(&source, &release, &arches, Profile::Tools)?);
        }
        let there = read(&out)?;
        let mut records = match there.is_empty() || self.only {
            true => Records::from_snapshots(&snapshots)?,
            false => Records::from_files(
                there.iter().map(|(name, text)| (name.as_str(), text.as_str())),
            )?
            .with(&snapshots)?,
        };
        records.words = record::words(&Docs::load()?);
        let files = records.to_files()?;
        if self.check {
            let names: BTreeSet<_> = files.keys().chain(there.keys()).collect();
            let differ = names.into_iter().filter(|name| files.get(*name) != there.get(*name));
            let differ: Vec<_> = differ.collect();
            for name in &differ {
                anstream::eprintln!("{}: differs", out.join(name).display());
            }
            return Ok(if differ.is_empty() { Outcome::Good } else { Outcome::Different });
        }
        write(&out, &files, &there)?;
        let lines: usize = files.values().map(|text| text.lines().count()).sum();
        anstream::eprintln!(
            "wrote {} files, {lines} lines, in {} in {:.1} s",
            files.len(),
            out.display(),
            start.elapsed().as_secs_f32()
        );
        Ok(Outcome::Good)
    }
}

/// Every record in `dir`, by path.
fn read(dir: &Path) -> Result<Files, Error> {
    let mut files = Files::new();
    read_into(dir, "", &mut files)?;
    Ok(files)
}

fn read_into(dir: &Path, prefix: &str, files: &mut Files) -> Result<(), Error> {
    let Ok(entries) = fs::read_dir(dir) else { return Ok(()) };
    for entry in entries {
        let entry = entry.map_err(|source| Error::output("read", dir, source))?;
        let name = format!("{prefix}{}", entry.file_name().to_string_lossy());
        let path = entry.path();
        if path.is_dir() {
            read_into(&path, &format!("{name}/"), files)?;
        } else if name.ends_with(".record") {
            let text =
                fs::read_to_string(&path).map_err(|source| Error::output("read", &path, source))?;
            files.insert(name, text);
        }
    }
    Ok(())
}

/// Writes the records and the list of them, and removes those that are no more.
fn write(out: &Path, files: &Files, there: &Files) -> Result<(), Error> {
    for (name, text) in files {
        let path = out.join(name);
        let dir = path.parent().unwrap_or(out);
        fs::create_dir_all(dir).map_err(|source| Error::output("create", dir, source))?;
        fs::write(&path, text).map_err(|source| Error::output("write", &path, source))?;
    }
    for name in there.keys().filter(|name| !files.contains_key(*name)) {
        let path = out.join(name);
        fs::remove_file(&path).map_err(|source| Error::output("remove", &path, source))?;
    }
    let entries = files.keys().map(|name| format!("    ({name:?}, include_str!({name:?})),\n"));
    let list = format!("[\n{}]\n", entries.collect::<String>());
    let path = out.join("files.in");
    fs::write(&path, list).map_err(|source| Error::output("write", &path, source))
}
