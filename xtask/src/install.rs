//! May this run install what is missing?

use crate::Error;

/// Whether missing programs, targets and toolchains are installed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Install {
    /// Yes, after a line that says so.
    Allowed,
    /// No: `--no-install`.
    Forbidden,
}

impl Install {
    /// Says what is installed next and why. Call it before every installation.
    ///
    /// With `--no-install` it is an error instead, which says how to install by hand.
    pub(crate) fn announce(self, what: &str, why: &str, by_hand: &str) -> Result<(), Error> {
        match self {
            Self::Allowed => {
                anstream::eprintln!("installing {what}: {why}");
                Ok(())
            }
            Self::Forbidden => Err(Error::Missing {
                what: what.to_owned(),
                remedy: format!("run `{by_hand}`, or leave out --no-install"),
            }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_install_says_how_to_install_by_hand() {
        assert!(Install::Allowed.announce("a", "b", "c").is_ok());
        let error = Install::Forbidden.announce("gcc", "checks layouts", "get gcc").unwrap_err();
        let text = error.to_string();
        assert!(text.contains("gcc") && text.contains("`get gcc`"), "{text}");
    }
}
