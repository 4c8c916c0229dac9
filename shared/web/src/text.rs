//! Small readers of what comes in a URL or a header.

use percent_encoding::percent_decode_str;

/// More names than any form of ours has; a request with more is no form of ours.
const MAX_PAIRS: usize = 200;

/// `a=1&b=two+words`; `None` if something cannot be decoded or there are too many.
pub fn pairs(text: &str) -> Option<Vec<(String, String)>> {
    let parts: Vec<&str> = text.split('&').filter(|part| !part.is_empty()).collect();
    if parts.len() > MAX_PAIRS {
        return None;
    }
    parts
        .into_iter()
        .map(|part| {
            let (name, value) = part.split_once('=').unwrap_or((part, ""));
            Some((decoded(name)?, decoded(value)?))
        })
        .collect()
}

fn decoded(text: &str) -> Option<String> {
    let spaced = text.replace('+', " ");
    percent_decode_str(&spaced).decode_utf8().ok().map(std::borrow::Cow::into_owned)
}

/// A path's parts, each decoded once. `None` for what no page of ours is called: an empty part in the middle, `.` and
/// `..`, a hidden slash, a control character, something that is not UTF-8.
pub fn segments(raw_path: &str) -> Option<Vec<String>> {
    let inner = raw_path.strip_prefix('/')?;
    let inner = inner.strip_suffix('/').unwrap_or(inner);
    if inner.is_empty() {
        return (raw_path == "/").then(Vec::new);
    }
    let segment = |part: &str| {
        let text = percent_decode_str(part).decode_utf8().ok()?.into_owned();
        let odd = |c: char| c.is_control() || matches!(c, '/' | '\\' | '%');
        let refused = text.is_empty() || text == "." || text == ".." || text.chars().any(odd);
        (!refused).then_some(text)
    };
    inner.split('/').map(segment).collect()
}

/// The items of a header such as `Accept`, each with its quality in thousandths.
pub fn qualities(header: &str) -> impl Iterator<Item = (String, u16)> {
    /// A header longer than this is no browser's.
    const MAX_ITEMS: usize = 64;
    header.split(',').take(MAX_ITEMS).filter_map(|item| {
        let mut parts = item.split(';').map(str::trim);
        let name = parts.next()?.to_ascii_lowercase();
        let quality = parts.find_map(|part| part.strip_prefix("q=").or_else(|| part.strip_prefix("Q=")));
        (!name.is_empty()).then(|| (name, quality.map_or(1000, thousandths)))
    })
}

/// `0.8` → 800; what cannot be read counts as 0.
fn thousandths(text: &str) -> u16 {
    let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
    let digits = format!("{fraction:0<3}");
    match (whole, digits.get(..3).and_then(|three| three.parse::<u16>().ok())) {
        ("1", Some(_)) => 1000,
        ("0" | "", Some(fraction)) => fraction,
        _ => 0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn forms() {
        let read = |text: &str| {
            pairs(text).map(|pairs| pairs.into_iter().map(|(n, v)| format!("{n}={v}")).collect::<Vec<_>>())
        };
        assert_eq!(
            read("a=1&b=due+parole&c=%C3%A0&&d"),
            Some(["a=1", "b=due parole", "c=à", "d="].map(String::from).to_vec())
        );
        assert_eq!(read("a=%FF"), None, "not UTF-8");
        assert_eq!(read("a=b=c"), Some(vec!["a=b=c".into()]));
        assert_eq!(read(&"a=1&".repeat(200)).map(|pairs| pairs.len()), Some(200));
        assert_eq!(read(&"a=1&".repeat(201)), None);
    }

    #[test]
    fn paths() {
        let read = |path: &str| segments(path).map(|parts| parts.join("|"));
        assert_eq!(read("/"), Some(String::new()));
        assert_eq!(read("/cart"), Some("cart".into()));
        assert_eq!(read("/cart/"), Some("cart".into()));
        assert_eq!(read("/notices/80124890155/30100"), Some("notices|80124890155|30100".into()));
        assert_eq!(read("/a%20b"), Some("a b".into()));
        for hostile in [
            "",
            "cart",
            "//",
            "//evil.example",
            "/a//b",
            "/../x",
            "/a/%2e%2e/b",
            "/a%2fb",
            "/a%5Cb",
            "/a%00",
            "/a%252fb",
            "/%FF",
            "/a\nb",
        ] {
            assert_eq!(read(hostile), None, "{hostile:?}");
        }
    }

    #[test]
    fn header_qualities() {
        let read: Vec<_> =
            qualities("text/html, application/json;q=0.9,*/*;q=0.8, x;q=oops, y;level=1;q=.5, , z;q=1.000").collect();
        let expected =
            [("text/html", 1000), ("application/json", 900), ("*/*", 800), ("x", 0), ("y", 500), ("z", 1000)];
        assert_eq!(read, expected.map(|(name, q)| (name.to_owned(), q)));
    }
}
