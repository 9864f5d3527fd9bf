//! Bounds on what clang and bindgen are given: both recurse over chains and expand macros without an
//! end, and a process whose stack or memory is gone says nothing.
//!
//! Each bound is many times what upstream's headers have.

use std::collections::BTreeMap;

use super::Macros;
use super::included::logical_lines;
use crate::error::Error;
use crate::ir::Location;

/// Pointers to pointers to pointers.
const MAX_STARS: usize = 16;
/// Types that are written with other types, and macros with other macros.
const MAX_CHAIN: usize = 100;
/// Words that a macro stands for.
const MAX_WORDS: u64 = 1 << 16;

fn refused(location: &Location, what: String) -> Error {
    Error::Refused { place: location.to_string(), what }
}

/// How deeply each type is made of others: by the text, in the order of the headers.
#[derive(Debug, Default)]
pub(super) struct Chains(BTreeMap<String, usize>);

impl Chains {
    /// Measures the declarations of one header, whose comments are gone.
    pub(super) fn scan(&mut self, header: &str, text: &str) -> Result<(), Error> {
        // Name and depth of the declarations that are open, outermost first.
        let mut open: Vec<(String, usize)> = Vec::new();
        let (mut deepest, mut last, mut tag) = (0, String::new(), false);
        for (line, logical) in logical_lines(text) {
            let location = || Location { header: header.to_owned(), line };
            let mut stars = 0;
            for word in words(&logical) {
                stars = if word == "*" { stars + 1 } else { 0 };
                if stars > MAX_STARS {
                    let what = format!("more than {MAX_STARS} pointers to pointers");
                    return Err(refused(&location(), what));
                }
            }
            if logical.trim_start().starts_with('#') {
                continue;
            }
            for word in words(&logical) {
                match word {
                    "struct" | "union" | "enum" => tag = true,
                    "{" => {
                        let name = if tag { std::mem::take(&mut last) } else { String::new() };
                        open.push((name, std::mem::take(&mut deepest)));
                        tag = false;
                    }
                    "}" => {
                        if let Some((name, outer)) = open.pop() {
                            let depth = deepest + 1;
                            self.define(&name, depth, &location())?;
                            deepest = outer.max(depth);
                        }
                    }
                    ";" => {
                        // Only what ends outside all braces names a type.
                        if open.is_empty() {
                            self.define(&last, deepest + 1, &location())?;
                            deepest = 0;
                        }
                        tag = false;
                    }
                    word if is_name(word) => {
                        // The last name of a declaration is its own; those before are used by it.
                        deepest = deepest.max(self.depth(&last));
                        word.clone_into(&mut last);
                    }
                    _ => deepest = deepest.max(self.depth(&last)),
                }
                if matches!(word, "{" | "}" | ";") {
                    last.clear();
                }
            }
        }
        Ok(())
    }

    fn depth(&self, name: &str) -> usize {
        self.0.get(name).copied().unwrap_or(0)
    }

    fn define(&mut self, name: &str, depth: usize, place: &Location) -> Result<(), Error> {
        if depth > MAX_CHAIN {
            let what = format!("types made of types, more than {MAX_CHAIN} levels deep");
            return Err(refused(place, what));
        }
        if !name.is_empty() {
            let known = self.0.entry(name.to_owned()).or_default();
            *known = depth.max(*known);
        }
        Ok(())
    }
}

/// What a macro stands for, when all macros in it are replaced.
#[derive(Clone, Copy)]
struct Size {
    /// Words.
    words: u64,
    /// Macros in macros.
    depth: usize,
}

/// Fails for a macro that stands for more than any header needs.
pub(super) fn check_macros(macros: &Macros) -> Result<(), Error> {
    let mut sizes = BTreeMap::new();
    for name in macros.0.keys() {
        measure(macros, name, &mut sizes, 0)?;
    }
    Ok(())
}

fn measure<'a>(
    macros: &'a Macros,
    name: &'a str,
    sizes: &mut BTreeMap<&'a str, Option<Size>>,
    level: usize,
) -> Result<Size, Error> {
    let word = Size { words: 1, depth: 0 };
    match sizes.get(name) {
        Some(Some(size)) => return Ok(*size),
        // A macro is not replaced inside itself.
        Some(None) => return Ok(word),
        None => drop(sizes.insert(name, None)),
    }
    let mut largest = Size { words: 0, depth: 0 };
    for found in macros.0.get(name).into_iter().flatten() {
        let mut size = Size { words: 0, depth: 0 };
        for used in words(&found.body) {
            let inner = match macros.0.get_key_value(used) {
                Some((used, _)) if level <= MAX_CHAIN => measure(macros, used, sizes, level + 1)?,
                _ => word,
            };
            size.words = size.words.saturating_add(inner.words);
            size.depth = size.depth.max(inner.depth + 1);
        }
        if size.depth > MAX_CHAIN || level > MAX_CHAIN {
            let what = format!("macros in macros, more than {MAX_CHAIN} levels deep");
            return Err(refused(&found.location, what));
        }
        if size.words > MAX_WORDS {
            let what = format!("the macro {name}, which stands for more than {MAX_WORDS} words");
            return Err(refused(&found.location, what));
        }
        largest.words = largest.words.max(size.words);
        largest.depth = largest.depth.max(size.depth);
    }
    sizes.insert(name, Some(largest));
    Ok(largest)
}

fn is_name(word: &str) -> bool {
    word.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
}

/// The words of C in `text`: names and numbers, and every other character alone.
fn words(text: &str) -> impl Iterator<Item = &str> {
    let mut rest = text;
    std::iter::from_fn(move || {
        rest = rest.trim_start();
        let first = rest.chars().next()?;
        let of_name = |c: char| c.is_ascii_alphanumeric() || c == '_';
        let end = match rest.find(|c| !of_name(c)) {
            Some(0) => first.len_utf8(),
            Some(end) => end,
            None => rest.len(),
        };
        let (word, after) = rest.split_at(end);
        rest = after;
        Some(word)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chains(text: &str) -> Result<(), Error> {
        Chains::default().scan("x.h", text)
    }

    fn bomb(text: &str) -> Result<(), Error> {
        let mut macros = Macros::default();
        macros.scan("x.h", text);
        check_macros(&macros)
    }

    #[test]
    fn chains_of_types_end() {
        let of = |count: usize, one: &dyn Fn(usize) -> String| {
            chains(&(1..=count).map(one).collect::<String>())
        };
        let typedef = |n: usize| format!("typedef t{} t{n};\n", n - 1);
        let record = |n: usize| format!("struct n{n} {{ struct n{} a; }};\n", n - 1);
        let both = |n: usize| format!("typedef struct {{ t{} a[2]; }} t{n};\n", n - 1);
        for one in [&typedef as &dyn Fn(usize) -> String, &record, &both] {
            assert!(of(40, one).is_ok(), "{}", one(1));
            let error = of(20_000, one).unwrap_err().to_string();
            assert!(error.contains("x.h:") && error.contains("levels deep"), "{error}");
        }
        let nested = format!("{}int x;{}", "struct {".repeat(200), "} a;".repeat(200));
        assert!(chains(&nested).is_err());
    }

    #[test]
    fn many_types_side_by_side_are_no_chain() {
        let text: String = (0..20_000).map(|n| format!("struct s{n} {{ int a; }} ;\n")).collect();
        chains(&text).unwrap();
        let text: String = (0..20_000).map(|n| format!("typedef int t{n};\n")).collect();
        chains(&text).unwrap();
    }

    #[test]
    fn stars_end() {
        chains("typedef char **names[3];").unwrap();
        let error = chains(&format!("int a;\ntypedef int {} p;", "* ".repeat(50_000)));
        assert!(error.unwrap_err().to_string().contains("x.h:2"));
        assert!(chains(&format!("#define P {}\n", "*".repeat(50_000))).is_err());
    }

    #[test]
    fn macros_that_grow_end() {
        let double = |n: usize| format!("#define M{n} M{0} + M{0}\n", n - 1);
        let text: String = (1..30).map(double).collect();
        let error = bomb(&text).unwrap_err().to_string();
        assert!(error.contains("x.h:") && error.contains("words"), "{error}");
        let double = |n: usize| format!("#define F{n}(x) F{0}(x) F{0}(x)\n", n - 1);
        assert!(bomb(&(1..30).map(double).collect::<String>()).is_err());
        let chain = |n: usize| format!("#define M{n} M{}\n", n - 1);
        for names in [1..20_000, 1..150] {
            let error = bomb(&names.map(chain).collect::<String>()).unwrap_err().to_string();
            assert!(error.contains("levels deep"), "{error}");
        }
        bomb(&(1..50).map(chain).collect::<String>()).unwrap();
        bomb("#define A B\n#define B A\n#define A A B\n").unwrap();
    }
}
