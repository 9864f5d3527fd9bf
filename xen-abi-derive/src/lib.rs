#![doc = include_str!("../README.md")]

mod check;
mod expand;
mod parse;
mod table;
#[cfg(test)]
mod tests;

/// Expands a table of one hypercall's operations into typed wrappers.
///
/// A table begins with the hypercall's number and what it takes, in order: `command`, `argument`,
/// `count`, numbers of its own that every operation has, as `vcpuid: u32`, and constants, as
/// `op = HVMOP_altp2m`. Where names are regular
/// the rule follows that turns a row's name into the command and the structure: a row that follows
/// the rule cannot pair a command with another one's argument. The part about `arguments` is optional.
/// A trailing underscore in a row's name, which keeps it apart from a keyword, is not a part of the
/// command's name.
///
/// # Safety
///
/// A table begins with `unsafe`, because rows without `unsafe` become safe functions. The author of the
/// table guarantees for each of those rows: Xen reads and writes no memory but what the row names, and
/// what it writes there is a value of the type.
///
/// # Example
///
/// ```text
/// unsafe hypercall __HYPERVISOR_grant_table_op(command, argument, count);
/// commands GNTTABOP_*, arguments gnttab_*;
///
/// /// How large a grant table is and may become, in frames.
/// single query_size {
///     in dom: domid_t,
///     out nr_frames: u32,
///     out max_nr_frames: u32,
///     out status: GrantStatus,
/// } -> status;
///
/// /// Maps granted frames.
/// ///
/// /// # Safety
/// ///
/// /// ...
/// unsafe batch map_grant_ref {
///     in host_addr: u64,
///     in flags: u32,
///     in ref_: grant_ref_t,
///     in dom: domid_t,
///     out status: GrantStatus,
///     out handle: grant_handle_t,
///     out dev_bus_addr: u64,
/// } -> status;
/// ```
///
/// # A row
///
/// `[unsafe] FORM NAME [= COMMAND] [: STRUCTURE] [on ARCHITECTURES] [ARGUMENT] -> CONVENTION;`
///
/// | part | what it says |
/// |---|---|
/// | `unsafe` | a call can violate memory safety; the row's documentation then has a section `# Safety` |
/// | `single` | Xen takes one argument |
/// | `batch` | Xen takes an array of them |
/// | `= COMMAND`, `: STRUCTURE` | the names, where the rule does not give them; the command begins as the rule says. That the two belong together is then the author's promise |
/// | `on x86`, `on arm` | the architectures that have the operation: `x86`, `x86_32`, `x86_64`, `arm`, `arm32`, `aarch64`, separated by commas |
///
/// The row's documentation is the wrapper's. A section `# Errors` in it, before `# Safety`, follows what
/// the wrapper says of its result.
///
/// | argument | what it is |
/// |---|---|
/// | none | the address is 0 |
/// | `(in name: type)` | a value without a structure around it; `out` and `inout` too |
/// | `(in name: &type)` | the same by reference; `out` and `inout` by `&mut type` |
/// | `(in name: [type])` | the elements of a slice, counted by the hypercall's `count` |
/// | `{ in a: type, out b: type, ... }` | a structure: the members that the caller sets or reads; the others are zero |
/// | `out list: [type] counted by nr` | a member that is a handle to a slice, and the one with its length |
/// | `... untyped` | after such a member: upstream's handle is to `void` |
/// | `member = CONSTANT` | a member that the row itself sets |
///
/// | convention | what the hypercall returns | what the wrapper returns |
/// |---|---|---|
/// | `status` | 0 or an error number, and a grant status in each argument | `Result<Out, Error>`; for a batch `Batch`, which has the statuses |
/// | `errno` | 0 or an error number | `Result<Out, Error>` |
/// | `errno_and_out` | the same, and the output is valid after a failure too | `(Result<(), Error>, Out)` |
/// | `count` | the number of elements done, without an error number if one fails | `Result<usize, Error>` |
/// | `value` | a value that is not negative, or an error number | `Result<usize, Error>` |
/// | `value_and_out` | the same, and the output is valid after a value | `Result<(usize, Out), Error>` |
///
/// A `cfg` of a row applies to everything that the row expands to; other attributes apply to its
/// function.
///
/// # A command inside the structure
///
/// Some hypercalls take one structure, which has the command, the version of the interface, and a union with
/// the operation's argument. The table then says what that structure is:
///
/// ```text
/// unsafe hypercall __HYPERVISOR_domctl(argument);
/// structure xen_domctl {
///     cmd: command,
///     interface_version = XEN_DOMCTL_INTERFACE_VERSION,
///     domain: domid_t,
///     u: union xen_domctl_u,
/// }
/// commands XEN_DOMCTL_*;
///
/// /// Limits a domain's memory.
/// single max_mem { in max_memkb: u64 } -> errno;
///
/// /// What Xen knows about a domain, and which domain that is.
/// single getdomaininfo(out info: xen_domctl_getdomaininfo) and out domain -> errno;
/// ```
///
/// A member is `command`, `union`, a value of every operation or a constant; the others are zero. The rows'
/// members are those of the union's member that is called as the row, or as `: MEMBER` says. A value in
/// parentheses is the whole of it. `and out domain` adds a value of the structure to what comes out.
///
/// In a list of buffers, as `dm_op` takes, the structure is the first buffer: the table then takes
/// `(domid: domid_t, count, buffers xen_dm_op_buf)`, and a slice with `buffered` after it is the next buffer.
///
/// # Arguments in registers
///
/// A row of a table `unsafe hypercall NUMBER(command, ..);` says itself what follows the command, and in a
/// table `unsafe hypercalls __HYPERVISOR_*;` each row is a hypercall without a command:
///
/// ```text
/// unsafe hypercalls __HYPERVISOR_*;
///
/// /// ...
/// unsafe call mmu_update(
///     in reqs: [mmu_update],
///     count reqs,
///     out done: u32,
///     in foreigndom: u32,
/// ) -> errno_and_out;
/// ```
///
/// | argument | what the register has |
/// |---|---|
/// | `in name: type` | the value; a `u64` or `i64` takes two registers where they have 32 bits |
/// | `in name: &type`, `in name: [type]` | the address; `out` and `inout` as above |
/// | `out name: type` | the address of a value of the wrapper's, which it returns |
/// | `in name: &CStr` | the address of a text, which ends with a 0 byte |
/// | `count name` | the elements of that slice, or the bytes of that text with its end |
/// | `name = CONSTANT` | the constant |
///
/// The convention `word` is for a result of which every bit counts: the wrapper returns it as `usize`.
///
/// # Who may call
///
/// `callers pv, hvm, arm as OPERATIONS;` before the rows says who may call, and `by pv` after a row's
/// architectures that it is otherwise there: `pv`, `hvm` (PVH too) and `arm` are kinds of guests; `control`,
/// `hardware`, `device_model` and `owner` what a domain must be. The documentation of the functions says it,
/// and with `as` a constant lists the operations as `xen_ops::hypercall::Operation`.
///
/// # What it expands to
///
/// A `single` row is a function. Its parameters are the inputs, in the order of the row. Its result is
/// the output: `()`, the value of the only output member, or a structure named after the row with all
/// of them. An output cannot be read before the call.
///
/// A `batch` row is a type named after the row in CamelCase, as `MapGrantRef`, transparent over upstream's structure, and a function
/// that takes a slice of it. The type has a state: `Request` before the call, with `new` and the inputs;
/// `Done` after it, with the outputs too:
///
/// ```
/// use xen_ops::hypercall::Hypercall;
/// use xen_ops::hypercall::grant_table_op::{UnmapGrantRef, unmap_grant_ref};
/// use xen_ops::xen_abi::grant_table::grant_handle_t;
///
/// /// # Safety
/// ///
/// /// Nothing uses what is mapped at the address.
/// unsafe fn unmap(xen: &impl Hypercall, host_addr: u64, handle: grant_handle_t) -> bool {
///     let mut elements = [UnmapGrantRef::new(host_addr, 0, handle)];
///     // SAFETY: the caller's promise.
///     let batch = unsafe { unmap_grant_ref(xen, &mut elements) };
///     batch.elements[0].status().is_okay()
/// }
/// ```
///
/// Xen reads the low 32 bits of `count`. A `status` batch passes the number of its elements unchecked:
/// Xen does not touch the elements beyond, and their statuses show it. In other rows a number that does
/// not fit is replaced by the largest that does. The same is true of the length of a slice if the member
/// that counts it is too small. A member that counts several slices is the length of the shortest.
#[proc_macro]
pub fn hypercalls(input: proc_macro::TokenStream) -> proc_macro::TokenStream {
    expand::hypercalls(input.into()).unwrap_or_else(syn::Error::into_compile_error).into()
}
