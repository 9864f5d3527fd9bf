//! What tables expand to, what is said of those that are wrong, and whether the real ones are whole.

mod diagnostics;
mod expansion;
mod hypercalls;
mod ledger;

use proc_macro2::TokenStream;

use crate::expand;

/// The messages about the table in `text`, in their order.
fn messages(text: &str) -> Vec<String> {
    match expand::hypercalls(tokens(text)) {
        Ok(_) => Vec::new(),
        Err(errors) => errors.into_iter().map(|error| error.to_string()).collect(),
    }
}

/// What the table in `text` expands to, formatted.
fn expanded(text: &str) -> String {
    let tokens = expand::hypercalls(tokens(text)).expect("a table without mistakes");
    prettyplease::unparse(&syn::parse2(tokens).expect("items"))
}

fn tokens(text: &str) -> TokenStream {
    text.parse().expect("tokens")
}
