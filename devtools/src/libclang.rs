//! Is there a libclang the generator can use?
//!
//! The search is clang-sys's own, the same that bindgen uses: `LIBCLANG_PATH`, then
//! `llvm-config`, then the usual directories.

#![allow(unsafe_code, reason = "asks the loaded library for its version through its C interface")]

use std::ffi::CStr;
use std::path::PathBuf;

use clang_sys::{clang_disposeString, clang_getCString, clang_getClangVersion};

/// The oldest version that the generator takes: the oldest whose output was compared with newer ones'.
pub const MINIMUM: u32 = 14;

/// A libclang that was found.
#[derive(Clone, Debug)]
pub struct Libclang {
    /// The shared library.
    pub path: PathBuf,
    /// What it says of itself, such as `Debian clang version 14.0.6`.
    pub version: String,
}

impl Libclang {
    /// Its major version, if it names one.
    #[must_use]
    pub fn major(&self) -> Option<u32> {
        let number = self.version.split_once("version ")?.1;
        number.split(|c: char| !c.is_ascii_digit()).next()?.parse().ok()
    }
}

/// Finds libclang and checks its version.
///
/// # Errors
///
/// None was found, it cannot be loaded, or it is older than [`MINIMUM`]: in one line.
pub fn find() -> Result<Libclang, String> {
    if !clang_sys::is_loaded() {
        clang_sys::load().map_err(|reason| in_short(&reason))?;
    }
    let library = clang_sys::get_library().ok_or("libclang was unloaded again")?;
    let found = Libclang { path: library.path().to_owned(), version: version() };
    match found.major() {
        Some(major) if major >= MINIMUM => Ok(found),
        _ => Err(format!(
            "{} calls itself {:?}, and version {MINIMUM} is needed",
            found.path.display(),
            found.version
        )),
    }
}

/// clang-sys's report in a few words: what it rejected is news, what it looked for is not.
fn in_short(reason: &str) -> String {
    let line = reason.lines().next().unwrap_or_default();
    let searched = line.starts_with("couldn't find any valid shared libraries");
    let rejected = line.split_once("(invalid: [").map(|(_, rest)| rest.trim_end_matches("])"));
    match rejected {
        Some(rejected) if searched && !rejected.is_empty() => {
            format!("found and rejected: {rejected}")
        }
        _ if searched => "none found".to_owned(),
        _ => line.to_owned(),
    }
}

/// What the library loaded on this thread says of itself.
fn version() -> String {
    // SAFETY: the caller has loaded libclang on this thread, which is all that
    // clang_getClangVersion asks for. The string it returns owns its bytes until
    // clang_disposeString, clang_getCString returns them as a NUL-terminated string or null,
    // and they are copied before the string is disposed of, once.
    unsafe {
        let string = clang_getClangVersion();
        let bytes = clang_getCString(string);
        let text = if bytes.is_null() {
            String::new()
        } else {
            CStr::from_ptr(bytes).to_string_lossy().into_owned()
        };
        clang_disposeString(string);
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_read() {
        let major =
            |version: &str| Libclang { path: PathBuf::new(), version: version.to_owned() }.major();
        assert_eq!(major("Debian clang version 14.0.6"), Some(14));
        assert_eq!(major("clang version 21.0.0git (somewhere)"), Some(21));
        assert_eq!(major("Apple LLVM"), None);
    }

    #[test]
    fn a_failed_search_is_told_in_short() {
        let searched = "couldn't find any valid shared libraries matching: ['libclang.so']";
        let hint =
            ", set the `LIBCLANG_PATH` environment variable to a path where one can be found";
        assert_eq!(in_short(&format!("{searched}{hint} (invalid: [])")), "none found");
        assert_eq!(
            in_short(&format!("{searched}{hint} (invalid: [(libclang.so: 32-bit)])")),
            "found and rejected: (libclang.so: 32-bit)"
        );
        assert_eq!(in_short("cannot be opened\nmore"), "cannot be opened");
    }
}
