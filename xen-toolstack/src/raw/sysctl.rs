//! The table of sysctls.

/// The constants of one release: as for domctls.
macro_rules! sysctls {
    ($($since:ident)*) => {
        crate::raw::rows! { Sysctl xen_sysctl_u XEN_SYSCTL_INTERFACE_VERSION;
            safe physinfo = XEN_SYSCTL_physinfo(xen_sysctl_physinfo) physinfo from_physinfo;
            safe sched_id = XEN_SYSCTL_sched_id(xen_sysctl_sched_id) sched_id from_sched_id;
            safe availheap = XEN_SYSCTL_availheap(xen_sysctl_availheap) availheap from_availheap;
            safe cpu_hotplug = XEN_SYSCTL_cpu_hotplug(xen_sysctl_cpu_hotplug) cpu_hotplug from_cpu_hotplug;
            unsafe readconsole = XEN_SYSCTL_readconsole(xen_sysctl_readconsole) readconsole from_readconsole;
            unsafe tbuf_op = XEN_SYSCTL_tbuf_op(xen_sysctl_tbuf_op) tbuf_op from_tbuf_op;
            unsafe perfc_op = XEN_SYSCTL_perfc_op(xen_sysctl_perfc_op) perfc_op from_perfc_op;
            unsafe getdomaininfolist = XEN_SYSCTL_getdomaininfolist(xen_sysctl_getdomaininfolist) getdomaininfolist from_getdomaininfolist;
            unsafe debug_keys = XEN_SYSCTL_debug_keys(xen_sysctl_debug_keys) debug_keys from_debug_keys;
            unsafe getcpuinfo = XEN_SYSCTL_getcpuinfo(xen_sysctl_getcpuinfo) getcpuinfo from_getcpuinfo;
            unsafe get_pmstat = XEN_SYSCTL_get_pmstat(xen_sysctl_get_pmstat) get_pmstat from_get_pmstat;
            unsafe pm_op = XEN_SYSCTL_pm_op(xen_sysctl_pm_op) pm_op from_pm_op;
            unsafe page_offline_op = XEN_SYSCTL_page_offline_op(xen_sysctl_page_offline_op) page_offline from_page_offline;
            unsafe lockprof_op = XEN_SYSCTL_lockprof_op(xen_sysctl_lockprof_op) lockprof_op from_lockprof_op;
            unsafe cputopoinfo = XEN_SYSCTL_cputopoinfo(xen_sysctl_cputopoinfo) cputopoinfo from_cputopoinfo;
            unsafe pcitopoinfo = XEN_SYSCTL_pcitopoinfo(xen_sysctl_pcitopoinfo) pcitopoinfo from_pcitopoinfo;
            unsafe numainfo = XEN_SYSCTL_numainfo(xen_sysctl_numainfo) numainfo from_numainfo;
            unsafe cpupool_op = XEN_SYSCTL_cpupool_op(xen_sysctl_cpupool_op) cpupool_op from_cpupool_op;
            unsafe scheduler_op = XEN_SYSCTL_scheduler_op(xen_sysctl_scheduler_op) scheduler_op from_scheduler_op;
            unsafe coverage_op = XEN_SYSCTL_coverage_op(xen_sysctl_coverage_op) coverage_op from_coverage_op;
            safe psr_cmt_op = XEN_SYSCTL_psr_cmt_op(xen_sysctl_psr_cmt_op) psr_cmt_op from_psr_cmt_op;
            safe psr_alloc = XEN_SYSCTL_psr_alloc(xen_sysctl_psr_alloc) psr_alloc from_psr_alloc;
            unsafe get_cpu_featureset = XEN_SYSCTL_get_cpu_featureset(xen_sysctl_cpu_featureset) cpu_featureset from_cpu_featureset;
            unsafe livepatch_op = XEN_SYSCTL_livepatch_op(xen_sysctl_livepatch_op) livepatch from_livepatch;
        }
        #[cfg(any(target_arch = "x86", target_arch = "x86_64"))]
        crate::raw::rows! { Sysctl xen_sysctl_u XEN_SYSCTL_INTERFACE_VERSION;
            unsafe get_cpu_policy = XEN_SYSCTL_get_cpu_policy(xen_sysctl_cpu_policy) cpu_policy from_cpu_policy;
        }
        $(crate::raw::sysctl::additions! { $since })*
    };
}
pub(crate) use sysctls;

/// What only some releases have.
macro_rules! additions {
    (until_4_21) => {
        crate::raw::rows! { Sysctl xen_sysctl_u XEN_SYSCTL_INTERFACE_VERSION;
            safe get_cpu_levelling_caps = XEN_SYSCTL_get_cpu_levelling_caps(xen_sysctl_cpu_levelling_caps) cpu_levelling_caps from_cpu_levelling_caps;
        }
    };
    (since_4_18) => {
        #[cfg(any(target_arch = "aarch64", target_arch = "arm"))]
        crate::raw::rows! { Sysctl xen_sysctl_u XEN_SYSCTL_INTERFACE_VERSION;
            unsafe dt_overlay = XEN_SYSCTL_dt_overlay(xen_sysctl_dt_overlay) dt_overlay from_dt_overlay;
        }
    };
    ($other:ident) => {};
}
pub(crate) use additions;
