use percent_encoding::percent_decode_str;

/// Longer return paths are no links of ours.
const MAX_LENGTH: usize = 512;

/// The path to go on with after a sign-in, if it is one of ours: a path from the root, never another host. What could
/// be read in two ways is refused.
pub fn safe_next(text: &str) -> Option<String> {
    let plain = |text: &str| {
        let path = text.split('?').next().unwrap_or_default();
        text.starts_with('/')
            && !path.contains("//")
            && !path.split('/').any(|part| part == "." || part == "..")
            && text.chars().all(|c| (' '..='~').contains(&c) && c != '\\')
    };
    let visible = |c: char| c.is_ascii_graphic() && !matches!(c, '"' | '<' | '>' | '`' | '{' | '}' | '|' | '^' | '#');
    // Decoded once and once more: what hides behind percent signs must be harmless too.
    let once = percent_decode_str(text).decode_utf8().ok()?;
    let twice = percent_decode_str(&once).decode_utf8().ok()?;
    let harmless =
        text.len() <= MAX_LENGTH && text.chars().all(visible) && plain(text) && plain(&once) && plain(&twice);
    let leads_on = !matches!(text.split(['?', '/']).nth(1), Some("login" | "logout"));
    (harmless && leads_on).then(|| text.to_owned())
}

/// A path of ours as the value of a query.
pub fn in_query(path: &str) -> String {
    percent_encoding::utf8_percent_encode(path, percent_encoding::NON_ALPHANUMERIC).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn our_own_paths_pass() {
        for path in [
            "/",
            "/cart",
            "/notices/80124890155/301000000000000012",
            "/notices?state=payable&pupil=abc",
            "/consents?next=/cart",
            "/consents?next=%2Fcart",
            "/school/pupils?q=D%27Angelo",
            "/a-b_c.d~e",
        ] {
            assert_eq!(safe_next(path), Some(path.to_owned()), "{path}");
        }
    }

    #[test]
    fn hostile_paths_do_not() {
        let hostile = [
            "",
            "cart",
            "https://evil.example",
            "http://evil.example",
            "HTTPS://evil.example",
            "//evil.example",
            "///evil.example",
            "////evil.example",
            "/\\evil.example",
            "\\/evil.example",
            "\\\\evil.example",
            "/\\/evil.example",
            "/%5cevil.example",
            "/%5C/evil.example",
            "/%2fevil.example",
            "/%2Fevil.example",
            "%2f%2fevil.example",
            "/%252fevil.example",
            "/%25252f/../..//evil.example",
            "/\t/evil.example",
            "/\n/evil.example",
            "/\r\nSet-Cookie:a=b",
            "/%0d%0aSet-Cookie:a=b",
            "/%09/evil.example",
            "/%00",
            " /cart",
            "/cart /evil",
            "javascript:alert(1)",
            "data:text/html,x",
            "/..//evil.example",
            "/../evil.example",
            "/%2e%2e/evil",
            "/./cart",
            "/a//evil.example",
            "@evil.example",
            "//user@evil.example/",
            "//evil.example:80/",
            "/cart#@evil.example",
            "/\u{ff0f}evil.example",
            "/\u{2028}x",
            "/%e2%80%a8",
            "/<script>",
            "/\"onx=",
            "/%FF",
            "/login",
            "/login?next=/login",
            "/logout",
            "?next=//evil.example",
            "mailto:a@b.it",
            "/\u{0}",
            "/`",
            "/{x}",
        ];
        assert!(hostile.len() >= 40);
        for path in hostile {
            assert_eq!(safe_next(path), None, "{path:?}");
        }
        assert_eq!(safe_next(&format!("/{}", "a".repeat(512))), None);
    }
}
