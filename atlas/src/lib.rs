//! The atlas of Xen's public ABI: a static site with every header, type, constant and hypercall of the
//! recorded releases, made from the records alone.
//!
//! [`site`] makes all files in memory, [`Site::write`] writes them. `page` has one file for each kind of
//! page, `figure` the geometry of the drawings, `history` what changed between releases. `assets` has the
//! style sheet and the scripts.

mod data;
mod figure;
mod history;
mod hypercalls;
mod index;
mod page;
mod site;
mod text;

pub use index::Index;
pub use site::{Error, Site};

use xen_records::Records;

/// Makes the site.
///
/// # Errors
///
/// [`Error::SameFile`] if two pages have one name.
pub fn site(records: &Records) -> Result<Site, Error> {
    let index = Index::new(records);
    let history = history::History::new(&index);
    let mut site = Site::default();
    page::all(&index, &history, &mut site)?;
    data::all(&index, &history, &mut site)?;
    Ok(site)
}
