//! `xen_version`.

use xen_abi::errno::*;
use xen_abi::features::*;
use xen_abi::version::*;
use xen_abi::xen::domid_t;

use super::call;
use crate::config::Kind;
use crate::error::Answer;
use crate::machine::State;
use crate::transcript::Call;

/// Where Xen's part of a guest's address space begins on x86.
const VIRT_START: u64 = 0xffff_8000_0000_0000;

/// Room for `text` of `N` bytes, the rest zero.
fn text<const N: usize>(text: &str) -> [u8; N] {
    let mut bytes = [0; N];
    for (to, from) in bytes.iter_mut().zip(text.bytes()).take(N.saturating_sub(1)) {
        *to = from;
    }
    bytes
}

impl State {
    pub(crate) fn xen_version(&mut self, caller: domid_t, arguments: [usize; 5]) -> Call {
        let (command, at) = (arguments[0] as u32, arguments[1]);
        let (major, minor) = self.release.number();
        let (operation, answer) = match command {
            XENVER_version => {
                ("XENVER_version", Ok((isize::from(major as u8) << 16) | isize::from(minor as u8)))
            }
            XENVER_extraversion => (
                "XENVER_extraversion",
                self.tell::<xen_extraversion_t>(caller, at, text(".0-model")),
            ),
            XENVER_capabilities => {
                let words = match self.caller(caller).kind {
                    Kind::Arm => format!("xen-{major}.{minor}-aarch64"),
                    _ => "xen-3.0-x86_64 hvm-3.0-x86_64".to_owned(),
                };
                (
                    "XENVER_capabilities",
                    self.tell::<xen_capabilities_info_t>(caller, at, text(&words)),
                )
            }
            XENVER_changeset => {
                ("XENVER_changeset", self.tell::<xen_changeset_info_t>(caller, at, text("model")))
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
                let virt_start = if self.caller(caller).kind == Kind::Arm { 0 } else { VIRT_START };
                let parameters = xen_platform_parameters { virt_start };
                ("XENVER_platform_parameters", self.tell(caller, at, parameters))
            }
            XENVER_commandline => {
                ("XENVER_commandline", self.tell::<xen_commandline_t>(caller, at, text("")))
            }
            XENVER_get_features => ("XENVER_get_features", self.get_features(caller, at)),
            XENVER_pagesize if at != 0 => ("XENVER_pagesize", Err(XEN_EINVAL)),
            XENVER_pagesize => ("XENVER_pagesize", Ok(4096)),
            XENVER_guest_handle => ("XENVER_guest_handle", self.tell(caller, at, [0_u8; 16])),
            _ => ("xen_version", Err(XEN_ENOSYS)),
        };
        call(caller, operation, answer)
    }

    fn tell<T: xen_abi::Plain>(&self, caller: domid_t, at: usize, value: T) -> Answer {
        self.write(caller, at, value)?;
        Ok(0)
    }

    fn get_features(&mut self, caller: domid_t, at: usize) -> Answer {
        let mut op: xen_feature_info = self.read(caller, at)?;
        if op.submap_idx != 0 {
            return Err(XEN_EINVAL);
        }
        let domain = self.caller(caller);
        let mut features = vec![XENFEAT_memory_op_vnode_supported];
        match domain.kind {
            Kind::Pv => {
                features.extend([XENFEAT_mmu_pt_update_preserve_ad, XENFEAT_highmem_assist]);
            }
            Kind::Pvh => features.extend([
                XENFEAT_writable_page_tables,
                XENFEAT_auto_translated_physmap,
                XENFEAT_supervisor_mode_kernel,
                XENFEAT_hvm_callback_vector,
                XENFEAT_hvm_pirqs,
            ]),
            Kind::Arm => features.extend([
                XENFEAT_writable_page_tables,
                XENFEAT_auto_translated_physmap,
                XENFEAT_ARM_SMCCC_supported,
            ]),
        }
        if domain.privileged {
            features.push(XENFEAT_dom0);
        }
        op.submap = features.into_iter().fold(0, |map, feature| map | 1 << feature);
        self.write(caller, at, op)?;
        Ok(0)
    }
}
