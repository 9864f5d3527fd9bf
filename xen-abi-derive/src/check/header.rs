//! What the hypercall takes, and the structure around the operations' arguments.

use std::collections::BTreeSet;

use proc_macro2::Span;

use super::Errors;
use crate::table::{MemberKind, Outer, Slot, Table};

pub(super) fn check(table: &Table, errors: &mut Errors) {
    slots(table, errors);
    if let Some(outer) = &table.outer {
        structure(outer, errors);
    }
}

fn slots(table: &Table, errors: &mut Errors) {
    let Some(hypercall) = &table.number else { return };
    let span = hypercall.segments.last().map_or_else(Span::call_site, |last| last.ident.span());
    let number = |wanted: fn(&Slot) -> bool| table.slots.iter().filter(|slot| wanted(slot)).count();
    // A structure that has the command takes its place.
    let commands = usize::from(table.outer.is_none());
    let is_call = number(|slot| matches!(slot, Slot::Rest)) > 0;
    if is_call && (table.outer.is_some() || !matches!(table.slots[..], [Slot::Command, Slot::Rest]))
    {
        errors.add(
            span,
            "a hypercall whose rows say what it takes is `(command, ..)`; several hypercalls without \
             commands are `unsafe hypercalls PREFIX_*;`",
        );
        return;
    }
    let arguments = number(|slot| matches!(slot, Slot::Argument | Slot::Buffers { .. }));
    for (what, found, wanted) in [
        ("command", number(|slot| matches!(slot, Slot::Command)), commands),
        ("argument", arguments, usize::from(!is_call)),
    ] {
        if found != wanted && wanted == 0 {
            errors.add(
                span,
                "the structure has the command, so the hypercall does not take `command` itself",
            );
        } else if found != wanted {
            errors.add(
                span,
                format_args!("a hypercall of operations takes `{what}` once, not {found} times"),
            );
        }
    }
    if table.outer.is_none() && number(|slot| matches!(slot, Slot::Buffers { .. })) > 0 {
        errors.add(
            span,
            "`buffers` begin with the structure that has the command: `structure S { ... }`",
        );
    }
    if number(|slot| matches!(slot, Slot::Count)) > 1 {
        errors.add(span, "a hypercall takes `count` at most once");
    }
    let all = table.slots.len();
    if all > 5 {
        errors.add(span, format_args!("a hypercall takes at most 5 arguments, not {all}"));
    }
}

/// A structure with the command has it once, and one union.
fn structure(outer: &Outer, errors: &mut Errors) {
    let span =
        outer.structure.segments.last().map_or_else(Span::call_site, |last| last.ident.span());
    let number = |wanted: fn(&MemberKind) -> bool| {
        outer.members.iter().filter(|member| wanted(&member.kind)).count()
    };
    for (what, found) in [
        ("command", number(|kind| matches!(kind, MemberKind::Command))),
        ("union", number(|kind| matches!(kind, MemberKind::Union(_)))),
    ] {
        if found != 1 {
            errors.add(
                span,
                format_args!("the structure has one member that is `{what}`, not {found}"),
            );
        }
    }
    let mut names = BTreeSet::new();
    for member in &outer.members {
        if !names.insert(member.name.to_string()) {
            errors.add(member.name.span(), format_args!("a second member `{}`", member.name));
        }
    }
}
