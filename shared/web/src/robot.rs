//! "Non sono un robot" (F21, F22) without a third party: the browser does a little work (ALTCHA), or, where no script
//! runs, a person answers a question. Both are signed, expire, and are good once, for one form and one browser.

use std::collections::BTreeMap;

use altcha::{CreateChallengeOptions, Payload, VerifySolutionOptions, create_challenge, verify_solution};
use aws_lc_rs::constant_time::verify_slices_are_equal;
use base64::{
    Engine,
    engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD},
};
use domain::{FieldError, Language};
use jiff::Timestamp;
use runtime::{App, Keys};
use serde::Serialize;

use crate::{Browser, Failure, Request, question::Question};

/// How long a person may take to fill in the form, in seconds.
const LIFETIME_SECONDS: i64 = 600;
/// PBKDF2 iterations of one try. With about 150 tries this is under a second on an old phone, and nothing on a new one.
const COST: u32 = 2_000;
const FEWEST_TRIES: u32 = 100;
/// A payload of ours has about 900 bytes.
const MAX_PAYLOAD_BYTES: usize = 4_096;

/// What a protected form shows: put it in the page's data as `robot`, and `{{ forms::robot(v.robot) }}` in its template.
#[derive(Debug, Clone, Serialize)]
pub struct Challenge {
    /// What the widget, or a program, works on; the result comes back as the field `altcha`.
    pub altcha: altcha::Challenge,
    /// For whom no script runs; comes back as `robot_question` and `robot_answer`.
    pub question: Asked,
}

#[derive(Debug, Clone, Serialize)]
pub struct Asked {
    /// To be sent back as `robot_question`.
    pub token: String,
    pub text: String,
}

/// The person passed. The step that this protects commits `spent` in its own transaction, so that the same answer
/// opens nothing twice.
#[derive(Debug, Clone)]
pub struct Proof {
    pub spent: store::Spent,
    pub by: By,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum By {
    Altcha,
    Question,
}

/// A fresh challenge for the form of that name, bound to this browser.
pub fn challenge(app: &App, form: &str, request: &Request) -> Result<Challenge, Failure> {
    let (seed, tries) = (app.random::<16>(), app.random::<1>());
    create(&app.keys, form, request.browser(), request.language(), request.now(), seed, tries[0] % 100)
}

/// Checks the fields `altcha`, or `robot_question` and `robot_answer`, of this request. Each refusal is an error of the
/// field `robot`.
pub fn verify(app: &App, form: &str, request: &Request) -> Result<Proof, FieldError> {
    let sent = Sent {
        altcha: request.reserved("altcha").filter(|text| !text.is_empty()),
        question: request.reserved("robot_question").filter(|text| !text.is_empty()),
        answer: request.reserved("robot_answer").filter(|text| !text.trim().is_empty()),
    };
    check(&app.keys, form, request.browser(), request.now(), &sent)
}

/// The answer was used before: for a step whose transaction found the marker.
pub fn already_used() -> FieldError {
    error("used", "Questa verifica è già stata usata: ripetila.", "This check has been used already: repeat it.")
}

impl Challenge {
    /// For the widget's attribute.
    pub fn json(&self) -> String {
        serde_json::to_string(&self.altcha).unwrap_or_default()
    }
}

struct Sent<'a> {
    altcha: Option<&'a str>,
    question: Option<&'a str>,
    answer: Option<&'a str>,
}

fn create(
    keys: &Keys,
    form: &str,
    browser: &Browser,
    language: Language,
    now: Timestamp,
    seed: [u8; 16],
    more_tries: u8,
) -> Result<Challenge, Failure> {
    let expires = now.as_second() + LIFETIME_SECONDS;
    let (signature, key_signature) = secrets(keys);
    let altcha = create_challenge(CreateChallengeOptions {
        algorithm: "PBKDF2/SHA-256".to_owned(),
        cost: COST,
        // The server knows the answer beforehand and signs it: checking costs no derivation.
        counter: Some(FEWEST_TRIES + u32::from(more_tries)),
        data: Some(BTreeMap::from([("for".to_owned(), binding(keys, form, browser).into())])),
        expires_at: Some(expires),
        hmac_signature_secret: Some(signature),
        hmac_key_signature_secret: Some(key_signature),
        ..CreateChallengeOptions::default()
    });
    let altcha = altcha.map_err(|error| Failure::Broken(error.to_string().into()))?;
    let question = Asked {
        token: question_token(keys, form, browser, &URL_SAFE_NO_PAD.encode(seed), expires),
        text: Question::of(seed).text(language),
    };
    Ok(Challenge { altcha, question })
}

fn check(keys: &Keys, form: &str, browser: &Browser, now: Timestamp, sent: &Sent<'_>) -> Result<Proof, FieldError> {
    match (sent.altcha, sent.question, sent.answer) {
        (Some(payload), _, _) => check_altcha(keys, form, browser, now, payload),
        (None, Some(token), Some(answer)) => check_question(keys, form, browser, now, token, answer),
        (None, _, _) => Err(error(
            "missing",
            "Conferma di non essere un robot prima di proseguire.",
            "Confirm that you are no robot before you go on.",
        )),
    }
}

fn check_altcha(
    keys: &Keys,
    form: &str,
    browser: &Browser,
    now: Timestamp,
    payload: &str,
) -> Result<Proof, FieldError> {
    if payload.len() > MAX_PAYLOAD_BYTES {
        return Err(wrong());
    }
    let bytes = STANDARD.decode(payload).map_err(|_| wrong())?;
    let Payload { challenge, solution } = serde_json::from_slice(&bytes).map_err(|_| wrong())?;
    let (signature, key_signature) = secrets(keys);
    let mut options = VerifySolutionOptions::new(&challenge, &solution, signature);
    options.hmac_key_signature_secret = Some(key_signature);
    let result = verify_solution(options).map_err(|_| wrong())?;
    let expires = challenge.parameters.expires_at.unwrap_or(0);
    if result.expired || (result.verified && expires <= now.as_second()) {
        return Err(expired());
    }
    // Without a signed key the library would derive one itself: ours always have it.
    if !result.verified || challenge.parameters.key_signature.is_none() {
        return Err(wrong());
    }
    let bound = challenge.parameters.data.as_ref().and_then(|data| data.get("for")?.as_str());
    if bound != Some(binding(keys, form, browser).as_str()) {
        return Err(elsewhere());
    }
    proof(By::Altcha, &challenge.parameters.nonce, expires)
}

fn check_question(
    keys: &Keys,
    form: &str,
    browser: &Browser,
    now: Timestamp,
    token: &str,
    answer: &str,
) -> Result<Proof, FieldError> {
    let mut parts = token.splitn(4, '.');
    let (Some(seed_text), Some(expires_text), Some(bound), Some(tag)) =
        (parts.next(), parts.next(), parts.next(), parts.next())
    else {
        return Err(wrong());
    };
    let seed: [u8; 16] =
        URL_SAFE_NO_PAD.decode(seed_text).ok().and_then(|bytes| bytes.try_into().ok()).ok_or_else(wrong)?;
    let expires: i64 = expires_text.parse().map_err(|_| wrong())?;
    let known = question_tag(keys, seed_text, expires, bound);
    if verify_slices_are_equal(tag.as_bytes(), known.as_bytes()).is_err() {
        return Err(wrong());
    }
    if expires <= now.as_second() {
        return Err(expired());
    }
    if bound != binding(keys, form, browser) {
        return Err(elsewhere());
    }
    if !Question::of(seed).accepts(answer) {
        return Err(error("wrong-answer", "La risposta non è giusta: riprova.", "That is not the answer: try again."));
    }
    proof(By::Question, seed_text, expires)
}

fn proof(by: By, nonce: &str, expires: i64) -> Result<Proof, FieldError> {
    let kind = match by {
        By::Altcha => "altcha",
        By::Question => "question",
    };
    let expires_at = Timestamp::from_second(expires).map_err(|_| wrong())?;
    Ok(Proof { spent: store::Spent { key: format!("{kind}/{nonce}"), expires_at }, by })
}

/// Which form of which browser: text that only we can make.
fn binding(keys: &Keys, form: &str, browser: &Browser) -> String {
    let tag = keys.mac("robot-binding", format!("{form}|{}", browser.id()).as_bytes());
    URL_SAFE_NO_PAD.encode(&tag[..16])
}

fn question_token(keys: &Keys, form: &str, browser: &Browser, seed: &str, expires: i64) -> String {
    let bound = binding(keys, form, browser);
    let tag = question_tag(keys, seed, expires, &bound);
    format!("{seed}.{expires}.{bound}.{tag}")
}

fn question_tag(keys: &Keys, seed: &str, expires: i64, bound: &str) -> String {
    URL_SAFE_NO_PAD.encode(keys.mac("robot-question", format!("{seed}.{expires}.{bound}").as_bytes()))
}

fn secrets(keys: &Keys) -> (String, String) {
    let secret = |purpose| URL_SAFE_NO_PAD.encode(keys.mac(purpose, b""));
    (secret("robot-altcha"), secret("robot-altcha-key"))
}

fn error(code: &'static str, it: &str, en: &str) -> FieldError {
    FieldError::new("robot", code, it, en)
}

fn wrong() -> FieldError {
    error("wrong", "La verifica non è riuscita: ripetila.", "The check did not succeed: repeat it.")
}

fn expired() -> FieldError {
    error("expired", "La verifica è scaduta: ripetila.", "The check has expired: repeat it.")
}

fn elsewhere() -> FieldError {
    error(
        "elsewhere",
        "La verifica è stata fatta in un'altra pagina o in un altro browser: ripetila qui.",
        "The check was made on another page or in another browser: repeat it here.",
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing;
    use altcha::{SolveChallengeOptions, solve_challenge};
    use serde_json::json;

    fn browser(seed: u8) -> Browser {
        Browser::known(None, [seed; 16])
    }

    fn made(keys: &Keys, now: Timestamp) -> Challenge {
        create(keys, "registration", &browser(1), Language::It, now, [0; 16], 7).unwrap()
    }

    fn solved(challenge: &altcha::Challenge) -> Payload {
        let solution = solve_challenge(SolveChallengeOptions::new(challenge)).unwrap().unwrap();
        Payload { challenge: challenge.clone(), solution }
    }

    fn encoded(payload: &Payload) -> String {
        STANDARD.encode(serde_json::to_string(payload).unwrap())
    }

    fn refusal(keys: &Keys, form: &str, browser: &Browser, now: Timestamp, payload: &str) -> &'static str {
        let sent = Sent { altcha: Some(payload), question: None, answer: None };
        match check(keys, form, browser, now, &sent) {
            Ok(_) => "passed",
            Err(error) => {
                assert_eq!(error.field, "robot");
                error.code
            }
        }
    }

    #[tokio::test]
    async fn a_solved_challenge_passes_once_for_its_form_and_browser() {
        let keys = testing::app("http://localhost", "").await.unwrap().keys;
        let now = Timestamp::now();
        let challenge = made(&keys, now);
        let payload = solved(&challenge.altcha);
        assert_eq!(payload.solution.counter, FEWEST_TRIES + 7, "the work is as much as we asked for");
        let text = encoded(&payload);
        let sent = Sent { altcha: Some(&text), question: None, answer: None };
        let (first, second) = (
            check(&keys, "registration", &browser(1), now, &sent).unwrap(),
            check(&keys, "registration", &browser(1), now, &sent).unwrap(),
        );
        assert_eq!(first.by, By::Altcha);
        assert_eq!(first.spent.key, second.spent.key, "a repeat meets the marker of the first");
        assert_eq!(first.spent.expires_at.as_second(), now.as_second() + LIFETIME_SECONDS);
        // Whatever is not signed may be written differently, but the marker stays the same or the check fails.
        let mut shouted = payload.clone();
        shouted.challenge.signature = shouted.challenge.signature.map(|signature| signature.to_uppercase());
        let shouted = encoded(&shouted);
        let sent = Sent { altcha: Some(&shouted), question: None, answer: None };
        if let Ok(proof) = check(&keys, "registration", &browser(1), now, &sent) {
            assert_eq!(proof.spent.key, first.spent.key);
        }

        assert_eq!(refusal(&keys, "recovery", &browser(1), now, &text), "elsewhere");
        assert_eq!(refusal(&keys, "registration", &browser(2), now, &text), "elsewhere");
        let later = now + jiff::SignedDuration::from_secs(LIFETIME_SECONDS);
        assert_eq!(refusal(&keys, "registration", &browser(1), later, &text), "expired");
    }

    #[tokio::test]
    async fn forged_payloads_do_not_pass() {
        let keys = testing::app("http://localhost", "").await.unwrap().keys;
        let now = Timestamp::now();
        let challenge = made(&keys, now);
        let payload = solved(&challenge.altcha);
        let forge = |change: fn(&mut Payload)| {
            let mut forged = payload.clone();
            change(&mut forged);
            encoded(&forged)
        };
        let expired = made(&keys, now - jiff::SignedDuration::from_secs(LIFETIME_SECONDS + 1));
        let cases = [
            ("expired", encoded(&Payload { challenge: expired.altcha, solution: payload.solution.clone() })),
            ("wrong", forge(|p| p.solution.derived_key = "00".repeat(32))),
            ("wrong", forge(|p| p.solution.derived_key = "not hex".into())),
            ("wrong", forge(|p| p.challenge.parameters.cost = 1)),
            ("wrong", forge(|p| p.challenge.parameters.expires_at = None)),
            ("wrong", forge(|p| p.challenge.parameters.expires_at = Some(0))),
            ("wrong", forge(|p| p.challenge.parameters.data = None)),
            ("wrong", forge(|p| p.challenge.parameters.nonce = "00".repeat(16))),
            ("wrong", forge(|p| p.challenge.parameters.key_signature = None)),
            ("wrong", forge(|p| p.challenge.signature = None)),
            ("wrong", forge(|p| p.challenge.signature = Some(String::new()))),
            ("wrong", "%%%".to_owned()),
            ("wrong", STANDARD.encode("{}")),
            ("wrong", STANDARD.encode(json!({ "test": true }).to_string())),
            ("wrong", "A".repeat(MAX_PAYLOAD_BYTES + 1)),
        ];
        for (code, text) in cases {
            assert_eq!(refusal(&keys, "registration", &browser(1), now, &text), code, "{text:.80}");
        }
        // A challenge that the attacker makes with a key of their own.
        let theirs = create_challenge(CreateChallengeOptions {
            cost: 1,
            counter: Some(1),
            hmac_signature_secret: Some("theirs".into()),
            hmac_key_signature_secret: Some("theirs".into()),
            expires_at: Some(now.as_second() + 60),
            ..CreateChallengeOptions::default()
        });
        assert_eq!(refusal(&keys, "registration", &browser(1), now, &encoded(&solved(&theirs.unwrap()))), "wrong");
    }

    #[tokio::test]
    async fn the_question_for_whom_no_script_runs() {
        let keys = testing::app("http://localhost", "").await.unwrap().keys;
        let now = Timestamp::now();
        let asked = made(&keys, now).question;
        assert_eq!(asked.text, "Quanto fa uno più uno?");
        let answer = |form: &str, by: u8, now: Timestamp, token: &str, answer: &str| {
            let sent = Sent { altcha: None, question: Some(token), answer: Some(answer) };
            check(&keys, form, &browser(by), now, &sent).map(|proof| proof.spent.key).map_err(|error| error.code)
        };
        let right = answer("registration", 1, now, &asked.token, "due");
        assert_eq!(right, Ok("question/AAAAAAAAAAAAAAAAAAAAAA".to_owned()));
        assert_eq!(answer("registration", 1, now, &asked.token, "2"), right, "a repeat meets the marker");
        assert_eq!(answer("registration", 1, now, &asked.token, "3"), Err("wrong-answer"));
        assert_eq!(answer("recovery", 1, now, &asked.token, "2"), Err("elsewhere"));
        assert_eq!(answer("registration", 2, now, &asked.token, "2"), Err("elsewhere"));
        let later = now + jiff::SignedDuration::from_secs(LIFETIME_SECONDS);
        assert_eq!(answer("registration", 1, later, &asked.token, "2"), Err("expired"));
        let [seed, expires, bound, tag] = asked.token.split('.').collect::<Vec<_>>().try_into().unwrap();
        for forged in [
            String::new(),
            "a.b".to_owned(),
            format!("{seed}.{expires}.{bound}."),
            format!("{seed}.99999999999.{bound}.{tag}"),
            format!("BBBBBBBBBBBBBBBBBBBBBB.{expires}.{bound}.{tag}"),
            format!("{seed}.{expires}.x.{tag}"),
            format!("{}x", asked.token),
        ] {
            assert_eq!(answer("registration", 1, now, &forged, "2"), Err("wrong"), "{forged}");
        }
    }

    #[tokio::test]
    async fn without_an_answer_it_says_so() {
        let keys = testing::app("http://localhost", "").await.unwrap().keys;
        let now = Timestamp::now();
        let token = made(&keys, now).question.token;
        for sent in [
            Sent { altcha: None, question: None, answer: None },
            Sent { altcha: None, question: Some(&token), answer: None },
            Sent { altcha: None, question: None, answer: Some("2") },
        ] {
            assert_eq!(check(&keys, "registration", &browser(1), now, &sent).unwrap_err().code, "missing");
        }
    }
}
