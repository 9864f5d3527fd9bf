//! The control ring.

use xen_abi::event_channel::evtchn_port_t;
use xen_abi::grant_table::grant_ref_t;
use xen_abi::io::netif::{xen_netif_ctrl_request, xen_netif_ctrl_response};
use xen_abi::xen::domid_t;
use xen_io::net::setup::{self, CtrlRing};
use xen_io::net::{CtrlBack, CtrlError, CtrlFront, CtrlRequest, ProtocolError};
use xen_io::ring::protocols::NetifCtrl;
use xen_io::ring::{Back, Front, Full};
use xen_io::xenbus::End;
use xen_io::xenbus::toolstack::Device;
use xen_io::xenstore::Client;
use xen_io::xenstore::server::{Server, ServerConfig};
use xen_ops::Page as _;

use super::Domains;

#[test]
fn every_request_and_every_answer_arrive() {
    let page = Domains::new().guest.page().unwrap();
    let mut front = CtrlFront::new(page.view()).unwrap();
    let mut back = CtrlBack::attach(page.view()).unwrap();
    let grant = grant_ref_t(77);
    let requests = [
        CtrlRequest::HashTypes,
        CtrlRequest::SetHashTypes(15),
        CtrlRequest::SetHashKey { grant, size: 40 },
        CtrlRequest::MaxMappingSize,
        CtrlRequest::SetMappingSize(128),
        CtrlRequest::SetMapping { grant, count: 64, first: 32 },
        CtrlRequest::SetHashAlgorithm(1),
        CtrlRequest::MaxGrants { queue: 3 },
        CtrlRequest::AddGrants { queue: 3, grant, count: 512 },
        CtrlRequest::RemoveGrants { queue: 3, grant, count: 1 },
    ];
    let answers = [
        Ok(9),
        Ok(u32::MAX),
        Err(CtrlError::NotSupported),
        Err(CtrlError::InvalidParameter),
        Err(CtrlError::BufferOverflow),
        Err(CtrlError::Unknown(4)),
    ];
    for (request, answer) in requests.iter().zip(answers.iter().cycle()) {
        assert_eq!(front.ask(request), Ok(true));
        assert_eq!(front.ask(request), Err(Full), "one at a time");
        assert_eq!(front.answer().unwrap(), None);
        let mut asked = Vec::new();
        let served = back.serve(|request| {
            asked.push(request);
            *answer
        });
        assert_eq!((served, &asked[..]), (Ok(true), &[*request][..]));
        assert_eq!(front.answer().unwrap(), Some(*answer));
        assert!(!front.final_check().unwrap() && !back.final_check().unwrap());
    }
}

#[test]
fn requests_of_unknown_types_are_not_supported() {
    let page = Domains::new().guest.page().unwrap();
    let mut front = Front::<NetifCtrl, _>::new(page.view()).unwrap();
    let mut back = CtrlBack::attach(page.view()).unwrap();
    for type_ in [0, 11, u16::MAX] {
        front.put(&xen_netif_ctrl_request { id: 5, type_, data: [1; 3] }).unwrap();
        let _ = front.push();
        assert_eq!(back.serve(|request| panic!("{request:?}")), Ok(true));
        let expected = xen_netif_ctrl_response { id: 5, type_, status: 1, data: 0 };
        assert_eq!(front.take().unwrap(), Some(expected));
        let _ = front.final_check();
    }
}

#[test]
fn answers_to_what_was_not_asked_are_an_error() {
    for (id, type_) in [(2, 1), (1, 2), (0, 1)] {
        let page = Domains::new().guest.page().unwrap();
        let mut front = CtrlFront::new(page.view()).unwrap();
        let mut back = Back::<NetifCtrl, _>::attach(page.view()).unwrap();
        front.ask(&CtrlRequest::HashTypes).unwrap();
        let request = back.take().unwrap().unwrap();
        assert_eq!((request.id, request.type_), (1, 1));
        let answer = xen_netif_ctrl_response { id, type_, ..xen_netif_ctrl_response::ZERO };
        back.put(&answer).unwrap();
        let _ = back.push();
        let ring = "netif ctrl";
        assert_eq!(front.answer(), Err(ProtocolError::Id { ring, id }));
    }
}

#[test]
fn both_ends_agree_on_a_control_ring_if_the_back_end_takes_one() {
    let mut server = Server::new(ServerConfig::default());
    let (frontend, backend) = (domid_t(3), domid_t(0));
    let device = Device::new("vif", 0, frontend, backend);
    let ctrl = CtrlRing { ring: grant_ref_t(8), port: evtchn_port_t(5) };
    let mut store = Client::new(server.local(backend));
    device.create(&mut store, &[], &[]).unwrap();
    let back = End::backend(&mut store, "vif", frontend, 0).unwrap();
    assert_eq!(setup::other_ctrl_ring(&back, &mut store).unwrap(), None);
    drop(store);
    let mut store = Client::new(server.local(frontend));
    let front = End::frontend(&mut store, "vif", 0).unwrap();
    assert!(!setup::publish_ctrl_ring(&front, &mut store, ctrl).unwrap());
    drop(store);
    let mut store = Client::new(server.local(backend));
    assert_eq!(setup::other_ctrl_ring(&back, &mut store).unwrap(), None);
    back.publish(&mut store, setup::CTRL_RING, 1).unwrap();
    drop(store);
    let mut store = Client::new(server.local(frontend));
    assert!(setup::publish_ctrl_ring(&front, &mut store, ctrl).unwrap());
    drop(store);
    let mut store = Client::new(server.local(backend));
    assert_eq!(setup::other_ctrl_ring(&back, &mut store).unwrap(), Some(ctrl));
}
