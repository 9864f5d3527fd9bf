//! Who may call.

use syn::Ident;

use super::{Errors, RowErrors};
use crate::table::{Row, Table};

/// Every caller that a table can name, the variant of `Caller`, and how documentation calls it.
pub(crate) const CALLERS: [(&str, &str, &str); 7] = [
    ("pv", "Pv", "PV guests"),
    ("hvm", "Hvm", "HVM and PVH guests"),
    ("arm", "Arm", "guests on Arm"),
    ("control", "Control", "a control domain"),
    ("hardware", "Hardware", "the hardware domain"),
    ("device_model", "DeviceModel", "the domain's device model"),
    ("owner", "Owner", "the domain itself"),
];

pub(super) fn header(table: &Table, errors: &mut Errors) {
    for name in table.callers.iter().flat_map(|callers| &callers.callers) {
        if let Some(message) = unknown(name) {
            errors.add(name.span(), message);
        }
    }
}

pub(super) fn row(row: &Row, errors: &mut RowErrors<'_>) {
    for name in &row.callers {
        if let Some(message) = unknown(name) {
            errors.add(name.span(), message);
        }
    }
}

fn unknown(name: &Ident) -> Option<String> {
    if CALLERS.iter().any(|(known, ..)| name == known) {
        return None;
    }
    let known = CALLERS.map(|(known, ..)| format!("`{known}`")).join(", ");
    Some(format!("unknown caller `{name}`: there are {known}"))
}
