//! `FLASK_*`: the security module Flask.
//!
//! A label is a security context, a text; a SID is its number while the policy is loaded. Where Flask is
//! not the security module, as by default and with SILO, each operation fails with `ENOSYS`. Where it is,
//! its policy says who may do what: `EACCES`.
//!
//! Two commands do nothing any more, and have no function: `FLASK_USER` and `FLASK_DISABLE`.
//!
//! Upstream: `xen/include/public/xsm/flask_op.h`.

use xen_abi::event_channel::evtchn_port_t;
use xen_abi::xen::__HYPERVISOR_xsm_op;
use xen_abi::xsm::flask_op::*;

use super::hypercalls;

/// The number that says that [`getbool_by_name`] and [`setbool_by_name`] have a name instead.
const BY_NAME: u32 = u32::MAX;

/// Puts a value into effect at once.
const COMMIT: u8 = 1;

hypercalls! {
    unsafe hypercall __HYPERVISOR_xsm_op(argument);
    structure xen_flask_op {
        cmd: command,
        interface_version = XEN_FLASK_INTERFACE_VERSION,
        u: union xen_flask_op_u,
    }
    commands FLASK_*;
    callers pv, hvm, arm as OPERATIONS;

    /// Loads a policy, in binary form, or replaces the one that is loaded.
    ///
    /// # Errors
    ///
    /// In the order of Xen's checks: `EACCES`, `EINVAL` (more than 64 MiB), `ENOMEM`, `EINVAL` (not a policy).
    single load = FLASK_LOAD {
        in buffer: [u8] counted by size,
    } -> errno;

    /// Whether the policy is enforced: 1 or 0.
    single getenforce = FLASK_GETENFORCE -> value;

    /// Enforces the policy, or with 0 only logs what it denies.
    single setenforce = FLASK_SETENFORCE: enforce {
        in enforcing: u32,
    } -> errno;

    /// The SID of a context.
    ///
    /// # Errors
    ///
    /// In the order of Xen's checks: `EACCES`, `ENOBUFS` (more than a page), `ENOMEM`, `EINVAL` (no context of
    /// the policy).
    single context_to_sid = FLASK_CONTEXT_TO_SID: sid_context {
        in context: [u8] counted by size,
        out sid: u32,
    } -> errno;

    /// The context of a SID, and how many bytes of `context` it has.
    ///
    /// # Errors
    ///
    /// In the order of Xen's checks: `EACCES`, `EINVAL` (no such SID), `ENOMEM`, `ERANGE` (the context is
    /// longer).
    single sid_to_context = FLASK_SID_TO_CONTEXT: sid_context {
        in sid: u32,
        out context: [u8] counted by size,
        out size: u32,
    } -> errno;

    /// What the policy says when `ssid` asks for the permissions `req` on a `tsid` of class `tclass`.
    ///
    /// # Errors
    ///
    /// `EACCES`, `EINVAL` (no such class or SID).
    single access = FLASK_ACCESS {
        in ssid: u32,
        in tsid: u32,
        in tclass: u32,
        in req: u32,
        out allowed: u32,
        out audit_allow: u32,
        out audit_deny: u32,
        out seqno: u32,
    } -> errno;

    /// The SID of an object of class `tclass` that `ssid` creates from `tsid`.
    ///
    /// # Errors
    ///
    /// `EACCES`, `EINVAL` (no such SID), `ENOMEM`.
    single create = FLASK_CREATE: transition {
        in ssid: u32,
        in tsid: u32,
        in tclass: u32,
        out newsid: u32,
    } -> errno;

    /// The SID that `ssid` may change an object to.
    ///
    /// # Errors
    ///
    /// As [`create`].
    single relabel = FLASK_RELABEL: transition {
        in ssid: u32,
        in tsid: u32,
        in tclass: u32,
        out newsid: u32,
    } -> errno;

    /// The SID of a member of an object that exists once for each label.
    ///
    /// # Errors
    ///
    /// As [`create`].
    single member = FLASK_MEMBER: transition {
        in ssid: u32,
        in tsid: u32,
        in tclass: u32,
        out newsid: u32,
    } -> errno;

    /// The newest version of policies that Xen reads.
    single policyvers = FLASK_POLICYVERS -> value;

    /// The boolean of number `bool_id`: its values and its name, which has no 0 byte at the end.
    ///
    /// # Errors
    ///
    /// `ENOENT` (no such boolean), `ERANGE` (the name is longer).
    single getbool = FLASK_GETBOOL: boolean {
        in bool_id: u32,
        out enforcing: u8,
        out pending: u8,
        out size: u32,
        out name: [u8] counted by size,
    } -> errno;

    /// The boolean of a name: its number and its values.
    ///
    /// # Errors
    ///
    /// `ENOBUFS` (more than a page), `ENOMEM`, `ENOENT` (no such boolean).
    single getbool_by_name = FLASK_GETBOOL: boolean {
        bool_id = BY_NAME,
        in name: [u8] counted by size,
        out bool_id: u32,
        out enforcing: u8,
        out pending: u8,
    } -> errno;

    /// Sets what the boolean of number `bool_id` becomes with [`commitbools`], or at once if `commit` is not
    /// 0. Returns its value in effect and the pending one.
    ///
    /// # Errors
    ///
    /// `EACCES`, `ENOMEM`, `ENOENT` (no such boolean).
    single setbool = FLASK_SETBOOL: boolean {
        in bool_id: u32,
        in new_value: u8,
        in commit: u8,
        out enforcing: u8,
        out pending: u8,
    } -> errno;

    /// Sets the boolean of a name at once.
    ///
    /// # Errors
    ///
    /// `EACCES`, `ENOBUFS` (more than a page), `ENOMEM`, `ENOENT` (no such boolean).
    single setbool_by_name = FLASK_SETBOOL: boolean {
        bool_id = BY_NAME,
        commit = COMMIT,
        in name: [u8] counted by size,
        in new_value: u8,
    } -> errno;

    /// Puts all pending booleans into effect.
    ///
    /// # Errors
    ///
    /// `EACCES`, `ENOMEM`.
    single commitbools = FLASK_COMMITBOOLS -> errno;

    /// Whether the policy has security levels: 1 or 0.
    single mls = FLASK_MLS -> value;

    /// How many entries the cache of decisions may have.
    single getavc_threshold = FLASK_GETAVC_THRESHOLD -> value;

    /// Sets how many entries the cache of decisions may have.
    ///
    /// # Errors
    ///
    /// `EACCES`.
    single setavc_threshold = FLASK_SETAVC_THRESHOLD {
        in threshold: u32,
    } -> errno;

    /// How the cache of decisions is filled.
    single avc_hashstats = FLASK_AVC_HASHSTATS: hash_stats {
        out entries: u32,
        out buckets_used: u32,
        out buckets_total: u32,
        out max_chain_len: u32,
    } -> errno;

    /// How a physical CPU has used the cache of decisions. `ENOSYS` if Xen was built without.
    ///
    /// # Errors
    ///
    /// `ENOENT`: the CPU is not online.
    single avc_cachestats = FLASK_AVC_CACHESTATS: cache_stats {
        in cpu: u32,
        out lookups: u32,
        out hits: u32,
        out misses: u32,
        out allocations: u32,
        out reclaims: u32,
        out frees: u32,
    } -> errno;

    /// Labels a range of resources: 1 is interrupts, 2 I/O ports, 3 memory frames, 4 PCI devices.
    ///
    /// # Errors
    ///
    /// In the order of Xen's checks: `EINVAL` (`low` above `high`), `EACCES`, `EINVAL` (no such kind),
    /// `EEXIST` (a part of the range has a label), `ENOMEM`.
    single add_ocontext = FLASK_ADD_OCONTEXT: ocontext {
        in ocon: u32,
        in sid: u32,
        in low: u64,
        in high: u64,
    } -> errno;

    /// Removes the label of a range of resources.
    ///
    /// # Errors
    ///
    /// In the order of Xen's checks: `EINVAL` (`low` above `high`), `EACCES`, `EINVAL` (no such kind),
    /// `ENOENT` (the range has no label).
    single del_ocontext = FLASK_DEL_OCONTEXT: ocontext {
        in ocon: u32,
        in low: u64,
        in high: u64,
    } -> errno;

    /// The SID of the domain at the other end of an event channel.
    ///
    /// # Errors
    ///
    /// `EINVAL`: the port is not connected to another domain.
    single get_peer_sid = FLASK_GET_PEER_SID: peersid {
        in evtchn: evtchn_port_t,
        out sid: u32,
    } -> errno;

    /// Changes the label of a domain, or of the caller with `DOMID_SELF`.
    ///
    /// # Errors
    ///
    /// `ESRCH` (no such domain), `EACCES`.
    single relabel_domain = FLASK_RELABEL_DOMAIN: relabel {
        in domid: u32,
        in sid: u32,
    } -> errno;

    /// Labels a node of the device tree; SID 0 removes its label.
    ///
    /// # Errors
    ///
    /// In the order of Xen's checks: `EACCES`, `ENOBUFS` (more than a page), `ENOMEM`, `EEXIST` (it has a
    /// label), `ENOENT` (it has none to remove).
    single devicetree_label = FLASK_DEVICETREE_LABEL {
        in sid: u32,
        in path: [u8] counted by length,
    } -> errno;
}
