//! Holds every message of `wire`, in every version, against Apache Kafka's own Java classes.
//!
//! Both ways, for every message that Kafka's jar has: what Kafka writes we read and write again to
//! the same bytes, what we write Kafka reads and writes again to the same bytes. What we read has
//! the same values under the same names. And the tables agree: keys, names, stable versions,
//! versions of the headers.
//!
//! The other side is `java/Codec.java`, which `kafka.py` installs, compiles and runs, or this fails.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::path::Path;
use std::process::{Command, Stdio};

use bytes::Bytes;
use wire::ApiKey;
use wire::generate::{Dice, Generate};
use wire::messages as ours;

/// Random values of ours a message and version.
const ROUNDS: u64 = 20;

/// A message's name and one of its versions.
type Form = (String, i16);

/// What the generic code below does for each message.
struct Subject {
    min: i16,
    max: i16,
    /// A random message of a version, encoded.
    random: fn(i16, u64) -> Bytes,
    /// Decoded and encoded again, and how the message shows itself.
    again: fn(Bytes, i16) -> Result<(Bytes, String), String>,
}

fn subject<M: wire::Message + Generate>() -> (&'static str, Subject) {
    fn random<M: wire::Message + Generate>(version: i16, seed: u64) -> Bytes {
        let wire_version = M::version(version).expect("a version of the message");
        let message = M::generate(&mut Dice::new(seed), wire_version);
        message.encode(version).expect("encodes").to_bytes().expect("in memory")
    }
    fn again<M: wire::Message>(bytes: Bytes, version: i16) -> Result<(Bytes, String), String> {
        let message = M::decode_exact(bytes, version).map_err(|e| format!("cannot read: {e}"))?;
        let encoded = message.encode(version).map_err(|e| format!("cannot write: {e}"))?;
        let bytes = encoded.to_bytes().ok_or("an external piece")?;
        Ok((bytes, format!("{message:?}")))
    }
    let (min, max) = M::VERSIONS.into_inner();
    (M::NAME, Subject { min, max, random: random::<M>, again: again::<M> })
}

fn subjects() -> BTreeMap<&'static str, Subject> {
    let mut subjects = BTreeMap::new();
    macro_rules! each {
        ($($module:ident, $api:ident, $request:ident, $response:ident;)*) => {
            subjects.extend([$(subject::<ours::$request>(), subject::<ours::$response>(),)*]);
        };
    }
    wire::for_each_api!(each);
    subjects.extend([
        subject::<ours::ConsumerProtocolSubscription>(),
        subject::<ours::ConsumerProtocolAssignment>(),
    ]);
    subjects
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        write!(text, "{byte:02x}").expect("to a string");
        text
    })
}

fn unhex(text: &str) -> Bytes {
    let pairs = text.as_bytes().chunks(2).map(|pair| std::str::from_utf8(pair).expect("ASCII"));
    pairs.map(|pair| u8::from_str_radix(pair, 16).expect("hexadecimal")).collect()
}

/// Hands the messages, one a line, to Kafka, and returns its lines.
fn kafka(messages: &str) -> String {
    let file = Path::new(env!("CARGO_TARGET_TMPDIR")).join("messages.txt");
    std::fs::write(&file, messages).expect("a file in the target folder");
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/kafka.py");
    let run = Command::new("python3").arg(script).arg(&file).stderr(Stdio::inherit()).output();
    let run = run.expect("python3 can be started");
    assert!(run.status.success(), "{script}: {}; its words are above", run.status);
    String::from_utf8(run.stdout).expect("UTF-8")
}

#[test]
fn kafka_reads_what_we_write_and_we_what_kafka_writes() {
    let subjects = subjects();
    // The first of each form: a wrong field is wrong in every sample.
    let mut faults = BTreeMap::<Form, String>::new();
    let mut fault = |form: &Form, words: String| {
        faults.entry(form.clone()).or_insert(words);
    };

    let mut sent: Vec<(Form, String)> = Vec::new();
    for (name, subject) in &subjects {
        for version in subject.min..=subject.max {
            for seed in 0..ROUNDS {
                let bytes = (subject.random)(version, seed);
                sent.push((((*name).to_owned(), version), hex(&bytes)));
            }
        }
    }
    let mut messages = String::new();
    for ((name, version), bytes) in &sent {
        writeln!(messages, "{name} {version} {bytes}").expect("to a string");
    }

    let answer = kafka(&messages);
    let mut sampled = BTreeSet::<Form>::new();
    let mut returned = sent.iter();
    let mut apis = Vec::new();
    let mut headers = Vec::new();
    let mut sample = Form::default();
    let mut shown = String::new();
    for line in answer.lines() {
        let (word, rest) = line.split_once(' ').expect("a word and more");
        let parts: Vec<&str> = rest.split(' ').collect();
        match (word, parts.as_slice()) {
            ("api", [key, name, min, max]) => {
                apis.push(format!("{key} {name} {min} {max}"));
            }
            ("header", _) => headers.push(rest.to_owned()),
            ("sample", [name, number, bytes]) => {
                let version: i16 = number.parse().expect("a number");
                sample = ((*name).to_owned(), version);
                sampled.insert(sample.clone());
                let again = match subjects.get(name) {
                    Some(subject) => (subject.again)(unhex(bytes), version),
                    None => Err("we do not have it".to_owned()),
                };
                match again {
                    Ok((again, message)) => {
                        shown = message;
                        if again != unhex(bytes) {
                            fault(&sample, format!("Kafka {bytes}\nours  {}", hex(&again)));
                        }
                    }
                    Err(words) => fault(&sample, format!("we {words}\n{bytes}")),
                }
            }
            ("fact", _) => {
                if !shows(&shown, rest) {
                    fault(&sample, format!("Kafka has {rest}, not so\n{shown}"));
                }
            }
            ("again" | "refused", _) => {
                let (form, bytes) = returned.next().expect("as many as were sent");
                if line != format!("again {bytes}") {
                    fault(form, format!("ours  {bytes}\nKafka {line}"));
                }
            }
            _ => panic!("a line nobody knows: {line}"),
        }
    }
    assert_eq!(returned.len(), 0, "messages that Kafka did not answer");
    let faults = faults.iter().map(|((name, version), words)| format!("{name} {version}: {words}"));
    let faults: Vec<String> = faults.collect();
    assert!(faults.is_empty(), "{} forms differ\n{}", faults.len(), faults.join("\n\n"));

    let ours: BTreeSet<Form> = sent.into_iter().map(|(form, _)| form).collect();
    assert_eq!(ours, sampled, "messages and versions");
    assert_eq!(our_apis(), apis, "keys, names and stable versions");
    assert_eq!(our_headers(), headers, "headers: key, version, of the request, of the response");
}

/// Whether a message that shows itself so has the field with this value, `name: value`.
fn shows(message: &str, fact: &str) -> bool {
    let (name, value) = fact.split_once(": ").expect("a name and a value");
    let forms = [format!(" {name}: {value}"), format!(" {name}: Some({value})")];
    forms.iter().any(|form| {
        let ends = message.match_indices(form.as_str()).map(|(at, _)| &message[at + form.len()..]);
        ends.into_iter().any(|after| after.starts_with(", ") || after.starts_with(" }"))
    })
}

fn our_apis() -> Vec<String> {
    let line = |key: &ApiKey| {
        let (min, max) = key.versions().into_inner();
        format!("{} {key} {min} {max}", key.number())
    };
    ApiKey::ALL.iter().map(line).collect()
}

fn our_headers() -> Vec<String> {
    let lines = |key: &ApiKey| {
        let key = *key;
        key.versions().map(move |version| {
            let request = key.request_header_version(version);
            let response = key.response_header_version(version);
            format!("{} {version} {request} {response}", key.number())
        })
    };
    ApiKey::ALL.iter().flat_map(lines).collect()
}
