//! `cargo xtask book`: the pages of `docs` as a book, with every link checked.

mod mdbook;
mod pages;
mod site;

pub(crate) use mdbook::ensure as ensure_mdbook;

use std::path::Path;

use crate::install::Install;
use crate::need::{self, Need};
use crate::{Error, process, workspace};

/// What it needs.
pub(crate) const NEEDS: &[Need] = &[Need::MdBook];

/// Writes the book to `target/book`. A link that leads nowhere is an error.
pub(crate) fn run(install: Install) -> Result<(), Error> {
    need::provide(NEEDS, install)?;
    let mut program = mdbook::command()?;
    let source = workspace::scratch("book-source")?;
    workspace::remove(&source)?;
    pages::gather(&workspace::root()?, &source)?;
    let book = workspace::target_dir()?.join("book");
    workspace::remove(&book)?;
    program.arg("build").arg(&source).arg("--dest-dir").arg(&book);
    process::captured("mdbook", &mut program)?;
    let links = check(&book)?;
    println!("{}: {links} links lead somewhere", book.join("index.html").display());
    Ok(())
}

/// The number of links in a book, if all of them lead somewhere.
fn check(book: &Path) -> Result<usize, Error> {
    let site = site::Site::read(book)?;
    let faults = site.faults();
    if faults.is_empty() { Ok(site.links()) } else { Err(Error::Unexpected(faults.join("\n"))) }
}
