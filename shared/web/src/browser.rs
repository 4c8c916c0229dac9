use std::sync::atomic::{AtomicBool, Ordering};

use aws_lc_rs::digest;
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};

/// The browser before anybody has signed in: a random value in a cookie of its own. Forms of signed-out people and
/// registrations are bound to it, so that nobody can go on with what another browser began.
#[derive(Debug)]
pub struct Browser {
    id: String,
    fresh: bool,
    used: AtomicBool,
}

/// 128 bits in base64url.
const LENGTH: usize = 22;

impl Browser {
    pub(crate) const COOKIE: &'static str = "browser";

    /// The browser that the cookie names, or a new one.
    pub(crate) fn known(cookie: Option<&str>, random: [u8; 16]) -> Self {
        let ours =
            |id: &&str| id.len() == LENGTH && id.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_');
        match cookie.filter(ours) {
            Some(id) => Self { id: id.to_owned(), fresh: false, used: AtomicBool::new(false) },
            None => Self { id: URL_SAFE_NO_PAD.encode(random), fresh: true, used: AtomicBool::new(false) },
        }
    }

    pub(crate) fn id(&self) -> &str {
        &self.id
    }

    /// What the table may hold of it.
    pub fn digest(&self) -> String {
        URL_SAFE_NO_PAD.encode(digest::digest(&digest::SHA256, self.id.as_bytes()))
    }

    pub(crate) fn mark_used(&self) {
        self.used.store(true, Ordering::Relaxed);
    }

    /// Something in the answer depends on it, so it must be kept.
    pub(crate) fn is_used(&self) -> bool {
        self.used.load(Ordering::Relaxed)
    }

    pub(crate) fn is_fresh(&self) -> bool {
        self.fresh
    }
}
