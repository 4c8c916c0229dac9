//! Writing messages: elements in order, text escaped, and nothing that XML or the schema's lengths would refuse.

use crate::simple::collapse;

/// A character that XML 1.0 can hold.
pub(crate) fn legal(c: char) -> bool {
    matches!(c, '\t' | '\n' | '\r' | ' '..='\u{d7ff}' | '\u{e000}'..='\u{fffd}' | '\u{10000}'..)
}

/// A message under construction.
pub(crate) struct Writer {
    xml: String,
}

impl Writer {
    pub(crate) fn new(start: &str) -> Self {
        Self { xml: start.to_owned() }
    }

    pub(crate) fn finish(mut self, end: &str) -> String {
        self.xml.push_str(end);
        self.xml
    }

    /// An element with what `content` writes in it.
    pub(crate) fn group(&mut self, name: &str, content: impl FnOnce(&mut Self)) {
        self.tag(&["<", name, ">"]);
        content(self);
        self.tag(&["</", name, ">"]);
    }

    /// An element with a value that needs no bound: a number, a date, a code of ours.
    pub(crate) fn value(&mut self, name: &str, value: impl ToString) {
        self.raw(name, &value.to_string());
    }

    pub(crate) fn optional(&mut self, name: &str, value: Option<impl ToString>) {
        if let Some(value) = value {
            self.value(name, value);
        }
    }

    /// A mandatory text, brought within the schema's 1 to `max` characters: cut at the end, `-` when there is nothing.
    pub(crate) fn text(&mut self, name: &str, text: &str, max: usize) {
        let cut = cut(text, max);
        self.raw(name, if cut.is_empty() { "-" } else { &cut });
    }

    /// An optional text; an empty one is left out, since the schema refuses empty elements.
    pub(crate) fn optional_text(&mut self, name: &str, text: Option<&str>, max: usize) {
        let cut = text.map(|text| cut(text, max)).unwrap_or_default();
        if !cut.is_empty() {
            self.raw(name, &cut);
        }
    }

    fn raw(&mut self, name: &str, text: &str) {
        self.tag(&["<", name, ">"]);
        for c in text.chars() {
            match c {
                '&' => self.xml.push_str("&amp;"),
                '<' => self.xml.push_str("&lt;"),
                '>' => self.xml.push_str("&gt;"),
                '\r' => self.xml.push_str("&#13;"), // a plain one would be read back as a line feed
                _ if legal(c) => self.xml.push(c),
                _ => self.xml.push(' '),
            }
        }
        self.tag(&["</", name, ">"]);
    }

    fn tag(&mut self, parts: &[&str]) {
        parts.iter().for_each(|part| self.xml.push_str(part));
    }
}

fn cut(text: &str, max: usize) -> String {
    collapse(text).chars().take(max).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::xml::read;
    use proptest::prelude::*;

    #[test]
    fn texts_stay_within_their_bounds() {
        let mut writer = Writer::new("");
        writer.text("a", "àèìòù", 3);
        writer.text("a", "  ", 3);
        writer.optional_text("a", Some("\n"), 3);
        writer.text("a", "\u{0}<&\r", 9);
        assert_eq!(writer.finish(""), "<a>àèì</a><a>-</a><a> &lt;&amp;</a>");
    }

    proptest! {
        #[test]
        fn any_text_is_read_back(text in "\\PC{1,50}") {
            let mut writer = Writer::new("");
            writer.value("a", &text);
            let expected: String = text.chars().map(|c| if legal(c) { c } else { ' ' }).collect();
            prop_assert_eq!(read(writer.finish("").as_bytes()).unwrap().text, expected);
        }
    }
}
