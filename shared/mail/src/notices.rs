//! Mails to families about notices, payments and pupils (F58, F68, F96).

use domain::{Euro, Language, Name, NoticeNumber};
use jiff::{
    Timestamp,
    civil::{Date, DateTime},
    tz::TimeZone,
};

use crate::{
    discreet,
    letter::{Content, Letter},
    link::Link,
};

/// M6: a school has issued a notice for a pupil.
#[derive(Debug, Clone)]
pub struct NewNotice {
    /// The guardian's first name.
    pub name: Name,
    pub school: String,
    /// "Causale".
    pub reason: String,
    pub amount: Euro,
    pub due: Date,
    /// The first name only.
    pub pupil: Name,
    pub number: NoticeNumber,
    /// The notice's page.
    pub link: Link,
}

impl Content for NewNotice {
    fn letter(&self, language: Language) -> Letter {
        let school = discreet::line(&self.school);
        let subject =
            language.choose(format!("Nuovo avviso di pagamento - {school}"), format!("New payment notice - {school}"));
        let mut letter = Letter::to(self.name.as_str(), subject, language)
            .says(language.choose(
                format!("{school} ti ha inviato un avviso di pagamento."),
                format!("{school} has sent you a payment notice."),
            ))
            .facts(vec![
                (language.choose("Causale", "For"), discreet::reason(&self.reason, language)),
                (language.choose("Alunno", "Pupil"), discreet::line(self.pupil.as_str())),
                (language.choose("Importo", "Amount"), euro(self.amount, language)),
                (language.choose("Scadenza", "Due date"), day(self.due, language)),
                (language.choose("Codice avviso", "Notice number"), self.number.spaced()),
            ])
            .says(language.choose(
                "Puoi pagare dal servizio, oppure in banca, alla posta, dal tabaccaio o con un'app, con il codice avviso. L'importo non comprende l'eventuale commissione di chi incassa.",
                "You can pay from the service, or at a bank, post office, tobacconist or with an app, by the notice number. The amount leaves out the fee that the payment provider may ask.",
            ))
            .goes(language.choose("Vedi l'avviso", "See the notice"), &self.link);
        letter.title = language.choose("Nuovo avviso di pagamento", "New payment notice").to_owned();
        letter
    }
}

/// M8: a receipt has arrived.
#[derive(Debug, Clone)]
pub struct PaymentDone {
    pub name: Name,
    pub school: String,
    pub reason: String,
    /// `None` where the receipt's text is no amount.
    pub amount: Option<Euro>,
    pub fee: Option<Euro>,
    /// As the receipt says it: Italian time.
    pub paid_at: Option<DateTime>,
    pub psp: String,
    pub number: NoticeNumber,
    /// The receipt's page.
    pub link: Link,
}

impl Content for PaymentDone {
    fn letter(&self, language: Language) -> Letter {
        let mut facts = vec![
            (language.choose("Scuola", "School"), discreet::line(&self.school)),
            (language.choose("Causale", "For"), discreet::reason(&self.reason, language)),
        ];
        facts.extend(self.amount.map(|amount| (language.choose("Importo", "Amount"), euro(amount, language))));
        facts.extend(self.fee.map(|fee| (language.choose("Commissione", "Fee"), euro(fee, language))));
        facts.extend(self.paid_at.map(|at| (language.choose("Pagato il", "Paid on"), day_and_time(at, language))));
        facts.extend([
            (language.choose("Prestatore di servizi (PSP)", "Payment provider (PSP)"), discreet::line(&self.psp)),
            (language.choose("Codice avviso", "Notice number"), self.number.spaced()),
            ("IUV", self.number.iuv().to_string()),
        ]);
        let subject = language.choose("Pagamento eseguito - ricevuta", "Payment made - receipt");
        Letter::to(self.name.as_str(), subject.into(), language)
            .says(language.choose(
                "il pagamento è andato a buon fine e la scuola ne ha ricevuto conferma.",
                "The payment was successful and the school has been told.",
            ))
            .facts(facts)
            .goes(language.choose("Scarica la ricevuta", "Download the receipt"), &self.link)
    }
}

/// M11: the school has confirmed that the guardian belongs to the pupil.
#[derive(Debug, Clone)]
pub struct PupilLinked {
    pub name: Name,
    pub school: String,
    /// The first name only.
    pub pupil: Name,
    /// How many notices of the pupil wait to be paid already.
    pub open_notices: usize,
    /// The list of notices.
    pub link: Link,
}

impl Content for PupilLinked {
    fn letter(&self, language: Language) -> Letter {
        let (school, pupil) = (discreet::line(&self.school), discreet::line(self.pupil.as_str()));
        let subject = language.choose("Associazione alunno confermata", "Pupil linked to your profile");
        Letter::to(self.name.as_str(), subject.into(), language)
            .says(language.choose(
                format!("{school} ha associato {pupil} al tuo profilo. Da ora trovi nel servizio i suoi avvisi di pagamento, e per ogni nuovo avviso ti scriveremo."),
                format!("{school} has linked {pupil} to your profile. From now on the payment notices are in the service, and we shall write to you about each new one."),
            ))
            .says(match self.open_notices {
                0 => language.choose("Per ora non c'è nulla da pagare.", "There is nothing to pay for now.").to_owned(),
                1 => language.choose("Un avviso è già da pagare.", "One notice waits to be paid already.").to_owned(),
                n => language.choose(format!("{n} avvisi sono già da pagare."), format!("{n} notices wait to be paid already.")),
            })
            .goes(language.choose("Vedi gli avvisi", "See the notices"), &self.link)
            .says(language.choose(
                "Se non conosci questo alunno, avvisa la segreteria della scuola.",
                "If you do not know this pupil, tell the school's office.",
            ))
    }
}

pub fn euro(amount: Euro, language: Language) -> String {
    language.choose(format!("{} €", amount.italian()), format!("€ {}", amount.english()))
}

/// A day in words, which no reader takes for another: `20 novembre 2026`.
pub fn day(date: Date, language: Language) -> String {
    const IT: [&str; 12] = [
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
    const EN: [&str; 12] = [
        "January",
        "February",
        "March",
        "April",
        "May",
        "June",
        "July",
        "August",
        "September",
        "October",
        "November",
        "December",
    ];
    let month = usize::try_from(date.month() - 1).ok().and_then(|index| language.choose(IT, EN).get(index).copied());
    format!("{} {} {}", date.day(), month.unwrap_or_default(), date.year())
}

fn day_and_time(at: DateTime, language: Language) -> String {
    let comma = language.choose(", ore", " at");
    format!("{}{comma} {:02}:{:02}", day(at.date(), language), at.hour(), at.minute())
}

/// A moment in Italian time.
pub fn moment(at: Timestamp, language: Language) -> String {
    static ROME: TimeZone = jiff::tz::get!("Europe/Rome");
    day_and_time(ROME.to_datetime(at), language)
}
