//! The errors that a wrong table gets.

use super::messages;

/// The messages about one row in a table whose hypercall takes `count`.
#[track_caller]
fn row(row: &str, expected: &[&str]) {
    let table = "unsafe hypercall N(command, argument, count); commands C_*, arguments s_*;";
    assert_eq!(messages(&format!("{table} {row}")), expected);
}

#[test]
fn a_table_begins_with_unsafe() {
    assert_eq!(
        messages("hypercall N(command, argument); commands C_*; single a -> errno;"),
        [
            "a table begins with `unsafe hypercall NUMBER(...)`: its author guarantees what it says of \
             the hypercall"
        ],
    );
}

#[test]
fn a_right_table_has_no_errors() {
    row("single a -> errno; batch b { in x: u32, out status: GrantStatus } -> status;", &[]);
}

#[test]
fn every_mistake_at_once() {
    row(
        "unsafe single a on riscv -> count;
         single a -> errno;
         batch b(in x: u32) -> value;",
        &[
            "a: an unsafe row says in its documentation, under `# Safety`, what the caller must \
             guarantee",
            "a: unknown architecture `riscv`: there are `x86`, `x86_32`, `x86_64`, `arm`, `arm32`, \
             `aarch64`",
            "a: convention `count` counts the elements of a slice, and there is none",
            "a: a second row of this name; give it another and say which command it is, as \
             `a_two = COMMAND`",
            "b: the elements of a batch are structures: give the members in braces",
            "b: a batch is `status` or `errno`",
        ],
    );
}

#[test]
fn what_a_hypercall_takes() {
    let table = |slots| messages(&format!("unsafe hypercall a::N({slots});"));
    assert_eq!(
        table("command, address"),
        [
            "a hypercall takes `command`, `argument`, `count`, a number of its own with a type, as `address: \
             u32`, or a constant, as `address = CONSTANT`"
        ]
    );
    assert_eq!(
        table("argument, argument, count, count"),
        [
            "a hypercall of operations takes `command` once, not 0 times",
            "a hypercall of operations takes `argument` once, not 2 times",
            "a hypercall takes `count` at most once",
        ]
    );
    assert_eq!(
        table("command, argument, a: u32, b: u32, c: u32, d: u32"),
        ["a hypercall takes at most 5 arguments, not 6"]
    );
    assert_eq!(table("command, argument, a: u32, b: u32, c: u32"), [""; 0]);
    // A number may have the word's name.
    assert_eq!(table("command, argument, buffers: u32"), [""; 0]);
}

#[test]
fn rows_that_say_what_a_hypercall_takes() {
    let rest = "a hypercall whose rows say what it takes is `(command, ..)`; several hypercalls without \
                commands are `unsafe hypercalls PREFIX_*;`";
    for header in [
        "unsafe hypercall N(command, argument, ..);",
        "unsafe hypercall N(command, ..); structure S { cmd: command, u: union U }",
    ] {
        assert_eq!(messages(header), [rest], "{header}");
    }
    let table = |fields| {
        messages(&format!(
            "unsafe hypercall N(command, ..); commands C_*; call a({fields}) -> errno;"
        ))
    };
    assert_eq!(table("in b: u32, in c: u32, in d: u32, in e: u32"), [""; 0]);
    assert_eq!(
        table("in b: u32, in c: u32, in d: u32, in e: u32, in f: u32"),
        ["a: a hypercall takes at most 5 arguments, not 6"]
    );
}

#[test]
fn the_section_about_safety_is_documentation() {
    row(
        "#[deprecated = \"# Safety\"] unsafe single a -> errno;",
        &["a: an unsafe row says in its documentation, under `# Safety`, what the caller must \
           guarantee"],
    );
}

#[test]
fn names_without_a_rule() {
    assert_eq!(
        messages("unsafe hypercall N(command, argument); single a { in x: u32 } -> errno;"),
        [
            "a: the table has no rule for commands, so say which it is: `a = COMMAND`",
            "a: the table has no rule for structures, so say which it takes: `a: structure`",
        ]
    );
    assert_eq!(
        messages(
            "unsafe hypercall N(command, argument); commands C_*; single a { in x: u32 } -> errno;"
        ),
        ["a: the table has no rule for structures, so say which it takes: `a: structure`"]
    );
}

#[test]
fn how_a_row_begins() {
    let form = "a row begins with `single` (Xen takes one argument), `batch` (an array of them) or \
                `call` (arguments in registers), with `unsafe` before it if a call can break memory";
    row("multi a -> errno;", &[form]);
    row("unsafe fn a -> errno;", &[form]);
}

#[test]
fn how_a_member_begins() {
    let direction = "a member begins with its direction: `in`, `out` or `inout`";
    row("single a { x: u32 } -> errno;", &[direction]);
    row("single a(mut x: u32) -> errno;", &[direction]);
}

#[test]
fn how_a_row_ends() {
    row(
        "single a -> bool;",
        &[
            "unknown return convention `bool`: there are `status`, `errno`, `errno_and_out`, `count`, \
           `value`, `value_and_out`, `word`",
        ],
    );
}

#[test]
fn parentheses_hold_one() {
    row(
        "single a(in x: u32, in y: u32) -> errno;",
        &["one value, reference or slice stands in parentheses; members of a structure stand in \
           braces"],
    );
}

#[test]
fn members() {
    row("single a { in x: u32, out x: u32 } -> errno;", &["a: a second member `x`"]);
    row(
        "single a { in x: &u32 } -> errno;",
        &[
            "a: a member is no reference: what lies elsewhere is a slice, `[type] counted by member`",
        ],
    );
}

#[test]
fn references() {
    let message = "a: `in` is by `&type`; `out` and `inout` are by `&mut type`";
    row("single a(in x: &mut u32) -> errno;", &[message]);
    row("single a(out x: &u32) -> errno;", &[message]);
    row("single a(in x: &u32) -> errno; single b(inout x: &mut u32) -> value;", &[]);
}

#[test]
fn slices() {
    row(
        "single a { in x: [u32] } -> errno;",
        &["a: say which member holds the number of elements: `counted by member`"],
    );
    row(
        "single a { in nr: u32, in x: [u32] counted by nr } -> errno;",
        &["a: `nr` goes in as the number of elements in `x`, so it is `out` or not listed"],
    );
    row("single a { out nr: u32, in x: [u32] counted by nr } -> errno;", &[]);
    row(
        "single a(in x: [u32] counted by nr) -> errno;",
        &["a: a slice without a structure is counted by the hypercall's own `count`"],
    );
    row("single a(inout x: [u32]) -> errno;", &["a: a slice without a structure is `in` or `out`"]);
}

#[test]
fn conventions() {
    let status = "a: convention `status` needs the member `out status: GrantStatus`; without one \
                  the convention is `errno`";
    row("single a { in x: u32 } -> status;", &[status]);
    row("single a { in status: GrantStatus } -> status;", &[status]);
    row("single a(out status: GrantStatus) -> status;", &[status]);
    row(
        "single a { in x: u32 } -> count;",
        &["a: convention `count` counts the elements of a slice, and there is none"],
    );
    let out = "a: what comes out is the hypercall's result; `x` cannot come out too";
    row("single a { out x: u32 } -> value;", &[out]);
    row("single a { inout x: u32, in y: [u32] counted by nr } -> count;", &[out]);
}

#[test]
fn a_hypercall_without_count() {
    let rows = "batch a { in x: u32 } -> errno; single b(in x: [u8]) -> errno;";
    let message = "the hypercall takes no `count`, so its argument is `single` and no slice";
    assert_eq!(
        messages(&format!(
            "unsafe hypercall N(command, argument); commands C_*, arguments s_*; {rows}"
        )),
        ["a", "b"].map(|row| format!("{row}: {message}"))
    );
}

#[test]
fn batches() {
    row(
        "batch a { in x: [u32] counted by nr, inout y: u32 } -> errno;",
        &[
            "a: an element of a batch holds no slice",
            "a: a member of a batch's element is `in` or `out`",
        ],
    );
}

/// The messages about a header and rows of a hypercall whose structure has the command.
#[track_caller]
fn union(header: &str, rows: &str, expected: &[&str]) {
    let table = format!("unsafe hypercall N(argument); structure S {header} commands C_*; {rows}");
    assert_eq!(messages(&table), expected);
}

const OUTER: &str = "{ cmd: command, version = VERSION, domain: u16, u: union S_u }";

#[test]
fn a_structure_with_the_command() {
    union(OUTER, "single a -> errno; single b { in x: u32 } -> errno;", &[]);
    union(
        "{ cmd: u32, u: u64, cmd: u32 }",
        "",
        &[
            "the structure has one member that is `command`, not 0",
            "the structure has one member that is `union`, not 0",
            "a second member `cmd`",
        ],
    );
    let what = "say what the member is: `cmd: command`, `cmd: union TYPE`, a value of every operation, as \
                `cmd: u32`, or a constant, as `cmd = CONSTANT`";
    union("{ cmd }", "", &[what]);
    assert_eq!(
        messages(&format!("unsafe hypercall N(command, argument); structure S {OUTER}")),
        ["the structure has the command, so the hypercall does not take `command` itself"],
    );
}

#[test]
fn rows_inside_a_structure() {
    union(
        OUTER,
        "batch a { in x: u32 } -> errno;
         single b: some::path { in x: u32 } -> errno;
         single c(in x: &u32) -> errno;
         single d(out x: [u8]) -> errno;
         single e { in domain: u16 } -> errno;",
        &[
            "a: a structure with a command holds one operation: `single`",
            "b: after `:` stands the name of the union's member, which is no path",
            "c: the argument lies in the structure: give it by value, or its members in braces",
            "d: the argument lies in the structure: give it by value, or its members in braces",
            "e: the hypercall takes a number `domain` too; give that one another name",
        ],
    );
}

#[test]
fn what_comes_out_of_the_structure_itself() {
    union(OUTER, "single a and out domain -> errno;", &[]);
    union(
        OUTER,
        "single a and out version -> errno;
         single b { out domain: u16 } and out domain -> errno;
         single c and out domain -> value;",
        &[
            "a: `version` is no value of the structure: `structure S { version: type }`",
            "b: a second member `domain` comes out",
            "c: what comes out is the hypercall's result; `domain` cannot come out too",
        ],
    );
    row(
        "single a and out domain -> errno;",
        &["a: `and out` names a member of a structure around the argument, and the table has none"],
    );
}

#[test]
fn constants() {
    let constant =
        "a constant is a member of the structure of a `single` row: `{ member = CONSTANT }`";
    row(
        "single a { op = OP, in x: u32 } -> errno; single b { id = ID, out id: u32 } -> errno;",
        &[],
    );
    row("single a { id = ID, in id: u32 } -> errno;", &["a: a second member `id`"]);
    row(
        "single a(op = OP) -> errno; batch b { op = OP, in x: u32 } -> errno;",
        &[&format!("a: {constant}"), &format!("b: {constant}")],
    );
}

/// The messages about a row of hypercalls that take arguments in registers.
#[track_caller]
fn call(row: &str, expected: &[&str]) {
    assert_eq!(messages(&format!("unsafe hypercalls N_*; {row}")), expected);
}

#[test]
fn arguments_in_registers() {
    call("call a(in x: u32, in list: [u64], count list, out y: u32) -> errno_and_out;", &[]);
    call(
        "call a(inout x: u32) -> errno;",
        &["a: a register only goes in; what Xen reads and writes is memory: `inout x: &mut type`"],
    );
    call(
        "call a(count list) -> errno;",
        &["a: `count list` counts a slice or a text, and there is none of that name"],
    );
    call(
        "call a(in list: [u8] counted by nr) -> errno;",
        &["a: the number of elements is an argument of its own: `count list`"],
    );
    call("call a(out path: &CStr) -> errno;", &["a: a text only goes in: `in`"]);
    call("call a { in x: u32 } -> errno;", &["the arguments in registers stand in parentheses"]);
    call(
        "call a(in x: u32) -> status;",
        &[
            "a: a `call` is `errno`, `errno_and_out`, `value`, `value_and_out` or `word`",
            "a: convention `status` needs the member `out status: GrantStatus`; without one the convention \
         is `errno`",
        ],
    );
    call(
        "call a(in a: u64, in b: u64, in c: u64) -> errno;",
        &["a: a hypercall takes at most 5 arguments, not 6"],
    );
    call("single a -> errno;", &["a: each row says what its call takes, so it is a `call`"]);
    row(
        "call a(in x: u32) -> errno;",
        &[
            "a: the hypercall takes what its table says, so a row is `single` or `batch`; a row with \
         arguments of its own is in a table `(command, ..)` or `unsafe hypercalls`",
        ],
    );
    row(
        "single a(in path: &CStr) -> errno;",
        &["a: a text is an argument of a `call` row; elsewhere it is a slice of bytes"],
    );
}

#[test]
fn callers() {
    let known = "there are `pv`, `hvm`, `arm`, `control`, `hardware`, `device_model`, `owner`";
    call("call a by pv, control(in x: u32) -> errno;", &[]);
    call("call a by dom0 -> errno;", &[&format!("a: unknown caller `dom0`: {known}")]);
    assert_eq!(
        messages("unsafe hypercalls N_*; callers dom0 as ALL; call a -> errno;"),
        [format!("unknown caller `dom0`: {known}")],
    );
}

#[test]
fn buffers_in_a_list() {
    row(
        "single a { out list: [u8] buffered } -> errno;",
        &["a: the hypercall takes no list of buffers, so `buffered` has no place to go"],
    );
    assert_eq!(
        messages("unsafe hypercall N(count, command, buffers buf); commands C_*;"),
        ["`buffers` begin with the structure that has the command: `structure S { ... }`"],
    );
}
