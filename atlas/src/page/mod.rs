//! The pages, one file for each kind.

mod about;
mod compare;
mod drawing;
mod header;
mod home;
mod hypercall;
mod members;
mod shell;
mod ty;

use maud::{Markup, PreEscaped, html};
use xen_records::cells::Cells;
use xen_records::model::{Item, Kind, Type};
use xen_records::view::declaration::{self, spelled};

use crate::history::History;
use crate::hypercalls::{self, Hypercall};
use crate::index::{Index, header_page};
use crate::site::{Error, Site};
use crate::text;

/// What pages are made of.
pub(crate) struct Source<'a> {
    index: &'a Index<'a>,
    history: &'a History<'a>,
    hypercalls: Vec<Hypercall<'a>>,
}

/// Makes every page and copies the assets.
pub(crate) fn all(index: &Index<'_>, history: &History<'_>, site: &mut Site) -> Result<(), Error> {
    let source = Source { index, history, hypercalls: hypercalls::all(index) };
    let assets = [
        ("assets/atlas.css", include_str!("../../assets/atlas.css")),
        ("assets/atlas.js", include_str!("../../assets/atlas.js")),
        ("assets/compare.js", include_str!("../../assets/compare.js")),
    ];
    for (path, text) in assets {
        site.add(path.to_owned(), text.to_owned())?;
    }
    home::page(&source, site)?;
    compare::page(&source, site)?;
    about::pages(&source, site)?;
    hypercall::pages(&source, site)?;
    header::pages(&source, site)?;
    ty::pages(&source, site)
}

/// A page in the making: its path tells how links begin.
pub(crate) struct Page<'a> {
    source: &'a Source<'a>,
    path: String,
    root: String,
}

impl<'a> Page<'a> {
    fn new(source: &'a Source<'a>, path: impl Into<String>) -> Self {
        let path = path.into();
        let root = "../".repeat(path.matches('/').count());
        Self { source, path, root }
    }

    fn index(&self) -> &'a Index<'a> {
        self.source.index
    }

    /// A link to a file of the site.
    fn href(&self, path: &str) -> String {
        format!("{}{path}", self.root)
    }

    /// The page as it is written.
    fn add(self, site: &mut Site, title: &str, body: &Markup) -> Result<(), Error> {
        let text = shell::page(&self, title, body);
        site.add(self.path, text)
    }

    fn header_link(&self, header: &str) -> Markup {
        html! { a href=(self.href(&header_page(header))) { code { (header) } } }
    }

    /// A type by name, with C's keyword.
    fn type_link(&self, name: &str) -> Markup {
        let spelled = c_name(self.index(), name);
        match self.index().type_page(name) {
            Some(page) => html! { a href=(self.href(&page)) { (spelled) } },
            None => html! { (spelled) },
        }
    }

    fn constant_link(&self, name: &str) -> Markup {
        match self.index().constant_page(name) {
            Some(page) => html! { a href=(self.href(&page)) { (name) } },
            None => html! { (name) },
        }
    }

    /// A type or constant.
    fn name_link(&self, name: &str) -> Markup {
        match self.index().types.contains_key(name) {
            true => self.type_link(name),
            false => self.constant_link(name),
        }
    }

    /// A type as C spells it, with links.
    fn c_type(&self, ty: &Type, arch: usize) -> Markup {
        let arch = &self.index().records.catalogue.arches[arch];
        // Beside the links there are names, brackets and stars, which need no escape.
        PreEscaped(spelled(ty, arch, &|name| self.type_link(name).into_string()))
    }

    /// Where something is, said where it is not everywhere.
    fn scope(&self, coverage: &Cells, cells: &Cells) -> String {
        text::scope(&self.index().records.catalogue, coverage, cells)
    }

    /// Architectures by name.
    fn arches(&self, arches: &[usize]) -> String {
        let catalogue = &self.index().records.catalogue;
        let names: Vec<_> =
            arches.iter().map(|arch| catalogue.arches[*arch].name.as_str()).collect();
        names.join(", ")
    }

    /// The release's name.
    fn release(&self, release: usize) -> &'a str {
        &self.index().records.catalogue.releases[release].name
    }
}

/// The name of a type with C's keyword.
pub(crate) fn c_name(index: &Index<'_>, name: &str) -> String {
    let item = index.types.get(name).and_then(|thing| Some(thing.forms.first()?.item));
    item.map_or_else(|| name.to_owned(), |item| declaration::c_name(name, item))
}

/// What a type is, in one word.
fn kind(item: &Item) -> &'static str {
    match item {
        Item::Record(record) if record.kind == Kind::Struct => "Structure",
        Item::Record(_) => "Union",
        Item::Enum { .. } => "Enumeration",
        Item::Typedef(_) => "Typedef",
        Item::Constant(_) => "Constant",
    }
}
