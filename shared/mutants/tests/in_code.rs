//! The list and the code say the same.
#![cfg(feature = "rig")]

use std::{collections::BTreeSet, fs, path::Path};

use mutants::ALL;

#[test]
fn every_mutant_stands_in_the_code_and_every_one_in_the_code_is_a_mutant() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let mut asked = BTreeSet::new();
    for folder in ["functions", "shared"] {
        for member in fs::read_dir(root.join(folder)).unwrap().map(|entry| entry.unwrap()) {
            if member.file_name() != "mutants" {
                read(&member.path().join("src"), &mut asked);
            }
        }
    }
    let known: BTreeSet<String> = ALL.iter().map(|about| about.variant.to_owned()).collect();
    assert_eq!(asked, known);
}

#[test]
fn names_are_kebab_case_of_the_variants_and_every_mutant_has_a_check() {
    for about in ALL {
        let mut name = String::new();
        for letter in about.variant.chars() {
            if letter.is_ascii_uppercase() && !name.is_empty() {
                name.push('-');
            }
            name.push(letter.to_ascii_lowercase());
        }
        assert_eq!(about.name, name);
        assert!(!about.checks.is_empty() && !about.breaks.is_empty(), "{name}");
    }
}

fn read(folder: &Path, asked: &mut BTreeSet<String>) {
    for entry in fs::read_dir(folder).into_iter().flatten().map(|entry| entry.unwrap()) {
        match entry.path() {
            path if path.is_dir() => read(&path, asked),
            path if path.extension().is_some_and(|end| end == "rs") => {
                let text = fs::read_to_string(path).unwrap();
                for found in text.split("mutated(Mutant::").skip(1) {
                    asked.insert(found.chars().take_while(char::is_ascii_alphanumeric).collect());
                }
            }
            _ => {}
        }
    }
}
