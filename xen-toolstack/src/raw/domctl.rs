//! The table of domctls.

/// The constants of one release, and the list `ALL` of their names and numbers.
///
/// A row says whether the operation is safe for the caller's memory, its name here and its number. For an
/// operation with an argument the type follows, and the member of the union with its constructor, whose
/// types prove that they belong together.
macro_rules! domctls {
    ($($since:ident)*) => {
        crate::raw::rows! { Domctl xen_domctl_u XEN_DOMCTL_INTERFACE_VERSION;
            safe destroydomain = XEN_DOMCTL_destroydomain;
            safe pausedomain = XEN_DOMCTL_pausedomain;
            safe unpausedomain = XEN_DOMCTL_unpausedomain;
            safe resumedomain = XEN_DOMCTL_resumedomain;
            safe soft_reset = XEN_DOMCTL_soft_reset;
            safe createdomain = XEN_DOMCTL_createdomain(xen_domctl_createdomain) createdomain from_createdomain;
            safe getdomaininfo = XEN_DOMCTL_getdomaininfo(xen_domctl_getdomaininfo) getdomaininfo from_getdomaininfo;
            unsafe getpageframeinfo3 = XEN_DOMCTL_getpageframeinfo3(xen_domctl_getpageframeinfo3) getpageframeinfo3 from_getpageframeinfo3;
            unsafe setvcpuaffinity = XEN_DOMCTL_setvcpuaffinity(xen_domctl_vcpuaffinity) vcpuaffinity from_vcpuaffinity;
            unsafe getvcpuaffinity = XEN_DOMCTL_getvcpuaffinity(xen_domctl_vcpuaffinity) vcpuaffinity from_vcpuaffinity;
            unsafe setnodeaffinity = XEN_DOMCTL_setnodeaffinity(xen_domctl_nodeaffinity) nodeaffinity from_nodeaffinity;
            unsafe getnodeaffinity = XEN_DOMCTL_getnodeaffinity(xen_domctl_nodeaffinity) nodeaffinity from_nodeaffinity;
            unsafe shadow_op = XEN_DOMCTL_shadow_op(xen_domctl_shadow_op) shadow_op from_shadow_op;
            safe max_mem = XEN_DOMCTL_max_mem(xen_domctl_max_mem) max_mem from_max_mem;
            unsafe setvcpucontext = XEN_DOMCTL_setvcpucontext(xen_domctl_vcpucontext) vcpucontext from_vcpucontext;
            unsafe getvcpucontext = XEN_DOMCTL_getvcpucontext(xen_domctl_vcpucontext) vcpucontext from_vcpucontext;
            safe getvcpuinfo = XEN_DOMCTL_getvcpuinfo(xen_domctl_getvcpuinfo) getvcpuinfo from_getvcpuinfo;
            safe max_vcpus = XEN_DOMCTL_max_vcpus(xen_domctl_max_vcpus) max_vcpus from_max_vcpus;
            unsafe scheduler_op = XEN_DOMCTL_scheduler_op(xen_domctl_scheduler_op) scheduler_op from_scheduler_op;
            safe setdomainhandle = XEN_DOMCTL_setdomainhandle(xen_domctl_setdomainhandle) setdomainhandle from_setdomainhandle;
            safe setdebugging = XEN_DOMCTL_setdebugging(xen_domctl_setdebugging) setdebugging from_setdebugging;
            safe irq_permission = XEN_DOMCTL_irq_permission(xen_domctl_irq_permission) irq_permission from_irq_permission;
            safe iomem_permission = XEN_DOMCTL_iomem_permission(xen_domctl_iomem_permission) iomem_permission from_iomem_permission;
            safe ioport_permission = XEN_DOMCTL_ioport_permission(xen_domctl_ioport_permission) ioport_permission from_ioport_permission;
            unsafe hypercall_init = XEN_DOMCTL_hypercall_init(xen_domctl_hypercall_init) hypercall_init from_hypercall_init;
            safe settimeoffset = XEN_DOMCTL_settimeoffset(xen_domctl_settimeoffset) settimeoffset from_settimeoffset;
            safe gettscinfo = XEN_DOMCTL_gettscinfo(xen_domctl_tsc_info) tsc_info from_tsc_info;
            safe settscinfo = XEN_DOMCTL_settscinfo(xen_domctl_tsc_info) tsc_info from_tsc_info;
            safe sendtrigger = XEN_DOMCTL_sendtrigger(xen_domctl_sendtrigger) sendtrigger from_sendtrigger;
            safe subscribe = XEN_DOMCTL_subscribe(xen_domctl_subscribe) subscribe from_subscribe;
            unsafe gethvmcontext = XEN_DOMCTL_gethvmcontext(xen_domctl_hvmcontext) hvmcontext from_hvmcontext;
            unsafe sethvmcontext = XEN_DOMCTL_sethvmcontext(xen_domctl_hvmcontext) hvmcontext from_hvmcontext;
            unsafe gethvmcontext_partial = XEN_DOMCTL_gethvmcontext_partial(xen_domctl_hvmcontext_partial) hvmcontext_partial from_hvmcontext_partial;
            safe set_address_size = XEN_DOMCTL_set_address_size(xen_domctl_address_size) address_size from_address_size;
            safe get_address_size = XEN_DOMCTL_get_address_size(xen_domctl_address_size) address_size from_address_size;
            unsafe assign_device = XEN_DOMCTL_assign_device(xen_domctl_assign_device) assign_device from_assign_device;
            unsafe test_assign_device = XEN_DOMCTL_test_assign_device(xen_domctl_assign_device) assign_device from_assign_device;
            unsafe deassign_device = XEN_DOMCTL_deassign_device(xen_domctl_assign_device) assign_device from_assign_device;
            unsafe get_device_group = XEN_DOMCTL_get_device_group(xen_domctl_get_device_group) get_device_group from_get_device_group;
            safe bind_pt_irq = XEN_DOMCTL_bind_pt_irq(xen_domctl_bind_pt_irq) bind_pt_irq from_bind_pt_irq;
            safe unbind_pt_irq = XEN_DOMCTL_unbind_pt_irq(xen_domctl_bind_pt_irq) bind_pt_irq from_bind_pt_irq;
            unsafe memory_mapping = XEN_DOMCTL_memory_mapping(xen_domctl_memory_mapping) memory_mapping from_memory_mapping;
            safe ioport_mapping = XEN_DOMCTL_ioport_mapping(xen_domctl_ioport_mapping) ioport_mapping from_ioport_mapping;
            unsafe set_ext_vcpucontext = XEN_DOMCTL_set_ext_vcpucontext(xen_domctl_ext_vcpucontext) ext_vcpucontext from_ext_vcpucontext;
            safe get_ext_vcpucontext = XEN_DOMCTL_get_ext_vcpucontext(xen_domctl_ext_vcpucontext) ext_vcpucontext from_ext_vcpucontext;
            safe set_target = XEN_DOMCTL_set_target(xen_domctl_set_target) set_target from_set_target;
            safe debug_op = XEN_DOMCTL_debug_op(xen_domctl_debug_op) debug_op from_debug_op;
            safe vm_event_op = XEN_DOMCTL_vm_event_op(xen_domctl_vm_event_op) vm_event_op from_vm_event_op;
            unsafe mem_sharing_op = XEN_DOMCTL_mem_sharing_op(xen_domctl_mem_sharing_op) mem_sharing_op from_mem_sharing_op;
            safe set_access_required = XEN_DOMCTL_set_access_required(xen_domctl_set_access_required) access_required from_access_required;
            safe audit_p2m = XEN_DOMCTL_audit_p2m(xen_domctl_audit_p2m) audit_p2m from_audit_p2m;
            safe set_virq_handler = XEN_DOMCTL_set_virq_handler(xen_domctl_set_virq_handler) set_virq_handler from_set_virq_handler;
            unsafe set_broken_page_p2m = XEN_DOMCTL_set_broken_page_p2m(xen_domctl_set_broken_page_p2m) set_broken_page_p2m from_set_broken_page_p2m;
            safe cacheflush = XEN_DOMCTL_cacheflush(xen_domctl_cacheflush) cacheflush from_cacheflush;
            unsafe setvnumainfo = XEN_DOMCTL_setvnumainfo(xen_domctl_vnuma) vnuma from_vnuma;
            safe psr_cmt_op = XEN_DOMCTL_psr_cmt_op(xen_domctl_psr_cmt_op) psr_cmt_op from_psr_cmt_op;
            safe psr_alloc = XEN_DOMCTL_psr_alloc(xen_domctl_psr_alloc) psr_alloc from_psr_alloc;
            safe monitor_op = XEN_DOMCTL_monitor_op(xen_domctl_monitor_op) monitor_op from_monitor_op;
            safe vuart_op = XEN_DOMCTL_vuart_op(xen_domctl_vuart_op) vuart_op from_vuart_op;
            safe vmtrace_op = XEN_DOMCTL_vmtrace_op(xen_domctl_vmtrace_op) vmtrace_op from_vmtrace_op;
            safe get_paging_mempool_size = XEN_DOMCTL_get_paging_mempool_size(xen_domctl_paging_mempool) paging_mempool from_paging_mempool;
            safe set_paging_mempool_size = XEN_DOMCTL_set_paging_mempool_size(xen_domctl_paging_mempool) paging_mempool from_paging_mempool;
            unsafe gdbsx_guestmemio = XEN_DOMCTL_gdbsx_guestmemio(xen_domctl_gdbsx_memio) gdbsx_guest_memio from_gdbsx_guest_memio;
            safe gdbsx_pausevcpu = XEN_DOMCTL_gdbsx_pausevcpu(xen_domctl_gdbsx_pauseunp_vcpu) gdbsx_pauseunp_vcpu from_gdbsx_pauseunp_vcpu;
            safe gdbsx_unpausevcpu = XEN_DOMCTL_gdbsx_unpausevcpu(xen_domctl_gdbsx_pauseunp_vcpu) gdbsx_pauseunp_vcpu from_gdbsx_pauseunp_vcpu;
            safe gdbsx_domstatus = XEN_DOMCTL_gdbsx_domstatus(xen_domctl_gdbsx_domstatus) gdbsx_domstatus from_gdbsx_domstatus;
        }
        #[cfg(any(target_arch = "x86", target_arch = "x86_64"))]
        crate::raw::rows! { Domctl xen_domctl_u XEN_DOMCTL_INTERFACE_VERSION;
            unsafe get_cpu_policy = XEN_DOMCTL_get_cpu_policy(xen_domctl_cpu_policy) cpu_policy from_cpu_policy;
            unsafe set_cpu_policy = XEN_DOMCTL_set_cpu_policy(xen_domctl_cpu_policy) cpu_policy from_cpu_policy;
            unsafe setvcpuextstate = XEN_DOMCTL_setvcpuextstate(xen_domctl_vcpuextstate) vcpuextstate from_vcpuextstate;
            unsafe getvcpuextstate = XEN_DOMCTL_getvcpuextstate(xen_domctl_vcpuextstate) vcpuextstate from_vcpuextstate;
            unsafe get_vcpu_msrs = XEN_DOMCTL_get_vcpu_msrs(xen_domctl_vcpu_msrs) vcpu_msrs from_vcpu_msrs;
            unsafe set_vcpu_msrs = XEN_DOMCTL_set_vcpu_msrs(xen_domctl_vcpu_msrs) vcpu_msrs from_vcpu_msrs;
        }
        $(crate::raw::domctl::additions! { $since })*
    };
}
pub(crate) use domctls;

/// What a release has and its predecessor lacks.
macro_rules! additions {
    (since_4_19) => {
        #[cfg(any(target_arch = "aarch64", target_arch = "arm"))]
        crate::raw::rows! { Domctl xen_domctl_u XEN_DOMCTL_INTERFACE_VERSION;
            unsafe dt_overlay = XEN_DOMCTL_dt_overlay(xen_domctl_dt_overlay) dt_overlay from_dt_overlay;
        }
    };
    (since_4_20) => {
        crate::raw::rows! { Domctl xen_domctl_u XEN_DOMCTL_INTERFACE_VERSION;
            safe gsi_permission = XEN_DOMCTL_gsi_permission(xen_domctl_gsi_permission) gsi_permission from_gsi_permission;
            unsafe set_llc_colors = XEN_DOMCTL_set_llc_colors(xen_domctl_set_llc_colors) set_llc_colors from_set_llc_colors;
        }
    };
    (since_4_21) => {
        crate::raw::rows! { Domctl xen_domctl_u XEN_DOMCTL_INTERFACE_VERSION;
            stable get_domain_state = XEN_DOMCTL_get_domain_state(xen_domctl_get_domain_state) get_domain_state from_get_domain_state;
        }
    };
    ($other:ident) => {};
}
pub(crate) use additions;
