//! The codes on a printed payment notice. Source: pagoPA reference 3.2.

use domain::{EntityCode, Euro, NoticeNumber};

/// The text of the QR code: `PAGOPA|002|<notice number>|<creditor>|<cents>`, the cents in two digits at least.
///
/// The amount is a hint: the station answers with what is due when the notice is paid.
pub fn qr_text(number: &NoticeNumber, creditor: &EntityCode, amount: Euro) -> String {
    format!("PAGOPA|002|{number}|{creditor}|{:02}", amount.cents())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amounts_are_cents_without_leading_zeros_but_two_digits_at_least() {
        let cases = [("45.50", "4550"), ("0.01", "01"), ("0.10", "10"), ("999999999.99", "99999999999")];
        for (amount, cents) in cases {
            let number = "312260000000004289".parse().unwrap();
            let text = qr_text(&number, &"80124890155".parse().unwrap(), amount.parse().unwrap());
            assert_eq!(text, format!("PAGOPA|002|312260000000004289|80124890155|{cents}"));
        }
    }
}
