use domain::Language;

/// `1.234,50 €` or `€1,234.50`; zero too, since a commission may be nothing.
pub(crate) fn money(cents: u64, language: Language) -> String {
    let (thousands, decimal) = language.choose(('.', ','), (',', '.'));
    let units = (cents / 100).to_string();
    let mut text = String::new();
    for (index, digit) in units.chars().enumerate() {
        if index > 0 && (units.len() - index).is_multiple_of(3) {
            text.push(thousands);
        }
        text.push(digit);
    }
    let cents = cents % 100;
    language.choose(format!("{text}{decimal}{cents:02} €"), format!("€{text}{decimal}{cents:02}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn as_people_write_it() {
        assert_eq!(money(0, Language::It), "0,00 €");
        assert_eq!(money(123_450, Language::It), "1.234,50 €");
        assert_eq!(money(123_450, Language::En), "€1,234.50");
        assert_eq!(money(499_999_999_995, Language::It), "4.999.999.999,95 €");
    }
}
