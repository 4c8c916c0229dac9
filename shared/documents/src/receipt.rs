//! The receipt on paper ("ricevuta di pagamento", F97): what pagoPA's receipt tells, in the school's name.
//!
//! Contents: pagoPA reference 7. What the payment service provider did not tell is said to be so, never invented.

use domain::{EntityCode, Euro, NoticeNumber};
use jiff::{
    Timestamp,
    civil::{Date, DateTime},
};

use crate::{
    DocumentError,
    fonts::Face,
    sheet::{About, Fact, FactKind, FactLooks, MARGIN, Part, Sheet, TEXT_WIDTH},
    text::{Colour, REPLACEMENT, Style, is_blank},
};

/// What stands in a receipt. It holds personal data, so it cannot be printed by `{:?}`.
#[derive(Clone, PartialEq, Eq)]
pub struct Receipt {
    pub school: School,
    /// Whom the notice was headed to: the pupil, as a rule.
    pub debtor: Party,
    /// Who paid, if the provider told.
    pub payer: Option<Party>,
    /// What was paid for ("causale").
    pub reason: String,
    /// `None` where the delivered text is no amount.
    pub amount: Option<Euro>,
    pub number: NoticeNumber,
    /// `creditorReferenceId`, as the receipt says it.
    pub iuv: String,
    pub receipt_id: String,
    pub psp_name: String,
    /// The provider's fiscal code, VAT number or identifier: the first that was given.
    pub psp_code: String,
    /// Italian time, as the receipt says it.
    pub paid_at: Option<DateTime>,
    pub application_date: Option<Date>,
    /// What the provider took from the payer, apart from the amount.
    pub fee: Option<Euro>,
    pub method: Option<String>,
    /// pagoPA took the payment in the school's stead.
    pub stand_in: bool,
    /// When the receipt reached us: the document's date, so that the same receipt gives the same file.
    pub recorded_at: Timestamp,
}

/// The creditor institution.
#[derive(Clone, PartialEq, Eq)]
pub struct School {
    pub name: String,
    pub fiscal_code: EntityCode,
    /// "Codice meccanografico".
    pub code: Option<String>,
    pub address: Option<String>,
    /// Telephone, e-mail: one line.
    pub contacts: Option<String>,
}

/// A person or a body on the receipt.
#[derive(Clone, PartialEq, Eq)]
pub struct Party {
    pub name: String,
    /// Printed if known.
    pub fiscal_code: Option<String>,
}

const NOT_TOLD: &str = "non comunicato dal PSP";

const INK: Colour = Colour(23, 50, 77);
const QUIET: Colour = Colour(69, 91, 113);
const BLUE: Colour = Colour(0, 102, 204);
const TINT: Colour = Colour(237, 243, 250);
const HAIRLINE: Colour = Colour(209, 217, 226);

const fn style(face: Face, size: f32, leading: f32, colour: Colour) -> Style {
    Style { face, size, leading, colour }
}

const SCHOOL: Style = style(Face::Bold, 14.0, 18.0, INK);
const SMALL: Style = style(Face::Regular, 9.0, 12.5, QUIET);
const TITLE: Style = style(Face::Bold, 23.0, 30.0, INK);
const SECTION: Style = style(Face::SemiBold, 11.5, 16.0, BLUE);
const AMOUNT: Style = style(Face::Bold, 26.0, 32.0, INK);
const BODY: Style = style(Face::Regular, 10.5, 14.5, INK);

const FACTS: FactLooks = FactLooks {
    label: style(Face::Regular, 10.0, 14.5, QUIET),
    value: style(Face::SemiBold, 10.5, 14.5, INK),
    digits: style(Face::Mono, 9.8, 14.5, INK),
    line: HAIRLINE,
    label_width: 170.0,
    gap: 12.0,
    padding: 4.0,
};

/// Writes the receipt as PDF/A-2a and PDF/UA-1.
pub fn receipt(receipt: &Receipt) -> Result<Vec<u8>, DocumentError> {
    let mut sheet = Sheet::new();
    head(&mut sheet, &receipt.school);
    sheet.space(20.0);
    sheet.heading(1, "Ricevuta di pagamento", TITLE);
    sheet.space(8.0);
    amount(&mut sheet, receipt);

    let (debtor, payer) = (&receipt.debtor, receipt.payer.as_ref());
    let told = |value: Option<&str>| Row::told(value.unwrap_or_default());
    section(
        &mut sheet,
        "Che cosa è stato pagato",
        vec![
            ("Causale", Row::told(&receipt.reason)),
            ("Intestatario dell'avviso", Row::told(&debtor.name)),
            (
                "Codice fiscale dell'intestatario",
                Row::digits(debtor.fiscal_code.as_deref().unwrap_or_default(), "non indicato"),
            ),
        ],
    );
    let mut paid = vec![("Versante", told(payer.map(|payer| payer.name.as_str())))];
    if let Some(code) = payer.and_then(|payer| payer.fiscal_code.as_deref()) {
        paid.push(("Codice fiscale del versante", Row::digits(code, NOT_TOLD)));
    }
    paid.extend([
        ("Strumento di pagamento", told(receipt.method.as_deref().map(method))),
        ("Prestatore di servizi (PSP)", Row::told(&receipt.psp_name)),
        ("Codice del PSP", Row::digits(&receipt.psp_code, NOT_TOLD)),
        ("Commissione del PSP", told(receipt.fee.map(euro).as_deref())),
        ("Data e ora dell'operazione", told(receipt.paid_at.map(moment).as_deref())),
        ("Data di applicazione", told(receipt.application_date.map(day).as_deref())),
    ]);
    section(&mut sheet, "Chi ha pagato e come", paid);
    section(
        &mut sheet,
        "Identificativi",
        vec![
            ("Codice avviso", Row::digits(&receipt.number.spaced(), NOT_TOLD)),
            ("IUV", Row::digits(&receipt.iuv, NOT_TOLD)),
            ("Numero della ricevuta", Row::digits(&receipt.receipt_id, NOT_TOLD)),
            ("Codice fiscale dell'ente creditore", Row::digits(receipt.school.fiscal_code.as_str(), NOT_TOLD)),
        ],
    );
    notes(&mut sheet, receipt);

    let spaced = receipt.number.spaced();
    sheet.finish(About {
        title: format!("Ricevuta di pagamento, avviso {spaced}"),
        author: receipt.school.name.clone(),
        id: format!("receipt/{}/{}", receipt.school.fiscal_code, receipt.receipt_id),
        created: receipt.recorded_at,
        footer: format!("Ricevuta di pagamento · avviso {spaced}"),
        footer_style: SMALL,
    })
}

fn head(sheet: &mut Sheet, school: &School) {
    sheet.paragraph(&school.name, SCHOOL);
    let code = school.code.as_ref().map(|code| format!(" · Codice meccanografico {code}")).unwrap_or_default();
    sheet.paragraph(&format!("Codice fiscale {}{code}", school.fiscal_code), SMALL);
    for line in [&school.address, &school.contacts].into_iter().flatten() {
        sheet.paragraph(line, SMALL);
    }
    sheet.space(8.0);
    sheet.area(MARGIN, sheet.y(), TEXT_WIDTH, 1.6, BLUE);
}

/// What a reader looks for first, on a tinted ground.
fn amount(sheet: &mut Sheet, receipt: &Receipt) {
    const PADDING: f32 = 12.0;
    let amount = receipt.amount.map_or_else(|| "importo non leggibile".to_owned(), euro);
    let when = match receipt.paid_at {
        Some(at) => format!("Pagato il {} con pagoPA", in_words(at.date())),
        None => "Pagato con pagoPA".to_owned(),
    };
    let (x, width) = (MARGIN + 16.0, TEXT_WIDTH - 32.0);
    let height = SMALL.leading + AMOUNT.leading + BODY.leading + 2.0 * PADDING;
    sheet.keep(height);
    let top = sheet.y();
    sheet.area(MARGIN, top, TEXT_WIDTH, height, TINT);
    sheet.area(MARGIN, top, 4.0, height, BLUE);
    sheet.space(PADDING);
    for (text, style) in [("Importo pagato", SMALL), (amount.as_str(), AMOUNT), (when.as_str(), BODY)] {
        let written = sheet.write(text, style, x, width);
        sheet.push(Part::paragraph(written));
    }
    sheet.set_y(top + height);
}

/// A value and how it looks.
struct Row(String, FactKind);

impl Row {
    fn told(value: &str) -> Self {
        Self::of(value, FactKind::Words, NOT_TOLD)
    }

    fn digits(value: &str, otherwise: &str) -> Self {
        Self::of(value, FactKind::Digits, otherwise)
    }

    fn of(value: &str, kind: FactKind, otherwise: &str) -> Self {
        match is_blank(value) {
            true => Self(otherwise.to_owned(), FactKind::Untold),
            false => Self(value.to_owned(), kind),
        }
    }
}

fn section(sheet: &mut Sheet, title: &str, rows: Vec<(&str, Row)>) {
    sheet.keep(90.0); // the heading and what makes it a heading
    sheet.space(16.0);
    sheet.heading(2, title, SECTION);
    sheet.space(2.0);
    sheet.rule(HAIRLINE);
    let facts = rows.iter().map(|(label, Row(value, kind))| Fact { label, value, kind: *kind });
    sheet.facts(title, facts, FACTS);
}

fn notes(sheet: &mut Sheet, receipt: &Receipt) {
    sheet.keep(60.0);
    sheet.space(14.0);
    if receipt.payer.is_none() {
        sheet.paragraph("Il nome di chi ha pagato è sulla ricevuta solo se il PSP lo comunica a pagoPA.", SMALL);
    }
    if receipt.stand_in {
        sheet.paragraph(
            "Pagamento accettato da pagoPA al posto della scuola (stand-in), in un momento in cui il servizio non rispondeva.",
            SMALL,
        );
    }
    sheet.paragraph(
        "Questa pagina riporta i dati della ricevuta telematica inviata da pagoPA alla scuola, che ne conserva l'originale. \
         La commissione è del PSP e non fa parte dell'importo dovuto alla scuola.",
        SMALL,
    );
    if sheet.altered() {
        sheet.paragraph(
            &format!(
                "Alcuni caratteri non si possono stampare con i tipi di questo documento: sono semplificati o sostituiti dal segno {REPLACEMENT}."
            ),
            SMALL,
        );
    }
}

fn euro(amount: Euro) -> String {
    format!("{} €", amount.italian())
}

/// The words for the codes that are known; free text stays as it is.
fn method(code: &str) -> &str {
    match code {
        "cash" => "Contanti",
        "creditCard" => "Carta di credito",
        "bancomat" => "Carta di debito",
        "other" => "Altro strumento",
        "CP" => "Carta di pagamento",
        "MYBK" => "MyBank",
        "BPAY" => "Bancomat Pay",
        "PPAL" => "PayPal",
        "SATY" => "Satispay",
        "APPL" => "Apple Pay",
        "GOOG" => "Google Pay",
        "KLRN" => "Klarna",
        other => other,
    }
}

fn moment(at: DateTime) -> String {
    format!("{}, ore {:02}:{:02}:{:02}", day(at.date()), at.hour(), at.minute(), at.second())
}

fn day(date: Date) -> String {
    format!("{:02}/{:02}/{:04}", date.day(), date.month(), date.year())
}

fn in_words(date: Date) -> String {
    const MONTHS: [&str; 12] = [
        "gennaio",
        "febbraio",
        "marzo",
        "aprile",
        "maggio",
        "giugno",
        "luglio",
        "agosto",
        "settembre",
        "ottobre",
        "novembre",
        "dicembre",
    ];
    let month = usize::try_from(date.month() - 1).ok().and_then(|index| MONTHS.get(index)).unwrap_or(&"");
    let day = if date.day() == 1 { "1º".to_owned() } else { date.day().to_string() };
    format!("{day} {month} {}", date.year())
}
