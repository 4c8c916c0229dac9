//! Password hashing: argon2id at OWASP's minimum (19 456 KiB, 2 passes, 1 lane); about 30 ms on a full core.

use argon2::{
    Argon2,
    password_hash::{PasswordHasher, PasswordVerifier, phc::PasswordHash},
};

use crate::BoxError;

/// The PHC string of a password, with a fresh salt.
pub fn hash(password: &str) -> Result<String, BoxError> {
    let hash = Argon2::default().hash_password(password.as_bytes()).map_err(|error| error.to_string())?;
    Ok(hash.to_string())
}

/// Does the password match? For an unknown user pass `None`: the same work is done, so that the time tells nothing.
pub fn matches(password: &str, hash: Option<&str>) -> bool {
    // Made by `hash` once, from random bytes that were thrown away.
    const NOBODY: &str =
        "$argon2id$v=19$m=19456,t=2,p=1$Zm9yLW5vYm9keS1hdC1hbGw$5xqZmJmzXyXk0bX1mG5mJ9J3m4b0m0f0m8m1d2c3b4E";
    let verify = |text: &str| {
        PasswordHash::new(text).is_ok_and(|hash| Argon2::default().verify_password(password.as_bytes(), &hash).is_ok())
    };
    match hash {
        Some(hash) => verify(hash),
        None => {
            std::hint::black_box(verify(NOBODY));
            false
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Instant;

    #[test]
    fn a_password_matches_its_own_hash_only() {
        let hash = hash("Abcdefg1").unwrap();
        assert!(hash.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"), "{hash}");
        assert!(matches("Abcdefg1", Some(&hash)));
        assert!(!matches("Abcdefg2", Some(&hash)));
        assert!(!matches("Abcdefg1", Some("garbage")));
        assert!(!matches("Abcdefg1", None));
    }

    #[test]
    fn an_unknown_user_costs_a_real_hash() {
        let hash = hash("Abcdefg1").unwrap();
        let once = |hash: Option<&str>| {
            let start = Instant::now();
            matches("wrong", hash);
            start.elapsed()
        };
        let time = |hash: Option<&str>| (0..5).map(|_| once(hash)).min().unwrap_or_default();
        let (known, unknown) = (time(Some(&hash)), time(None));
        // Not a timing test: a dummy that does not parse would cost nothing at all.
        assert!(unknown * 5 > known, "{unknown:?} against {known:?}");
    }
}
