//! This kernel as the scenarios see it.

use core::fmt;

use xen_abi::xen::domid_t;
use xen_scenarios::{Guest, Kind};

use crate::console;
use crate::entry::{Start, Xen, xen};
use crate::memory::{OwnPage, Space};

/// The guest that this kernel is.
pub(crate) struct LiveGuest {
    xen: Xen,
    kind: Kind,
    domid: domid_t,
    space: Space,
}

impl LiveGuest {
    /// The guest that was started so.
    pub(crate) fn new(start: Start) -> Self {
        let me = start.arguments.split_whitespace().find_map(|word| word.strip_prefix("me="));
        let domid = me.and_then(|me| me.parse().ok()).unwrap_or(0);
        Self { xen: xen(), kind: start.kind, domid: domid_t(domid), space: start.space }
    }
}

impl Guest for LiveGuest {
    type Xen = Xen;
    type Page = OwnPage;

    fn xen(&self) -> &Xen {
        &self.xen
    }

    fn kind(&self) -> Kind {
        self.kind
    }

    fn domid(&self) -> domid_t {
        self.domid
    }

    fn page(&mut self) -> OwnPage {
        OwnPage::take(self.space)
    }

    fn write(&mut self, line: fmt::Arguments<'_>) {
        console::write(line);
    }
}
