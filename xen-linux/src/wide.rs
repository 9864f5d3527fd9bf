//! 64-bit members of the kernel's structures. On 32-bit x86 their type is one of its own, since they
//! are aligned to 4 bytes there.

/// The member with this number.
pub(crate) fn wide<Member: From<u64>>(number: u64) -> Member {
    number.into()
}

/// The number in this member.
pub(crate) fn number(member: impl Into<u64>) -> u64 {
    member.into()
}
