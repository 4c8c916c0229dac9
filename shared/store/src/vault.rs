//! Keyed look-ups and sealed fields: nothing personal is in a key, and a leaked table alone tells no fiscal code.

use aws_lc_rs::{
    aead::{AES_256_GCM, Aad, NONCE_LEN, Nonce, RandomizedNonceKey},
    hkdf::{HKDF_SHA256, KeyType, Salt},
    hmac,
};
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};

use crate::StoreError;

/// Derives what it needs from one master key; versioned, so that the key can be rotated with double look-up.
#[derive(Clone)]
pub struct Vault {
    master: [u8; 32],
}

const VERSION: &str = "1";

impl Vault {
    pub fn new(master: [u8; 32]) -> Self {
        Self { master }
    }

    /// The look-up key of a value: `1.` and 43 characters. Plain hashes would not do: fiscal codes can be enumerated.
    pub fn lookup(&self, kind: &str, value: &str) -> String {
        let key = hmac::Key::new(hmac::HMAC_SHA256, &self.derive("lookup"));
        let tag = hmac::sign(&key, format!("{kind}|{value}").as_bytes());
        format!("{VERSION}.{}", URL_SAFE_NO_PAD.encode(tag.as_ref()))
    }

    /// Encrypts with the key of `scope` (a school, or `person`), which also binds the text to it.
    pub fn seal(&self, scope: &str, plain: &[u8]) -> Result<Vec<u8>, StoreError> {
        let mut bytes = plain.to_vec();
        let nonce = self
            .cipher(scope)?
            .seal_in_place_append_tag(Aad::from(scope.as_bytes()), &mut bytes)
            .map_err(|_| StoreError::Corrupt("sealing failed"))?;
        let mut sealed = vec![1]; // the key's version
        sealed.extend_from_slice(nonce.as_ref());
        sealed.append(&mut bytes);
        Ok(sealed)
    }

    /// Decrypts what [`Vault::seal`] made for the same scope.
    pub fn open(&self, scope: &str, sealed: &[u8]) -> Result<Vec<u8>, StoreError> {
        let corrupt = || StoreError::Corrupt("a sealed field does not open");
        let (version, rest) = sealed.split_first().ok_or_else(corrupt)?;
        if *version != 1 || rest.len() < NONCE_LEN {
            return Err(corrupt());
        }
        let (nonce, bytes) = rest.split_at(NONCE_LEN);
        let nonce = Nonce::try_assume_unique_for_key(nonce).map_err(|_| corrupt())?;
        let mut bytes = bytes.to_vec();
        let plain =
            self.cipher(scope)?.open_in_place(nonce, Aad::from(scope.as_bytes()), &mut bytes).map_err(|_| corrupt())?;
        Ok(plain.to_vec())
    }

    /// [`Vault::seal`] of a text, as text.
    pub fn seal_text(&self, scope: &str, plain: &str) -> Result<String, StoreError> {
        Ok(URL_SAFE_NO_PAD.encode(self.seal(scope, plain.as_bytes())?))
    }

    /// [`Vault::open`] of a text.
    pub fn open_text(&self, scope: &str, sealed: &str) -> Result<String, StoreError> {
        let bytes =
            URL_SAFE_NO_PAD.decode(sealed).map_err(|_| StoreError::Corrupt("a sealed field is no base64url"))?;
        String::from_utf8(self.open(scope, &bytes)?).map_err(|_| StoreError::Corrupt("a sealed field is no text"))
    }

    fn cipher(&self, scope: &str) -> Result<RandomizedNonceKey, StoreError> {
        RandomizedNonceKey::new(&AES_256_GCM, &self.derive(&format!("seal {scope}")))
            .map_err(|_| StoreError::Corrupt("no cipher"))
    }

    fn derive(&self, purpose: &str) -> [u8; 32] {
        struct Length;
        impl KeyType for Length {
            fn len(&self) -> usize {
                32
            }
        }
        let mut key = [0; 32];
        let info = format!("{purpose} {VERSION}");
        let info = [info.as_bytes()];
        if let Ok(okm) = Salt::new(HKDF_SHA256, b"pago-in-rete store").extract(&self.master).expand(&info, Length) {
            let _ = okm.fill(&mut key); // 32 bytes are far below HKDF's bound
        }
        key
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_sealed_opens_only_with_its_key_and_scope() {
        let vault = Vault::new([1; 32]);
        let sealed = vault.seal_text("80124890155", "RSSMRA80A01F205X").unwrap();
        assert_ne!(sealed, vault.seal_text("80124890155", "RSSMRA80A01F205X").unwrap(), "a fresh nonce each time");
        assert_eq!(vault.open_text("80124890155", &sealed).unwrap(), "RSSMRA80A01F205X");
        assert!(vault.open_text("94060670158", &sealed).is_err());
        assert!(Vault::new([2; 32]).open_text("80124890155", &sealed).is_err());
        assert!(vault.open_text("80124890155", "AQ").is_err());
        assert!(vault.open_text("80124890155", "").is_err());
    }

    #[test]
    fn look_ups_differ_by_kind_value_and_key() {
        let vault = Vault::new([1; 32]);
        let key = vault.lookup("fiscal-code", "A");
        assert_eq!(key, vault.lookup("fiscal-code", "A"));
        assert_ne!(key, vault.lookup("username", "A"));
        assert_ne!(key, vault.lookup("fiscal-code", "B"));
        assert_ne!(key, Vault::new([2; 32]).lookup("fiscal-code", "A"));
    }
}
