//! From an effect to its letters, by what is true now. No letter means that there is nothing left to tell.

use domain::{
    Effect, EmailAddress, EntityCode, Language, Link, Notice, NoticeNumber, Person, PersonId, Personal, PupilId,
    Recover, RegistrationId, Slot, What,
};
use mail::{
    AccountCreated, ConfirmRegistration, Mail, Message, NewNotice, OddReceipt, Origin, PasswordChanged, PaymentDone,
    ProvisionalPassword, PupilLinked, RecoverUsername, ResetPassword,
};
use runtime::{App, BoxError, Mutant, mutated};

/// One mail to one person.
pub struct Letter {
    /// Who, for the claim: an id, never an address.
    pub recipient: String,
    pub to: Personal<EmailAddress>,
    pub language: Language,
    pub mail: Mail,
}

/// Reads the state strongly. A cause that is no longer the item's present one is superseded: no letter.
pub async fn letters(app: &App, effect: &Effect) -> Result<Vec<Letter>, BoxError> {
    match &effect.what {
        What::ConfirmAddress { registration } => confirm_address(app, effect, registration).await,
        What::Credentials { person } => credentials(app, effect, person).await,
        What::Recovery { person } => recovery(app, effect, person).await,
        What::PasswordChanged { person } => password_changed(app, effect, person).await,
        What::Linked { pupil, person } => linked(app, effect, pupil, person).await,
        What::Announce { school, number } => announce(app, effect, school, number).await,
        What::Paid { school, number } => paid(app, effect, school, number).await,
        What::OddReceipt { key } => odd_receipt(app, effect, key).await,
    }
}

/// Who may have been told of an effect that each guardian is told of; nobody for any other.
pub async fn recipients(app: &App, effect: &Effect) -> Result<Vec<String>, BoxError> {
    let (What::Announce { school, number } | What::Paid { school, number }) = &effect.what else {
        return Ok(Vec::new());
    };
    let Slot::Issued(notice) = app.store.slot(school, number).await? else { return Ok(Vec::new()) };
    let guardians = app.store.guardians(&notice.pupil).await?;
    Ok(guardians.into_iter().map(|link| link.person.to_string()).collect())
}

async fn confirm_address(app: &App, effect: &Effect, id: &RegistrationId) -> Result<Vec<Letter>, BoxError> {
    let Some(registration) = app.store.registration(id, app.now()).await? else { return Ok(Vec::new()) };
    let (Some((cause, secret)), Some(details)) = (registration.submitted(), &registration.details) else {
        return Ok(Vec::new());
    };
    if *cause != effect.cause {
        return Ok(Vec::new());
    }
    let token = app.keys.token()?.link("registration", id.as_str(), secret);
    let mail = ConfirmRegistration {
        name: details.name.reveal().clone(),
        link: origin(app)?.link("/registration/verify", &[("token", &token)]),
        valid_hours: u16::try_from(domain::Registration::LIFETIME_SECONDS / 3600)?,
    };
    Ok(vec![Letter {
        recipient: id.to_string(),
        to: details.email.clone(),
        language: registration.language,
        mail: mail.render(registration.language),
    }])
}

async fn credentials(app: &App, effect: &Effect, id: &PersonId) -> Result<Vec<Letter>, BoxError> {
    let Some(person) = app.store.person(id).await? else { return Ok(Vec::new()) };
    let (Some(cause), Some(provisional)) = (&person.credentials, &person.provisional) else { return Ok(Vec::new()) };
    if *cause != effect.cause || provisional.expires_at <= app.now() {
        return Ok(Vec::new());
    }
    let password = app.keys.token()?.password("provisional", id.as_str(), &provisional.secret);
    let days = provisional.expires_at.duration_since(cause.at).as_hours() / 24;
    let mail = AccountCreated {
        name: person.name.reveal().clone(),
        username: person.username.clone(),
        password: Some(ProvisionalPassword { text: Personal::new(password), valid_days: u16::try_from(days)? }),
        link: origin(app)?.link("/login", &[]),
    };
    Ok(vec![to(&person, mail)])
}

async fn recovery(app: &App, effect: &Effect, id: &PersonId) -> Result<Vec<Letter>, BoxError> {
    let Some(person) = app.store.person(id).await? else { return Ok(Vec::new()) };
    let Some(recovery) = &person.recovery else { return Ok(Vec::new()) };
    let superseded = recovery.cause != effect.cause && !mutated(Mutant::NotSuperseded);
    if superseded || recovery.generation != person.generation || recovery.expires_at <= app.now() {
        return Ok(Vec::new());
    }
    let name = person.name.reveal().clone();
    Ok(vec![match recovery.what {
        Recover::Username => {
            let mail =
                RecoverUsername { name, username: person.username.clone(), link: origin(app)?.link("/login", &[]) };
            to(&person, mail)
        }
        Recover::Password => {
            let token = app.keys.token()?.link("recovery", id.as_str(), &recovery.secret);
            let hours = recovery.expires_at.duration_since(recovery.cause.at).as_hours();
            let link = origin(app)?.link("/password/reset", &[("token", &token)]);
            to(&person, ResetPassword { name, link, valid_hours: u16::try_from(hours)? })
        }
    }])
}

async fn password_changed(app: &App, effect: &Effect, id: &PersonId) -> Result<Vec<Letter>, BoxError> {
    let Some(person) = app.store.person(id).await? else { return Ok(Vec::new()) };
    if person.changed.as_ref() != Some(&effect.cause) {
        return Ok(Vec::new());
    }
    let mail = PasswordChanged {
        name: person.name.reveal().clone(),
        at: effect.cause.at,
        link: origin(app)?.link("/password/forgot", &[]),
    };
    Ok(vec![to(&person, mail)])
}

async fn linked(app: &App, effect: &Effect, pupil: &PupilId, id: &PersonId) -> Result<Vec<Letter>, BoxError> {
    let links = app.store.guardians(pupil).await?;
    let Some(link) = links.into_iter().find(|link| link.person == *id && link.linked == effect.cause) else {
        return Ok(Vec::new());
    };
    let Some(person) = app.store.person(id).await? else { return Ok(Vec::new()) };
    // A new link announces what is open already (CORE 2.8).
    let notices = app.store.notices_of_pupil(pupil, None).await?.items;
    let open = notices.iter().filter(|notice| notice.status(app.today()).can_be_paid()).count();
    let mail = PupilLinked {
        open_notices: open,
        name: person.name.reveal().clone(),
        school: link.school_name,
        pupil: link.pupil_name.reveal().clone(),
        link: origin(app)?.link("/notices", &[]),
    };
    Ok(vec![to(&person, mail)])
}

async fn announce(
    app: &App,
    effect: &Effect,
    school: &EntityCode,
    number: &NoticeNumber,
) -> Result<Vec<Letter>, BoxError> {
    let Slot::Issued(notice) = app.store.slot(school, number).await? else { return Ok(Vec::new()) };
    let announced = notice.notified.as_ref() == Some(&effect.cause);
    if !announced || !notice.status(app.today()).can_be_paid() {
        return Ok(Vec::new());
    }
    for_guardians(app, &notice, |app, notice, person| {
        Ok(to(
            person,
            NewNotice {
                name: person.name.reveal().clone(),
                school: notice.school_name.clone(),
                reason: notice.description.clone(),
                amount: notice.amount,
                due: notice.due,
                pupil: notice.pupil_name.reveal().clone(),
                number: notice.number.clone(),
                link: origin(app)?.link(&format!("/notices/{}/{}", notice.school, notice.number), &[]),
            },
        ))
    })
    .await
}

async fn paid(app: &App, effect: &Effect, school: &EntityCode, number: &NoticeNumber) -> Result<Vec<Letter>, BoxError> {
    let Slot::Issued(notice) = app.store.slot(school, number).await? else { return Ok(Vec::new()) };
    let Some(settlement) = notice.paid().filter(|settlement| settlement.cause == effect.cause) else {
        return Ok(Vec::new());
    };
    let stored = app.store.receipt(school, &settlement.receipt).await?.ok_or("a settlement without its receipt")?;
    for_guardians(app, &notice, |app, notice, person| {
        Ok(to(
            person,
            PaymentDone {
                name: person.name.reveal().clone(),
                school: notice.school_name.clone(),
                reason: notice.description.clone(),
                amount: stored.receipt.amount,
                fee: stored.receipt.fee,
                paid_at: stored.receipt.paid_at,
                psp: stored.receipt.psp_name.clone(),
                number: notice.number.clone(),
                link: origin(app)?.link(&format!("/notices/{}/{}", notice.school, notice.number), &[]),
            },
        ))
    })
    .await
}

async fn odd_receipt(app: &App, effect: &Effect, key: &str) -> Result<Vec<Letter>, BoxError> {
    // Receipts are never deleted: one that is not there means a wrong key, which must not end as "nothing to tell".
    let stored = app.store.receipt_by_key(key).await?.ok_or("an odd receipt that is not there")?;
    if stored.odd.as_ref() != Some(&effect.cause) {
        return Ok(Vec::new());
    }
    let school = app.store.school(&stored.receipt.addressee).await?.ok_or("a receipt without its school")?;
    let Ok(address) = school.email.parse::<EmailAddress>() else { return Ok(Vec::new()) };
    let mail = OddReceipt {
        school: school.name,
        number: stored.receipt.number,
        receipt: stored.receipt.id,
        amount: stored.receipt.amount,
        oddities: stored.oddities,
        link: origin(app)?.link("/school/notices", &[]),
    };
    Ok(vec![Letter {
        recipient: school.fiscal_code.to_string(),
        to: Personal::new(address),
        language: Language::It,
        mail: mail.render(Language::It),
    }])
}

/// One letter for each guardian of the notice's pupil.
async fn for_guardians(
    app: &App,
    notice: &Notice,
    letter: impl Fn(&App, &Notice, &Person) -> Result<Letter, BoxError>,
) -> Result<Vec<Letter>, BoxError> {
    let mut letters = Vec::new();
    for Link { person, .. } in app.store.guardians(&notice.pupil).await? {
        if let Some(person) = app.store.person(&person).await? {
            letters.push(letter(app, notice, &person)?);
        }
    }
    Ok(letters)
}

fn to(person: &Person, mail: impl Message) -> Letter {
    Letter {
        recipient: person.id.to_string(),
        to: person.email.clone(),
        language: person.language,
        mail: mail.render(person.language),
    }
}

fn origin(app: &App) -> Result<Origin, BoxError> {
    Ok(app.config.origin.parse::<Origin>().map_err(|error| error.to_string())?)
}
