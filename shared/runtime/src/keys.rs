use aws_config::SdkConfig;
use aws_lc_rs::{
    hkdf::{HKDF_SHA256, KeyType, Salt},
    hmac,
};
use store::Vault;

use crate::{BoxError, Config};

/// The keys of this function: which of them it holds is what its role may read.
pub struct Keys {
    data: Option<[u8; 32]>,
    token: Option<TokenKeys>,
    signing: Option<SigningKey>,
    station: Option<String>,
    checkout: Option<String>,
    session_public: Vec<u8>,
}

/// The 32 bytes of the Ed25519 seed that signs session tokens.
pub struct SigningKey(pub [u8; 32]);

/// The key of one-time secrets: links and provisional passwords are derived from it, never stored (CORE 3.5).
pub struct TokenKeys([u8; 32]);

impl TokenKeys {
    /// The version that new secrets are made with.
    pub const CURRENT: u32 = 1;

    /// 20 letters and digits (119 bits) for a link, the form of F40.
    pub fn link(&self, purpose: &str, id: &str, secret: &domain::SecretRef) -> String {
        self.text(purpose, id, secret, b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789", 20)
    }

    /// What the table keeps of a link's token.
    pub fn digest(token: &str) -> String {
        let digest = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, token.as_bytes());
        digest.as_ref().iter().map(|byte| format!("{byte:02x}")).collect()
    }

    /// 16 characters that can be read aloud and typed: no `0`/`O`, `1`/`l`/`I`; always with the three kinds that
    /// the circulars' rule asks for.
    pub fn password(&self, purpose: &str, id: &str, secret: &domain::SecretRef) -> String {
        let text = self.text(purpose, id, secret, b"ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz23456789", 13);
        format!("{text}{}", self.text(&format!("{purpose}-tail"), id, secret, b"23456789", 1)) + "aK"
    }

    fn text(&self, purpose: &str, id: &str, secret: &domain::SecretRef, alphabet: &[u8], length: usize) -> String {
        let key = derive(&self.0, &format!("{purpose} {}", secret.key_version));
        let material = format!("{id}|{}|{}", secret.attempt, secret.nonce);
        let mut text = String::with_capacity(length);
        let mut block = 0u32;
        while text.len() < length {
            let bytes = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, &key), format!("{block}|{material}").as_bytes());
            // Rejection keeps each letter equally likely.
            let fair = 256 - 256 % alphabet.len();
            let letters = bytes.as_ref().iter().map(|byte| usize::from(*byte)).filter(|byte| *byte < fair);
            text.extend(letters.map(|byte| char::from(alphabet[byte % alphabet.len()])).take(length - text.len()));
            block += 1;
        }
        text
    }
}

impl Keys {
    /// Reads the secrets that the configuration names, all at once.
    pub async fn load(aws: &SdkConfig, config: &Config) -> Result<Self, BoxError> {
        let client = aws_sdk_secretsmanager::Client::new(aws);
        let (data, token, session, station, checkout) = tokio::join!(
            read(&client, config.data_key_secret.as_deref()),
            read(&client, config.token_key_secret.as_deref()),
            read(&client, config.session_key_secret.as_deref()),
            read(&client, config.station_secret.as_deref()),
            read(&client, config.checkout_key_secret.as_deref()),
        );
        let session_public = jsonless_base64(&config.session_public_key)?;
        Ok(Self {
            data: data?.map(|text| bytes(&text)).transpose()?,
            token: token?.map(|text| bytes(&text).map(TokenKeys)).transpose()?,
            signing: session?.map(|text| bytes(&text).map(SigningKey)).transpose()?,
            station: station?,
            checkout: checkout?,
            session_public,
        })
    }

    /// A keyed digest with a subkey of its own per purpose: CSRF tokens, captcha signatures, look-ups.
    pub fn mac(&self, purpose: &str, data: &[u8]) -> [u8; 32] {
        let key = derive(&self.data.unwrap_or_default(), &format!("mac {purpose}"));
        let tag = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, &key), data);
        tag.as_ref().try_into().unwrap_or_default()
    }

    /// What the table's sealed fields and keyed look-ups need; `None` for a function without the data key.
    pub fn vault(&self) -> Option<Vault> {
        self.data.map(Vault::new)
    }

    pub fn token(&self) -> Result<&TokenKeys, BoxError> {
        self.token.as_ref().ok_or_else(|| "this function has no TOKEN_KEY_SECRET".into())
    }

    /// Only the functions that sign people in have it.
    pub fn signing(&self) -> Result<&SigningKey, BoxError> {
        self.signing.as_ref().ok_or_else(|| "this function has no SESSION_KEY_SECRET".into())
    }

    pub fn session_public(&self) -> &[u8] {
        &self.session_public
    }

    /// What the station demands where no client certificate stands in front of it.
    pub fn station(&self) -> Option<&str> {
        self.station.as_deref()
    }

    /// The subscription key of Checkout's carts API.
    pub fn checkout(&self) -> Option<&str> {
        self.checkout.as_deref()
    }
}

/// A subkey: HKDF-SHA-256 with the purpose as info.
pub(crate) fn derive(master: &[u8; 32], purpose: &str) -> [u8; 32] {
    struct Length;
    impl KeyType for Length {
        fn len(&self) -> usize {
            32
        }
    }
    let mut key = [0; 32];
    let info = [purpose.as_bytes()];
    let derived = Salt::new(HKDF_SHA256, b"pago-in-rete").extract(master);
    // 32 bytes are far below HKDF's bound of 255 blocks.
    if let Ok(okm) = derived.expand(&info, Length) {
        let _ = okm.fill(&mut key);
    }
    key
}

async fn read(client: &aws_sdk_secretsmanager::Client, name: Option<&str>) -> Result<Option<String>, BoxError> {
    let Some(name) = name else { return Ok(None) };
    let answer = client.get_secret_value().secret_id(name).send().await.map_err(|error| {
        format!("the secret {name} cannot be read: {}", aws_sdk_secretsmanager::error::DisplayErrorContext(&error))
    })?;
    Ok(Some(answer.secret_string().ok_or_else(|| format!("the secret {name} is empty"))?.trim().to_owned()))
}

fn bytes(hex: &str) -> Result<[u8; 32], BoxError> {
    let digits = hex.as_bytes();
    if digits.len() != 64 {
        return Err("a key must be 64 hexadecimal digits".into());
    }
    let mut key = [0; 32];
    for (byte, pair) in key.iter_mut().zip(digits.chunks(2)) {
        *byte = u8::from_str_radix(std::str::from_utf8(pair)?, 16)?;
    }
    Ok(key)
}

fn jsonless_base64(text: &str) -> Result<Vec<u8>, BoxError> {
    use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
    Ok(URL_SAFE_NO_PAD.decode(text).map_err(|_| "SESSION_PUBLIC_KEY is no base64url")?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use domain::{PasswordRule, SecretRef};

    fn secret(nonce: &str, attempt: u32) -> SecretRef {
        SecretRef { key_version: 1, attempt, nonce: nonce.into() }
    }

    #[test]
    fn one_time_secrets_are_the_same_again_and_differ_by_everything() {
        let keys = TokenKeys([7; 32]);
        let link = keys.link("verify", "a", &secret("n", 1));
        assert_eq!(link.len(), 20);
        assert_eq!(link, keys.link("verify", "a", &secret("n", 1)));
        for other in [
            keys.link("reset", "a", &secret("n", 1)),
            keys.link("verify", "b", &secret("n", 1)),
            keys.link("verify", "a", &secret("m", 1)),
            keys.link("verify", "a", &secret("n", 2)),
            TokenKeys([8; 32]).link("verify", "a", &secret("n", 1)),
        ] {
            assert_ne!(link, other);
        }
    }

    #[test]
    fn provisional_passwords_obey_the_rule_of_the_circulars() {
        for n in 0..200 {
            let password = TokenKeys([n; 32]).password("provisional", "a", &secret("n", 1));
            assert_eq!(password.len(), 16);
            assert!(PasswordRule::Circular.check("password", &password).is_ok(), "{password}");
        }
    }
}
