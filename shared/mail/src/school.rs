//! Mails to a school's office.

use domain::{Euro, Language, NoticeNumber, Oddity, ReceiptId};

use crate::{
    discreet,
    letter::{Content, Letter},
    link::Link,
    notices::euro,
};

/// A receipt that needs the school's eye. The money has moved in every case; nobody's name is in here.
#[derive(Debug, Clone)]
pub struct OddReceipt {
    pub school: String,
    pub number: NoticeNumber,
    pub receipt: ReceiptId,
    pub amount: Option<Euro>,
    pub oddities: Vec<Oddity>,
    /// The school's list of payments.
    pub link: Link,
}

impl Content for OddReceipt {
    fn letter(&self, language: Language) -> Letter {
        let subject = language.choose("Segnalazione su una ricevuta", "A receipt to look at");
        let mut facts = vec![
            (language.choose("Scuola", "School"), discreet::line(&self.school)),
            (language.choose("Codice avviso", "Notice number"), self.number.spaced()),
            (language.choose("Numero della ricevuta", "Receipt id"), discreet::line(&self.receipt.0)),
        ];
        facts.extend(
            self.amount.map(|amount| (language.choose("Importo pagato", "Amount paid"), euro(amount, language))),
        );
        let mut letter = Letter::to_office(subject.into(), language)
            .says(language.choose(
                "da pagoPA è arrivata una ricevuta che richiede un controllo. È registrata e conservata: non va persa.",
                "A receipt that needs a check has come from pagoPA. It is recorded and kept: nothing is lost.",
            ))
            .facts(facts);
        letter.greeting = Some(language.choose("Gentile segreteria,", "Dear office,").to_owned());
        for oddity in &self.oddities {
            let (what, to_do) = explain(oddity, language);
            letter = letter.says(format!("{what} {to_do}"));
        }
        letter.goes(language.choose("Vedi i pagamenti", "See the payments"), &self.link)
    }
}

/// What is odd, and what to do about it.
fn explain(oddity: &Oddity, language: Language) -> (String, &'static str) {
    match oddity {
        Oddity::OtherAmount { due, paid } => (
            match paid {
                Some(paid) => language.choose(
                    format!("L'importo pagato ({}) non è quello dovuto ({}).", euro(*paid, language), euro(*due, language)),
                    format!("The amount paid ({}) is not the amount due ({}).", euro(*paid, language), euro(*due, language)),
                ),
                None => language.choose(
                    format!("L'importo pagato non si legge; quello dovuto era {}.", euro(*due, language)),
                    format!("The amount paid cannot be read; the amount due was {}.", euro(*due, language)),
                ),
            },
            language.choose(
                "L'avviso risulta pagato: se manca una parte emetti un nuovo avviso, se è di più disponi un rimborso.",
                "The notice counts as paid: issue a new notice for what is missing, or refund what is too much.",
            ),
        ),
        Oddity::Second { first } => {
            let first = discreet::line(&first.0);
            (
                language.choose(
                    format!("L'avviso era già stato pagato con la ricevuta {first}."),
                    format!("The notice had already been paid with receipt {first}."),
                ),
                language.choose(
                    "Controlla l'accredito e, se il pagamento è doppio, disponi un rimborso.",
                    "Check the credit transfer and, if the payment is double, refund it.",
                ),
            )
        }
        Oddity::CancelledBefore => (
            language.choose("L'avviso era stato annullato prima del pagamento.", "The notice had been cancelled before it was paid.").into(),
            language.choose(
                "Decidi se la somma è dovuta; altrimenti disponi un rimborso.",
                "Decide whether the sum is due; if it is not, refund it.",
            ),
        ),
        Oddity::UnknownNotice => (
            language.choose("Questo codice avviso non è stato emesso da questo servizio.", "This notice number was not issued by this service.").into(),
            language.choose(
                "Verifica se viene da un altro programma della scuola; il codice resta riservato e non sarà mai emesso.",
                "Find out whether it comes from another program of the school; the number stays reserved and will never be issued.",
            ),
        ),
        Oddity::OutcomeKo => (
            language.choose("La ricevuta dice che il pagamento non è riuscito.", "The receipt says that the payment failed.").into(),
            language.choose(
                "L'avviso resta da pagare: non serve altro, se non verificare che non risulti un accredito.",
                "The notice stays payable: just make sure that no money was credited.",
            ),
        ),
        Oddity::OtherMoney => (
            language.choose(
                "La stessa ricevuta è arrivata un'altra volta con importi diversi.",
                "The same receipt came again with other amounts.",
            )
            .into(),
            language.choose(
                "Vale la prima: confronta l'accredito con il flusso di rendicontazione.",
                "The first one stands: compare the credit transfer with the reporting flow.",
            ),
        ),
        Oddity::Wire { detail } => {
            let detail = discreet::line(detail);
            (
                language.choose(
                    format!("I dati della ricevuta si discostano dal formato previsto ({detail})."),
                    format!("The receipt's data depart from the expected format ({detail})."),
                ),
                language.choose(
                    "Il pagamento è valido: segnala il caso all'assistenza se si ripete.",
                    "The payment is valid: tell the help desk if this happens again.",
                ),
            )
        }
    }
}
