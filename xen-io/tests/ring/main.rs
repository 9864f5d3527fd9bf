//! Rings of requests and responses, and of events, on pages of the simulator.

mod events;
mod hold_off;
mod hostile;
mod input;
mod layout;
mod random;
mod reconnect;

use xen_io::ring::protocols::NetifRx;
use xen_io::ring::{Back, Front};
use xen_io::xen_abi::io::netif::{netif_rx_request, netif_rx_response};
use xen_ops::view::Field;
use xen_ops::{Page as _, ReadWrite, View};
use xen_sim::{DomainConfig, GuestKind, GuestPage, Xen};

const REQ_PROD: Field<u32> = Field::at::<0>();
const REQ_EVENT: Field<u32> = Field::at::<4>();
const RSP_PROD: Field<u32> = Field::at::<8>();
const RSP_EVENT: Field<u32> = Field::at::<12>();

/// Pages of one domain: both ends of a ring see them.
fn pages<const N: usize>() -> [GuestPage; N] {
    let xen = Xen::new();
    let domain = xen.domain(DomainConfig::new(GuestKind::Pvh)).unwrap();
    core::array::from_fn(|_| domain.page().unwrap())
}

fn views<const N: usize>(pages: &[GuestPage; N]) -> [View<'_, ReadWrite>; N] {
    pages.each_ref().map(|page| page.view())
}

/// The ring with the smallest entries of which the tests need many: 256 of them in a page.
type RxFront<'a, const N: usize> = Front<NetifRx, [View<'a, ReadWrite>; N]>;
type RxBack<'a, const N: usize> = Back<NetifRx, [View<'a, ReadWrite>; N]>;

fn both<const N: usize>(pages: &[GuestPage; N]) -> (RxFront<'_, N>, RxBack<'_, N>) {
    let front = Front::new(views(pages)).unwrap();
    (front, Back::attach(views(pages)).unwrap())
}

fn request(id: u16) -> netif_rx_request {
    netif_rx_request { id, ..netif_rx_request::ZERO }
}

fn response(id: u16) -> netif_rx_response {
    netif_rx_response { id, ..netif_rx_response::ZERO }
}
