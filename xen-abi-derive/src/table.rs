//! What a table says: plain data, as it was written.

#![allow(clippy::large_enum_variant, reason = "a table has a hundred rows at most")]

use proc_macro2::Span;
use syn::{Attribute, Ident, Path, Type, TypeReference};

/// The operations of one hypercall.
pub(crate) struct Table {
    /// The constant with the hypercall's number; without one, each row is a hypercall of its own.
    pub(crate) number: Option<Path>,
    /// What the hypercall takes, in the order of its arguments.
    pub(crate) slots: Vec<Slot>,
    /// The structure that has the command inside, if the hypercall does not take the command itself.
    pub(crate) outer: Option<Outer>,
    /// How a row's name becomes a command and a structure.
    pub(crate) naming: Option<Naming>,
    /// Who may call, unless a row says otherwise.
    pub(crate) callers: Option<Callers>,
    pub(crate) rows: Vec<Row>,
}

/// One argument of the hypercall.
pub(crate) enum Slot {
    /// Which of the table's operations.
    Command,
    /// The address of the operation's own argument.
    Argument,
    /// How many elements there are at that address.
    Count,
    /// A number that every operation takes.
    Value { name: Ident, ty: Type },
    /// A number that is the same in every operation.
    Constant { value: Path },
    /// The address of a list of buffers, of which the first is the structure with the command.
    Buffers { ty: Path },
    /// What each row says.
    Rest,
}

/// Who may call the operations of a table.
pub(crate) struct Callers {
    pub(crate) callers: Vec<Ident>,
    /// The constant that lists the operations.
    pub(crate) list: Option<Ident>,
}

/// A structure that has the command, and a union of the operations' arguments.
pub(crate) struct Outer {
    pub(crate) structure: Path,
    pub(crate) members: Vec<Member>,
}

/// One member of such a structure. Those that no table names are zero.
pub(crate) struct Member {
    pub(crate) name: Ident,
    pub(crate) kind: MemberKind,
}

pub(crate) enum MemberKind {
    /// Which of the table's operations.
    Command,
    /// The union, and its type.
    Union(Path),
    /// A value that every operation takes.
    Value(Type),
    /// A value that is the same in every operation, such as the interface's version.
    Constant(Path),
}

impl Outer {
    /// The member that is the union.
    pub(crate) fn union(&self) -> Option<&Ident> {
        let mut members = self.members.iter();
        let union = members.find(|member| matches!(member.kind, MemberKind::Union(_)));
        union.map(|member| &member.name)
    }

    /// The members that every operation takes, with their types.
    pub(crate) fn values(&self) -> impl Iterator<Item = (&Ident, &Type)> {
        self.members.iter().filter_map(|member| match &member.kind {
            MemberKind::Value(ty) => Some((&member.name, ty)),
            _ => None,
        })
    }
}

/// The rule that gives a row its command and its structure.
pub(crate) struct Naming {
    /// What stands before the row's name in the command.
    pub(crate) command: String,
    /// What stands before the row's name in the structure, if the table has structures.
    pub(crate) argument: Option<String>,
}

/// One operation.
pub(crate) struct Row {
    pub(crate) attributes: Vec<Attribute>,
    /// Where it says `unsafe`, if it does.
    pub(crate) is_unsafe: Option<Span>,
    pub(crate) form: Form,
    pub(crate) name: Ident,
    /// The command, where the rule does not give it.
    pub(crate) command: Option<Ident>,
    /// The structure, where the rule does not give it; in a table with a union, the union's member.
    pub(crate) structure: Option<Path>,
    /// The architectures that have it; all, if none is named.
    pub(crate) architectures: Vec<Ident>,
    /// Who may call, if that is not what the table says.
    pub(crate) callers: Vec<Ident>,
    pub(crate) body: Body,
    /// Members of the outer structure that come out beside the argument's.
    pub(crate) outer_outputs: Vec<Ident>,
    pub(crate) convention: Convention,
    pub(crate) convention_span: Span,
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Form {
    Single,
    Batch,
    /// Arguments in registers.
    Call,
}

/// What an operation's argument is.
pub(crate) enum Body {
    /// There is none: the address is 0.
    Nothing,
    /// A value, a reference or a slice without a structure around it.
    Whole(Field),
    /// A structure.
    Structure(Vec<Field>),
    /// One argument of the hypercall's each.
    Registers(Vec<Field>),
}

/// One member of an argument.
pub(crate) struct Field {
    pub(crate) direction: Direction,
    pub(crate) direction_span: Span,
    pub(crate) name: Ident,
    pub(crate) kind: Kind,
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Direction {
    In,
    Out,
    InOut,
}

impl Direction {
    /// Whether the caller says what it is.
    pub(crate) fn is_input(self) -> bool {
        self != Self::Out
    }

    /// Whether the hypervisor says what it becomes.
    pub(crate) fn is_output(self) -> bool {
        self != Self::In
    }
}

pub(crate) enum Kind {
    /// A value that is copied into the argument or out of it.
    Value(Type),
    /// A value that the row itself says.
    Constant(Path),
    /// A value that stays where the caller has it.
    Reference(TypeReference),
    /// A handle to the first of several elements.
    Slice {
        element: Type,
        /// The member that holds their number.
        counted_by: Option<Ident>,
        /// Whether upstream's handle does not say what it is to.
        untyped: bool,
        /// Whether it is a buffer of its own, and no handle in the structure.
        buffered: bool,
    },
    /// A text, with the 0 byte at its end.
    Text,
    /// The number of elements of a slice, or of bytes of a text.
    Count,
}

/// What the hypercall's result means.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Convention {
    /// 0 or an error number, and a grant status in the argument.
    Status,
    /// 0 or an error number.
    Errno,
    /// 0 or an error number, and what came out counts in both cases.
    ErrnoAndOut,
    /// How many elements were done; never an error number if one fails.
    Count,
    /// A value that is not negative, or an error number.
    Value,
    /// The same, and what came out counts if it is a value.
    ValueAndOut,
    /// A value, whatever its bits.
    Word,
}

impl Convention {
    /// Every convention with the word for it.
    pub(crate) const ALL: [(&'static str, Self); 7] = [
        ("status", Self::Status),
        ("errno", Self::Errno),
        ("errno_and_out", Self::ErrnoAndOut),
        ("count", Self::Count),
        ("value", Self::Value),
        ("value_and_out", Self::ValueAndOut),
        ("word", Self::Word),
    ];
}

impl Field {
    /// Whether the caller gives it, or a place for it.
    pub(crate) fn is_parameter(&self) -> bool {
        match self.kind {
            Kind::Value(_) => self.direction.is_input(),
            Kind::Constant(_) | Kind::Count => false,
            Kind::Reference(_) | Kind::Slice { .. } | Kind::Text => true,
        }
    }
}

impl Row {
    /// The members of the argument; one, if there is no structure around it.
    pub(crate) fn fields(&self) -> &[Field] {
        match &self.body {
            Body::Structure(fields) | Body::Registers(fields) => fields,
            Body::Whole(field) => std::slice::from_ref(field),
            Body::Nothing => &[],
        }
    }

    /// The slice among the members, which is what a count counts.
    pub(crate) fn slice(&self) -> Option<&Field> {
        self.fields().iter().find(|field| matches!(field.kind, Kind::Slice { .. }))
    }
}
