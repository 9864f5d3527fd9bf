//! What precedes the rows.

use syn::parse::{Parse, ParseStream};
use syn::punctuated::Punctuated;
use syn::{Error, Ident, Path, Result, Token, braced};

use super::keyword;
use crate::table::{Callers, Member, MemberKind, Naming, Outer, Slot};

impl Parse for Slot {
    fn parse(input: ParseStream<'_>) -> Result<Self> {
        if input.parse::<Option<Token![..]>>()?.is_some() {
            return Ok(Self::Rest);
        }
        let name = input.parse::<Ident>()?;
        if name == "buffers" && input.peek(Ident) {
            return Ok(Self::Buffers { ty: Path::parse_mod_style(input)? });
        }
        if input.peek(Token![:]) {
            input.parse::<Token![:]>()?;
            return Ok(Self::Value { name, ty: input.parse()? });
        }
        if input.parse::<Option<Token![=]>>()?.is_some() {
            return Ok(Self::Constant { value: Path::parse_mod_style(input)? });
        }
        match name.to_string().as_str() {
            "command" => Ok(Self::Command),
            "argument" => Ok(Self::Argument),
            "count" => Ok(Self::Count),
            other => Err(Error::new(
                name.span(),
                format!(
                    "a hypercall takes `command`, `argument`, `count`, a number of its own with a \
                     type, as `{other}: u32`, or a constant, as `{other} = CONSTANT`"
                ),
            )),
        }
    }
}

impl Parse for Outer {
    fn parse(input: ParseStream<'_>) -> Result<Self> {
        input.parse::<keyword::structure>()?;
        let structure = Path::parse_mod_style(input)?;
        let members;
        braced!(members in input);
        let members = Punctuated::<Member, Token![,]>::parse_terminated(&members)?;
        Ok(Self { structure, members: members.into_iter().collect() })
    }
}

impl Parse for Member {
    fn parse(input: ParseStream<'_>) -> Result<Self> {
        let name = input.parse::<Ident>()?;
        let kind = if input.parse::<Option<Token![=]>>()?.is_some() {
            MemberKind::Constant(Path::parse_mod_style(input)?)
        } else if input.parse::<Option<Token![:]>>()?.is_none() {
            return Err(Error::new(
                name.span(),
                format!(
                    "say what the member is: `{name}: command`, `{name}: union TYPE`, a value of every \
                     operation, as `{name}: u32`, or a constant, as `{name} = CONSTANT`"
                ),
            ));
        } else if input.parse::<Option<Token![union]>>()?.is_some() {
            MemberKind::Union(Path::parse_mod_style(input)?)
        } else if input.parse::<Option<keyword::command>>()?.is_some() {
            MemberKind::Command
        } else {
            MemberKind::Value(input.parse()?)
        };
        Ok(Self { name, kind })
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

/// `callers pv, hvm as OPERATIONS;`, if it is there
pub(super) fn callers(input: ParseStream<'_>) -> Result<Option<Callers>> {
    if input.parse::<Option<keyword::callers>>()?.is_none() {
        return Ok(None);
    }
    let callers = Punctuated::<Ident, Token![,]>::parse_separated_nonempty(input)?;
    let list = match input.parse::<Option<Token![as]>>()? {
        Some(_) => Some(input.parse()?),
        None => None,
    };
    input.parse::<Token![;]>()?;
    Ok(Some(Callers { callers: callers.into_iter().collect(), list }))
}

/// `GNTTABOP_*`
pub(super) fn prefix(input: ParseStream<'_>) -> Result<String> {
    let prefix = input.parse::<Ident>()?;
    input.parse::<Token![*]>()?;
    Ok(prefix.to_string())
}
