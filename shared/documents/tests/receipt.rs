//! What a person, a screen reader and an archive see in the receipt's PDF.

use std::{
    env,
    io::{ErrorKind, Write},
    process::{Command, Stdio},
};

use documents::{Party, Receipt, School, receipt};
use jiff::civil::{date, datetime};
use proptest::prelude::*;

fn usual() -> Receipt {
    Receipt {
        school: School {
            name: "Istituto Comprensivo Esempio".into(),
            fiscal_code: "80124890155".parse().unwrap(),
            code: Some("MIIC8AB00X".into()),
            address: Some("Via dei Tigli 12, 20100 Milano".into()),
            contacts: Some("Tel. 02 5550100 · segreteria@scuola.example".into()),
        },
        debtor: Party { name: "Niccolò D'Angelo".into(), fiscal_code: Some("DNGNCL14A01F205Q".into()) },
        payer: Some(Party { name: "Giulia Bassi".into(), fiscal_code: Some("BSSGLI80B69F257F".into()) }),
        reason: "Visita guidata Firenze - classe 3B".into(),
        amount: Some("45.50".parse().unwrap()),
        number: "312260000000004289".parse().unwrap(),
        iuv: "12260000000004289".into(),
        receipt_id: "c110729d258c4ab1b765fe902aae41d6".into(),
        psp_name: "Banca Esempio S.p.A.".into(),
        psp_code: "98765430586".into(),
        paid_at: Some(datetime(2026, 11, 20, 17, 48, 22, 0)),
        application_date: Some(date(2026, 11, 20)),
        fee: Some("1.50".parse().unwrap()),
        method: Some("creditCard".into()),
        stand_in: false,
        recorded_at: "2026-11-20T16:48:30Z".parse().unwrap(),
    }
}

/// What every field is when the provider tells only what it must.
fn scant() -> Receipt {
    let usual = usual();
    Receipt {
        school: School { code: None, address: None, contacts: None, ..usual.school },
        debtor: Party { fiscal_code: None, ..usual.debtor },
        payer: None,
        amount: None,
        paid_at: None,
        application_date: None,
        fee: None,
        method: None,
        stand_in: true,
        ..usual
    }
}

/// The longest that pagoPA's schema allows, and beyond.
fn extreme() -> Receipt {
    let usual = usual();
    Receipt {
        school: School {
            name: "ISTITUTO ISTRUZIONE SUPERIORE STATALE \"Maria Gaetana Agnesi — Leonardo da Vinci\" con sezioni associate di liceo, tecnico e serale".into(),
            address: Some("Località San Giovanni in Persiceto – Strada Provinciale Vecchia per Sant'Agata Bolognese 1234/bis".into()),
            ..usual.school
        },
        debtor: Party { name: "Wolfeschlegelsteinhausenbergerdorffvoralternwarengewissenhaftschaferswessenschafe".into(), ..usual.debtor },
        payer: Some(Party { name: "Nguyễn Thị Ánh 王芳 Łukasz Șerban Ðorđe".into(), fiscal_code: Some("ANONIMO".into()) }),
        reason: "Contributo volontario per l'ampliamento dell'offerta formativa, assicurazione integrativa, libretto delle assenze, certificazione A2 Key".into(),
        amount: Some("999999999.99".parse().unwrap()),
        iuv: "RF18".repeat(9),
        receipt_id: "x".repeat(300),
        psp_name: "B".repeat(70),
        method: Some("<b>&amp; metodo\u{202e} scritto a mano".into()),
        stand_in: true,
        ..usual
    }
}

/// A program's output for a PDF on its standard input; `None` where the program is missing, which CI does not allow.
fn poppler(program: &str, arguments: &[&str], pdf: &[u8]) -> Option<String> {
    let started = Command::new(program).args(arguments).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn();
    let mut child = match started {
        Ok(child) => child,
        Err(error) if error.kind() == ErrorKind::NotFound && env::var("CI").as_deref() != Ok("true") => {
            #[expect(clippy::print_stderr, reason = "whoever runs the tests must see it")]
            {
                eprintln!("skipped: {program} is not installed (Debian package poppler-utils)");
            }
            return None;
        }
        Err(error) => panic!("{program}: {error}"),
    };
    child.stdin.take().unwrap().write_all(pdf).unwrap();
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success(), "{program} refuses the file");
    Some(String::from_utf8_lossy(&output.stdout).into_owned()) // pdfinfo shows attributes in their own encoding
}

/// The text in reading order, all blanks as one.
fn read(pdf: &[u8]) -> Option<String> {
    poppler("pdftotext", &["-", "-"], pdf).map(|text| text.split_whitespace().collect::<Vec<_>>().join(" "))
}

fn in_order(text: &str, parts: &[&str]) {
    let mut rest = text;
    for part in parts {
        let at = rest.find(part).unwrap_or_else(|| panic!("{part:?} is missing, or not in its place, in: {text}"));
        rest = &rest[at + part.len()..];
    }
}

fn contains(pdf: &[u8], bytes: &str) -> bool {
    pdf.windows(bytes.len()).any(|window| window == bytes.as_bytes())
}

#[test]
fn tells_every_fact_in_reading_order() {
    let pdf = receipt(&usual()).unwrap();
    let Some(text) = read(&pdf) else { return };
    in_order(
        &text,
        &[
            "Istituto Comprensivo Esempio",
            "Codice fiscale 80124890155 · Codice meccanografico MIIC8AB00X",
            "Via dei Tigli 12, 20100 Milano",
            "Ricevuta di pagamento",
            "Importo pagato 45,50 € Pagato il 20 novembre 2026 con pagoPA",
        ],
    );
    for fact in [
        "Visita guidata Firenze - classe 3B",
        "Niccolò D'Angelo",
        "DNGNCL14A01F205Q",
        "Giulia Bassi",
        "BSSGLI80B69F257F",
        "Carta di credito",
        "Banca Esempio S.p.A.",
        "98765430586",
        "1,50 €",
        "20/11/2026, ore 17:48:22",
        "3122 6000 0000 0042 89",
        "12260000000004289",
        "c110729d258c4ab1b765fe902aae41d6",
        "Pagina 1 di 1",
    ] {
        assert!(text.contains(fact), "{fact:?} is missing in: {text}");
    }
    assert!(!text.contains("non comunicato") && !text.contains("stand-in") && !text.contains('\u{fffd}'), "{text}");
}

#[test]
fn says_what_the_provider_did_not_tell() {
    let pdf = receipt(&scant()).unwrap();
    let Some(text) = read(&pdf) else { return };
    // Payer, method, fee, time, application date.
    assert_eq!(text.matches("non comunicato dal PSP").count(), 5, "{text}");
    assert!(text.contains("importo non leggibile") && text.contains("(stand-in)"), "{text}");
    assert!(text.contains("non indicato"), "{text}");
}

#[test]
fn long_and_strange_texts_wrap_and_are_not_cut() {
    let receipt_facts = extreme();
    let pdf = receipt(&receipt_facts).unwrap();
    let Some(text) = read(&pdf) else { return };
    let squeezed: String = text.split_whitespace().collect();
    let wanted =
        [&receipt_facts.school.name, &receipt_facts.debtor.name, &receipt_facts.reason, &receipt_facts.receipt_id];
    for wanted in wanted {
        let wanted: String = wanted.split_whitespace().collect();
        assert!(squeezed.contains(&wanted), "{wanted:?} is not whole in: {squeezed}");
    }
    assert!(text.contains("Nguyen Thi Ánh \u{fffd}\u{fffd} Łukasz Șerban Ðorđe"), "{text}");
    assert!(text.contains("Alcuni caratteri non si possono stampare"), "{text}");
    assert!(text.contains("999.999.999,99 €"), "{text}");
}

#[test]
fn a_text_longer_than_a_page_goes_on_over_the_pages() {
    let words = (0..3000).map(|index| format!("parola{index}")).collect::<Vec<_>>();
    let pdf = receipt(&Receipt { reason: words.join(" "), ..usual() }).unwrap();
    let Some(text) = read(&pdf) else { return };
    for word in &words {
        assert!(text.contains(word.as_str()), "{word} is missing");
    }
    let pages: usize = text.rsplit(' ').next().unwrap().parse().unwrap();
    assert!(pages > 5);
    for page in 1..=pages {
        assert!(text.contains(&format!("Pagina {page} di {pages}")), "page {page} of {pages}");
    }
}

#[test]
fn is_an_archive_file_and_an_accessible_one() {
    let pdf = receipt(&usual()).unwrap();
    assert!(pdf.starts_with(b"%PDF-1.7"));
    for mark in [
        "/MarkInfo",
        "/StructTreeRoot",
        "/Lang(it)",
        "/DisplayDocTitle true",
        "/Outlines",
        "/OutputIntents",
        "<pdfaid:part>2</pdfaid:part>",
        "<pdfaid:conformance>A</pdfaid:conformance>",
        "<pdfuaid:part>1</pdfuaid:part>",
        "Ricevuta di pagamento, avviso 3122 6000 0000 0042 89",
        "TitilliumWeb-Bold",
        "RobotoMono-Regular",
    ] {
        assert!(contains(&pdf, mark), "{mark} is missing");
    }
    for forbidden in ["/Encrypt", "/JavaScript", "/EmbeddedFile", "/Launch"] {
        assert!(!contains(&pdf, forbidden), "{forbidden}");
    }
    assert!(pdf.len() < 60_000, "the fonts are subset: {} bytes", pdf.len());
    let Some(fonts) = poppler("pdffonts", &["-"], &pdf) else { return };
    let faces: Vec<&str> = fonts.lines().skip(2).collect();
    assert_eq!(faces.len(), 4, "{fonts}");
    for face in faces {
        // name, type (three words), encoding, embedded, subset, with Unicode
        let columns: Vec<&str> = face.split_whitespace().collect();
        assert_eq!(columns[columns.len() - 5..columns.len() - 2], ["yes", "yes", "yes"], "{face}");
    }
}

#[test]
fn a_screen_reader_meets_headings_and_a_table_of_facts() {
    let pdf = receipt(&usual()).unwrap();
    let Some(tree) = poppler("pdfinfo", &["-struct-text", "-"], &pdf) else { return };
    let tree: String = tree.split_whitespace().collect::<Vec<_>>().join(" ");
    in_order(
        &tree,
        &[
            "Document",
            "\"Istituto Comprensivo Esempio\"",
            "H1",
            "\"Ricevuta di pagamento\"",
            "\"45,50 €\"",
            "H2",
            "\"Che cosa è stato pagato\"",
            "Table",
            "TR",
            "TH: /Scope /Row",
            "\"Causale\"",
            "TD",
            "\"Visita guidata Firenze - classe 3B\"",
            "\"Codice avviso\"",
            "\"3122 6000 0000 0042 89\"",
        ],
    );
    assert!(!tree.contains("Pagina 1 di 1"), "the footer is no part of the reading order");
}

#[test]
fn the_same_receipt_gives_the_same_file() {
    assert!(receipt(&usual()).unwrap() == receipt(&usual()).unwrap());
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn no_text_makes_it_fail(
        a in any::<String>(), b in "\\PC{0,300}", c in "[\u{0}-\u{20}\u{300}-\u{36f}\u{2000}-\u{206f}]{0,40}",
        d in "\\P{Latin}{0,80}", e in "[a-zà-ÿ]{0,400}", some: bool,
    ) {
        let strange = Receipt {
            school: School {
                name: a.clone(), code: some.then(|| b.clone()), address: Some(c.clone()), contacts: Some(d.clone()),
                ..usual().school
            },
            debtor: Party { name: b.clone(), fiscal_code: some.then(|| a.clone()) },
            payer: some.then(|| Party { name: d.clone(), fiscal_code: Some(c.clone()) }),
            reason: e.clone(),
            iuv: c.clone(),
            receipt_id: a.clone(),
            psp_name: d,
            psp_code: e,
            method: Some(b),
            stand_in: some,
            ..usual()
        };
        let written = receipt(&strange);
        prop_assert!(written.is_ok(), "{:?}", written.err());
    }
}

/// `RECEIPTS_TO=folder cargo test -p documents --test receipt -- --ignored` writes files to look at.
#[test]
#[ignore = "writes files for a person to look at"]
fn write_for_a_look() {
    let folder = env::var("RECEIPTS_TO").expect("RECEIPTS_TO names a folder");
    for (name, facts) in [("usual", usual()), ("scant", scant()), ("extreme", extreme())] {
        std::fs::write(format!("{folder}/{name}.pdf"), receipt(&facts).unwrap()).unwrap();
    }
}
