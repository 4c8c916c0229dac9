//! What anybody may ask for, as browsers and programs see it.

use std::io::Read;

use flate2::read::GzDecoder;
use serde_json::Value;
use web::{
    Body, Response,
    assets::{HASH, url},
    testing::{self, Asked},
};

async fn ask(asked: Asked) -> Response {
    let app = testing::app("http://pagoinrete.localhost:4566", "").await.unwrap();
    web::respond(&app, &pages::handle, asked.event()).await.unwrap()
}

fn bytes(response: &Response) -> &[u8] {
    match &response.body {
        Body::Bytes(bytes) => bytes,
        Body::Text(text) => text.as_bytes(),
    }
}

#[tokio::test]
async fn public_pages_in_both_languages_and_faces() {
    let pages = [
        ("/", "Paga la scuola", "Pay the school"),
        ("/privacy", "Quali dati trattiamo", "Which data we process"),
        ("/conditions", "A che cosa ti impegni", "What you undertake"),
        ("/legal-notes", "EUPL", "EUPL"),
        ("/accessibility", "EN 301 549", "EN 301 549"),
        ("/assistance", "Domande frequenti", "Frequent questions"),
        ("/status", "Il servizio risponde", "The service answers"),
    ];
    for (path, italian, english) in pages {
        let page = ask(testing::get(path).page()).await;
        assert_eq!(page.status, 200, "{path}");
        assert!(page.text().contains(italian), "{path}: {italian}");
        assert!(page.text().contains("href=\"/login\""), "{path}: the way in");
        assert!(page.cookies.is_empty(), "{path}: no form, no cookie");
        let page = ask(testing::get(&format!("{path}?lang=en")).page()).await;
        assert!(page.text().contains(english), "{path}: {english}");
        let data = ask(testing::get(path)).await;
        assert_eq!((data.status, data.header("content-type")), (200, Some("application/json")), "{path}");
        assert!(serde_json::from_str::<Value>(data.text()).is_ok_and(|data| data.is_object()), "{path}");
    }
}

#[tokio::test]
async fn pages_of_the_signed_in_lead_to_the_door() {
    for (path, next) in [("/services", "/services"), ("/home", "/home"), ("/pago-in-rete", "/pago-in-rete")] {
        let page = ask(testing::get(path).page()).await;
        assert_eq!(
            (page.status, page.header("location")),
            (303, Some(format!("/login?next={next}").as_str())),
            "{path}"
        );
        assert_eq!(ask(testing::get(path)).await.status, 401, "{path}");
    }
}

#[tokio::test]
async fn what_is_not_here() {
    for path in ["/nothing", "/privacy/more", "/assets", "/assets/x", "/.env", "/a/../b", "/%2e%2e/etc/passwd", "//"] {
        let page = ask(testing::get(path).page()).await;
        assert_eq!(page.status, 404, "{path}");
        assert!(page.text().contains("Pagina non trovata"), "{path}");
        let data = ask(Asked::new("POST", path)).await;
        assert!(matches!(data.status, 404 | 405), "{path}");
    }
    for path in ["/", "/services", "/privacy", "/status"] {
        let posted = ask(testing::post(path, &[]).page()).await;
        assert_eq!((posted.status, posted.header("allow")), (405, Some("GET, HEAD")), "{path}");
    }
}

#[tokio::test]
async fn every_file_that_a_page_links_to_is_there() {
    let mut links = Vec::new();
    for path in ["/", "/privacy", "/legal-notes"] {
        let html = ask(testing::get(path).page()).await.text().to_owned();
        let found = html
            .split('"')
            .filter(|part| part.starts_with("/assets/"))
            .map(|link| link.split('#').next().unwrap().to_owned());
        links.extend(found);
    }
    links.extend(["altcha.js", "altcha.css", "altcha-pbkdf2.js"].map(url));
    assert!(links.len() > 10);
    for link in links {
        let file = ask(testing::get(&link)).await;
        assert_eq!(file.status, 200, "{link}");
        assert_eq!(file.header("cache-control"), Some("public, max-age=31536000, immutable"), "{link}");
        assert_eq!(file.header("x-content-type-options"), Some("nosniff"));
        assert!(!bytes(&file).is_empty());
    }
}

#[tokio::test]
async fn every_font_of_the_style_sheet_is_there() {
    let sheet = ask(testing::get(&url("bootstrap-italia.min.css"))).await;
    let css = String::from_utf8(bytes(&sheet).to_vec()).unwrap();
    let fonts: Vec<&str> =
        css.split("url(").filter_map(|rest| rest.split(')').next()).filter(|url| url.starts_with("fonts/")).collect();
    assert!(!fonts.is_empty());
    for font in fonts {
        let file = ask(testing::get(&url(font))).await;
        assert_eq!((file.status, file.header("content-type")), (200, Some("font/woff2")), "{font}");
    }
    assert!(!css.contains("http://www.") || !css.contains("@import"), "nothing is fetched from elsewhere");
}

#[tokio::test]
async fn every_icon_that_a_template_names_is_in_the_sprite() {
    let sprite = ask(testing::get(&url("sprites.svg"))).await;
    let sprite = String::from_utf8(bytes(&sprite).to_vec()).unwrap();
    for icon in ["user", "card", "mail", "file-pdf", "list", "pa"] {
        assert!(sprite.contains(&format!("id=\"it-{icon}\"")), "{icon}");
    }
}

#[tokio::test]
async fn files_are_compressed_for_whom_it_helps() {
    let link = url("bootstrap-italia.min.css");
    let plain = ask(testing::get(&link)).await;
    assert_eq!((plain.header("content-encoding"), plain.header("vary")), (None, Some("Accept-Encoding")));
    let packed = ask(testing::get(&link).header("accept-encoding", "br, gzip;q=0.8")).await;
    assert_eq!(packed.header("content-encoding"), Some("gzip"));
    assert!(bytes(&packed).len() * 3 < bytes(&plain).len());
    let mut unpacked = Vec::new();
    GzDecoder::new(bytes(&packed)).read_to_end(&mut unpacked).unwrap();
    assert_eq!(unpacked, bytes(&plain));
    let refused = ask(testing::get(&link).header("accept-encoding", "gzip;q=0")).await;
    assert_eq!(refused.header("content-encoding"), None);
    let font = ask(testing::get(&url("fonts/TitilliumWeb-Regular.woff2")).header("accept-encoding", "gzip")).await;
    assert_eq!(font.header("content-encoding"), None);
}

#[tokio::test]
async fn a_page_of_another_release_is_never_unstyled() {
    let other = ask(testing::get("/assets/0123456789abcdef/app.css")).await;
    assert_eq!((other.status, other.header("cache-control")), (200, Some("no-store")));
    let present = ask(testing::get(&format!("/assets/{HASH}/app.css"))).await;
    assert_eq!(bytes(&other), bytes(&present));
    assert_eq!(ask(testing::get(&format!("/assets/{HASH}/secret.css"))).await.status, 404);
}
