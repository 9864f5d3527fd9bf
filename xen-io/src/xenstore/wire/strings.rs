//! Lists of zero-terminated strings.

/// The strings of a payload, each of which ends with a zero byte. What follows the last zero byte is
/// not among them: [`rest`](Self::rest) returns it.
///
/// ```
/// use xen_io::xenstore::wire::Strings;
///
/// let mut strings = Strings::new(b"vif\0vbd\0");
/// assert_eq!(strings.next(), Some(&b"vif"[..]));
/// assert_eq!(strings.next(), Some(&b"vbd"[..]));
/// assert_eq!((strings.next(), strings.rest()), (None, &b""[..]));
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Strings<'a>(&'a [u8]);

impl<'a> Strings<'a> {
    /// The strings of `payload`.
    #[must_use]
    pub const fn new(payload: &'a [u8]) -> Self {
        Self(payload)
    }

    /// The bytes that were not returned yet.
    #[must_use]
    pub const fn rest(&self) -> &'a [u8] {
        self.0
    }

    /// The strings, if there are exactly `N` and nothing follows.
    pub(crate) fn exactly<const N: usize>(mut self) -> Option<[&'a [u8]; N]> {
        let mut strings = [&[][..]; N];
        for string in &mut strings {
            *string = self.next()?;
        }
        self.0.is_empty().then_some(strings)
    }
}

impl<'a> Iterator for Strings<'a> {
    type Item = &'a [u8];

    fn next(&mut self) -> Option<&'a [u8]> {
        let end = self.0.iter().position(|byte| *byte == 0)?;
        let (string, rest) = self.0.split_at(end);
        self.0 = rest.get(1..).unwrap_or_default();
        Some(string)
    }
}
