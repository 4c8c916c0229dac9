//! What a school must look at, in words: what happened, what to do. The money has moved in every case.

use domain::{Oddity, Settlement};
use serde::Serialize;
use web::Frame;

/// An oddity as a page and a program get it.
#[derive(Debug, Clone, Serialize)]
pub struct Flag {
    pub code: &'static str,
    pub what: String,
    pub to_do: &'static str,
}

/// The code of a further receipt on a notice that is paid already.
const SECOND: &str = "second";

/// The codes of a notice's oddities, each once.
pub fn codes(settlement: &Settlement) -> Vec<&'static str> {
    let mut codes: Vec<&'static str> = settlement.oddities.iter().map(code).collect();
    if !settlement.further.is_empty() {
        codes.push(SECOND);
    }
    codes.sort_unstable();
    codes.dedup();
    codes
}

fn code(oddity: &Oddity) -> &'static str {
    match oddity {
        Oddity::OtherAmount { .. } => "other-amount",
        Oddity::Second { .. } => SECOND,
        Oddity::CancelledBefore => "cancelled-before",
        Oddity::UnknownNotice => "unknown-notice",
        Oddity::OutcomeKo => "outcome-ko",
        Oddity::OtherMoney => "other-money",
        Oddity::Wire { .. } => "wire",
    }
}

/// Italian and English, for a list.
pub fn label(code: &str) -> (&'static str, &'static str) {
    match code {
        "other-amount" => ("Altro importo", "Other amount"),
        SECOND => ("Pagato due volte", "Paid twice"),
        "cancelled-before" => ("Era annullato", "Was cancelled"),
        "unknown-notice" => ("Mai emesso", "Never issued"),
        "outcome-ko" => ("Esito negativo", "Failed outcome"),
        "other-money" => ("Copia diversa", "Other copy"),
        _ => ("Formato anomalo", "Odd format"),
    }
}

pub fn flag(oddity: &Oddity, frame: &Frame<'_>) -> Flag {
    let say = |it: String, en: String| frame.language().choose(it, en);
    let (what, to_do) = match oddity {
        Oddity::OtherAmount { due, paid } => {
            let due = frame.money(due);
            let what = match paid.map(|paid| frame.money(paid)) {
                Some(paid) => say(
                    format!("L'importo pagato ({paid}) non è quello dovuto ({due})."),
                    format!("The amount paid ({paid}) is not the amount due ({due})."),
                ),
                None => say(
                    format!("L'importo pagato non si legge; quello dovuto era {due}."),
                    format!("The amount paid cannot be read; the amount due was {due}."),
                ),
            };
            let to_do = frame.t(
                "L'avviso risulta pagato: se manca una parte emetti un nuovo avviso, se è di più disponi un rimborso.",
                "The notice counts as paid: issue a new notice for what is missing, or refund what is too much.",
            );
            (what, to_do)
        }
        Oddity::Second { first } => (
            say(
                format!("L'avviso era già stato pagato con la ricevuta {first}."),
                format!("The notice had already been paid with receipt {first}."),
            ),
            frame.t(
                "Controlla l'accredito e, se il pagamento è doppio, disponi un rimborso.",
                "Check the credit transfer and, if the payment is double, refund it.",
            ),
        ),
        Oddity::CancelledBefore => (
            say(
                "L'avviso era stato annullato prima del pagamento.".into(),
                "The notice had been cancelled before it was paid.".into(),
            ),
            frame.t(
                "Decidi se la somma è dovuta; altrimenti disponi un rimborso.",
                "Decide whether the sum is due; if it is not, refund it.",
            ),
        ),
        Oddity::UnknownNotice => (
            say(
                "Questo codice avviso non è stato emesso da questo servizio.".into(),
                "This notice number was not issued by this service.".into(),
            ),
            frame.t(
                "Verifica se viene da un altro programma della scuola; il codice resta riservato e non sarà mai emesso.",
                "Find out whether it comes from another program of the school; the number stays reserved and will \
                 never be issued.",
            ),
        ),
        Oddity::OutcomeKo => (
            say(
                "La ricevuta dice che il pagamento non è riuscito.".into(),
                "The receipt says that the payment failed.".into(),
            ),
            frame.t(
                "L'avviso resta da pagare: verifica soltanto che non risulti un accredito.",
                "The notice stays payable: just make sure that no money was credited.",
            ),
        ),
        Oddity::OtherMoney => (
            say(
                "La stessa ricevuta è arrivata un'altra volta con importi diversi.".into(),
                "The same receipt came again with other amounts.".into(),
            ),
            frame.t(
                "Vale la prima: confronta l'accredito con il flusso di rendicontazione.",
                "The first one stands: compare the credit transfer with the reporting flow.",
            ),
        ),
        Oddity::Wire { detail } => (
            say(
                format!("I dati della ricevuta si discostano dal formato previsto ({detail})."),
                format!("The receipt's data depart from the expected format ({detail})."),
            ),
            frame.t(
                "Il pagamento è valido: segnala il caso all'assistenza se si ripete.",
                "The payment is valid: tell the help desk if this happens again.",
            ),
        ),
    };
    Flag { code: code(oddity), what, to_do }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wish::tests::{TODAY, notice, paid};
    use domain::ReceiptId;

    #[test]
    fn each_oddity_is_named_once_and_has_a_label_of_its_own() {
        let wire = |detail: &str| Oddity::Wire { detail: detail.into() };
        let all = vec![
            Oddity::OtherAmount { due: "1".parse().unwrap(), paid: None },
            Oddity::Second { first: ReceiptId("a".into()) },
            Oddity::CancelledBefore,
            Oddity::UnknownNotice,
            Oddity::OutcomeKo,
            Oddity::OtherMoney,
            wire("a"),
            wire("b"),
        ];
        let mut notice = notice(1, TODAY, paid(100, 0, all));
        if let domain::NoticeState::Paid(settlement) = &mut notice.state {
            settlement.further.push(ReceiptId("b".into()));
        }
        let codes = codes(notice.paid().unwrap());
        assert_eq!(codes.len(), 7);
        let labels: std::collections::HashSet<_> = codes.iter().map(|code| label(code)).collect();
        assert_eq!(labels.len(), 7);
    }
}
