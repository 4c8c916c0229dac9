use domain::Language;

use crate::text::qualities;

/// How an answer looks: for people or for programs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Face {
    Page,
    Json,
}

impl Face {
    /// A page only where `Accept` names HTML at least as high as JSON; `*/*`, as scripts send it, means JSON.
    pub fn of(accept: Option<&str>) -> Self {
        let (mut html, mut json, mut any) = (0, None, 0);
        for (name, quality) in qualities(accept.unwrap_or_default()) {
            match name.as_str() {
                "text/html" | "application/xhtml+xml" => html = quality.max(html),
                "application/json" | "application/problem+json" => json = Some(quality.max(json.unwrap_or(0))),
                "*/*" | "application/*" => any = quality.max(any),
                _ => {}
            }
        }
        match html > 0 && html >= json.unwrap_or(any) {
            true => Self::Page,
            false => Self::Json,
        }
    }
}

/// `?lang=` goes before the cookie, the cookie before the browser's wish, and Italian is what remains.
pub fn language(query: Option<&str>, cookie: Option<&str>, accept: Option<&str>) -> Language {
    let wished = || {
        let mut wishes: Vec<_> = qualities(accept.unwrap_or_default()).filter(|(_, quality)| *quality > 0).collect();
        wishes.sort_by_key(|(_, quality)| std::cmp::Reverse(*quality));
        wishes.iter().find_map(|(tag, _)| tagged(tag.split('-').next().unwrap_or_default()))
    };
    query.and_then(tagged).or_else(|| cookie.and_then(tagged)).or_else(wished).unwrap_or_default()
}

pub fn tagged(tag: &str) -> Option<Language> {
    match tag {
        "it" => Some(Language::It),
        "en" => Some(Language::En),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pages_are_for_those_who_name_html() {
        let cases = [
            (None, Face::Json),
            (Some(""), Face::Json),
            (Some("*/*"), Face::Json),
            (Some("application/json"), Face::Json),
            (Some("application/problem+json, text/html;q=0.9"), Face::Json),
            (Some("text/html"), Face::Page),
            (Some("TEXT/HTML"), Face::Page),
            (Some("text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,*/*;q=0.8"), Face::Page),
            (Some("text/html, application/json"), Face::Page),
            (Some("application/json, text/html"), Face::Page),
            (Some("application/json, text/html;q=0.5"), Face::Json),
            (Some("text/html;q=0.5, */*"), Face::Json),
            (Some("text/html;q=0"), Face::Json),
            (Some("text/*"), Face::Json),
            (Some("application/json;q=0, text/html;q=0.1"), Face::Page),
            (Some("image/png"), Face::Json),
        ];
        for (accept, face) in cases {
            assert_eq!(Face::of(accept), face, "{accept:?}");
        }
    }

    #[test]
    fn languages() {
        use Language::{En, It};
        let cases = [
            (None, None, None, It),
            (None, None, Some("en-GB,en;q=0.9,it;q=0.8"), En),
            (None, None, Some("de, it;q=0.5, en;q=0.4"), It),
            (None, None, Some("de"), It),
            (None, None, Some("en;q=0, it;q=0.1"), It),
            (None, Some("en"), Some("it"), En),
            (Some("it"), Some("en"), Some("en"), It),
            (Some("fr"), Some("en"), None, En),
            (Some("<script>"), None, None, It),
        ];
        for (query, cookie, accept, expected) in cases {
            assert_eq!(language(query, cookie, accept), expected, "{query:?} {cookie:?} {accept:?}");
        }
    }
}
