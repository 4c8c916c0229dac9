//! What we write, held against the official schema by an independent validator, and what we refuse against what it
//! refuses. The official files are not part of this project: they are looked for in `PAGO_SPECS`, or beside it.

mod support;

use std::{
    collections::{BTreeMap, HashSet},
    env, fs,
    path::{Path, PathBuf},
    process::Command,
};

use pagopa::{
    node,
    station::{Answer, Operation, Refused, Request, Version, read},
};
use proptest::{prelude::*, strategy::ValueTree, test_runner::TestRunner};
use support::*;

/// The official files and a validator, or `None` after saying why not. On CI their absence is a failure.
fn official(test: &str) -> Option<PathBuf> {
    let found = specs().ok_or("the official schemas are not here (set PAGO_SPECS)").and_then(|specs| {
        let validator = Command::new("xmllint").arg("--version").output();
        validator.map(|_| specs).map_err(|_| "xmllint is not installed")
    });
    match found {
        Ok(specs) => Some(specs),
        Err(why) if env::var("CI").as_deref() == Ok("true") => panic!("{test}: {why}"),
        Err(why) => {
            writeln_stderr(&format!("skipped: {test}: {why}"));
            None
        }
    }
}

/// Past the test harness' capture, so that a skipped test is seen.
fn writeln_stderr(line: &str) {
    use std::io::Write;
    let _ = writeln!(std::io::stderr(), "{line}");
}

fn specs() -> Option<PathBuf> {
    if let Some(given) = env::var_os("PAGO_SPECS") {
        return fs::canonicalize(given).ok().filter(|path| path.join("soap-paForNode.xsd").is_file());
    }
    // Beside the project's root, wherever the crate is in it.
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    let candidates = here.ancestors().map(|folder| folder.join("../shared/pagopa/specs"));
    candidates.into_iter().find(|path| path.join("soap-paForNode.xsd").is_file())
}

/// The messages that the official schema refuses, with the validator's words.
fn refused_by_schema(specs: &Path, messages: &[String]) -> BTreeMap<usize, String> {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("messages-{}-{:p}", std::process::id(), messages));
    fs::create_dir_all(&folder).unwrap();
    for (at, message) in messages.iter().enumerate() {
        fs::write(folder.join(format!("{at}.xml")), message).unwrap();
    }
    let mut refused = BTreeMap::new();
    for chunk in (0..messages.len()).collect::<Vec<_>>().chunks(500) {
        let output = Command::new("xmllint")
            .args(["--nonet", "--noout", "--schema"])
            .arg(specs.join("soap-paForNode.xsd"))
            .args(chunk.iter().map(|at| format!("{at}.xml")))
            .current_dir(&folder)
            .output()
            .unwrap();
        let words = String::from_utf8_lossy(&output.stderr);
        let valid: HashSet<&str> = words.lines().filter_map(|line| line.strip_suffix(" validates")).collect();
        for at in chunk {
            let file = format!("{at}.xml");
            if !valid.contains(file.as_str()) {
                let why: Vec<_> = words.lines().filter(|line| line.starts_with(&format!("{file}:"))).collect();
                refused.insert(*at, why.join(" "));
            }
        }
    }
    fs::remove_dir_all(folder).unwrap();
    refused
}

/// The schema's Body takes anything; so the root's name is compared too.
fn is_payload_known(message: &str) -> bool {
    Operation::ALL
        .iter()
        .any(|op| [op.request_root(), op.answer_root()].iter().any(|root| message.contains(&format!("<pafn:{root}>"))))
}

#[test]
fn whatever_we_write_is_valid() {
    let Some(specs) = official("whatever_we_write_is_valid") else { return };
    let mut messages: Vec<String> = answers().iter().map(Answer::to_xml).collect();
    let mut runner = TestRunner::deterministic();
    for _ in 0..150 {
        messages.push(any_request().new_tree(&mut runner).unwrap().current().to_xml());
        messages.push(Answer::Verified(any_verified().new_tree(&mut runner).unwrap().current()).to_xml());
        let payment = any_payment().new_tree(&mut runner).unwrap().current();
        let stamped =
            payment.transfers.iter().any(|t| matches!(t.destination, pagopa::station::Destination::Stamp { .. }));
        let version = if stamped { Version::V2 } else { Version::V1 };
        messages.push(Answer::Payment(version, Box::new(payment)).to_xml());
    }
    messages.push(pagopa::station::soap_fault("Client", "a <reason>"));
    let refused = refused_by_schema(&specs, &messages);
    assert!(refused.is_empty(), "{refused:?}");
    assert!(messages[..messages.len() - 1].iter().all(|message| is_payload_known(message)));
}

#[test]
fn we_refuse_exactly_what_the_schema_refuses() {
    let Some(specs) = official("we_refuse_exactly_what_the_schema_refuses") else { return };
    let mut runner = TestRunner::deterministic();
    let mut messages = Vec::new();
    for _ in 0..1500 {
        let request = any_request().new_tree(&mut runner).unwrap().current();
        let damage = any_damage().new_tree(&mut runner).unwrap().current();
        messages.push(damage.apply(&request.to_xml()));
    }
    let refused = refused_by_schema(&specs, &messages);
    let mut valid = 0;
    for (at, message) in messages.iter().enumerate() {
        let ours = match read(message.as_bytes()) {
            // A receipt is read leniently: its oddities are what a strict reader would refuse. Sums are no matter of the schema.
            Ok(Request::SendRt(sent)) => {
                sent.oddities.iter().all(|oddity| !matches!(oddity, pagopa::station::ReceiptOddity::Schema(_)))
            }
            Ok(_) => true,
            Err(Refused::Invalid(invalid)) => {
                // An empty receipt id is a valid string, and no id.
                matches!(invalid.operation, Operation::SendRt(_)) && invalid.deviations.is_empty()
            }
            Err(Refused::Unreadable(_)) => false,
        };
        valid += usize::from(ours);
        assert_eq!(ours, !refused.contains_key(&at), "{message}\n{:?}", refused.get(&at));
    }
    let share = valid * 100 / messages.len();
    assert!((10..=90).contains(&share), "the damage is too weak or too strong to tell anything: {share}% valid");
}

/// One small change to a message.
#[derive(Debug)]
enum Damage {
    /// The text of the n-th value becomes another.
    Value(prop::sample::Index, String),
    /// The n-th element without children goes, doubles, or swaps places with the next.
    Remove(prop::sample::Index),
    Double(prop::sample::Index),
    Swap(prop::sample::Index),
    Insert(prop::sample::Index, String),
}

fn any_damage() -> impl Strategy<Value = Damage> {
    let index = any::<prop::sample::Index>;
    let value = prop_oneof![
        prop::sample::select(vec![
            "",
            " ",
            "OK",
            "KO",
            "ok",
            " OK",
            "true",
            "1",
            " 0 ",
            "TRUE",
            "0.00",
            "0.01",
            "00012.30",
            " 12.30 ",
            "12.3",
            "12,30",
            "+1.00",
            "-1.00",
            "999999999.99",
            "1000000000.00",
            "1",
            "+3",
            "03",
            "5",
            "6",
            "0",
            "-1",
            "1.0",
            "2026-02-29",
            "2028-02-29",
            "2026-11-30Z",
            "2026-11-30+13:59",
            "2026-11-30+14:00",
            "2026-1-1",
            "12026-01-01",
            "0000-01-01",
            "2026-11-30T10:00:00",
            "2026-11-30T24:00:00",
            "2026-11-30T24:00:01",
            "2026-11-30T10:00:00.123456789012Z",
            "2026-11-30T10:00",
            "2026-11-30T23:59:60",
            "IT",
            "It",
            "ITA",
            "a@b.it",
            "a@b",
            "@b",
            "a b@c.it",
            "PAGOPA",
            "POSTAL",
            "F",
            "G",
            "EQ",
            "AAAA",
            "AAA",
            "AA==",
            "AB==",
            "A A A A",
            "80124890155",
            "8012489015X",
            "312260000000004289",
            "31226000000000428",
            "&#x20;1",
            "<![CDATA[1.00]]>",
            "<!-- c -->",
            "è",
            "&amp;",
        ])
        .prop_map(str::to_owned),
        "[0-9]{1,20}",
        "[à-ù]{1,220}",
        "[0-9]{1,12}\\.[0-9]{1,3}",
        "[12][0-9]{3}-[01][0-9]-[0-3][0-9]",
        "[12][0-9]{3}-[01][0-9]-[0-3][0-9]T[0-2][0-9]:[0-5][0-9]:[0-5][0-9]",
    ];
    let extra = prop::sample::select(vec![
        "<extra/>",
        "text",
        " ",
        "<!-- c -->",
        "<?pi x?>",
        "<pafn:idPA>1</pafn:idPA>",
        "<standIn>true</standIn>",
        "<dueDate>2026-11-30</dueDate>",
        "<fee>0.00</fee>",
        "<amount>1.00</amount>",
        "<metadata><mapEntry><key>a</key><value>b</value></mapEntry></metadata>",
        "<metadata/>",
    ]);
    prop_oneof![
        4 => (index(), value).prop_map(|(at, value)| Damage::Value(at, value)),
        1 => index().prop_map(Damage::Remove),
        1 => index().prop_map(Damage::Double),
        1 => index().prop_map(Damage::Swap),
        1 => (index(), extra).prop_map(|(at, extra)| Damage::Insert(at, extra.to_owned())),
    ]
}

impl Damage {
    fn apply(&self, message: &str) -> String {
        let leaves = leaves(message);
        let pick = |at: &prop::sample::Index| leaves[at.index(leaves.len())];
        let mut message = message.to_owned();
        match self {
            Self::Value(at, value) => {
                let leaf = pick(at);
                message.replace_range(leaf.text.0..leaf.text.1, value);
            }
            Self::Remove(at) => message.replace_range(pick(at).start..pick(at).end, ""),
            Self::Double(at) => {
                let leaf = pick(at);
                let copy = message[leaf.start..leaf.end].to_owned();
                message.insert_str(leaf.end, &copy);
            }
            Self::Swap(at) => {
                let first = at.index(leaves.len());
                if let Some(second) = leaves.get(first + 1) {
                    let leaf = leaves[first];
                    let (a, b) =
                        (message[leaf.start..leaf.end].to_owned(), message[second.start..second.end].to_owned());
                    message.replace_range(second.start..second.end, &a);
                    message.replace_range(leaf.start..leaf.end, &b);
                }
            }
            Self::Insert(at, extra) => message.insert_str(pick(at).start, extra),
        }
        message
    }
}

#[derive(Debug, Clone, Copy)]
struct Leaf {
    start: usize,
    text: (usize, usize),
    end: usize,
}

/// The elements without children, as our writer writes them. Not the base64 value: the validator (libxml2) passes over
/// characters that are none of base64, the schema's specification does not.
fn leaves(message: &str) -> Vec<Leaf> {
    let mut leaves = Vec::new();
    let mut from = 0;
    while let Some(open) = message[from..].find('<').map(|at| at + from) {
        let Some(close) = message[open..].find('>').map(|at| at + open) else { break };
        let name = &message[open + 1..close];
        let end_tag = format!("</{name}>");
        let text_end = message[close..].find('<').map(|at| at + close);
        match text_end {
            Some(end)
                if !name.starts_with(['/', '?'])
                    && name != "datiSpecificiServizioRequest"
                    && message[end..].starts_with(&end_tag) =>
            {
                leaves.push(Leaf { start: open, text: (close + 1, end), end: end + end_tag.len() });
                from = end + end_tag.len();
            }
            _ => from = close + 1,
        }
    }
    leaves
}

#[test]
fn the_published_examples_are_read() {
    let Some(specs) = official("the_published_examples_are_read") else { return };
    let mut seen = 0;
    for entry in fs::read_dir(specs.join("examples")).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        let body = fs::read(&path).unwrap();
        let operation = Operation::ALL.into_iter().find(|operation| name.split("_re").next() == Some(operation.name()));
        let Some(operation) = operation else { continue };
        seen += 1;
        if name.contains("_req") {
            let request = read(&body).unwrap_or_else(|error| panic!("{name}: {error}"));
            assert_eq!(request.operation(), operation, "{name}");
            if let Request::SendRt(sent) = &request {
                assert_eq!(sent.oddities, [], "{name}");
            }
            assert_eq!(read(request.to_xml().as_bytes()), Ok(request), "{name}: written and read again");
        } else {
            let outcome = match operation {
                Operation::Verify => node::read_verified(&body).map(|read| read.is_ok()),
                Operation::GetPayment(version) => node::read_payment(version, &body).map(|read| read.is_ok()),
                Operation::SendRt(version) => node::read_accepted(version, &body).map(|read| read.is_ok()),
                Operation::Demand => node::read_demanded(&body).map(|read| read.is_ok()),
            };
            assert_eq!(outcome, Ok(!name.contains("_ko")), "{name}");
        }
    }
    assert!(seen >= 15, "only {seen} examples were found");
}
