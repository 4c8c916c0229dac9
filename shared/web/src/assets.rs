//! Where our own files are served: one hash for all of them, so that a page and its files always fit.

/// Of everything that `build.rs` found; another build with the same files has the same.
pub const HASH: &str = env!("ASSETS_HASH");

/// Our own style sheet and script, beside what the assets step brings.
pub const APP_CSS: &str = include_str!("../assets/app.css");
pub const APP_JS: &str = include_str!("../assets/app.js");

pub fn url(name: &str) -> String {
    format!("/assets/{HASH}/{name}")
}
