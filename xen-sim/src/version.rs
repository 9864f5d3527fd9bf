//! `xen_version`.

use xen_abi::errno::*;
use xen_abi::features::*;
use xen_abi::version::*;
use xen_abi::xen::domid_t;

use crate::abi::{COMPAT, VIRT_START, ulong};
use crate::config::{GuestKind, Release};
use crate::error::Answer;
use crate::record::HypercallRecord;
use crate::state::State;

/// Where Xen's part of a guest's address space begins on Arm.
const ARM_VIRT_START: u64 = 0x20_0000;
/// The text in place of one that a domain may not have, as C has it.
const DENIED: [u8; 9] = *b"<denied>\0";

const EXTRAVERSION: &str = ".0-sim";
const CHANGESET: &str = "xen-sim";
const COMMAND_LINE: &str = "console=sim";
const BUILD_ID: [u8; 20] = *b"xen-sim, a build id.";

/// `text` in an array of `N` bytes, cut to leave a terminating zero.
fn text<const N: usize>(text: &str) -> [u8; N] {
    let mut bytes = [0; N];
    for (to, from) in bytes.iter_mut().zip(text.bytes()).take(N.saturating_sub(1)) {
        *to = from;
    }
    bytes
}

impl State {
    pub(crate) fn xen_version(
        &mut self,
        caller: domid_t,
        arguments: [usize; 5],
    ) -> HypercallRecord {
        let (command, at) = (arguments[0] as u32, arguments[1]);
        let (major, minor) = self.release.number();
        // The operations that return a text of any length came with 4.18.
        let long = self.release >= Release::V4_20;
        let privileged = self.caller(caller).privileged;
        let (operation, answer) = match command {
            XENVER_version => {
                ("XENVER_version", Ok((isize::from(major as u8) << 16) | isize::from(minor as u8)))
            }
            XENVER_extraversion => (
                "XENVER_extraversion",
                self.tell::<xen_extraversion_t>(caller, at, text(EXTRAVERSION)),
            ),
            XENVER_capabilities => {
                let words = self.capabilities(caller);
                (
                    "XENVER_capabilities",
                    self.tell::<xen_capabilities_info_t>(caller, at, text(words)),
                )
            }
            XENVER_changeset => {
                ("XENVER_changeset", self.tell::<xen_changeset_info_t>(caller, at, text(CHANGESET)))
            }
            XENVER_compile_info => (
                "XENVER_compile_info",
                self.tell(
                    caller,
                    at,
                    xen_compile_info { compiler: text("rustc"), ..xen_compile_info::ZERO },
                ),
            ),
            XENVER_platform_parameters => {
                let parameters =
                    xen_platform_parameters { virt_start: ulong(self.virt_start(caller)) };
                ("XENVER_platform_parameters", self.tell(caller, at, parameters))
            }
            XENVER_commandline if !privileged => {
                ("XENVER_commandline", self.tell(caller, at, DENIED))
            }
            XENVER_commandline => (
                "XENVER_commandline",
                self.tell::<xen_commandline_t>(caller, at, text(COMMAND_LINE)),
            ),
            XENVER_build_id if !privileged => ("XENVER_build_id", Err(XEN_EPERM)),
            XENVER_build_id => ("XENVER_build_id", self.build_id(caller, at)),
            XENVER_extraversion2 if long => {
                ("XENVER_extraversion2", self.tell_all(caller, at, EXTRAVERSION.as_bytes()))
            }
            XENVER_capabilities2 if long => {
                let words = self.capabilities(caller);
                ("XENVER_capabilities2", self.tell_all(caller, at, words.as_bytes()))
            }
            XENVER_changeset2 if long => {
                ("XENVER_changeset2", self.tell_all(caller, at, CHANGESET.as_bytes()))
            }
            XENVER_commandline2 if long && !privileged => ("XENVER_commandline2", Err(XEN_EPERM)),
            XENVER_commandline2 if long => {
                ("XENVER_commandline2", self.tell_all(caller, at, COMMAND_LINE.as_bytes()))
            }
            XENVER_get_features => ("XENVER_get_features", self.get_features(caller, at)),
            XENVER_pagesize if at != 0 => ("XENVER_pagesize", Err(XEN_EINVAL)),
            XENVER_pagesize => ("XENVER_pagesize", Ok(4096)),
            XENVER_guest_handle => ("XENVER_guest_handle", self.tell(caller, at, [0_u8; 16])),
            _ => ("xen_version", Err(XEN_ENOSYS)),
        };
        HypercallRecord::new(caller, operation, answer)
    }

    fn tell<T: xen_abi::Plain>(&self, caller: domid_t, at: usize, value: T) -> Answer {
        self.write(caller, at, value)?;
        Ok(0)
    }

    /// The kinds of guests that the machine can run. The number has been that of the interface since Xen 3.0.
    fn capabilities(&self, caller: domid_t) -> &'static str {
        match self.caller(caller).kind {
            GuestKind::Arm => "xen-3.0-aarch64 xen-3.0-armv7l ",
            _ => "xen-3.0-x86_64 hvm-3.0-x86_32 hvm-3.0-x86_32p hvm-3.0-x86_64 ",
        }
    }

    /// Returns the number of bytes, and writes them to the buffer after the number that gives its
    /// size.
    fn tell_all(&self, caller: domid_t, at: usize, bytes: &[u8]) -> Answer {
        if at != 0 {
            let size: u32 = self.read(caller, at)?;
            if bytes.len() > size as usize {
                return Err(XEN_ENOBUFS);
            }
            let place = at.wrapping_add(size_of::<u32>());
            for (index, byte) in bytes.iter().enumerate() {
                self.write_at(caller, place, index, *byte)?;
            }
        }
        Ok(bytes.len() as isize)
    }

    fn get_features(&mut self, caller: domid_t, at: usize) -> Answer {
        let mut op: xen_feature_info = self.read(caller, at)?;
        if op.submap_idx != 0 {
            return Err(XEN_EINVAL);
        }
        op.submap = self.features(caller).into_iter().fold(0, |map, feature| map | 1 << feature);
        self.write(caller, at, op)?;
        Ok(0)
    }

    fn features(&self, caller: domid_t) -> Vec<u32> {
        let domain = self.caller(caller);
        let x86 = domain.kind != GuestKind::Arm;
        let mut features = vec![XENFEAT_memory_op_vnode_supported];
        if domain.is_translated() {
            features.extend([XENFEAT_writable_page_tables, XENFEAT_auto_translated_physmap]);
        }
        match domain.kind {
            GuestKind::Pv => features.extend([
                XENFEAT_mmu_pt_update_preserve_ad,
                XENFEAT_highmem_assist,
                XENFEAT_gnttab_map_avail_bits,
            ]),
            GuestKind::Pvh => {
                features.extend([XENFEAT_hvm_safe_pvclock, XENFEAT_hvm_callback_vector]);
            }
            GuestKind::Arm => features.push(XENFEAT_ARM_SMCCC_supported),
        }
        if domain.privileged {
            // Where older releases build a domain themselves, and its kernel's ELF notes say "yes" to PAE, as those
            // of 64-bit kernels do. Toolstacks look at these notes for kernels of 32 bits only.
            if domain.kind == GuestKind::Pv && self.release < Release::V4_20 {
                features.push(XENFEAT_pae_pgdir_above_4gb);
            }
            features.push(XENFEAT_dom0);
        }
        if self.release >= Release::V4_17 {
            let direct = domain.in_place || !domain.is_translated();
            features.push(if direct { XENFEAT_direct_mapped } else { XENFEAT_not_direct_mapped });
        }
        if self.release >= Release::V4_20 {
            features.push(XENFEAT_runstate_phys_area);
            if x86 {
                features.extend([XENFEAT_vcpu_time_phys_area, XENFEAT_dm_msix_all_writes]);
            }
        }
        features
    }

    /// Where Xen's part of the caller's address space begins. 4.18 stopped telling translated guests; those with
    /// 32 bits were told nothing of use.
    fn virt_start(&self, caller: domid_t) -> u64 {
        match self.caller(caller).kind {
            GuestKind::Pv => VIRT_START,
            _ if self.release >= Release::V4_20 => 0,
            GuestKind::Pvh if COMPAT && self.release == Release::V4_14 => u32::MAX.into(),
            GuestKind::Pvh if COMPAT => 0,
            GuestKind::Pvh => VIRT_START,
            GuestKind::Arm => ARM_VIRT_START,
        }
    }

    fn build_id(&self, caller: domid_t, at: usize) -> Answer {
        // Before 4.18 an empty buffer was an error of its own.
        if at != 0 && self.release < Release::V4_20 && self.read::<u32>(caller, at)? == 0 {
            return Err(XEN_EINVAL);
        }
        self.tell_all(caller, at, &BUILD_ID)
    }
}
