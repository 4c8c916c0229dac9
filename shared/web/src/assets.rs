//! Where our own files are served: one hash for all of them, so that a page and its files always fit.

/// Of everything that `build.rs` found; another build of the same files has the same.
pub const HASH: &str = env!("ASSETS_HASH");

/// The address of one of our own files in this release.
pub fn url(name: &str) -> String {
    format!("/assets/{HASH}/{name}")
}
