//! Which constants are commands of which hypercall, and which type each takes.
//!
//! The records have names and numbers. Which belong together follows from the names, as the table says.

use xen_records::model::{Constant, Item, Origin, Value};

use crate::index::Index;

/// What all numbers of hypercalls begin with.
const NUMBER: &str = "__HYPERVISOR_";

/// A hypercall with commands.
struct Family {
    /// Its name without [`NUMBER`].
    name: &'static str,
    header: &'static str,
    /// What its commands begin with.
    commands: &'static str,
    /// What the types of their arguments begin with.
    arguments: &'static str,
    /// The type of every argument, where it is one.
    argument: &'static str,
    /// Whether commands have capitals after the prefix. Elsewhere those are flags and bounds.
    capitals: bool,
}

const fn family(
    name: &'static str,
    header: &'static str,
    commands: &'static str,
    arguments: &'static str,
) -> Family {
    Family { name, header, commands, arguments, argument: "", capitals: false }
}

const FAMILIES: &[Family] = &[
    family("platform_op", "platform.h", "XENPF_", "xenpf_"),
    family("memory_op", "memory.h", "XENMEM_", "xen_"),
    family("xen_version", "version.h", "XENVER_", "xen_"),
    family("console_io", "xen.h", "CONSOLEIO_", "-"),
    family("grant_table_op", "grant_table.h", "GNTTABOP_", "gnttab_"),
    family("vm_assist", "xen.h", "VMASST_CMD_", "-"),
    family("vcpu_op", "vcpu.h", "VCPUOP_", "vcpu_"),
    Family {
        capitals: true,
        argument: "mmuext_op",
        ..family("mmuext_op", "xen.h", "MMUEXT_", "-")
    },
    Family { capitals: true, ..family("xsm_op", "xsm/flask_op.h", "FLASK_", "xen_flask_") },
    family("nmi_op", "nmi.h", "XENNMI_", "xennmi_"),
    family("sched_op", "sched.h", "SCHEDOP_", "sched_"),
    family("callback_op", "callback.h", "CALLBACKOP_", "callback_"),
    family("xenoprof_op", "xenoprof.h", "XENOPROF_", "xenoprof_"),
    family("event_channel_op", "event_channel.h", "EVTCHNOP_", "evtchn_"),
    family("physdev_op", "physdev.h", "PHYSDEVOP_", "physdev_"),
    family("hvm_op", "hvm/hvm_op.h", "HVMOP_", "xen_hvm_"),
    family("sysctl", "sysctl.h", "XEN_SYSCTL_", "xen_sysctl_"),
    family("domctl", "domctl.h", "XEN_DOMCTL_", "xen_domctl_"),
    family("kexec_op", "kexec.h", "KEXEC_CMD_", "xen_"),
    family("argo_op", "argo.h", "XEN_ARGO_OP_", "xen_argo_"),
    family("xenpmu_op", "pmu.h", "XENPMU_", "xen_pmu_"),
    family("dm_op", "hvm/dm_op.h", "XEN_DMOP_", "xen_dm_op_"),
    family("hypfs_op", "hypfs.h", "XEN_HYPFS_OP_", "xen_hypfs_"),
    family("mca", "arch-x86/xen-mca.h", "XEN_MC_", "xen_mc_"),
];

/// What the names of further constants begin with that look like commands: commands of commands, and flags.
const NO_COMMANDS: &[&str] = &[
    "FLASK_BOOL_",
    "HVMOP_altp2m_",
    "XENMEM_access_op_",
    "XENMEM_paging_op_",
    "XENMEM_resource_",
    "XENMEM_sharing_op_",
    "XENOPROF_last_op",
    "XEN_DMOP_no_gfns",
    "XEN_DOMCTL_vmtrace_disable",
    "XEN_DOMCTL_vmtrace_enable",
    "XEN_DOMCTL_vmtrace_get_option",
    "XEN_DOMCTL_vmtrace_output_position",
    "XEN_DOMCTL_vmtrace_reset_and_enable",
    "XEN_DOMCTL_vmtrace_set_option",
    "XEN_SYSCTL_cpu_featureset_",
    "XEN_SYSCTL_cpu_policy_",
    "XEN_SYSCTL_pm_op_",
];

/// Types that are not called like their command.
const ARGUMENTS: &[(&str, &str)] = &[
    ("XENMEM_increase_reservation", "xen_memory_reservation"),
    ("XENMEM_decrease_reservation", "xen_memory_reservation"),
    ("XENMEM_populate_physmap", "xen_memory_reservation"),
    ("XENMEM_claim_pages", "xen_memory_reservation"),
    ("XENMEM_exchange", "xen_memory_exchange"),
    ("XENMEM_machphys_compat_mfn_list", "xen_machphys_mfn_list"),
    ("XENMEM_machine_memory_map", "xen_memory_map"),
    ("XENMEM_memory_map", "xen_memory_map"),
    ("XENMEM_set_memory_map", "xen_foreign_memory_map"),
    ("XENMEM_set_pod_target", "xen_pod_target"),
    ("XENMEM_get_pod_target", "xen_pod_target"),
    ("XENMEM_acquire_resource", "xen_mem_acquire_resource"),
    ("XENMEM_access_op", "xen_mem_access_op"),
    ("XENMEM_paging_op", "xen_mem_paging_op"),
    ("XENMEM_sharing_op", "xen_mem_sharing_op"),
    ("XENVER_get_features", "xen_feature_info"),
    ("SCHEDOP_shutdown_code", "sched_shutdown"),
    ("VCPUOP_get_runstate_info", "vcpu_runstate_info"),
    ("VCPUOP_initialise", "vcpu_guest_context"),
    ("HVMOP_set_param", "xen_hvm_param"),
    ("HVMOP_get_param", "xen_hvm_param"),
    ("HVMOP_altp2m", "xen_hvm_altp2m_op"),
    ("PHYSDEVOP_apic_read", "physdev_apic"),
    ("PHYSDEVOP_apic_write", "physdev_apic"),
    ("PHYSDEVOP_alloc_irq_vector", "physdev_irq"),
    ("PHYSDEVOP_free_irq_vector", "physdev_irq"),
    ("PHYSDEVOP_manage_pci_add", "physdev_manage_pci"),
    ("PHYSDEVOP_manage_pci_remove", "physdev_manage_pci"),
    ("PHYSDEVOP_pci_device_remove", "physdev_pci_device"),
    ("PHYSDEVOP_restore_msi_ext", "physdev_pci_device"),
    ("PHYSDEVOP_prepare_msix", "physdev_pci_device"),
    ("PHYSDEVOP_release_msix", "physdev_pci_device"),
    ("PHYSDEVOP_pci_device_reset", "pci_device_reset"),
    ("XENPF_microcode_update", "xenpf_microcode_update"),
    ("XENPF_get_cpuinfo", "xenpf_pcpuinfo"),
    ("XENPF_get_cpu_version", "xenpf_pcpu_version"),
    ("XENPF_cpu_online", "xenpf_cpu_ol"),
    ("XENPF_cpu_offline", "xenpf_cpu_ol"),
    ("XENPF_cpu_hotadd", "xenpf_cpu_hotadd"),
    ("XENPF_mem_hotadd", "xenpf_mem_hotadd"),
    ("XENPF_get_symbol", "xenpf_symdata"),
    ("XENPF_get_ucode_revision", "xenpf_ucode_revision"),
    ("XENPMU_mode_get", "xen_pmu_params"),
    ("XENPMU_mode_set", "xen_pmu_params"),
    ("XENPMU_feature_get", "xen_pmu_params"),
    ("XENPMU_feature_set", "xen_pmu_params"),
    ("XENPMU_init", "xen_pmu_params"),
    ("XENPMU_finish", "xen_pmu_params"),
    ("XEN_DOMCTL_test_assign_device", "xen_domctl_assign_device"),
    ("XEN_DOMCTL_deassign_device", "xen_domctl_assign_device"),
    ("XEN_DOMCTL_unbind_pt_irq", "xen_domctl_bind_pt_irq"),
    ("XEN_DOMCTL_gettscinfo", "xen_domctl_tsc_info"),
    ("XEN_DOMCTL_settscinfo", "xen_domctl_tsc_info"),
    ("XEN_DOMCTL_setvnumainfo", "xen_domctl_vnuma"),
    ("XEN_DOMCTL_get_paging_mempool_size", "xen_domctl_paging_mempool"),
    ("XEN_DOMCTL_set_paging_mempool_size", "xen_domctl_paging_mempool"),
    ("XEN_DOMCTL_gdbsx_guestmemio", "xen_domctl_gdbsx_memio"),
    ("XEN_DOMCTL_gdbsx_pausevcpu", "xen_domctl_gdbsx_pauseunp_vcpu"),
    ("XEN_DOMCTL_gdbsx_unpausevcpu", "xen_domctl_gdbsx_pauseunp_vcpu"),
    ("XEN_DOMCTL_gethvmcontext_partial", "xen_domctl_hvmcontext_partial"),
    ("XENMEM_get_vnumainfo", "xen_vnuma_topology_info"),
    ("KEXEC_CMD_kexec", "xen_kexec_exec"),
    ("KEXEC_CMD_kexec_get_range", "xen_kexec_range"),
    ("XEN_DMOP_map_io_range_to_ioreq_server", "xen_dm_op_ioreq_server_range"),
    ("XEN_DMOP_unmap_io_range_from_ioreq_server", "xen_dm_op_ioreq_server_range"),
    ("XENNMI_register_callback", "xennmi_callback"),
    ("HVMOP_set_evtchn_upcall_vector", "xen_hvm_evtchn_upcall_vector"),
    ("VCPUOP_register_vcpu_time_memory_area", "vcpu_register_time_memory_area"),
    ("PHYSDEVOP_pirq_eoi_gmfn_v1", "physdev_pirq_eoi_gmfn"),
    ("PHYSDEVOP_pirq_eoi_gmfn_v2", "physdev_pirq_eoi_gmfn"),
    ("PHYSDEVOP_manage_pci_add_ext", "physdev_manage_pci_ext"),
    ("FLASK_CONTEXT_TO_SID", "xen_flask_sid_context"),
    ("FLASK_SID_TO_CONTEXT", "xen_flask_sid_context"),
    ("FLASK_CREATE", "xen_flask_transition"),
    ("FLASK_RELABEL", "xen_flask_transition"),
    ("FLASK_MEMBER", "xen_flask_transition"),
    ("FLASK_GETBOOL", "xen_flask_boolean"),
    ("FLASK_SETBOOL", "xen_flask_boolean"),
    ("FLASK_AVC_HASHSTATS", "xen_flask_hash_stats"),
    ("FLASK_AVC_CACHESTATS", "xen_flask_cache_stats"),
    ("FLASK_ADD_OCONTEXT", "xen_flask_ocontext"),
    ("FLASK_DEL_OCONTEXT", "xen_flask_ocontext"),
    ("FLASK_GET_PEER_SID", "xen_flask_peersid"),
    ("FLASK_RELABEL_DOMAIN", "xen_flask_relabel"),
    ("XENVER_guest_handle", "xen_domain_handle_t"),
];

/// A hypercall.
pub(crate) struct Hypercall<'a> {
    /// Its name without `__HYPERVISOR_`.
    pub(crate) name: &'a str,
    /// The constant that has its number.
    pub(crate) constant: &'a str,
    pub(crate) number: i128,
    /// In the order of their numbers.
    pub(crate) commands: Vec<Command<'a>>,
}

/// A command.
pub(crate) struct Command<'a> {
    pub(crate) constant: &'a str,
    pub(crate) number: i128,
    /// The type of its argument, if it is known.
    pub(crate) argument: Option<&'a str>,
}

/// All hypercalls, in the order of their numbers.
pub(crate) fn all<'a>(index: &Index<'a>) -> Vec<Hypercall<'a>> {
    let numbers = index.constants.values().filter_map(|thing| {
        let name = thing.name.strip_prefix(NUMBER)?;
        // Addresses have the prefix too.
        let is_name = name.starts_with(|c: char| c.is_ascii_lowercase());
        let number = number(thing.forms.first()?.item)?;
        let commands = commands(index, name);
        is_name.then_some(Hypercall { name, constant: thing.name, number, commands })
    });
    let mut all: Vec<_> = numbers.collect();
    all.sort_by_key(|hypercall| (hypercall.number, hypercall.name));
    all
}

fn commands<'a>(index: &Index<'a>, name: &str) -> Vec<Command<'a>> {
    let Some(family) = FAMILIES.iter().find(|family| family.name == name) else {
        return Vec::new();
    };
    let of_header = index
        .constants
        .values()
        .filter(|thing| thing.forms.first().is_some_and(|form| form.header == family.header));
    let found = of_header.filter_map(|thing| {
        let rest = thing.name.strip_prefix(family.commands)?;
        let is_command = rest.starts_with(|c: char| c.is_ascii_lowercase() || family.capitals)
            && !NO_COMMANDS.iter().any(|prefix| thing.name.starts_with(prefix));
        let number = number(thing.forms.first()?.item)?;
        let argument = argument(index, family, thing.name, rest);
        is_command.then_some(Command { constant: thing.name, number, argument })
    });
    let mut commands: Vec<_> = found.collect();
    commands.sort_by_key(|command| (command.number, command.constant));
    commands
}

fn argument<'a>(index: &Index<'a>, family: &Family, constant: &str, rest: &str) -> Option<&'a str> {
    if let Some((_, name)) = ARGUMENTS.iter().find(|(known, _)| *known == constant) {
        return known(index, name);
    }
    if !family.argument.is_empty() {
        return known(index, family.argument);
    }
    let rest = rest.to_lowercase();
    // What one command sets another gets, both in one type.
    let verbs = ["get_", "set_", "get", "set"];
    let object = verbs.iter().find_map(|verb| rest.strip_prefix(verb));
    let found = known(index, &format!("{}{rest}", family.arguments));
    let found = found.or_else(|| known(index, &format!("{}{rest}_t", family.arguments)));
    found.or_else(|| known(index, &format!("{}{}", family.arguments, object?)))
}

/// The type of that name, under the name that has the page.
fn known<'a>(index: &Index<'a>, name: &str) -> Option<&'a str> {
    let (name, _) = index.types.get_key_value(name)?;
    Some(index.alias(name).unwrap_or(name))
}

/// The number of a macro: commands are no enumerators.
fn number(item: &Item) -> Option<i128> {
    match item {
        Item::Constant(Constant {
            value: Value::Int { value, .. }, origin: Origin::Macro, ..
        }) => Some(*value),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_is_of_what_there_is() {
        let records = xen_records::records().unwrap();
        let index = Index::new(&records);
        let all = all(&index);
        for family in FAMILIES {
            let hypercall = all.iter().find(|hypercall| hypercall.name == family.name);
            let hypercall = hypercall.unwrap_or_else(|| panic!("no hypercall {}", family.name));
            assert!(!hypercall.commands.is_empty(), "{} has commands", family.name);
        }
        for hypercall in &all {
            let commands = &hypercall.commands;
            let same = commands.windows(2).filter(|pair| pair[0].number == pair[1].number);
            let same: Vec<_> = same.map(|pair| pair[1].constant).collect();
            // The same commands under names of other interface versions.
            let known = ["PHYSDEVOP_pirq_eoi_gmfn_v2", "XENPF_settime64"];
            assert!(same.iter().all(|name| known.contains(name)), "{same:?}: not all are commands");
        }
        for (constant, argument) in ARGUMENTS {
            let commands = all.iter().flat_map(|hypercall| &hypercall.commands);
            let command = commands.into_iter().find(|command| command.constant == *constant);
            let command = command.unwrap_or_else(|| panic!("no command {constant}"));
            assert_eq!(command.argument, Some(*argument), "{constant}");
        }
        // By the rule of names.
        let grants = all.iter().find(|hypercall| hypercall.name == "grant_table_op").unwrap();
        let copy =
            grants.commands.iter().find(|command| command.constant == "GNTTABOP_copy").unwrap();
        assert_eq!((copy.number, copy.argument), (5, Some("gnttab_copy")));
    }
}
