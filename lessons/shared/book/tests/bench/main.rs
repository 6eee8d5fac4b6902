//! The bench: its JSON interface without a browser, `cargo test -p book --test bench`; and its page in a real one,
//! `-- --ignored`, which needs what `tests/browser.rs` needs.

mod course_copy;
mod in_a_browser;
mod interface;
#[path = "../served/mod.rs"]
mod served;
