use percent_encoding::percent_decode_str;

/// More fields than any form of ours has.
const MAX_FIELDS: usize = 50;

/// The fields of a query or of a posted form.
#[derive(Debug, Default)]
pub(crate) struct Form(Vec<(String, String)>);

impl Form {
    /// `application/x-www-form-urlencoded`.
    pub(crate) fn parse(text: &str) -> Self {
        let decode = |text: &str| {
            let spaced = text.replace('+', " ");
            percent_decode_str(&spaced).decode_utf8_lossy().into_owned()
        };
        let pairs = text.split('&').filter(|pair| !pair.is_empty()).take(MAX_FIELDS);
        Self(
            pairs
                .map(|pair| pair.split_once('=').unwrap_or((pair, "")))
                .map(|(name, value)| (decode(name), decode(value)))
                .collect(),
        )
    }

    /// The field's text without blanks around; empty when it is not there.
    pub(crate) fn text(&self, name: &str) -> &str {
        self.0.iter().find(|(field, _)| field == name).map_or("", |(_, value)| value.trim())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_are_decoded() {
        let form = Form::parse("name=Mario+Rossi&email=a%40b.it&empty=&flag&odd=%ff%zz&name=second");
        assert_eq!(form.text("name"), "Mario Rossi");
        assert_eq!(form.text("email"), "a@b.it");
        assert_eq!((form.text("empty"), form.text("flag"), form.text("none")), ("", "", ""));
        assert_eq!(form.text("odd"), "\u{fffd}%zz");
    }
}
