//! Session tokens: EdDSA and nothing else, checked before any I/O.

use domain::{PersonId, Session, SessionId, Stage};
use jiff::Timestamp;
use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, Header, Validation, decode, decode_header, encode};
use runtime::{App, BoxError, SigningKey};
use serde::{Deserialize, Serialize};

use crate::{Response, Site};

pub(crate) const COOKIE: &str = "session";
const PURPOSE: &str = "session";
/// Ours have about 330 bytes.
const MAX_TOKEN_BYTES: usize = 1024;

#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Claims {
    sid: SessionId,
    sub: PersonId,
    stage: Stage,
    aud: String,
    purpose: String,
    iat: i64,
    exp: i64,
}

/// Who the token says is asking. Only the table says whether the session still holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Ticket {
    pub person: PersonId,
    pub session: SessionId,
}

/// A sign-in's two forms: a cookie for browsers, a token for programs.
#[derive(Clone, PartialEq, Eq)]
pub struct SignedSession {
    /// A whole `Set-Cookie` line.
    pub cookie: String,
    /// For `Authorization: Bearer …`.
    pub token: String,
}

/// Signs a session just written to the table. Only functions that hold the signing key can.
pub fn sign_session(app: &App, session: &Session) -> Result<SignedSession, BoxError> {
    let token = sign(app.keys.signing()?, &app.config.origin, session)?;
    let lifetime = session.expires_at.as_second() - app.now().as_second();
    let cookie = Site::at(&app.config.origin)?.set_cookie(COOKIE, &token, Some(lifetime.max(0)));
    Ok(SignedSession { cookie, token })
}

/// The `Set-Cookie` line that makes a browser forget its session.
pub fn clear_session(app: &App) -> Result<String, BoxError> {
    Ok(Site::at(&app.config.origin)?.set_cookie(COOKIE, "", Some(0)))
}

impl Response {
    /// The browser is signed in from now on.
    pub fn with_session(self, signed: &SignedSession) -> Self {
        self.with_cookie(signed.cookie.clone())
    }
}

pub(crate) fn sign(key: &SigningKey, origin: &str, session: &Session) -> Result<String, BoxError> {
    let claims = Claims {
        sid: session.id.clone(),
        sub: session.person.clone(),
        stage: session.stage,
        aud: origin.to_owned(),
        purpose: PURPOSE.to_owned(),
        iat: session.created_at.as_second(),
        exp: session.expires_at.as_second(),
    };
    Ok(encode(&Header::new(Algorithm::EdDSA), &claims, &EncodingKey::from_ed_der(&pkcs8(&key.0)))?)
}

/// The wrapping of RFC 8410 around the 32 bytes of a seed.
fn pkcs8(seed: &[u8; 32]) -> Vec<u8> {
    const PREFIX: [u8; 16] = [0x30, 0x2e, 2, 1, 0, 0x30, 5, 6, 3, 0x2b, 0x65, 0x70, 4, 0x22, 4, 0x20];
    [PREFIX.as_slice(), seed].concat()
}

/// The ticket, if the token is one of ours, for us, for this purpose and not over. The key's kind is never read from
/// the token: `alg` must be ours, and `jku`, `jwk`, `x5u`, `kid` are ignored.
pub(crate) fn verify(public: &[u8], origin: &str, now: Timestamp, token: &str) -> Option<Ticket> {
    if token.len() > MAX_TOKEN_BYTES || public.len() != 32 {
        return None;
    }
    let header = decode_header(token).ok()?;
    if header.alg != Algorithm::EdDSA || header.typ.as_deref() != Some("JWT") {
        return None;
    }
    let mut rules = Validation::new(Algorithm::EdDSA);
    rules.leeway = 0;
    rules.set_audience(&[origin]);
    rules.set_required_spec_claims(&["exp", "aud", "sub"]);
    let claims = decode::<Claims>(token, &DecodingKey::from_ed_der(public), &rules).ok()?.claims;
    let holds = claims.purpose == PURPOSE && claims.aud == origin && now.as_second() < claims.exp;
    holds.then_some(Ticket { person: claims.sub, session: claims.sid })
}

#[cfg(test)]
mod tests {
    use super::*;
    use aws_lc_rs::signature::{Ed25519KeyPair, KeyPair};
    use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
    use domain::Level;
    use serde_json::{Value, json};

    const ORIGIN: &str = "https://pagoinrete.example";
    const SEED: [u8; 32] = [7; 32];

    fn public(seed: &[u8; 32]) -> Vec<u8> {
        Ed25519KeyPair::from_seed_unchecked(seed).unwrap().public_key().as_ref().to_vec()
    }

    fn session() -> Session {
        let now = Timestamp::now();
        Session {
            id: SessionId::from_bytes([1; 16]),
            person: PersonId::from_bytes([2; 16]),
            generation: 1,
            stage: Stage::Full,
            level: Level::Password,
            created_at: now,
            expires_at: now + jiff::SignedDuration::from_hours(1),
        }
    }

    fn claims() -> Value {
        let session = session();
        json!({
            "sid": session.id, "sub": session.person, "stage": "full", "aud": ORIGIN, "purpose": "session",
            "iat": session.created_at.as_second(), "exp": session.expires_at.as_second(),
        })
    }

    fn without(mut claims: Value, name: &str) -> Value {
        claims.as_object_mut().unwrap().remove(name);
        claims
    }

    fn with(mut claims: Value, name: &str, value: Value) -> Value {
        claims[name] = value;
        claims
    }

    fn part(value: &Value) -> String {
        URL_SAFE_NO_PAD.encode(value.to_string())
    }

    /// A token of these two parts, signed by our own key whatever the header says.
    fn signed(header: &str, claims: &str) -> String {
        let body = format!("{header}.{claims}");
        let signature = Ed25519KeyPair::from_seed_unchecked(&SEED).unwrap().sign(body.as_bytes());
        format!("{body}.{}", URL_SAFE_NO_PAD.encode(signature))
    }

    fn eddsa() -> String {
        part(&json!({ "alg": "EdDSA", "typ": "JWT" }))
    }

    fn read(token: &str) -> Option<Ticket> {
        verify(&public(&SEED), ORIGIN, Timestamp::now(), token)
    }

    #[test]
    fn what_we_sign_we_read() {
        let session = session();
        let token = sign(&SigningKey(SEED), ORIGIN, &session).unwrap();
        assert_eq!(read(&token), Some(Ticket { person: session.person, session: session.id }));
        assert!(token.len() < MAX_TOKEN_BYTES / 2, "{}", token.len());
        assert!(read(&signed(&eddsa(), &part(&claims()))).is_some(), "the tests' own way of signing");
    }

    #[test]
    fn other_algorithms_are_refused() {
        use jsonwebtoken::Algorithm::{ES256, HS256, HS512};
        let key = public(&SEED);
        let none = format!("{}.{}.", part(&json!({ "alg": "none", "typ": "JWT" })), part(&claims()));
        assert_eq!(read(&none), None);
        for algorithm in [HS256, HS512] {
            // The classic: our public key used as the secret of a symmetric algorithm, raw and as published.
            for secret in [key.clone(), URL_SAFE_NO_PAD.encode(&key).into_bytes()] {
                let token = encode(&Header::new(algorithm), &claims(), &EncodingKey::from_secret(&secret)).unwrap();
                assert_eq!(read(&token), None, "{algorithm:?}");
            }
        }
        for alg in ["none", "None", "NONE", "HS256", "ES256", "RS256", "PS512", "", "eddsa", "ED25519"] {
            let header = part(&json!({ "alg": alg, "typ": "JWT" }));
            assert_eq!(read(&signed(&header, &part(&claims()))), None, "{alg:?}");
        }
        assert_ne!(ES256, Algorithm::EdDSA);
    }

    #[test]
    fn keys_that_the_token_brings_are_ignored() {
        let other: [u8; 32] = [9; 32];
        let header = json!({
            "alg": "EdDSA", "typ": "JWT", "kid": "../../dev/null", "jku": "https://evil.example/jwks",
            "jwk": { "kty": "OKP", "crv": "Ed25519", "x": URL_SAFE_NO_PAD.encode(public(&other)) },
        });
        let body = format!("{}.{}", part(&header), part(&claims()));
        let signature = Ed25519KeyPair::from_seed_unchecked(&other).unwrap().sign(body.as_bytes());
        assert_eq!(read(&format!("{body}.{}", URL_SAFE_NO_PAD.encode(signature))), None);
        let theirs = sign(&SigningKey(other), ORIGIN, &session()).unwrap();
        assert_eq!(read(&theirs), None, "another key");
        assert_eq!(
            verify(&[], ORIGIN, Timestamp::now(), &sign(&SigningKey(SEED), ORIGIN, &session()).unwrap()),
            None,
            "no key"
        );
    }

    #[test]
    fn tokens_for_somebody_or_something_else_are_refused() {
        let now = Timestamp::now().as_second();
        let cases = [
            ("other audience", with(claims(), "aud", json!("https://other.example"))),
            ("audiences", with(claims(), "aud", json!([ORIGIN, "https://other.example"]))),
            ("no audience", without(claims(), "aud")),
            ("other purpose", with(claims(), "purpose", json!("verify-email"))),
            ("no purpose", without(claims(), "purpose")),
            ("over", with(claims(), "exp", json!(now - 1))),
            ("over right now", with(claims(), "exp", json!(now))),
            ("no end", without(claims(), "exp")),
            ("the end is a text", with(claims(), "exp", json!("9999999999"))),
            ("no session", without(claims(), "sid")),
            ("no person", without(claims(), "sub")),
            ("a session id of another kind", with(claims(), "sid", json!("../../x"))),
            ("unknown stage", with(claims(), "stage", json!("admin"))),
            ("no object", json!([1, 2])),
        ];
        for (name, claims) in cases {
            assert_eq!(read(&signed(&eddsa(), &part(&claims))), None, "{name}");
        }
        let twice = claims().to_string().replacen('{', "{\"purpose\":\"session\",", 1);
        assert_eq!(read(&signed(&eddsa(), &URL_SAFE_NO_PAD.encode(twice))), None, "a claim given twice");
    }

    #[test]
    fn garbage_is_refused_cheaply() {
        let token = sign(&SigningKey(SEED), ORIGIN, &session()).unwrap();
        let oversized = signed(&eddsa(), &part(&with(claims(), "more", json!("x".repeat(2000)))));
        let (body, signature) = token.rsplit_once('.').unwrap();
        let flipped = format!("{body}.A{}", &signature[1..]);
        let garbage = [
            "",
            ".",
            "..",
            "...",
            "a.b.c",
            "=.=.=",
            "\u{0}",
            "eyJ",
            &token[..token.len() - 1],
            &format!("{token}x"),
            &format!("{token}.x"),
            &format!(" {token}"),
            &oversized,
            &token.replace('.', ""),
            body,
            &format!("{body}."),
            &flipped,
            &signed("e30", &part(&claims())),
            &signed("", ""),
            &"a.".repeat(400),
        ];
        for text in garbage {
            assert_eq!(read(text), None, "{text:?}");
        }
    }
}
