//! One step, two faces: what leaves for people and for programs.

use domain::Euro;
use jiff::{Timestamp, civil::Date};
use runtime::App;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use web::{
    Failure, FieldError, Frame, Outcome, Request, Response,
    robot::{self, Challenge},
    testing::{self, Asked},
};

const ORIGIN: &str = "https://pagoinrete.example";

#[derive(Debug, Serialize)]
struct Example {
    amount: Euro,
    due: Date,
    at: Timestamp,
    form: Form,
    robot: Challenge,
}

#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct Form {
    name: Option<String>,
    email: Option<String>,
    password: Option<String>,
    birth_date: Option<String>,
    due: Option<String>,
    category: Option<String>,
    sex: Option<String>,
    terms: Option<String>,
}

web::view!(Example, "example.html");

async fn handle(app: &App, request: &Request) -> Result<Response, Failure> {
    let example = |form: Form| -> Result<Example, Failure> {
        Ok(Example {
            amount: Euro::from_cents(123_456).unwrap(),
            due: "2027-06-30".parse().unwrap(),
            at: "2027-06-30T12:05:00Z".parse().unwrap(),
            form,
            robot: robot::challenge(app, "example", request)?,
        })
    };
    let frame = Frame::signed_out(app, request);
    match (request.method(), request.segments().as_slice()) {
        ("GET", ["example"]) => frame.show(Outcome::Shown(example(Form::default())?)),
        ("POST", ["example"]) => {
            web::check_csrf(app, request, request.browser())?;
            let form: Form = request.read()?;
            let errors: Vec<FieldError> =
                form.name.is_none().then(|| FieldError::missing("name")).into_iter().collect();
            let errors = errors.into_iter().chain(robot::verify(app, "example", request).err()).collect::<Vec<_>>();
            if !errors.is_empty() {
                return frame.show(Outcome::Refused { errors, form: example(form)? });
            }
            frame.show(Outcome::Created { at: "/example/1".into(), what: example(form)? })
        }
        ("POST", ["moved"]) => Ok(frame.flash(frame.moved("/example")?, "Fatto: <b>tutto</b> bene.", "Done.")),
        ("POST", ["accepted"]) => {
            frame.show(Outcome::Accepted { at: "/example/progress".into(), what: example(Form::default())? })
        }
        ("POST", ["conflict"]) => frame.show(Outcome::Conflict {
            code: "already-paid",
            it: "L'avviso è già stato pagato.".into(),
            en: "The notice has been paid already.".into(),
            what: example(Form::default())?,
        }),
        (_, ["example"]) => Err(Failure::MethodNotAllowed { allow: "GET, HEAD, POST" }),
        ("GET", ["signed-in"]) => web::signed_in(app, request).await.map(|_| Response::empty(204)),
        ("GET", ["consent"]) => Err(Failure::MustConsent),
        ("GET", ["password"]) => Err(Failure::MustChangePassword),
        ("GET", ["many"]) => Err(Failure::TooManyRequests { retry_after_seconds: 60 }),
        ("GET", ["away"]) => Err(Failure::unavailable("the table is asleep: secret-detail")),
        ("GET", ["panic"]) => panic!("secret-detail"),
        ("GET", ["paper.pdf"]) => Ok(web::document(b"%PDF".to_vec(), "application/pdf", "a\"\r\nb/../ricevuta.pdf")),
        _ => Err(Failure::NotFound),
    }
}

async fn ask(asked: Asked) -> Response {
    ask_at(ORIGIN, asked).await
}

async fn ask_at(origin: &str, asked: Asked) -> Response {
    let app = testing::app(origin, "").await.unwrap();
    web::respond(&app, &handle, asked.event()).await.unwrap()
}

fn value(response: &Response) -> Value {
    serde_json::from_str(response.text()).unwrap_or_else(|_| panic!("{}", response.text()))
}

fn cookie<'a>(response: &'a Response, name: &str) -> Option<&'a str> {
    response.cookies.iter().find_map(|line| line.strip_prefix(name)?.strip_prefix('=')?.split(';').next())
}

/// The form's page, and a request that sends it back from the same browser.
async fn filled(fields: &[(&str, &str)]) -> Asked {
    let page = ask(testing::get("/example").page()).await;
    let browser = cookie(&page, "__Host-browser").unwrap().to_owned();
    let token = page.text().split("name=\"csrf\" value=\"").nth(1).unwrap().split('"').next().unwrap().to_owned();
    let fields: Vec<(&str, &str)> = fields.iter().copied().chain([("csrf", token.as_str())]).collect();
    testing::post("/example", &fields)
        .cookie(&format!("__Host-browser={browser}"))
        .header("sec-fetch-site", "same-origin")
}

#[tokio::test]
async fn a_page_for_people() {
    let page = ask(testing::get("/example").page()).await;
    assert_eq!((page.status, page.header("content-type")), (200, Some("text/html; charset=utf-8")));
    let html = page.text();
    for part in [
        "<html lang=\"it\">",
        "<title>Esempio | Pago In Rete</title>",
        "1.234,56\u{a0}€",
        "30/06/2027, 14:05",
        "Ambiente dimostrativo",
        "href=\"/login\"",
        "aria-current=\"page\">Qui",
        "autocomplete=\"given-name\"",
        "for=\"name\"",
        "aria-describedby=\"name-help\"",
        "<altcha-widget challenge=\"{",
        "<noscript>",
        "name=\"robot_question\"",
    ] {
        assert!(html.contains(part), "{part} is not in {html}");
    }
    assert!(!html.contains("role=\"alert\""));
    let english = ask(testing::get("/example?lang=en").page()).await;
    for part in ["<html lang=\"en\">", "€\u{a0}1,234.56", "30 June 2027, 14:05", "Demonstration environment"] {
        assert!(english.text().contains(part), "{part}");
    }
    assert!(cookie(&english, "__Host-lang") == Some("en"), "the choice is kept");
    assert_eq!(english.header("content-language"), Some("en"));
}

#[tokio::test]
async fn the_same_for_programs() {
    let answer = ask(testing::get("/example")).await;
    assert_eq!((answer.status, answer.header("content-type")), (200, Some("application/json")));
    let data = value(&answer);
    assert_eq!(data["due"], "2027-06-30");
    assert_eq!(data["robot"]["altcha"]["parameters"]["algorithm"], "PBKDF2/SHA-256");
    assert!(data["robot"]["question"]["token"].is_string());
    assert!(
        answer.header("x-csrf-token").is_some_and(|token| token.len() == 43),
        "it is bound to a browser, so it gets the token"
    );
    assert!(cookie(&answer, "__Host-browser").is_some());
}

#[tokio::test]
async fn a_refused_form_comes_back_filled() {
    let asked = filled(&[
        ("name", ""),
        ("email", "\"><svg onload=alert(1)>"),
        ("terms", "on"),
        ("sex", "F"),
        ("category", "trip"),
    ])
    .await;
    let page = ask(asked.page()).await;
    assert_eq!(page.status, 422);
    let html = page.text();
    for part in [
        "<title>Errore: Esempio",
        "role=\"alert\"",
        "href=\"#robot\"",
        "value=\"&#34;&#62;&#60;svg onload=alert(1)&#62;\"",
        "id=\"terms\" name=\"terms\" value=\"on\" checked",
        "value=\"F\" checked",
        "value=\"trip\" selected",
        "id=\"robot-error\"",
    ] {
        assert!(html.contains(part), "{part} is not in {html}");
    }
    assert!(!html.contains("<svg onload"));
}

#[tokio::test]
async fn a_refused_form_for_programs() {
    let asked = filled(&[]).await;
    let answer = ask(asked.header("accept", "application/json").header("accept-language", "en")).await;
    assert_eq!((answer.status, answer.header("content-type")), (422, Some("application/problem+json")));
    let problem = value(&answer);
    assert_eq!(problem["type"], "urn:pagoinrete:problem:invalid-fields");
    assert_eq!(
        problem["errors"],
        json!([
            { "field": "name", "code": "missing", "detail": "This field is mandatory: fill it in to go on." },
            { "field": "robot", "code": "missing", "detail": "Confirm that you are no robot before you go on." },
        ])
    );
    assert_eq!((&problem["status"], &problem["correlation_id"]), (&json!(422), &json!("test-request")));
}

#[tokio::test]
async fn a_form_of_nobody_is_refused() {
    let forged = ask(testing::post("/example", &[("name", "a")]).page().header("sec-fetch-site", "cross-site")).await;
    assert_eq!(forged.status, 403);
    assert!(forged.text().contains("Modulo scaduto"));
    let forged = ask(testing::post("/example", &[("name", "a")])).await;
    assert_eq!(value(&forged)["code"], "form-expired");
}

#[tokio::test]
async fn commands_lead_on() {
    let page = ask(testing::post("/accepted", &[]).page()).await;
    assert_eq!((page.status, page.header("location")), (303, Some("/example/progress")));
    let data = ask(testing::post("/accepted", &[])).await;
    assert_eq!((data.status, data.header("location")), (202, Some("/example/progress")));
    let data = ask(testing::post("/moved", &[])).await;
    assert_eq!((data.status, value(&data)), (200, json!({ "location": "/example" })));

    let moved = ask(testing::post("/moved", &[]).page()).await;
    assert_eq!((moved.status, moved.header("location"), moved.text()), (303, Some("/example"), ""));
    let flash = cookie(&moved, "__Host-flash").unwrap();
    let next = ask(testing::get("/example").page().cookie(&format!("__Host-flash={flash}"))).await;
    assert!(next.text().contains("role=\"status\">Fatto: &#60;b&#62;tutto&#60;/b&#62; bene.<"), "{}", next.text());
    assert_eq!(cookie(&next, "__Host-flash"), Some(""), "shown once");
    let forged =
        ask(testing::get("/example").page().cookie("__Host-flash=RnJlZSBtb25leQ.AAAAAAAAAAAAAAAAAAAAAA")).await;
    assert!(!forged.text().contains("role=\"status\""));
}

#[tokio::test]
async fn a_conflict_shows_what_is_true_now() {
    let page = ask(testing::post("/conflict", &[]).page()).await;
    assert_eq!(page.status, 409);
    assert!(page.text().contains("già stato pagato"));
    assert!(!page.text().contains("Controlla questi campi"));
    let data = ask(testing::post("/conflict", &[])).await;
    assert_eq!((data.status, &value(&data)["code"]), (409, &json!("already-paid")));
}

#[tokio::test]
async fn failures_in_both_faces_and_languages() {
    let cases = [
        ("/nothing", 404, "not-found", "Pagina non trovata", "Page not found"),
        ("/many", 429, "too-many-requests", "Troppi tentativi", "Too many attempts"),
        ("/away", 503, "unavailable", "Servizio momentaneamente non disponibile", "Service temporarily unavailable"),
        ("/panic", 500, "internal-error", "Si è verificato un errore", "Something went wrong"),
    ];
    for (path, status, code, it, en) in cases {
        let page = ask(testing::get(path).page()).await;
        assert_eq!(page.status, status, "{path}");
        assert!(page.text().contains(&format!("<h1>{it}</h1>")), "{path}: {}", page.text());
        let english = ask(testing::get(path).page().header("accept-language", "en")).await;
        assert!(english.text().contains(&format!("<h1>{en}</h1>")), "{path}");
        let data = ask(testing::get(path).header("accept-language", "en")).await;
        let problem = value(&data);
        assert_eq!((data.status, data.header("content-type")), (status, Some("application/problem+json")), "{path}");
        assert_eq!((&problem["code"], &problem["title"]), (&json!(code), &json!(en)), "{path}");
        assert!(problem["detail"].as_str().is_some_and(|detail| !detail.is_empty()));
        for answer in [&page, &english, &data] {
            assert!(!answer.text().contains("secret-detail"), "causes stay inside");
        }
    }
    assert_eq!(ask(testing::get("/many")).await.header("retry-after"), Some("60"));
    let away = ask(testing::get("/away?a=1").page()).await;
    assert!(away.text().contains("href=\"/away?a=1\""), "a link to try again");
    assert!(away.header("retry-after").is_some());
}

#[tokio::test]
async fn who_must_do_something_first_is_led_there() {
    let cases = [
        ("/signed-in?state=paid&x=%26", 401, "not-signed-in", "/login?next=/signed-in%3Fstate%3Dpaid%26x%3D%2526"),
        ("/consent", 403, "must-consent", "/consents?next=/consent"),
        ("/password", 403, "must-change-password", "/password/change?next=/password"),
    ];
    for (path, status, code, location) in cases {
        let page = ask(testing::get(path).page()).await;
        assert_eq!((page.status, page.header("location")), (303, Some(location)), "{path}");
        let data = ask(testing::get(path)).await;
        assert_eq!((data.status, &value(&data)["code"]), (status, &json!(code)), "{path}");
    }
    let garbage =
        ask(testing::get("/signed-in").cookie("__Host-session=a.b.c").header("authorization", "Bearer x.y.z")).await;
    assert_eq!((garbage.status, garbage.header("www-authenticate")), (401, Some("Bearer")));
}

#[tokio::test]
async fn every_answer_is_protected() {
    let asked = [
        testing::get("/example").page(),
        testing::get("/example"),
        testing::get("/nothing").page(),
        testing::get("/panic"),
        testing::get("/paper.pdf"),
        testing::post("/example", &[]),
        testing::post("/moved", &[]).page(),
        Asked::new("OPTIONS", "/example"),
        Asked::new("TRACE", "/example"),
    ];
    for asked in asked {
        let answer = ask(asked).await;
        let csp = answer.header("content-security-policy").unwrap();
        for rule in [
            "default-src 'none'",
            "script-src 'self'",
            "form-action 'self' https://checkout.example",
            "frame-ancestors 'none'",
            "base-uri 'none'",
        ] {
            assert!(csp.contains(rule), "{csp}");
        }
        assert!(!csp.contains("unsafe"));
        for (name, expected) in [
            ("x-content-type-options", "nosniff"),
            ("referrer-policy", "same-origin"),
            ("cross-origin-opener-policy", "same-origin"),
            ("strict-transport-security", "max-age=31536000"),
            ("cache-control", "no-store"),
            ("vary", "Accept, Accept-Language, Cookie"),
            ("x-correlation-id", "test-request"),
        ] {
            assert_eq!(answer.header(name), Some(expected), "{name}");
        }
        assert_eq!(answer.header("access-control-allow-origin"), None);
    }
    let local = ask_at("http://pagoinrete.localhost:4566", testing::get("/example").page()).await;
    assert_eq!(local.header("strict-transport-security"), None);
    assert!(cookie(&local, "browser").is_some() && cookie(&local, "__Host-browser").is_none());
}

#[tokio::test]
async fn a_plain_origin_in_the_cloud_serves_nobody() {
    let app = testing::app("http://pagoinrete.example", "").await.unwrap();
    assert!(web::respond(&app, &handle, testing::get("/example").event()).await.is_err());
    assert!(web::serve(&app, handle).await.is_err(), "it does not even start");
    let no_key = testing::app(ORIGIN, "").await.unwrap();
    assert!(web::serve(&no_key, handle).await.is_err(), "nor without its key");
}

#[tokio::test]
async fn methods() {
    let head = ask(Asked::new("HEAD", "/example").page()).await;
    assert_eq!((head.status, head.text()), (200, ""));
    let put = ask(Asked::new("PUT", "/example")).await;
    assert_eq!((put.status, put.header("allow")), (405, Some("GET, HEAD, POST")));
    let options = ask(Asked::new("OPTIONS", "/example")).await;
    assert_eq!((options.status, options.header("allow")), (204, Some("GET, HEAD, POST, OPTIONS")));
    let large = ask(testing::post("/nothing", &[]).body(&"a".repeat(70_000))).await;
    assert_eq!(large.status, 413);
}

#[tokio::test]
async fn documents_are_downloads_with_a_harmless_name() {
    let paper = ask(testing::get("/paper.pdf")).await;
    assert_eq!(paper.header("content-type"), Some("application/pdf"));
    assert_eq!(paper.header("content-disposition"), Some("attachment; filename=\"a---b-..-ricevuta.pdf\""));
}

#[tokio::test]
async fn nobody_sees_what_another_left() {
    // One warm environment, two people by turns: nothing of a request outlives it.
    let app = testing::app(ORIGIN, "").await.unwrap();
    for turn in 0..50 {
        let (mine, theirs) = (format!("canary-{turn}-a"), format!("canary-{turn}-b"));
        let sent = |canary: &str| {
            let form = testing::post_json("/example", &json!({ "email": canary })).page();
            web::respond(&app, &handle, form.event())
        };
        let (first, second) = (sent(&mine), sent(&theirs));
        let (first, second) = (first.await.unwrap(), second.await.unwrap());
        assert!(first.text().contains(&mine) && !first.text().contains(&theirs));
        assert!(second.text().contains(&theirs) && !second.text().contains(&mine));
    }
}
