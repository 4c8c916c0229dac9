//! Schools for the fault rig, as many as one wants: each case of a campaign has a fresh one.

use std::io::Write;

use domain::{EntityCode, FiscalCode, Level, Role, School, SegregationCode};
use jiff::civil::date;
use runtime::{App, BoxError};
use serde::Serialize;

/// What the rig must know of a school.
#[derive(Serialize)]
struct Made<'a> {
    code: &'a EntityCode,
    name: &'a str,
    /// The clerk's username; the password is that of every demo account.
    clerk: &'a str,
    email: &'a str,
    segregation: String,
}

/// Makes the schools `from`, `from + 1`, … and prints a JSON line for each, once it is written. The same number is the
/// same school at every run.
pub async fn schools(app: &App, count: u32, from: u32) -> Result<(), BoxError> {
    // Once for all of them: hashing is slow by design.
    let hash = runtime::password::hash(crate::PASSWORD)?;
    for index in from..from.checked_add(count).ok_or("so many schools there are not")? {
        let school = school(index)?;
        let (username, segregation) = (format!("clerk.{}", school.fiscal_code), school.segregation.to_string());
        let code = fiscal_code(index)?;
        let surname = format!("Prova{}", letters(index).to_lowercase());
        let clerk = crate::person(app, "Clelia", &surname, code.as_str(), &username, &school.email, &hash)?;
        app.store.add_person(&clerk).await?; // `false`: an earlier run made it
        let role =
            Role { school: school.fiscal_code.clone(), school_name: school.name.clone(), level: Level::Password };
        app.store.add_role(&clerk.id, &role).await?;
        app.store.save_school(&school).await?;
        let School { fiscal_code: code, name, email, .. } = &school;
        let line = serde_json::to_string(&Made { code, name, clerk: &username, email, segregation })?;
        writeln!(std::io::stdout(), "{line}")?;
    }
    Ok(())
}

fn school(index: u32) -> Result<School, BoxError> {
    let code = entity_code(index)?;
    Ok(School {
        name: format!("Istituto di prova {}", letters(index)),
        codes: vec![],
        address: "Via della Prova, 1".into(),
        city: "00100 Roma (RM)".into(),
        email: format!("segreteria.{code}@example.org"),
        phone: String::new(),
        iban: iban(index),
        segregation: SegregationCode::new(u8::try_from(index % 46)?)?,
        active_from: date(2020, 7, 1),
        fiscal_code: code,
    })
}

/// `91`, the number, a check digit: no school of the demo begins like that.
fn entity_code(index: u32) -> Result<EntityCode, BoxError> {
    let stem = format!("91{index:08}");
    let code = (0..10).find_map(|digit| format!("{stem}{digit}").parse().ok());
    code.ok_or_else(|| format!("there is no school number {index}").into())
}

/// The clerk's: a place that no invented person of the tests was born in, and a day that tells the number.
fn fiscal_code(index: u32) -> Result<FiscalCode, BoxError> {
    const MONTHS: [char; 12] = ['A', 'B', 'C', 'D', 'E', 'H', 'L', 'M', 'P', 'R', 'S', 'T'];
    let (place, rest) = (index % 999 + 1, index / 999);
    let (day, rest) = (rest % 28 + 41, rest / 28);
    let month = MONTHS[usize::try_from(rest % 12)?];
    let year = rest / 12 % 100;
    let stem = format!("PRVCLL{year:02}{month}{day}Q{place:03}");
    let code = ('A'..='Z').find_map(|check| format!("{stem}{check}").parse().ok());
    code.ok_or_else(|| format!("there is no clerk number {index}").into())
}

/// The number in letters: people's names have no digits.
fn letters(mut index: u32) -> String {
    let mut text = String::new();
    loop {
        text.insert(0, char::from(b'A' + u8::try_from(index % 26).unwrap_or(0)));
        index /= 26;
        if index == 0 {
            return text;
        }
    }
}

/// An account at a bank that is none, with both check characters right.
fn iban(index: u32) -> String {
    let account = format!("0000000099999{index:09}"); // ABI, CAB, account
    let bban = format!("{}{account}", cin(&account));
    let digits: String = format!("{bban}IT00").chars().filter_map(|c| c.to_digit(36)).map(|n| n.to_string()).collect();
    let remainder = digits.bytes().fold(0, |rest, digit| (rest * 10 + u32::from(digit - b'0')) % 97);
    format!("IT{:02}{bban}", 98 - remainder)
}

/// The Italian control letter: values of odd places from a table, of even places the digits themselves.
fn cin(digits: &str) -> char {
    const ODD: [u32; 10] = [1, 0, 5, 7, 9, 13, 15, 17, 19, 21];
    let value = |(place, digit): (usize, u8)| match place % 2 {
        0 => ODD[usize::from(digit - b'0')],
        _ => u32::from(digit - b'0'),
    };
    let sum: u32 = digits.bytes().enumerate().map(value).sum();
    char::from(b'A' + u8::try_from(sum % 26).unwrap_or(0))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    #[test]
    fn accounts_carry_the_check_characters_of_the_standard() {
        assert_eq!(cin("0542811101000000123456"), 'X', "the standard's own example");
        for index in [0, 1, 999_999_999] {
            let iban = iban(index);
            assert_eq!(iban.len(), 27);
            let turned = format!("{}{}", &iban[4..], &iban[..4]);
            let digits: String = turned.chars().filter_map(|c| c.to_digit(36)).map(|n| n.to_string()).collect();
            assert_eq!(digits.bytes().fold(0, |rest, digit| (rest * 10 + u32::from(digit - b'0')) % 97), 1, "{iban}");
        }
    }

    #[test]
    fn schools_and_clerks_are_all_different() {
        let (mut schools, mut clerks, mut names) = (HashSet::new(), HashSet::new(), HashSet::new());
        for index in (0..3_000).chain(99_990_000..99_990_100) {
            assert!(schools.insert(entity_code(index).unwrap()));
            assert!(clerks.insert(fiscal_code(index).unwrap().as_str().to_owned()), "{index}");
            assert!(names.insert(letters(index)));
        }
        assert!(crate::SCHOOLS.iter().all(|row| !row.fiscal_code.starts_with("91")));
    }
}
