//! The scenarios.

mod version;

use crate::{Guest, Run};

/// A scenario.
pub(crate) type Scenario<G> = fn(&mut Run<'_, G>);

macro_rules! scenarios {
    ($($name:literal $module:ident::$function:ident;)*) => {
        pub(crate) const NAMES: &[&str] = &[$($name),*];

        pub(crate) fn all<G: Guest>() -> [(&'static str, Scenario<G>); NAMES.len()] {
            [$(($name, $module::$function::<G>)),*]
        }
    };
}

scenarios! {
    "version" version::version;
}
