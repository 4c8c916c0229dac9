//! What a reader finds in each mail, and what must never be in one.

use domain::{Language, Oddity, Personal, ReceiptId};
use jiff::civil::{date, datetime};
use mail::*;
use proptest::prelude::*;

const ORIGIN: &str = "https://pagoinrete.example";

fn link(path: &str) -> Link {
    ORIGIN.parse::<Origin>().unwrap().link(path, &[])
}

/// Every kind of mail, with texts that its callers could have from others.
fn every(name: &str, text: &str) -> Vec<(&'static str, Box<dyn Message>)> {
    let name = || name.parse().unwrap();
    let at = "2026-11-20T16:48:30Z".parse().unwrap();
    let number = || "312260000000004289".parse().unwrap();
    let token = ORIGIN.parse::<Origin>().unwrap().link("/registration/verify", &[("token", "abcdefghij0123456789")]);
    let oddities = vec![
        Oddity::OtherAmount { due: "22".parse().unwrap(), paid: Some("20".parse().unwrap()) },
        Oddity::OtherAmount { due: "22".parse().unwrap(), paid: None },
        Oddity::Second { first: ReceiptId(text.into()) },
        Oddity::CancelledBefore,
        Oddity::UnknownNotice,
        Oddity::OutcomeKo,
        Oddity::OtherMoney,
        Oddity::Wire { detail: text.into() },
    ];
    vec![
        ("M1", Box::new(ConfirmRegistration { name: name(), link: token, valid_hours: 72 })),
        (
            "M2",
            Box::new(AccountCreated {
                name: name(),
                username: "g.bassi.4821".parse().unwrap(),
                password: Some(ProvisionalPassword { text: Personal::new("Kq7-Mxpz-4RtW".into()), valid_days: 7 }),
                link: link("/login"),
            }),
        ),
        (
            "M2 own",
            Box::new(AccountCreated {
                name: name(),
                username: "g.bassi.4821".parse().unwrap(),
                password: None,
                link: link("/login"),
            }),
        ),
        (
            "M3",
            Box::new(RecoverUsername { name: name(), username: "g.bassi.4821".parse().unwrap(), link: link("/login") }),
        ),
        ("M4", Box::new(ResetPassword { name: name(), link: link("/password/reset"), valid_hours: 1 })),
        ("M5", Box::new(PasswordChanged { name: name(), at, link: link("/password/forgot") })),
        (
            "M5 old",
            Box::new(AddressChanged {
                name: name(),
                new_address: "giulia.bassi@nuovo.example".parse().unwrap(),
                sent_to: WhichAddress::Old,
                at,
                link: link("/password/forgot"),
            }),
        ),
        (
            "M5 new",
            Box::new(AddressChanged {
                name: name(),
                new_address: "giulia.bassi@nuovo.example".parse().unwrap(),
                sent_to: WhichAddress::New,
                at,
                link: link("/password/forgot"),
            }),
        ),
        (
            "M6",
            Box::new(NewNotice {
                name: name(),
                school: text.into(),
                reason: text.into(),
                amount: "1045.50".parse().unwrap(),
                due: date(2026, 12, 1),
                pupil: name(),
                number: number(),
                link: link("/notices/80124890155/312260000000004289"),
            }),
        ),
        (
            "M8",
            Box::new(PaymentDone {
                name: name(),
                school: text.into(),
                reason: text.into(),
                amount: Some("45.50".parse().unwrap()),
                fee: Some("1.50".parse().unwrap()),
                paid_at: Some(datetime(2026, 11, 20, 17, 48, 22, 0)),
                psp: text.into(),
                number: number(),
                link: link("/notices/80124890155/312260000000004289"),
            }),
        ),
        (
            "M11",
            Box::new(PupilLinked {
                name: name(),
                school: text.into(),
                pupil: name(),
                open_notices: 2,
                link: link("/notices"),
            }),
        ),
        (
            "school",
            Box::new(OddReceipt {
                school: text.into(),
                number: number(),
                receipt: ReceiptId(text.into()),
                amount: Some("20".parse().unwrap()),
                oddities,
                link: link("/school/payments"),
            }),
        ),
    ]
}

fn mail(kind: &str, language: Language) -> Mail {
    let mails = every("Niccolò", "Istituto Comprensivo \"Bassi & D'Angelo\"");
    mails.iter().find(|(name, _)| *name == kind).unwrap().1.render(language)
}

fn tells(kind: &str, language: Language, subject: &str, facts: &[&str]) {
    let mail = mail(kind, language);
    assert_eq!(mail.subject, subject);
    let html = mail.html.replace("&#39;", "'").replace("&#34;", "\"").replace("&#38;", "&");
    for fact in facts {
        assert!(mail.text.contains(fact), "{fact:?} is missing in the text of {kind}:\n{}", mail.text);
        assert!(html.contains(fact), "{fact:?} is missing in the HTML of {kind}:\n{html}");
    }
}

#[test]
fn the_mails_in_italian() {
    use Language::It;
    tells(
        "M1",
        It,
        "Conferma registrazione",
        &[
            "Gentile Niccolò,",
            "entro 72 ore",
            "https://pagoinrete.example/registration/verify?token=abcdefghij0123456789",
            "i dati per il primo accesso",
            "Se non l'hai chiesto tu, ignora questo messaggio",
        ],
    );
    tells(
        "M2",
        It,
        "Creazione utenza",
        &["g.bassi.4821", "Kq7-Mxpz-4RtW", "7 giorni", "https://pagoinrete.example/login", "Al primo accesso"],
    );
    tells("M2 own", It, "Creazione utenza", &["g.bassi.4821", "con la password che hai scelto"]);
    tells("M3", It, "Recupero nome utente", &["g.bassi.4821"]);
    tells(
        "M4",
        It,
        "Reimpostazione password",
        &[
            "https://pagoinrete.example/password/reset",
            "entro un'ora",
            "una volta sola",
            "la password resta quella di prima",
        ],
    );
    tells(
        "M5",
        It,
        "Password modificata",
        &["il 20 novembre 2026, ore 17:48", "Se non sei stato tu", "https://pagoinrete.example/password/forgot"],
    );
    tells(
        "M5 old",
        It,
        "Indirizzo e-mail modificato",
        &["g•••@nuovo.example", "l'ultimo messaggio al vecchio indirizzo"],
    );
    tells("M5 new", It, "Indirizzo e-mail modificato", &["questo è l'indirizzo", "anche l'indirizzo precedente"]);
    tells(
        "M6",
        It,
        "Nuovo avviso di pagamento - Istituto Comprensivo \"Bassi & D'Angelo\"",
        &[
            "Istituto Comprensivo \"Bassi & D'Angelo\"",
            "Niccolò",
            "1.045,50 €",
            "1 dicembre 2026",
            "3122 6000 0000 0042 89",
            "https://pagoinrete.example/notices/80124890155/312260000000004289",
        ],
    );
    tells(
        "M8",
        It,
        "Pagamento eseguito - ricevuta",
        &[
            "45,50 €",
            "1,50 €",
            "20 novembre 2026, ore 17:48",
            "3122 6000 0000 0042 89",
            "12260000000004289",
            "Scarica la ricevuta",
        ],
    );
    tells(
        "M11",
        It,
        "Associazione alunno confermata",
        &["ha associato Niccolò al tuo profilo", "https://pagoinrete.example/notices"],
    );
    tells(
        "school",
        It,
        "Segnalazione su una ricevuta",
        &[
            "Gentile segreteria,",
            "L'importo pagato (20,00 €) non è quello dovuto (22,00 €).",
            "era già stato pagato",
            "annullato prima del pagamento",
            "non è stato emesso da questo servizio",
            "non è riuscito",
            "importi diversi",
            "formato previsto",
        ],
    );
}

#[test]
fn the_mails_in_english() {
    use Language::En;
    tells("M1", En, "Confirm your registration", &["Dear Niccolò,", "within 72 hours", "?token=abcdefghij0123456789"]);
    tells("M2", En, "Your account", &["g.bassi.4821", "Kq7-Mxpz-4RtW", "7 days"]);
    tells("M2 own", En, "Your account", &["the password that you have chosen"]);
    tells("M3", En, "Your username", &["g.bassi.4821"]);
    tells("M4", En, "Reset your password", &["within one hour", "only once"]);
    tells("M5", En, "Password changed", &["changed on 20 November 2026 at 17:48"]);
    tells("M5 old", En, "E-mail address changed", &["g•••@nuovo.example", "the last message to the old address"]);
    tells("M5 new", En, "E-mail address changed", &["the former address as well"]);
    tells(
        "M6",
        En,
        "New payment notice - Istituto Comprensivo \"Bassi & D'Angelo\"",
        &["€ 1,045.50", "1 December 2026"],
    );
    tells(
        "M8",
        En,
        "Payment made - receipt",
        &["€ 45.50", "€ 1.50", "20 November 2026 at 17:48", "Download the receipt"],
    );
    tells("M11", En, "Pupil linked to your profile", &["has linked Niccolò to your profile"]);
    tells(
        "school",
        En,
        "A receipt to look at",
        &["The amount paid (€ 20.00) is not the amount due (€ 22.00).", "had already been paid"],
    );
}

#[test]
fn what_the_receipt_does_not_say_is_left_out() {
    let sparse = PaymentDone {
        name: "Giulia".parse().unwrap(),
        school: "Scuola".into(),
        reason: "Gita".into(),
        amount: None,
        fee: None,
        paid_at: None,
        psp: "Banca".into(),
        number: "312260000000004289".parse().unwrap(),
        link: link("/payments"),
    };
    let text = sparse.render(Language::It).text;
    assert!(!text.contains("Importo") && !text.contains("Commissione") && !text.contains("Pagato il"), "{text}");
}

#[test]
fn a_mail_is_not_printed() {
    let mail = mail("M2", Language::It);
    assert_eq!(format!("{mail:?}"), "Mail(..)");
    let content = AccountCreated {
        name: "Giulia".parse().unwrap(),
        username: "g.bassi.4821".parse().unwrap(),
        password: Some(ProvisionalPassword { text: Personal::new("Kq7-Mxpz-4RtW".into()), valid_days: 7 }),
        link: link("/registration/verify"),
    };
    let printed = format!("{content:?}");
    assert!(!printed.contains("Giulia") && !printed.contains("Kq7") && !printed.contains("http"), "{printed}");
}

/// Where `text` names an address, it is one of ours.
fn only_our_links(text: &str) -> Result<(), TestCaseError> {
    for (at, _) in text.match_indices("://") {
        let start = text[..at].rfind(|c: char| !c.is_ascii_alphabetic()).map_or(0, |index| index + 1);
        prop_assert!(text[start..].starts_with(ORIGIN), "{}", &text[start..]);
    }
    Ok(())
}

fn text_of_others() -> impl Strategy<Value = String> {
    prop_oneof![
        any::<String>(),
        "\\PC{0,60}\r?\nBcc: \\PC{0,60}",
        "(<script>|<img src=x>|&lt;|\"|')\\PC{0,40}",
        "\\PC{0,20}(https?://|www\\.)[a-z]{2,9}\\.com\\PC{0,20}",
        Just("Gita di RSSMRA80A01F205X a Roma".to_owned()),
        Just("{{ name }} {% raw %}".to_owned()),
    ]
}

proptest! {
    #[test]
    fn no_text_breaks_a_header_or_markup_or_becomes_a_link(
        text in text_of_others(), name in "[A-Za-zÀ-ÖØ-öø-ÿ][A-Za-zÀ-ÖØ-öø-ÿ.' -]{0,40}", english: bool,
    ) {
        let language = if english { Language::En } else { Language::It };
        for (kind, message) in every(&name, &text) {
            let mail = message.render(language);
            prop_assert!(!mail.subject.chars().any(char::is_control), "{kind}: {:?}", mail.subject);
            prop_assert!(mail.subject.chars().count() <= 151, "{kind}");
            prop_assert!(!mail.text.chars().any(|c| c.is_control() && c != '\n'), "{kind}");
            for part in [&mail.subject, &mail.text, &mail.html] {
                only_our_links(part)?;
                prop_assert!(!part.contains("RSSMRA80A01F205X"), "{kind}: a codice fiscale");
            }
            let tags = |html: &str| html.matches('<').count();
            let plain = every("Anna", "Scuola").into_iter().find(|(other, _)| *other == kind).unwrap().1.render(language);
            prop_assert_eq!(tags(&mail.html), tags(&plain.html), "{}: the text has become markup", kind);
            for forbidden in ["<script", "<img", "<link", "<iframe", "url("] {
                prop_assert!(!mail.html.contains(forbidden), "{kind}: {forbidden}");
            }
        }
    }
}
