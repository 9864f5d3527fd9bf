//! From tokens to a table.

mod header;
mod row;

use proc_macro2::{TokenStream, TokenTree};
use syn::parse::{Parse, ParseStream};
use syn::punctuated::Punctuated;
use syn::{Error, Path, Result, Token, parenthesized};

use crate::table::{Naming, Row, Slot, Table};

mod keyword {
    syn::custom_keyword!(hypercall);
    syn::custom_keyword!(hypercalls);
    syn::custom_keyword!(callers);
    syn::custom_keyword!(call);
    syn::custom_keyword!(count);
    syn::custom_keyword!(buffered);
    syn::custom_keyword!(commands);
    syn::custom_keyword!(arguments);
    syn::custom_keyword!(single);
    syn::custom_keyword!(batch);
    syn::custom_keyword!(out);
    syn::custom_keyword!(inout);
    syn::custom_keyword!(on);
    syn::custom_keyword!(counted);
    syn::custom_keyword!(by);
    syn::custom_keyword!(untyped);
    syn::custom_keyword!(command);
    syn::custom_keyword!(structure);
    syn::custom_keyword!(and);
}

/// A table, and the mistakes in rows that are not in it.
pub(crate) struct Parsed {
    pub(crate) table: Table,
    pub(crate) mistakes: Vec<Error>,
}

impl Parse for Parsed {
    fn parse(input: ParseStream<'_>) -> Result<Self> {
        if !input.peek(Token![unsafe]) {
            return Err(input.error(
                "a table begins with `unsafe hypercall NUMBER(...)`: its author guarantees what it \
                 says of the hypercall",
            ));
        }
        input.parse::<Token![unsafe]>()?;
        if input.parse::<Option<keyword::hypercalls>>()?.is_some() {
            let naming = Some(Naming { command: header::prefix(input)?, argument: None });
            input.parse::<Token![;]>()?;
            let callers = header::callers(input)?;
            let (rows, mistakes) = rows(input)?;
            let slots = vec![Slot::Rest];
            let table = Table { number: None, slots, outer: None, naming, callers, rows };
            return Ok(Self { table, mistakes });
        }
        input.parse::<keyword::hypercall>()?;
        let number = Some(Path::parse_mod_style(input)?);
        let slots;
        parenthesized!(slots in input);
        let slots = Punctuated::<Slot, Token![,]>::parse_terminated(&slots)?.into_iter().collect();
        input.parse::<Token![;]>()?;
        let outer = if input.peek(keyword::structure) { Some(input.parse()?) } else { None };
        let naming = if input.peek(keyword::commands) { Some(input.parse()?) } else { None };
        let callers = header::callers(input)?;
        let (rows, mistakes) = rows(input)?;
        Ok(Self { table: Table { number, slots, outer, naming, callers, rows }, mistakes })
    }
}

/// The rows, and the mistakes in those that are none.
fn rows(input: ParseStream<'_>) -> Result<(Vec<Row>, Vec<Error>)> {
    let mut rows = Vec::new();
    let mut mistakes = Vec::new();
    while !input.is_empty() {
        match syn::parse2(tokens(input)?) {
            Ok(row) => rows.push(row),
            Err(mistake) => mistakes.push(mistake),
        }
    }
    Ok((rows, mistakes))
}

/// The tokens up to the next semicolon, which ends a row: a mistake in one row does not hide those in
/// the rows after it.
fn tokens(input: ParseStream<'_>) -> Result<TokenStream> {
    let mut row = TokenStream::new();
    while !input.is_empty() {
        let token = input.parse::<TokenTree>()?;
        let is_end = matches!(&token, TokenTree::Punct(punct) if punct.as_char() == ';');
        row.extend([token]);
        if is_end {
            break;
        }
    }
    Ok(row)
}

#[cfg(test)]
mod tests {
    use crate::expand::hypercalls;

    #[test]
    fn a_mistake_hides_none_behind_it() {
        let table = "unsafe hypercall N(command, argument); commands C_*, arguments s_*;
            single one { x: u32 } -> errno;
            single two { in x: u32 } -> wrong;
            unsafe single three { in x: u32 } -> errno;
            single four on mips { in x: u32 } -> errno;";
        let errors = hypercalls(table.parse().unwrap()).unwrap_err().into_iter();
        let errors = errors.map(|error| error.to_string()).collect::<Vec<_>>();
        assert!(errors[0].starts_with("a member begins with its direction"), "{errors:#?}");
        assert!(errors[1].starts_with("unknown return convention `wrong`"), "{errors:#?}");
        assert!(errors[2].starts_with("three: an unsafe row"), "{errors:#?}");
        assert!(errors[3].starts_with("four: unknown architecture `mips`"), "{errors:#?}");
        assert_eq!(errors.len(), 4, "{errors:#?}");
    }
}
