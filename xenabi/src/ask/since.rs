//! `xenabi since`.

use clap::Args;
use xen_records::view::Abi;
use xen_records::view::diff::{Change, ChangeKind, of};

use super::bare;
use crate::cli::Outcome;
use crate::error::Error;
use crate::input::{Asked, Input};
use crate::print::{BOLD, print, styled};

#[derive(Debug, Args)]
#[command(after_help = "Examples:
  xenabi since GNTTABOP_cache_flush
  xenabi since xen_domctl_createdomain --arch aarch64")]
pub(crate) struct Since {
    /// A type or constant
    #[arg(value_name = "NAME")]
    name: String,
    /// The architecture [default: the first that has it]
    #[arg(long, value_name = "ARCH")]
    arch: Option<String>,
}

impl Since {
    pub(crate) fn run(self) -> Result<Outcome, Error> {
        let asked = Input::default().load_without_lines(None)?;
        let name = bare(&self.name);
        let arches = asked.arches(self.arch.as_slice())?;
        let has = |arch: &usize| asked.entries(name).any(|(_, e)| e.cells().releases(*arch) != 0);
        let Some(arch) = arches.into_iter().find(has) else {
            return Err(asked.unknown("type or constant", name, |_| true));
        };
        let mut out = history(&asked, name, arch);
        out.push('\n');
        print(out.trim_end_matches('\n'))?;
        print("\n")?;
        Ok(Outcome::Yes)
    }
}

fn history(asked: &Asked, name: &str, arch: usize) -> String {
    let catalogue = &asked.records.catalogue;
    let cells = catalogue.cells;
    let there: Vec<usize> =
        (0..catalogue.releases.len()).filter(|release| cells.contains(*release, arch)).collect();
    let mut out = format!("{} on {}\n", styled(BOLD, name), catalogue.arches[arch].name);
    let index = asked.index();
    let mut before: Option<Abi<'_>> = None;
    for release in there {
        let now = index.abi(release, arch);
        let title = &catalogue.releases[release].name;
        let is_there = now.ty(name).is_some() || now.constant(name).is_some();
        match before {
            None if is_there => out += &format!("  {title}  there; older releases are not known\n"),
            None => {}
            Some(before) => {
                for Change { kind, .. } in of(before, now, name) {
                    let text = match kind {
                        ChangeKind::Added => String::from("added"),
                        other => other.to_string(),
                    };
                    out += &format!("  {title}  {text}\n");
                }
            }
        }
        before = Some(now);
    }
    out
}
