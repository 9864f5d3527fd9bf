//! The sets of flags among the constants: each becomes a type, so that flags of two sets do not mix.
//!
//! C has an integer for each of them. A set is in the table if a member of a structure holds flags of one
//! set; beside them it may hold a number in bits of its own. What is no set of flags stays an integer: bit
//! numbers (`XENFEAT_*`, `_GNTMAP_*`), values of which one is chosen (`XENMAPSPACE_*`), and flags that
//! share a machine word with an address (`UVMF_*`).

/// One set.
#[derive(Clone, Copy, Debug)]
pub(crate) struct FlagSet {
    /// The type in Rust.
    pub(crate) name: &'static str,
    /// The header that has the constants.
    pub(crate) header: &'static str,
    /// How the constants' names begin.
    prefix: &'static str,
    /// Names that begin so and are no flags: shifts, and the greatest flag under a second name.
    except: &'static [&'static str],
    /// The structures and members that hold the set. The first says which integer it is.
    pub(crate) members: &'static [(&'static str, &'static str)],
    /// The values of a number in the same word, and the mask of its bits.
    pub(crate) number: Option<(&'static str, &'static [&'static str])>,
    /// What the flags say, in our words.
    pub(crate) about: &'static str,
}

impl FlagSet {
    const fn new(
        name: &'static str,
        header: &'static str,
        prefix: &'static str,
        members: &'static [(&'static str, &'static str)],
        about: &'static str,
    ) -> Self {
        Self { name, header, prefix, except: &[], members, number: None, about }
    }

    const fn except(self, except: &'static [&'static str]) -> Self {
        Self { except, ..self }
    }

    /// Whether the constant `name` is of this set, if it is in the set's header.
    pub(crate) fn has(&self, name: &str) -> bool {
        name.starts_with(self.prefix)
            && !self.except.iter().any(|except| name[self.prefix.len()..].starts_with(except))
    }

    /// The constants, as C's documentation names a family.
    pub(crate) fn family(&self) -> String {
        format!("{}*", self.prefix)
    }
}

/// The set called `name`.
pub(crate) fn named(name: &str) -> Option<&'static FlagSet> {
    SETS.iter().find(|set| set.name == name)
}

/// Every set, by header.
pub(crate) const SETS: &[FlagSet] = &[
    FlagSet::new(
        "ArgoRingFlags",
        "argo.h",
        "XEN_ARGO_RING_",
        &[("xen_argo_ring_data_ent", "flags")],
        "The state of a destination ring.",
    ),
    FlagSet::new(
        "EmulationFlags",
        "arch-x86/xen.h",
        "XEN_X86_EMU_",
        &[("xen_arch_domainconfig", "emulation_flags")],
        "The devices that Xen emulates for a domain.",
    ),
    FlagSet::new(
        "CallbackFlags",
        "callback.h",
        "CALLBACKF_",
        &[("callback_register", "flags")],
        "How a callback is entered.",
    ),
    FlagSet::new(
        "CreateDomainFlags",
        "domctl.h",
        "XEN_DOMCTL_CDF_",
        &[("xen_domctl_createdomain", "flags")],
        "What kind of domain is created, and what it may use.",
    )
    .except(&["MAX"]),
    FlagSet::new(
        "IommuOptions",
        "domctl.h",
        "XEN_DOMCTL_IOMMU_",
        &[("xen_domctl_createdomain", "iommu_opts")],
        "How a domain uses the IOMMU.",
    )
    .except(&["MAX"]),
    FlagSet::new(
        "DomainInfoFlags",
        "domctl.h",
        "XEN_DOMINF_",
        &[("xen_domctl_getdomaininfo", "flags")],
        "The state of a domain. The bits of `XEN_DOMINF_shutdownmask`, `XEN_DOMINF_shutdownshift` up, hold the \
         reason of a shutdown.",
    )
    .except(&["shutdownmask", "shutdownshift"]),
    FlagSet::new(
        "AffinityFlags",
        "domctl.h",
        "XEN_VCPUAFFINITY_",
        &[("xen_domctl_vcpuaffinity", "flags")],
        "Which of a virtual CPU's two affinities are meant.",
    ),
    FlagSet::new(
        "BindPirqFlags",
        "event_channel.h",
        "BIND_PIRQ__",
        &[("evtchn_bind_pirq", "flags")],
        "How a physical interrupt is bound to a port.",
    ),
    FlagSet {
        number: Some((
            "GTF_type_mask",
            &["GTF_permit_access", "GTF_accept_transfer", "GTF_transitive"],
        )),
        ..FlagSet::new(
            "GrantEntryFlags",
            "grant_table.h",
            "GTF_",
            &[("grant_entry_v1", "flags"), ("grant_entry_header", "flags")],
            "The type of a grant, which is a number in the bits of `GTF_type_mask`, and its flags.",
        )
    },
    FlagSet::new(
        "GrantMapFlags",
        "grant_table.h",
        "GNTMAP_",
        &[("gnttab_map_grant_ref", "flags")],
        "How a grant is mapped. The bits of `GNTMAP_guest_avail_mask` are the guest's own.",
    ),
    FlagSet::new(
        "GrantCopyFlags",
        "grant_table.h",
        "GNTCOPY_",
        &[("gnttab_copy", "flags"), ("gntdev_grant_copy_segment", "flags")],
        "Which sides of a copy are grants.",
    ),
    FlagSet::new(
        "CacheFlushFlags",
        "grant_table.h",
        "GNTTAB_CACHE_",
        &[("gnttab_cache_flush", "op")],
        "What is done to the cache lines of a page.",
    ),
    FlagSet::new(
        "IoreqServerInfoFlags",
        "hvm/dm_op.h",
        "XEN_DMOP_no_",
        &[("xen_dm_op_get_ioreq_server_info", "flags")],
        "What a device model does not ask for.",
    ),
    FlagSet::new(
        "IoreqMemAccessFlags",
        "hvm/dm_op.h",
        "XEN_DMOP_IOREQ_MEM_ACCESS_",
        &[("xen_dm_op_map_mem_type_to_ioreq_server", "flags")],
        "Which accesses to memory a device model handles.",
    ),
    FlagSet::new(
        "DiscardFlags",
        "io/blkif.h",
        "BLKIF_DISCARD_",
        &[("blkif_request_discard", "flag")],
        "How sectors are discarded.",
    ),
    FlagSet::new(
        "NetTxFlags",
        "io/netif.h",
        "NETTXF_",
        &[("netif_tx_request", "flags")],
        "What a request to transmit says about its packet.",
    ),
    FlagSet::new(
        "NetRxFlags",
        "io/netif.h",
        "NETRXF_",
        &[("netif_rx_response", "flags")],
        "What a response says about a received packet.",
    ),
    FlagSet::new(
        "NetExtraFlags",
        "io/netif.h",
        "XEN_NETIF_EXTRA_FLAG_",
        &[("netif_extra_info", "flags")],
        "What follows an extra slot.",
    ),
    FlagSet::new(
        "NetGrefFlags",
        "io/netif.h",
        "XEN_NETIF_CTRLF_GREF_",
        &[("xen_netif_gref", "flags")],
        "How a grant is mapped for later use.",
    ),
    FlagSet::new(
        "GntallocFlags",
        "linux/gntalloc.h",
        "GNTALLOC_FLAG_",
        &[("ioctl_gntalloc_alloc_gref", "flags")],
        "How pages are granted.",
    ),
    FlagSet::new(
        "UnmapNotifyFlags",
        "linux/gntalloc.h",
        "UNMAP_NOTIFY_",
        &[("ioctl_gntalloc_unmap_notify", "action"), ("ioctl_gntdev_unmap_notify", "action")],
        "What the kernel does when the last mapping goes.",
    ),
    FlagSet::new(
        "DmabufFlags",
        "linux/gntdev.h",
        "GNTDEV_DMA_FLAG_",
        &[
            ("ioctl_gntdev_dmabuf_exp_from_refs", "flags"),
            ("ioctl_gntdev_dmabuf_imp_to_refs", "flags"),
        ],
        "What kind of memory a dma-buf is made of.",
    ),
    FlagSet::new(
        "IrqfdFlags",
        "linux/privcmd.h",
        "PRIVCMD_IRQFD_FLAG_",
        &[("privcmd_irqfd", "flags")],
        "Whether an eventfd is assigned to an interrupt or taken from it.",
    ),
    FlagSet::new(
        "IoeventfdFlags",
        "linux/privcmd.h",
        "PRIVCMD_IOEVENTFD_FLAG_",
        &[("privcmd_ioeventfd", "flags")],
        "Whether an eventfd is assigned to an address or taken from it.",
    ),
    FlagSet::new(
        "MemoryFlags",
        "memory.h",
        "XENMEMF_",
        &[("xen_memory_reservation", "mem_flags")],
        "Where memory is allocated. The low byte may hold a width of addresses in bits, the next one a node \
         plus 1.",
    ),
    FlagSet::new(
        "ForkFlags",
        "memory.h",
        "XENMEM_FORK_",
        &[("mem_sharing_op_fork", "flags")],
        "What is done to a fork of a domain.",
    ),
    FlagSet::new(
        "IrqStatusFlags",
        "physdev.h",
        "XENIRQSTAT_",
        &[("physdev_irq_status_query", "flags")],
        "What a physical interrupt asks of the domain.",
    ),
    FlagSet::new(
        "PciDeviceFlags",
        "physdev.h",
        "XEN_PCI_DEV_",
        &[("physdev_pci_device_add", "flags")],
        "What kind of function a PCI device is.",
    ),
    FlagSet::new(
        "PcpuFlags",
        "platform.h",
        "XEN_PCPU_FLAGS_",
        &[("xenpf_pcpuinfo", "flags")],
        "The state of a physical CPU.",
    ),
    FlagSet::new(
        "PhysicalCapabilities",
        "sysctl.h",
        "XEN_SYSCTL_PHYSCAP_",
        &[("xen_sysctl_physinfo", "capabilities")],
        "What the machine and its hypervisor can do.",
    )
    .except(&["MAX", "ARM_", "X86_"]),
    FlagSet::new(
        "SingleshotFlags",
        "vcpu.h",
        "VCPU_SSHOTTMR_",
        &[("vcpu_set_singleshot_timer", "flags")],
        "What happens to a time that has passed.",
    ),
    FlagSet::new(
        "VmEventFlags",
        "vm_event.h",
        "VM_EVENT_FLAG_",
        &[("vm_event_st", "flags")],
        "What an event says of its virtual CPU, and what the answer asks of Xen.",
    ),
    FlagSet::new(
        "MemAccessFlags",
        "vm_event.h",
        "MEM_ACCESS_",
        &[("vm_event_mem_access", "flags")],
        "Which access violated the permissions of a page.",
    ),
    FlagSet::new(
        "MemPagingFlags",
        "vm_event.h",
        "MEM_PAGING_",
        &[("vm_event_paging", "flags")],
        "How a page that was paged out is dealt with.",
    ),
    FlagSet::new(
        "StartInfoFlags",
        "xen.h",
        "SIF_",
        &[("start_info", "flags"), ("hvm_start_info", "flags")],
        "What a domain is told of its privileges and modules. The bits of `SIF_PM_MASK` hold options of power \
         management.",
    ),
];

#[cfg(test)]
mod tests {
    use super::SETS;

    #[test]
    fn no_constant_and_no_member_is_of_two_sets() {
        for (index, set) in SETS.iter().enumerate() {
            for other in &SETS[..index] {
                let shared = set.header == other.header && set.prefix.starts_with(other.prefix);
                assert!(!shared, "{} and {}", set.prefix, other.prefix);
                assert!(set.members.iter().all(|member| !other.members.contains(member)));
                assert_ne!(set.name, other.name);
            }
        }
    }
}
