//! Random bytes for the other side's decisions.

use proptest::collection::vec;
use proptest::prelude::*;

/// Cases: few under Miri, which is a thousand times slower.
const CASES: u32 = if cfg!(miri) { 4 } else { 3000 };

/// Bytes of a case: some hundred decisions.
const LENGTH: usize = if cfg!(miri) { 200 } else { 3000 };

proptest! {
    #![proptest_config(ProptestConfig {
        cases: CASES,
        failure_persistence: None,
        ..ProptestConfig::default()
    })]

    #[test]
    fn no_hypervisor_breaks_a_promise(bytes in vec(any::<u8>(), 0..LENGTH)) {
        xen_fuzz::hypervisor(&bytes);
    }

    #[test]
    fn no_peer_breaks_a_promise(bytes in vec(any::<u8>(), 0..LENGTH / 2)) {
        xen_fuzz::peer(&bytes);
    }

    #[test]
    fn no_peer_makes_a_ring_break_a_promise(bytes in vec(any::<u8>(), 0..LENGTH / 4)) {
        xen_fuzz::rings(&bytes);
    }

    #[test]
    fn no_peer_makes_a_device_break_a_promise(bytes in vec(any::<u8>(), 0..LENGTH / 4)) {
        xen_fuzz::drivers(&bytes);
    }

    #[test]
    fn no_client_makes_xenstore_break_a_promise(bytes in vec(any::<u8>(), 0..LENGTH / 4)) {
        xen_fuzz::xenstore(&bytes);
    }
}
