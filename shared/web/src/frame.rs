use std::borrow::Borrow;

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use domain::{Euro, FieldError, Language, SessionId};
use jiff::{Timestamp, civil::Date};
use runtime::App;
use serde::Serialize;
use serde_json::json;

use crate::{
    Caller, Face, Failure, Outcome, Request, Response, View,
    csrf::{self, Bound},
    label::label,
    problem::{self, Problem},
    response::Body,
    way::{Way, ways},
};

/// What a page needs beside its own data: language, menu, who is signed in, the form token. It also shows outcomes,
/// because it knows for whom.
pub struct Frame<'a> {
    request: &'a Request,
    known: Option<Known>,
    csrf: String,
    demo: bool,
    flash_key: [u8; 32],
}

/// What every page shows of the person signed in.
#[derive(Debug, Clone)]
pub(crate) struct Known {
    pub greeting: String,
    pub session: SessionId,
    pub bearer: bool,
    /// Not waiting for a password change: the menus lead somewhere.
    pub full: bool,
    /// The school this person works for.
    pub school: Option<String>,
    pub is_parent: bool,
    pub cart_count: usize,
}

/// Which entries the main menu has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Menu {
    /// Nobody is signed in, or the password must be changed first.
    None,
    Parent,
    School,
}

/// A message for the next page is shown within this time or not at all, in seconds.
const FLASH_SECONDS: i64 = 60;
const FLASH_COOKIE: &str = "flash";

impl<'a> Frame<'a> {
    /// For a page that anybody may see. Shows the menu of the person signed in, if the request has been found to be theirs.
    pub fn signed_out(app: &App, request: &'a Request) -> Self {
        let known = request.known.get().cloned();
        let bound = match &known {
            Some(Known { bearer: true, .. }) => Bound::Bearer,
            Some(known) => Bound::Session(&known.session),
            None => Bound::Browser(request.the_browser()),
        };
        let csrf = csrf::token(&app.keys, bound);
        Self { request, csrf, demo: app.config.demo, flash_key: app.keys.mac("flash", b""), known }
    }

    /// For a page of the signed-in caller.
    pub fn of(app: &App, request: &'a Request, caller: &Caller) -> Self {
        debug_assert!(request.known.get().is_some_and(|known| known.session == caller.account.session.id));
        Self::signed_out(app, request)
    }

    /// After a command on the cart the menu counts what is in it now.
    pub fn with_cart(mut self, count: usize) -> Self {
        if let Some(known) = &mut self.known {
            known.cart_count = count;
        }
        self
    }

    /// The answer, as this caller wants it.
    pub fn show<T: View>(&self, outcome: Outcome<T>) -> Result<Response, Failure> {
        let page = self.request.face() == Face::Page;
        match outcome {
            Outcome::Shown(what) if page => Ok(self.page(200, what.render(self, &[])?)),
            Outcome::Shown(what) => self.data(200, &what),
            Outcome::Created { at, .. } | Outcome::Accepted { at, .. } if page => Ok(Response::see_other(&at)),
            Outcome::Created { at, what } => Ok(self.data(201, &what)?.with_header("location", at)),
            Outcome::Accepted { at, what } => Ok(self.data(202, &what)?.with_header("location", at)),
            Outcome::Moved { at } => self.moved(&at),
            Outcome::Refused { errors, form } if page => Ok(self.page(422, form.render(self, &errors)?)),
            Outcome::Refused { errors, .. } => self.problem(
                422,
                "invalid-fields",
                self.t("Controlla i campi segnalati", "Check the fields listed"),
                self.t("Alcuni campi non sono corretti.", "Some fields are not right."),
                &errors,
            ),
            Outcome::Conflict { code, it, en, what } if page => {
                let reason = FieldError::new("", code, it, en);
                Ok(self.page(409, what.render(self, &[reason])?))
            }
            Outcome::Conflict { code, it, en, .. } => {
                self.problem(409, code, self.t("Operazione non possibile", "Not possible now"), self.t(&it, &en), &[])
            }
            Outcome::Unavailable { code, it, en, what } => {
                let response = match page {
                    true => self.page(503, what.render(self, &[FieldError::new("", code, it, en)])?),
                    false => {
                        let title =
                            self.t("Servizio momentaneamente non disponibile", "Service temporarily unavailable");
                        self.problem(503, code, title, self.t(&it, &en), &[])?
                    }
                };
                Ok(response.with_header("retry-after", "2"))
            }
        }
    }

    /// Go on there: 303 for pages, the address as JSON for programs.
    pub fn moved(&self, at: &str) -> Result<Response, Failure> {
        match self.request.face() {
            Face::Page => Ok(Response::see_other(at)),
            Face::Json => Ok(Response::json(200, &json!({ "location": at }))?),
        }
    }

    /// Adds a message that the next page shows once: "Added to the cart".
    pub fn flash(&self, response: Response, it: &str, en: &str) -> Response {
        let text = URL_SAFE_NO_PAD.encode(self.t(it, en));
        let value = format!("{text}.{}", self.flash_tag(&text));
        response.with_cookie(self.request.site().set_cookie(FLASH_COOKIE, &value, Some(FLASH_SECONDS)))
    }

    /// What did not happen, as this caller reads it.
    pub(crate) fn fail(&self, failure: &Failure) -> Result<Response, Failure> {
        let next = self.request.return_path().map(|path| {
            let safe: String = path.bytes().map(encoded).collect();
            format!("?next={safe}")
        });
        let onward = |path: &str| Response::see_other(&format!("{path}{}", next.clone().unwrap_or_default()));
        let words = failure.words(self.request.language());
        let response = match (self.request.face(), failure) {
            (Face::Page, Failure::NotSignedIn) => onward("/login"),
            (Face::Page, Failure::MustConsent) => onward("/consents"),
            (Face::Page, Failure::MustChangePassword) => onward("/password/change"),
            (Face::Page, _) => {
                let passing =
                    matches!(failure, Failure::Unavailable(_) | Failure::Broken(_) | Failure::TooManyRequests { .. });
                // The page itself, or for a command the page it was sent from.
                let again = passing || matches!(failure, Failure::Csrf);
                let retry = self.request.return_path().filter(|_| again);
                let view = FailureView {
                    title: words.title,
                    detail: words.detail,
                    ways: ways(words.code),
                    id: self.request.id().to_owned(),
                    retry,
                };
                self.page(failure.status(), view.render(self, &[])?)
            }
            (Face::Json, _) => self.problem(failure.status(), words.code, &words.title, &words.detail, &[])?,
        };
        Ok(match failure {
            Failure::NotSignedIn => response.with_header("www-authenticate", "Bearer"),
            Failure::TooManyRequests { retry_after_seconds } => {
                response.with_header("retry-after", retry_after_seconds.to_string())
            }
            Failure::Unavailable(_) => response.with_header("retry-after", "2"),
            Failure::MethodNotAllowed { allow } => response.with_header("allow", *allow),
            _ => response,
        })
    }

    fn page(&self, status: u16, html: String) -> Response {
        let response = Response::html(status, html);
        match self.request.cookie(FLASH_COOKIE) {
            // Shown now, so it is over.
            Some(_) => response.with_cookie(self.request.site().set_cookie(FLASH_COOKIE, "", Some(0))),
            None => response,
        }
    }

    fn data(&self, status: u16, what: &impl Serialize) -> Result<Response, Failure> {
        let response = Response::json(status, what)?;
        // A program with cookies needs the token for its next command.
        let wanted = match &self.known {
            Some(known) => !known.bearer,
            None => self.request.the_browser().is_used(),
        };
        Ok(if wanted { response.with_header("x-csrf-token", self.csrf.clone()) } else { response })
    }

    fn problem(
        &self,
        status: u16,
        code: &str,
        title: &str,
        detail: &str,
        errors: &[FieldError],
    ) -> Result<Response, Failure> {
        let problem = Problem {
            kind: problem::kind(code),
            title,
            status,
            detail,
            code,
            errors: problem::wrong_fields(errors, self.request.language()),
            links: ways(code),
            correlation_id: self.request.id(),
        };
        Ok(Response::new(status, problem::CONTENT_TYPE, Body::Text(serde_json::to_string(&problem)?)))
    }

    fn flash_tag(&self, text: &str) -> String {
        use aws_lc_rs::hmac;
        let tag = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, &self.flash_key), text.as_bytes());
        URL_SAFE_NO_PAD.encode(&tag.as_ref()[..16])
    }
}

/// What templates ask of `f`.
impl Frame<'_> {
    /// The text in the reader's language: both stand together, so that none is forgotten.
    pub fn t<'t>(&self, it: &'t str, en: &'t str) -> &'t str {
        self.request.language().choose(it, en)
    }

    /// The same for a pair, as domain types give their words.
    pub fn words<'t>(&self, words: impl Borrow<(&'t str, &'t str)>) -> &'t str {
        let (it, en) = *words.borrow();
        self.t(it, en)
    }

    pub fn language(&self) -> Language {
        self.request.language()
    }

    pub fn lang(&self) -> &'static str {
        self.request.language().tag()
    }

    pub fn is_italian(&self) -> bool {
        self.request.language() == Language::It
    }

    /// This page in another language.
    pub fn in_language(&self, tag: &str) -> String {
        let path = self.request.return_path().unwrap_or_else(|| "/".to_owned());
        let glue = if path.contains('?') { '&' } else { '?' };
        format!("{path}{glue}lang={tag}")
    }

    pub fn path(&self) -> &str {
        self.request.path()
    }

    /// Is this the page of the menu's entry?
    pub fn is_at(&self, path: &str) -> bool {
        self.path() == path
    }

    /// Is this a page below the menu's entry, and no other entry's own?
    pub fn is_below(&self, path: &str) -> bool {
        let rest = self.path().strip_prefix(path).and_then(|rest| rest.strip_prefix('/'));
        rest.is_some_and(|rest| rest != "new") && path != "/school"
    }

    /// The token for a form's hidden field; marks the browser as one to remember.
    pub fn csrf(&self) -> &str {
        if self.known.is_none() {
            self.request.the_browser().mark_used();
        }
        &self.csrf
    }

    /// `Mario R.`, if somebody is signed in.
    pub fn greeting(&self) -> Option<&str> {
        self.known.as_ref().map(|known| known.greeting.as_str())
    }

    pub fn has_menu(&self, menu: &str) -> bool {
        let name = match self.menu() {
            Menu::None => "none",
            Menu::Parent => "parent",
            Menu::School => "school",
        };
        name == menu
    }

    pub fn menu(&self) -> Menu {
        match &self.known {
            Some(known) if known.full => {
                let at_school = self.path() == "/school" || self.path().starts_with("/school/");
                match known.school.is_some() && (at_school || !known.is_parent) {
                    true => Menu::School,
                    false => Menu::Parent,
                }
            }
            _ => Menu::None,
        }
    }

    /// Where this person's pages begin.
    pub fn home(&self) -> &'static str {
        match self.menu() {
            Menu::None => "/",
            Menu::Parent => "/home",
            Menu::School => "/school",
        }
    }

    /// Does the error summary have anything to link to?
    pub fn has_fields(&self, errors: &[FieldError]) -> bool {
        errors.iter().any(|error| !error.field.is_empty())
    }

    /// The school this person works for.
    pub fn school(&self) -> Option<&str> {
        self.known.as_ref().and_then(|known| known.school.as_deref())
    }

    pub fn is_parent(&self) -> bool {
        self.known.as_ref().is_some_and(|known| known.is_parent)
    }

    pub fn cart_count(&self) -> usize {
        self.known.as_ref().map_or(0, |known| known.cart_count)
    }

    pub fn is_demo(&self) -> bool {
        self.demo
    }

    /// The message that the page before left for this one.
    pub fn flash_message(&self) -> Option<String> {
        let (text, tag) = self.request.cookie(FLASH_COOKIE)?.split_once('.')?;
        let known = aws_lc_rs::constant_time::verify_slices_are_equal(tag.as_bytes(), self.flash_tag(text).as_bytes());
        known.ok().and_then(|()| String::from_utf8(URL_SAFE_NO_PAD.decode(text).ok()?).ok())
    }

    /// The address of one of our own files: `f.asset("app.css")`.
    pub fn asset(&self, name: &str) -> String {
        crate::assets::url(name)
    }

    /// `30/06/2027`, `30 June 2027`.
    pub fn date(&self, date: impl Borrow<Date>) -> String {
        runtime::long_date(*date.borrow(), self.language())
    }

    /// For `<time datetime>` and `<input type="date">`.
    pub fn iso_date(&self, date: impl Borrow<Date>) -> String {
        date.borrow().to_string()
    }

    /// The instant on Italian clocks: `30/06/2027, 14:05`.
    pub fn time(&self, at: impl Borrow<Timestamp>) -> String {
        let local = runtime::rome(*at.borrow());
        format!("{}, {}", self.date(local.date()), local.strftime("%H:%M"))
    }

    /// `1.234,56 €`, `€ 1,234.56`.
    pub fn money(&self, amount: impl Borrow<Euro>) -> String {
        let amount = amount.borrow();
        match self.language() {
            Language::It => format!("{}\u{a0}€", amount.italian()),
            Language::En => format!("€\u{a0}{}", amount.english()),
        }
    }

    /// The message of the field's first error.
    pub fn error_of<'e>(&self, errors: &'e [FieldError], field: &str) -> Option<&'e str> {
        errors.iter().find(|error| error.field == field).map(|error| error.message(self.language()))
    }

    /// An error in the reader's language.
    pub fn message<'e>(&self, error: &'e FieldError) -> &'e str {
        error.message(self.language())
    }

    /// What the error's field is called, for the summary: `Nome: `.
    pub fn label_of(&self, error: &FieldError) -> String {
        label(error.field).map(|words| format!("{}: ", self.words(words))).unwrap_or_default()
    }
}

/// A byte in a query's value.
fn encoded(byte: u8) -> String {
    match byte {
        b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_' | b'.' | b'~' | b'/' => char::from(byte).to_string(),
        other => format!("%{other:02X}"),
    }
}

/// The page of a failure.
#[derive(Debug, Serialize)]
struct FailureView {
    title: String,
    detail: String,
    ways: &'static [Way],
    id: String,
    /// Where trying again makes sense.
    retry: Option<String>,
}

crate::view!(FailureView, "failure.html");

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Site, testing};

    fn known(school: Option<&str>, is_parent: bool, full: bool) -> Known {
        Known {
            greeting: "Maria <R.>".into(),
            session: SessionId::from_bytes([1; 16]),
            bearer: false,
            full,
            school: school.map(str::to_owned),
            is_parent,
            cart_count: 2,
        }
    }

    async fn page(path: &str, known: Option<Known>) -> String {
        let app = testing::app("https://pagoinrete.example", "").await.unwrap();
        let request = Request::parse(testing::get(path).page().event(), Site::Secure, Timestamp::UNIX_EPOCH, [0; 16]);
        if let Some(known) = known {
            request.known.set(known).unwrap();
        }
        Frame::signed_out(&app, &request).fail(&Failure::NotFound).unwrap().text().to_owned()
    }

    #[tokio::test]
    async fn menus_fit_the_person_and_the_place() {
        let school = || Some("I.C. Test");
        let cases = [
            ("/x", None, None),
            ("/x", Some(known(None, true, true)), Some("/notices")),
            ("/x", Some(known(None, false, true)), Some("/notices")),
            ("/x", Some(known(school(), true, true)), Some("/notices")),
            ("/x", Some(known(school(), false, true)), Some("/school/notices/new")),
            ("/school/x", Some(known(school(), true, true)), Some("/school/notices/new")),
            ("/school/x", Some(known(None, true, true)), Some("/notices")),
            ("/schools", Some(known(school(), true, true)), Some("/notices")),
            ("/x", Some(known(None, true, false)), None),
        ];
        for (path, known, entry) in cases {
            let (signed_in, works) = (known.is_some(), known.as_ref().is_some_and(|known| known.school.is_some()));
            let html = page(path, known).await;
            let menu = html.split("class=\"main-menu\"").nth(1).map(|rest| rest.split("</nav>").next().unwrap());
            assert_eq!(menu.is_some(), entry.is_some(), "{path}");
            if let (Some(menu), Some(entry)) = (menu, entry) {
                assert!(menu.contains(&format!("href=\"{entry}\"")), "{path}: {menu}");
            }
            assert_eq!(html.contains("action=\"/logout\""), signed_in, "{path}: the way out");
            assert_eq!(html.contains("href=\"/login\""), !signed_in, "{path}: the way in");
            assert_eq!(html.contains(">Area della scuola<"), works, "{path}");
            assert!(!html.contains("<R.>"));
        }
        let parent = page("/cart", Some(known(None, true, true))).await;
        assert!(parent.contains("href=\"/cart\" aria-current=\"page\""), "where one is");
        let below = page("/notices/80124890155/1", Some(known(None, true, true))).await;
        assert!(below.contains("href=\"/notices\" aria-current=\"true\""), "and where that belongs");
        assert!(parent.contains(">2<span class=\"visually-hidden\"> avvisi"), "what is in the cart");
    }

    #[tokio::test]
    async fn languages_lead_to_the_same_page() {
        let html = page("/notices?state=paid&lang=it", None).await;
        assert!(html.contains("href=\"/notices?state=paid&#38;lang=en\""), "{html}");
        let html = page("/%2e%2e//x", None).await;
        assert!(html.contains("href=\"/?lang=en\""));
    }
}
