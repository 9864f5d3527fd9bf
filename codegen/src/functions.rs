//! Function-like macros: what takes the place of each, or why nothing does.

/// Every function-like macro of the headers, by name in the order of bytes. A text that begins with
/// `const fn` is that and the function's path; any other is the reason there is none. One row a line, so
/// that it stays a table.
#[rustfmt::skip]
pub(crate) const FUNCTIONS: &[(&str, &str)] = &[
    ("BACK_RING_ATTACH", "sets up a ring end's private state, which is no part of the ABI; its size is xen_abi::macros::ring::ring_size"),
    ("BACK_RING_INIT", "sets up a ring end's private state, which is no part of the ABI; its size is xen_abi::macros::ring::ring_size"),
    ("DECLARE_HVM_SAVE_TYPE", "declares a structure that holds facts in its sizes: the trait xen_abi::macros::hvm_save::SaveType"),
    ("DECLARE_HVM_SAVE_TYPE_COMPAT", "declares a structure that holds facts in its sizes: the trait xen_abi::macros::hvm_save::SaveType"),
    ("DEFINE_RING_TYPES", "declares the types of a ring; the generated *_sring and *_sring_entry take their place"),
    ("DEFINE_XEN_FLEX_RING", "declares functions; their arithmetic is xen_abi::macros::ring::flex_queued and xen_abi::macros::ring::slot"),
    ("DEFINE_XEN_FLEX_RING_AND_INTF", "declares a generated structure, and functions as DEFINE_XEN_FLEX_RING does"),
    ("DEFINE_XEN_GUEST_HANDLE", "declares handle types by token pasting; xen_abi::GuestHandle<T> is all of them"),
    ("FRONT_RING_ATTACH", "sets up a ring end's private state, which is no part of the ABI; its size is xen_abi::macros::ring::ring_size"),
    ("FRONT_RING_INIT", "sets up a ring end's private state, which is no part of the ABI; its size is xen_abi::macros::ring::ring_size"),
    ("HVM_SAVE_CODE", "of a type, not a value: xen_abi::macros::hvm_save::SaveType::CODE"),
    ("HVM_SAVE_FIX_COMPAT", "for the hypervisor itself, which converts the records of older releases"),
    ("HVM_SAVE_HAS_COMPAT", "of a type, not a value: xen_abi::macros::hvm_save::SaveType::HAS_COMPAT"),
    ("HVM_SAVE_LENGTH", "of a type, not a value: xen_abi::macros::hvm_save::SaveType::LENGTH"),
    ("HVM_SAVE_LENGTH_COMPAT", "for the hypervisor itself, which converts the records of older releases"),
    ("HVM_SAVE_TYPE", "of a type, not a value: xen_abi::macros::hvm_save::SaveType::Record"),
    ("HVM_SAVE_TYPE_COMPAT", "for the hypervisor itself, which converts the records of older releases"),
    ("MASK_XENCONS_IDX", "const fn xen_abi::macros::console::mask_xencons_idx"),
    ("MASK_XENSTORE_IDX", "const fn xen_abi::macros::xs_wire::mask_xenstore_idx"),
    ("PVDRIVERS_PRODUCT_LIST", "an x-macro; its list is the constant xen_abi::macros::pvdrivers::PRODUCT_LIST"),
    ("RING_COPY_", "copies an entry out of shared memory: a volatile read by the owner of the mapping"),
    ("RING_COPY_REQUEST", "copies an entry out of shared memory: a volatile read by the owner of the mapping"),
    ("RING_COPY_RESPONSE", "copies an entry out of shared memory: a volatile read by the owner of the mapping"),
    ("RING_FINAL_CHECK_FOR_REQUESTS", "stores and a fence between two calls of xen_abi::macros::ring::has_unconsumed_requests"),
    ("RING_FINAL_CHECK_FOR_RESPONSES", "stores and a fence between two calls of xen_abi::macros::ring::has_unconsumed_responses"),
    ("RING_FREE_REQUESTS", "const fn xen_abi::macros::ring::free_requests"),
    ("RING_FULL", "const fn xen_abi::macros::ring::ring_full"),
    ("RING_GET_REQUEST", "a pointer into shared memory; its index is xen_abi::macros::ring::slot"),
    ("RING_GET_RESPONSE", "a pointer into shared memory; its index is xen_abi::macros::ring::slot"),
    ("RING_HAS_UNCONSUMED_REQUESTS", "const fn xen_abi::macros::ring::has_unconsumed_requests"),
    ("RING_HAS_UNCONSUMED_RESPONSES", "const fn xen_abi::macros::ring::has_unconsumed_responses"),
    ("RING_PUSH_REQUESTS", "a fence, then a store to shared memory: core::sync::atomic"),
    ("RING_PUSH_REQUESTS_AND_CHECK_NOTIFY", "stores and fences, then what xen_abi::macros::ring::needs_notify decides"),
    ("RING_PUSH_RESPONSES", "a fence, then a store to shared memory: core::sync::atomic"),
    ("RING_PUSH_RESPONSES_AND_CHECK_NOTIFY", "stores and fences, then what xen_abi::macros::ring::needs_notify decides"),
    ("RING_REQUEST_CONS_OVERFLOW", "const fn xen_abi::macros::ring::request_cons_overflow"),
    ("RING_REQUEST_PROD_OVERFLOW", "const fn xen_abi::macros::ring::request_prod_overflow"),
    ("RING_RESPONSE_PROD_OVERFLOW", "const fn xen_abi::macros::ring::response_prod_overflow"),
    ("RING_SIZE", "a member of a ring end's private state, which is no part of the ABI"),
    ("SHARED_RING_INIT", "stores to shared memory: all zero, but both event indices 1"),
    ("TI_GET_DPL", "const fn xen_abi::macros::trap_info::ti_get_dpl"),
    ("TI_GET_IF", "const fn xen_abi::macros::trap_info::ti_get_if"),
    ("TI_SET_DPL", "const fn xen_abi::macros::trap_info::ti_set_dpl"),
    ("TI_SET_IF", "const fn xen_abi::macros::trap_info::ti_set_if"),
    ("TRC_HD_EXTRA", "const fn xen_abi::macros::trace::trc_hd_extra"),
    ("TRC_HD_INCLUDES_CYCLE_COUNT", "const fn xen_abi::macros::trace::trc_hd_includes_cycle_count"),
    ("TRC_HD_TO_EVENT", "const fn xen_abi::macros::trace::trc_hd_to_event"),
    ("TRC_PV_HYPERCALL_V2_ARG_32", "const fn xen_abi::macros::trace::trc_pv_hypercall_v2_arg_32"),
    ("TRC_PV_HYPERCALL_V2_ARG_64", "const fn xen_abi::macros::trace::trc_pv_hypercall_v2_arg_64"),
    ("TRC_SCHED_CLASS_EVT", "const fn xen_abi::macros::trace::trc_sched_class_evt"),
    ("XENCAMERA_IN_RING", "a pointer to a page plus the constant XENCAMERA_IN_RING_OFFS"),
    ("XENCAMERA_IN_RING_REF", "const fn xen_abi::macros::page_ring::xencamera_in_ring_ref"),
    ("XENDISPL_IN_RING", "a pointer to a page plus the constant XENDISPL_IN_RING_OFFS"),
    ("XENDISPL_IN_RING_REF", "const fn xen_abi::macros::page_ring::xendispl_in_ring_ref"),
    ("XENFB_IN_RING", "a pointer to a page plus the constant XENFB_IN_RING_OFFS"),
    ("XENFB_IN_RING_REF", "const fn xen_abi::macros::page_ring::xenfb_in_ring_ref"),
    ("XENFB_OUT_RING", "a pointer to a page plus the constant XENFB_OUT_RING_OFFS"),
    ("XENFB_OUT_RING_REF", "const fn xen_abi::macros::page_ring::xenfb_out_ring_ref"),
    ("XENKBD_IN_RING", "a pointer to a page plus the constant XENKBD_IN_RING_OFFS"),
    ("XENKBD_IN_RING_REF", "const fn xen_abi::macros::page_ring::xenkbd_in_ring_ref"),
    ("XENKBD_OUT_RING", "a pointer to a page plus the constant XENKBD_OUT_RING_OFFS"),
    ("XENKBD_OUT_RING_REF", "const fn xen_abi::macros::page_ring::xenkbd_out_ring_ref"),
    ("XENMEMF_address_bits", "const fn xen_abi::macros::memory::xenmemf_address_bits"),
    ("XENMEMF_exact_node", "const fn xen_abi::macros::memory::xenmemf_exact_node"),
    ("XENMEMF_get_address_bits", "const fn xen_abi::macros::memory::xenmemf_get_address_bits"),
    ("XENMEMF_get_node", "const fn xen_abi::macros::memory::xenmemf_get_node"),
    ("XENMEMF_node", "const fn xen_abi::macros::memory::xenmemf_node"),
    ("XENMEM_SHARING_OP_FIELD_GET_GREF", "const fn xen_abi::macros::memory::sharing_op_field_get_gref"),
    ("XENMEM_SHARING_OP_FIELD_IS_GREF", "const fn xen_abi::macros::memory::sharing_op_field_is_gref"),
    ("XENMEM_SHARING_OP_FIELD_MAKE_GREF", "const fn xen_abi::macros::memory::sharing_op_field_make_gref"),
    ("XENMEM_resource_ioreq_server_frame_ioreq", "const fn xen_abi::macros::memory::resource_ioreq_server_frame_ioreq"),
    ("XENSND_IN_RING", "a pointer to a page plus the constant XENSND_IN_RING_OFFS"),
    ("XENSND_IN_RING_REF", "const fn xen_abi::macros::page_ring::xensnd_in_ring_ref"),
    ("XEN_CPUFEATURE", "an x-macro; its list is generated as the constants XEN_X86_FEATURE_*"),
    ("XEN_CPUID_LEAF", "const fn xen_abi::macros::cpuid::xen_cpuid_leaf"),
    ("XEN_DEFINE_UUID", "const fn xen_abi::macros::xen::xen_define_uuid"),
    ("XEN_DEFINE_UUID_", "the initialiser within XEN_DEFINE_UUID"),
    ("XEN_DMOP_PCI_SBDF", "const fn xen_abi::macros::dm_op::xen_dmop_pci_sbdf"),
    ("XEN_DOMCTL_ALTP2M_mode", "const fn xen_abi::macros::domctl::xen_domctl_altp2m_mode"),
    ("XEN_DOMCTL_GRANT_version", "const fn xen_abi::macros::domctl::xen_domctl_grant_version"),
    ("XEN_ERRNO", "an x-macro; its list is generated as the constants XEN_E*"),
    ("XEN_FLEX_RING_SIZE", "const fn xen_abi::macros::ring::flex_ring_size"),
    ("XEN_FRONT_RING_INIT", "both of SHARED_RING_INIT and FRONT_RING_INIT"),
    ("XEN_GUEST_HANDLE", "names a handle type by token pasting: xen_abi::GuestHandle<T>"),
    ("XEN_GUEST_HANDLE_64", "names a handle type by token pasting: xen_abi::GuestHandle64<T>"),
    ("XEN_GUEST_HANDLE_PARAM", "names a handle type by token pasting: xen_abi::GuestHandle<T>"),
    ("XEN_HVM_VIOAPIC", "declares a structure; the generated hvm_hw_vioapic takes its place"),
    ("XEN_RING_NR_UNCONSUMED_REQUESTS", "const fn xen_abi::macros::ring::nr_unconsumed_requests"),
    ("XEN_RING_NR_UNCONSUMED_RESPONSES", "const fn xen_abi::macros::ring::nr_unconsumed_responses"),
    ("XEN_VSCSIIF_RSLT_HOST", "const fn xen_abi::macros::vscsiif::xen_vscsiif_rslt_host"),
    ("XEN_VSCSIIF_RSLT_STATUS", "const fn xen_abi::macros::vscsiif::xen_vscsiif_rslt_status"),
    ("XSD_ERROR", "stringises the C library's errno names; xen_abi::Errno::name has them"),
    ("__CONST_RING_SIZE", "const fn xen_abi::macros::ring::const_ring_size"),
    ("__DECL_REG", "declares a register and its aliases; the generated structure has them"),
    ("__DECL_REG_HI", "declares a register and its aliases; the generated structure has them"),
    ("__DECL_REG_LO16", "declares a register and its aliases; the generated structure has them"),
    ("__DECL_REG_LO8", "declares a register and its aliases; the generated structure has them"),
    ("__DECL_REG_LOHI", "declares a register and its aliases; the generated structure has them"),
    ("__DEFINE_XEN_GUEST_HANDLE", "declares handle types by token pasting; xen_abi::GuestHandle<T> is all of them"),
    ("__RD16", "one step of __RD32"),
    ("__RD2", "one step of __RD32"),
    ("__RD32", "const fn xen_abi::macros::ring::round_down_pow2"),
    ("__RD4", "one step of __RD32"),
    ("__RD8", "one step of __RD32"),
    ("__RING_SIZE", "const fn xen_abi::macros::ring::ring_size"),
    ("__XEN_GUEST_HANDLE", "names a handle type by token pasting: xen_abi::GuestHandle<T>"),
    ("__XEN_GUEST_HANDLE_64", "names a handle type by token pasting: xen_abi::GuestHandle64<T>"),
    ("___DEFINE_XEN_GUEST_HANDLE", "declares handle types by token pasting; xen_abi::GuestHandle<T> is all of them"),
    ("__xen_mk_uint", "gives a literal its suffix in C and none in assembly"),
    ("__xen_mk_ullong", "gives a literal its suffix in C and none in assembly"),
    ("__xen_mk_ulong", "gives a literal its suffix in C and none in assembly"),
    ("get_xen_guest_handle", "reads the address in a handle: the methods of xen_abi::GuestHandle"),
    ("set_xen_guest_handle", "stores an address in a handle: the constructors of xen_abi::GuestHandle"),
    ("set_xen_guest_handle_raw", "stores an address in a handle: the constructors of xen_abi::GuestHandle"),
    ("usbif_pipebulk", "const fn xen_abi::macros::usbif::usbif_pipebulk"),
    ("usbif_pipectrl", "const fn xen_abi::macros::usbif::usbif_pipectrl"),
    ("usbif_pipedevice", "const fn xen_abi::macros::usbif::usbif_pipedevice"),
    ("usbif_pipeendpoint", "const fn xen_abi::macros::usbif::usbif_pipeendpoint"),
    ("usbif_pipein", "const fn xen_abi::macros::usbif::usbif_pipein"),
    ("usbif_pipeint", "const fn xen_abi::macros::usbif::usbif_pipeint"),
    ("usbif_pipeisoc", "const fn xen_abi::macros::usbif::usbif_pipeisoc"),
    ("usbif_pipeout", "const fn xen_abi::macros::usbif::usbif_pipeout"),
    ("usbif_pipeportnum", "const fn xen_abi::macros::usbif::usbif_pipeportnum"),
    ("usbif_pipesubmit", "const fn xen_abi::macros::usbif::usbif_pipesubmit"),
    ("usbif_pipetype", "const fn xen_abi::macros::usbif::usbif_pipetype"),
    ("usbif_pipeunlink", "const fn xen_abi::macros::usbif::usbif_pipeunlink"),
    ("usbif_setportnum_pipe", "const fn xen_abi::macros::usbif::usbif_setportnum_pipe"),
    ("usbif_setunlink_pipe", "const fn xen_abi::macros::usbif::usbif_setunlink_pipe"),
    ("x86_mcinfo_first", "a cast of mc_info.mi_data; the first entry is at offset 0 of it"),
    ("x86_mcinfo_lookup", "const fn xen_abi::macros::xen_mca::x86_mcinfo_lookup"),
    ("x86_mcinfo_nentries", "the member mc_info.mi_nentries"),
    ("x86_mcinfo_next", "const fn xen_abi::macros::xen_mca::x86_mcinfo_next"),
    ("xen_cr3_to_pfn", "const fn xen_abi::macros::cr3::xen_cr3_to_pfn"),
    ("xen_mb", "a barrier: core::sync::atomic::fence"),
    ("xen_mk_uint", "gives a literal its suffix in C and none in assembly"),
    ("xen_mk_ullong", "gives a literal its suffix in C and none in assembly"),
    ("xen_mk_ulong", "gives a literal its suffix in C and none in assembly"),
    ("xen_pfn_to_cr3", "const fn xen_abi::macros::cr3::xen_pfn_to_cr3"),
    ("xen_rmb", "a barrier: core::sync::atomic::fence"),
    ("xen_vcpu_physid_to_x86_acpiid", "const fn xen_abi::macros::vcpu::xen_vcpu_physid_to_x86_acpiid"),
    ("xen_vcpu_physid_to_x86_apicid", "const fn xen_abi::macros::vcpu::xen_vcpu_physid_to_x86_apicid"),
    ("xen_wmb", "a barrier: core::sync::atomic::fence"),
];

/// What takes the place of the function-like macro `name`, or why nothing does; `None` if the table
/// does not know it.
pub(crate) fn function_like(name: &str) -> Option<&'static str> {
    let found = FUNCTIONS.binary_search_by_key(&name, |(known, _)| known).ok()?;
    Some(FUNCTIONS[found].1)
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::path::Path;

    use super::*;

    const MACROS: &str = "xen_abi::macros::";

    #[test]
    fn sorted_without_duplicates() {
        for pair in FUNCTIONS.windows(2) {
            assert!(pair[0].0 < pair[1].0, "{} before {}", pair[0].0, pair[1].0);
        }
    }

    #[test]
    fn finds_each_and_no_other() {
        for (name, text) in FUNCTIONS {
            assert_eq!(function_like(name), Some(*text));
        }
        assert_eq!(function_like("RING"), None);
    }

    /// Every item of `xen_abi::macros` that the table names exists, and functions are named in one form
    /// only.
    #[test]
    fn names_what_exists() {
        for (name, text) in FUNCTIONS {
            let paths = text.match_indices(MACROS).map(|(at, _)| {
                let path = &text[at + MACROS.len()..];
                let end = path.find(|c: char| !c.is_alphanumeric() && c != '_' && c != ':');
                &path[..end.unwrap_or(path.len())]
            });
            let paths: Vec<_> = paths.collect();
            if let Some(path) = text.strip_prefix("const fn ") {
                assert_eq!(path.strip_prefix(MACROS), paths.first().copied(), "{name}");
            }
            for path in paths {
                assert!(exists(path), "{name}: {path}");
            }
        }
    }

    /// Whether `path`, a module and an item in it, is defined below `xen-abi/src/macros`.
    fn exists(path: &str) -> bool {
        let Some((module, item)) = path.split_once("::") else { return false };
        let item = item.split("::").last().unwrap_or(item);
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../xen-abi/src/macros");
        let Ok(source) = fs::read_to_string(root.join(module).with_extension("rs")) else {
            return false;
        };
        // One file makes its functions by a macro of its own, `name: ...`.
        let forms =
            ["fn ", "const ", "trait ", "type ", "    "].map(|before| format!("{before}{item}"));
        let ends = |rest: &str| rest.starts_with(['(', '<', ':', ';']);
        forms
            .iter()
            .any(|form| source.match_indices(form).any(|(at, _)| ends(&source[at + form.len()..])))
    }
}
