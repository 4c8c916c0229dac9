//! Our own files, embedded: they are part of the release that links to them.

use std::io::Read;

use flate2::read::GzDecoder;
use web::{Body, Failure, Request, Response, assets::HASH};

struct File {
    name: &'static str,
    content_type: &'static str,
    /// The bytes are compressed.
    gzip: bool,
    bytes: &'static [u8],
}

include!(concat!(env!("OUT_DIR"), "/files.rs"));

/// The file of this release. A page of another release (during a deploy) gets the present file, not to be kept: no
/// page is ever without its style.
pub fn serve(request: &Request, hash: &str, name: &str) -> Result<Response, Failure> {
    let file = FILES.iter().find(|file| file.name == name).ok_or(Failure::NotFound)?;
    let cache = if hash == HASH { "public, max-age=31536000, immutable" } else { "no-store" };
    let accepted = request.header("accept-encoding").unwrap_or_default();
    let takes_gzip = accepted.split(',').any(|item| {
        let (name, quality) = item.trim().split_once(';').unwrap_or((item.trim(), ""));
        matches!(name.trim(), "gzip" | "*") && !matches!(quality.trim(), "q=0" | "q=0.0" | "q=0.00" | "q=0.000")
    });
    let (body, encoding) = match (file.gzip, takes_gzip) {
        (true, true) => (file.bytes.to_vec(), Some("gzip")),
        (true, false) => (inflated(file.bytes)?, None),
        (false, _) => (file.bytes.to_vec(), None),
    };
    let response = Response::new(200, file.content_type, Body::Bytes(body))
        .with_header("cache-control", cache)
        .with_header("vary", "Accept-Encoding");
    Ok(match encoding {
        Some(encoding) => response.with_header("content-encoding", encoding),
        None => response,
    })
}

fn inflated(bytes: &[u8]) -> Result<Vec<u8>, Failure> {
    let mut text = Vec::new();
    GzDecoder::new(bytes).read_to_end(&mut text).map_err(|error| Failure::Broken(error.into()))?;
    Ok(text)
}
