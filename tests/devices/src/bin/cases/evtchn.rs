//! `/dev/xen/evtchn`.

use std::time::Duration;

use xen_linux::{DomainId, Error, Evtchn, Port, domid_t, evtchn_port_t};

use crate::{Case, Window};

pub(crate) const CASES: &[Case] = &[
    ("evtchn-open", open),
    ("bind-virq", bind_virq),
    ("bind-interdomain", bind_interdomain),
    ("bind-unbound", bind_unbound),
    ("unbind", unbind),
    ("event", event),
    ("wait", wait),
    ("reset", reset),
    ("evtchn-restrict", restrict),
];

fn evtchn() -> Evtchn {
    Evtchn::open().unwrap()
}

fn open(window: Window) {
    window.first(|| Evtchn::open().map(drop));
}

fn bind_virq(window: Window) {
    let evtchn = evtchn();
    window.again(|| evtchn.bind_virq(0).map(drop));
}

fn bind_interdomain(window: Window) {
    let evtchn = evtchn();
    window.again(|| evtchn.bind_interdomain(domid_t(1), evtchn_port_t(5)).map(drop));
}

fn bind_unbound(window: Window) {
    let evtchn = evtchn();
    window.again(|| evtchn.bind_unbound(domid_t(1)).map(drop));
}

fn unbind(window: Window) {
    let evtchn = evtchn();
    window.again(|| Ok::<_, Error>(evtchn.bind_unbound(domid_t(1))?.unbind()?));
}

/// Both ends of a channel.
fn pair(evtchn: &Evtchn) -> [Port; 2] {
    let one = evtchn.bind_unbound(domid_t(0)).unwrap();
    let other = evtchn.bind_interdomain(domid_t(0), one.number()).unwrap();
    [one, other]
}

/// An event that is sent, read and unmasked.
fn event(window: Window) {
    let evtchn = evtchn();
    let [one, other] = pair(&evtchn);
    window.again(|| {
        one.notify()?;
        let mut ports = [evtchn_port_t(0); 4];
        if let Some(pending) = evtchn.pending(&mut ports)? {
            assert_eq!(pending, [other.number()]);
        }
        other.unmask()
    });
}

fn wait(window: Window) {
    let evtchn = evtchn();
    let [one, _other] = pair(&evtchn);
    one.notify().unwrap();
    window.again(|| {
        assert!(evtchn.wait(Some(Duration::from_secs(1)))?);
        Ok::<_, Error>(())
    });
}

fn reset(window: Window) {
    let evtchn = evtchn();
    window.again(|| evtchn.reset());
}

fn restrict(window: Window) {
    let evtchn = evtchn();
    window.first(|| evtchn.restrict(DomainId::new(domid_t(1)).unwrap()));
}
