//! A row.

use syn::parse::{Parse, ParseStream};
use syn::punctuated::Punctuated;
use syn::{Attribute, Error, Ident, Path, Result, Token, Type, parenthesized, token};

use super::keyword;
use crate::table::{Body, Convention, Direction, Field, Form, Kind, Row};

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
        let callers = match input.parse::<Option<keyword::by>>()? {
            Some(_) => Punctuated::<Ident, Token![,]>::parse_separated_nonempty(input)?
                .into_iter()
                .collect(),
            None => Vec::new(),
        };
        let body = if form == Form::Call { registers(input)? } else { input.parse()? };
        let mut outer_outputs = Vec::new();
        while input.parse::<Option<keyword::and>>()?.is_some() {
            input.parse::<keyword::out>()?;
            outer_outputs.push(input.parse()?);
        }
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
            callers,
            body,
            outer_outputs,
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
        } else if input.parse::<Option<keyword::call>>()?.is_some() {
            Ok(Self::Call)
        } else {
            Err(input.error(
                "a row begins with `single` (Xen takes one argument), `batch` (an array of them) \
                 or `call` (arguments in registers), with `unsafe` before it if a call can break \
                 memory",
            ))
        }
    }
}

/// The arguments in registers: none without parentheses.
fn registers(input: ParseStream<'_>) -> Result<Body> {
    if input.peek(token::Brace) {
        return Err(input.error("the arguments in registers stand in parentheses"));
    }
    if !input.peek(token::Paren) {
        return Ok(Body::Registers(Vec::new()));
    }
    let fields;
    parenthesized!(fields in input);
    let fields = Punctuated::<Field, Token![,]>::parse_terminated(&fields)?;
    Ok(Body::Registers(fields.into_iter().collect()))
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
        if input.peek(Ident) && input.peek2(Token![=]) {
            let name = input.parse()?;
            input.parse::<Token![=]>()?;
            let kind = Kind::Constant(Path::parse_mod_style(input)?);
            return Ok(Self { direction: Direction::In, direction_span, name, kind });
        }
        if input.peek(keyword::count) {
            input.parse::<keyword::count>()?;
            let (direction, name) = (Direction::In, input.parse()?);
            return Ok(Self { direction, direction_span, name, kind: Kind::Count });
        }
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
            Type::Reference(reference) if is_text(&reference.elem) => return Ok(Self::Text),
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
        let buffered = input.parse::<Option<keyword::buffered>>()?.is_some();
        Ok(Self::Slice { element: *slice.elem, counted_by, untyped, buffered })
    }
}

/// Whether a type is `CStr`.
fn is_text(ty: &Type) -> bool {
    matches!(ty, Type::Path(path) if path.path.segments.last().is_some_and(|last| last.ident == "CStr"))
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
