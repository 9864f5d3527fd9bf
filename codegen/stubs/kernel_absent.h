/* Structures that only the kernel's own headers of the architecture define. What holds one is left out. */
#ifndef XEN_ABI_ABSENT
#define XEN_ABI_ABSENT
struct arch_vcpu_info { char absent; };
struct arch_shared_info { char absent; };
struct pvclock_vcpu_time_info { char absent; };
struct pvclock_wall_clock { char absent; };
struct xen_pmu_arch { char absent; };
/* The length of an array that is left out with them. A number would be taken for a constant of the headers. */
#define MAX_VIRT_CPUS sizeof(char)
#endif
