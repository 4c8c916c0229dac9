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

fn sign(key: &SigningKey, origin: &str, session: &Session) -> Result<String, BoxError> {
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
