//! From tokens to a table.

use proc_macro2::{TokenStream, TokenTree};
use syn::parse::{Parse, ParseStream};
use syn::punctuated::Punctuated;
use syn::{Attribute, Error, Ident, Path, Result, Token, Type, parenthesized, token};

use crate::table::{Body, Convention, Direction, Field, Form, Kind, Naming, Row, Slot, Table};

mod keyword {
    syn::custom_keyword!(hypercall);
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
        input.parse::<keyword::hypercall>()?;
        let number = Path::parse_mod_style(input)?;
        let slots;
        parenthesized!(slots in input);
        let slots = Punctuated::<Slot, Token![,]>::parse_terminated(&slots)?.into_iter().collect();
        input.parse::<Token![;]>()?;
        let naming = if input.peek(keyword::commands) { Some(input.parse()?) } else { None };
        let mut rows = Vec::new();
        let mut mistakes = Vec::new();
        while !input.is_empty() {
            match syn::parse2(row(input)?) {
                Ok(row) => rows.push(row),
                Err(mistake) => mistakes.push(mistake),
            }
        }
        Ok(Self { table: Table { number, slots, naming, rows }, mistakes })
    }
}

/// The tokens up to the next semicolon, which ends a row: a mistake in one row does not hide those in
/// the rows after it.
fn row(input: ParseStream<'_>) -> Result<TokenStream> {
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

impl Parse for Slot {
    fn parse(input: ParseStream<'_>) -> Result<Self> {
        let name = input.parse::<Ident>()?;
        if input.peek(Token![:]) {
            input.parse::<Token![:]>()?;
            return Ok(Self::Value { name, ty: input.parse()? });
        }
        match name.to_string().as_str() {
            "command" => Ok(Self::Command),
            "argument" => Ok(Self::Argument),
            "count" => Ok(Self::Count),
            other => Err(Error::new(
                name.span(),
                format!(
                    "a hypercall takes `command`, `argument`, `count`, or a number of its own \
                     with a type, as `{other}: u32`"
                ),
            )),
        }
    }
}

impl Parse for Naming {
    fn parse(input: ParseStream<'_>) -> Result<Self> {
        input.parse::<keyword::commands>()?;
        let command = prefix(input)?;
        let argument = match input.parse::<Option<Token![,]>>()? {
            Some(_) => {
                input.parse::<keyword::arguments>()?;
                Some(prefix(input)?)
            }
            None => None,
        };
        input.parse::<Token![;]>()?;
        Ok(Self { command, argument })
    }
}

/// `GNTTABOP_*`
fn prefix(input: ParseStream<'_>) -> Result<String> {
    let prefix = input.parse::<Ident>()?;
    input.parse::<Token![*]>()?;
    Ok(prefix.to_string())
}

impl Parse for Row {
    fn parse(input: ParseStream<'_>) -> Result<Self> {
        let attributes = input.call(Attribute::parse_outer)?;
        let is_unsafe = input.parse::<Option<Token![unsafe]>>()?.map(|keyword| keyword.span);
        let form = input.parse()?;
        let name = input.parse()?;
        let command = match input.parse::<Option<Token![=]>>()? {
            Some(_) => Some(input.parse()?),
            None => None,
        };
        let structure = match input.parse::<Option<Token![:]>>()? {
            Some(_) => Some(Path::parse_mod_style(input)?),
            None => None,
        };
        let architectures = match input.parse::<Option<keyword::on>>()? {
            Some(_) => Punctuated::<Ident, Token![,]>::parse_separated_nonempty(input)?
                .into_iter()
                .collect(),
            None => Vec::new(),
        };
        let body = input.parse()?;
        input.parse::<Token![->]>()?;
        let convention_span = input.span();
        let convention = input.parse()?;
        input.parse::<Token![;]>()?;
        Ok(Self {
            attributes,
            is_unsafe,
            form,
            name,
            command,
            structure,
            architectures,
            body,
            convention,
            convention_span,
        })
    }
}

impl Parse for Form {
    fn parse(input: ParseStream<'_>) -> Result<Self> {
        if input.parse::<Option<keyword::single>>()?.is_some() {
            Ok(Self::Single)
        } else if input.parse::<Option<keyword::batch>>()?.is_some() {
            Ok(Self::Batch)
        } else {
            Err(input.error(
                "a row begins with `single` (Xen takes one argument) or `batch` (an array of \
                 them), with `unsafe` before it if a call can break memory",
            ))
        }
    }
}

impl Parse for Body {
    fn parse(input: ParseStream<'_>) -> Result<Self> {
        if input.peek(token::Paren) {
            let whole;
            parenthesized!(whole in input);
            let field = whole.parse()?;
            if !whole.is_empty() {
                return Err(whole.error(
                    "one value, reference or slice stands in parentheses; members of a structure \
                     stand in braces",
                ));
            }
            Ok(Self::Whole(field))
        } else if input.peek(token::Brace) {
            let fields;
            syn::braced!(fields in input);
            let fields = Punctuated::<Field, Token![,]>::parse_terminated(&fields)?;
            Ok(Self::Structure(fields.into_iter().collect()))
        } else {
            Ok(Self::Nothing)
        }
    }
}

impl Parse for Field {
    fn parse(input: ParseStream<'_>) -> Result<Self> {
        let direction_span = input.span();
        Ok(Self {
            direction: input.parse()?,
            direction_span,
            name: input.parse()?,
            kind: {
                input.parse::<Token![:]>()?;
                input.parse()?
            },
        })
    }
}

impl Parse for Direction {
    fn parse(input: ParseStream<'_>) -> Result<Self> {
        if input.parse::<Option<Token![in]>>()?.is_some() {
            Ok(Self::In)
        } else if input.parse::<Option<keyword::out>>()?.is_some() {
            Ok(Self::Out)
        } else if input.parse::<Option<keyword::inout>>()?.is_some() {
            Ok(Self::InOut)
        } else {
            Err(input.error("a member begins with its direction: `in`, `out` or `inout`"))
        }
    }
}

impl Parse for Kind {
    fn parse(input: ParseStream<'_>) -> Result<Self> {
        let slice = match input.parse()? {
            Type::Slice(slice) => slice,
            Type::Reference(reference) => return Ok(Self::Reference(reference)),
            value => return Ok(Self::Value(value)),
        };
        let counted_by = match input.parse::<Option<keyword::counted>>()? {
            Some(_) => {
                input.parse::<keyword::by>()?;
                Some(input.parse()?)
            }
            None => None,
        };
        let untyped = input.parse::<Option<keyword::untyped>>()?.is_some();
        Ok(Self::Slice { element: *slice.elem, counted_by, untyped })
    }
}

impl Parse for Convention {
    fn parse(input: ParseStream<'_>) -> Result<Self> {
        let span = input.span();
        let word = input.parse::<Ident>()?.to_string();
        Self::ALL
            .into_iter()
            .find(|(name, _)| *name == word)
            .map(|(_, convention)| convention)
            .ok_or_else(|| {
                let known = Self::ALL.map(|(name, _)| format!("`{name}`")).join(", ");
                Error::new(span, format!("unknown return convention `{word}`: there are {known}"))
            })
    }
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
