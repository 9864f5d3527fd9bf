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
