//! The code that rows of each kind expand to, for review.

use insta::{assert_snapshot, with_settings};

use super::expanded;

/// Compares with the snapshot of the test that calls.
macro_rules! assert_golden {
    ($expansion:expr) => {
        with_settings!({ omit_expression => true }, { assert_snapshot!($expansion) })
    };
}

fn grants(row: &str) -> String {
    expanded(&format!(
        "unsafe hypercall __HYPERVISOR_grant_table_op(command, argument, count);
         commands GNTTABOP_*, arguments gnttab_*;
         {row}"
    ))
}

fn memory(row: &str) -> String {
    expanded(&format!(
        "unsafe hypercall __HYPERVISOR_memory_op(command, argument);
         commands XENMEM_*, arguments xen_*;
         {row}"
    ))
}

#[test]
fn status_batch() {
    assert_golden!(grants(
        "/// Unmaps.
         ///
         /// # Safety
         ///
         /// Nothing uses it.
         unsafe batch unmap_grant_ref {
             in host_addr: u64,
             in handle: grant_handle_t,
             out status: GrantStatus,
         } -> status;"
    ));
}

#[test]
fn errno_batch_on_arm() {
    assert_golden!(grants("batch cache_flush on arm { in offset: u16, in op: u32 } -> errno;"));
}

#[test]
fn single_with_slice() {
    assert_golden!(grants(
        "single setup_table {
             in dom: domid_t,
             out status: GrantStatus,
             out frame_list: [xen_pfn_t] counted by nr_frames,
         } -> status;"
    ));
}

#[test]
fn errno_and_out_of_several_members() {
    assert_golden!(memory(
        "single reserved_device_memory_map on x86 {
             in flags: u32,
             out nr_entries: u32,
             out buffer: [xen_reserved_device_memory_t] counted by nr_entries,
             inout dev: xen_reserved_device_memory_map_dev,
         } -> errno_and_out;"
    ));
}

#[test]
fn count_of_the_shortest_of_untyped_slices() {
    assert_golden!(memory(
        "single populate: xen_populate {
             inout frames: [xen_pfn_t] counted by nr,
             in orders: [u8] counted by nr untyped,
         } -> count;"
    ));
}

#[test]
fn value_without_argument() {
    assert_golden!(memory("single maximum_ram_page -> value;"));
}

#[test]
fn whole_arguments() {
    assert_golden!(memory(
        "single current_reservation(in domid: domid_t) -> value;
         single guest_handle(out handle: xen_domain_handle_t) -> errno;
         single build_id(out buffer: &mut Varbuf) -> value;
         single initialise(in context: &vcpu_guest_context) -> errno;"
    ));
}

#[test]
fn whole_slices_and_no_rule_for_structures() {
    assert_golden!(expanded(
        "unsafe hypercall __HYPERVISOR_console_io(command, count, argument);
         commands CONSOLEIO_*;
         single write(in text: [u8]) -> errno;
         single read(out buffer: [u8]) -> value;"
    ));
}

#[test]
fn slot_of_its_own_and_no_rule() {
    assert_golden!(expanded(
        "unsafe hypercall __HYPERVISOR_vcpu_op(command, vcpuid: u32, argument);
         single yield_ = VCPUOP_yield -> errno;
         single set_timer = VCPUOP_set_periodic_timer: vcpu_set_periodic_timer {
             in period_ns: u64,
         } -> errno;"
    ));
}

#[test]
fn command_inside_the_structure() {
    assert_golden!(expanded(
        "unsafe hypercall __HYPERVISOR_domctl(argument);
         structure xen_domctl {
             cmd: command,
             interface_version = XEN_DOMCTL_INTERFACE_VERSION,
             domain: domid_t,
             u: union xen_domctl_u,
         }
         commands XEN_DOMCTL_*;
         single pausedomain -> errno;
         single max_mem { in max_memkb: u64 } -> errno;
         single getdomaininfo(out info: xen_domctl_getdomaininfo) and out domain -> errno;
         single getvcpuaffinity: vcpuaffinity {
             flags = XEN_VCPUAFFINITY_HARD,
             in vcpu: u32,
             out nr_bits: u32,
             out bitmap: [u8] counted by nr_bits untyped,
         } -> errno;"
    ));
}

#[test]
fn command_inside_the_structure_of_one_operation() {
    assert_golden!(expanded(
        "unsafe hypercall __HYPERVISOR_hvm_op(op = HVMOP_altp2m, argument);
         structure xen_hvm_altp2m_op {
             version = HVMOP_ALTP2M_INTERFACE_VERSION,
             cmd: command,
             domain: domid_t,
             u: union xen_hvm_altp2m_op_u,
         }
         commands HVMOP_altp2m_*;
         single create_p2m: view { in hvmmem_default_access: u16, out view: u16 } -> errno;"
    ));
}

#[test]
fn arguments_in_registers() {
    assert_golden!(expanded(
        "unsafe hypercalls __HYPERVISOR_*;
         callers pv as OPERATIONS;
         call mmu_update(
             in reqs: [mmu_update],
             count reqs,
             out done: u32,
             in foreigndom: u32,
         ) -> errno_and_out;
         call update_descriptor on x86 (in gaddr: u64, in desc: u64) -> errno;
         call get_debugreg by pv(in reg: i32) -> word;"
    ));
}

#[test]
fn texts() {
    assert_golden!(expanded(
        "unsafe hypercall __HYPERVISOR_hypfs_op(command, ..);
         commands XEN_HYPFS_OP_*;
         call get_version(path = NONE, size = NONE) -> value;
         call read(in path: &CStr, count path, out buffer: [u8], count buffer) -> errno;"
    ));
}

#[test]
fn buffers_in_a_list() {
    assert_golden!(expanded(
        "unsafe hypercall __HYPERVISOR_dm_op(domid: domid_t, count, buffers xen_dm_op_buf);
         structure xen_dm_op { op: command, u: union xen_dm_op_u }
         commands XEN_DMOP_*;
         single nr_vcpus { out vcpus: u32 } -> errno;
         single modified_memory { in extents: [extent] counted by nr_extents buffered } -> errno;"
    ));
}

/// How often a text is in what a table expands to.
fn times(table: &str, text: &str) -> usize {
    expanded(table).matches(text).count()
}

const UNTOUCHED: &str = "status: ::xen_ops::hypercall::UNTOUCHED";

#[test]
fn only_the_status_is_marked_and_kept_from_the_caller() {
    let row = "{ in dom: domid_t, out nr_frames: u32, out status: GrantStatus }";
    let header = "unsafe hypercall N(command, argument); commands C_*, arguments s_*;";
    let single = format!("{header} single query_size {row} -> status;");
    assert_eq!((times(&single, "UNTOUCHED"), times(&single, UNTOUCHED)), (1, 1));
    assert_eq!(times(&single, "Result<u32, "), 1);
    // By another convention a member of that name is as any other.
    let other = format!("{header} single query_size {row} -> errno;");
    assert_eq!((times(&other, "UNTOUCHED"), times(&other, "pub status: GrantStatus")), (0, 1));
}

#[test]
fn what_goes_into_the_union() {
    let table = |row| {
        format!(
            "unsafe hypercall N(argument); structure S {{ cmd: command, u: union U }} commands C_*; {row}"
        )
    };
    let set = "own.status = ::xen_ops::hypercall::UNTOUCHED";
    let row = "{ in dom: domid_t, out nr_frames: u32, out status: GrantStatus }";
    let status = table(format!("single query_size {row} -> status;"));
    assert_eq!((times(&status, "UNTOUCHED"), times(&status, set)), (1, 1));
    let errno = table(format!("single query_size {row} -> errno;"));
    assert_eq!(times(&errno, "UNTOUCHED"), 0);
    let whole = table("single set_info(in info: info) -> errno;".to_owned());
    assert_eq!(times(&whole, "let own = info;"), 1);
}

#[test]
fn a_condition_is_said_of_each_item() {
    // A function, and the structure with what comes out.
    let single = "unsafe hypercall N(command, argument); commands C_*, arguments s_*;
                  #[cfg(unix)] #[deprecated] single a { out b: u32, out c: u32 } -> errno;";
    let both = 2 * times(single, "pub struct A");
    assert_eq!((times(single, "#[cfg(unix)]"), times(single, "#[deprecated]")), (both, 1));
}

#[test]
fn slices_and_outputs_in_registers_are_addresses() {
    // An address takes one register, whatever is there.
    let call = "unsafe hypercalls __HYPERVISOR_*;
                call a(inout b: [u64], count b, out c: u64, in d: u32, in e: u32) -> errno;";
    assert_eq!(times(call, ">> 32"), 0);
}
