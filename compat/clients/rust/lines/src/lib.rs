//! The Rust side of the bridge: calls come in as lines of JSON, answers and events go out; `../../bridge.py` has
//! the table of calls.
//!
//! Owns: standard input and output, a thread for each call, the form of records. Does not: know any client.

use std::fs::File;
use std::io::{BufRead, BufReader, BufWriter, Write};
use std::sync::Arc;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Map, Value, json};

/// An error for the flows: the protocol's name of it, and what the client said.
#[derive(Debug)]
pub struct Failure {
    /// The protocol's name, or whatever the client calls it.
    pub code: String,
    /// What the client said.
    pub text: String,
}

impl Failure {
    /// A failure of this name.
    pub fn new(code: impl Into<String>, text: impl Into<String>) -> Self {
        Self { code: code.into(), text: text.into() }
    }
}

impl From<std::io::Error> for Failure {
    fn from(error: std::io::Error) -> Self {
        Self::new("IO", error.to_string())
    }
}

/// What a call comes to.
pub type Answer = Result<Value, Failure>;

/// A record to write.
#[derive(Debug)]
pub struct Record {
    /// The key.
    pub key: Option<Vec<u8>>,
    /// The value.
    pub value: Option<Vec<u8>>,
    /// Milliseconds; `None` leaves it to the client.
    pub timestamp: Option<i64>,
    /// Names and values in order.
    pub headers: Vec<(String, Option<Vec<u8>>)>,
}

/// A call.
#[derive(Debug)]
pub struct Call(Map<String, Value>);

fn bytes(value: &Value) -> Result<Option<Vec<u8>>, Failure> {
    match value {
        Value::String(text) => STANDARD
            .decode(text)
            .map(Some)
            .map_err(|error| Failure::new("BAD_CALL", error.to_string())),
        _ => Ok(None),
    }
}

fn text(bytes: Option<&[u8]>) -> Value {
    bytes.map_or(Value::Null, |bytes| Value::String(STANDARD.encode(bytes)))
}

impl Call {
    fn missing(name: &str) -> Failure {
        Failure::new("BAD_CALL", format!("{name} is missing or of another kind"))
    }

    /// An argument as it came; null if it was not given.
    pub fn value(&self, name: &str) -> &Value {
        self.0.get(name).unwrap_or(&Value::Null)
    }

    /// A text that must be there.
    pub fn text(&self, name: &str) -> Result<&str, Failure> {
        self.value(name).as_str().ok_or_else(|| Self::missing(name))
    }

    /// A number that must be there.
    pub fn number(&self, name: &str) -> Result<i64, Failure> {
        self.value(name).as_i64().ok_or_else(|| Self::missing(name))
    }

    /// A number that counts something.
    pub fn count(&self, name: &str) -> Result<usize, Failure> {
        self.number(name)?.try_into().map_err(|_| Self::missing(name))
    }

    /// A number that names a partition.
    pub fn partition(&self, name: &str) -> Result<i32, Failure> {
        self.number(name)?.try_into().map_err(|_| Self::missing(name))
    }

    /// A list of texts.
    pub fn texts(&self, name: &str) -> Result<Vec<&str>, Failure> {
        let list = self.value(name).as_array().ok_or_else(|| Self::missing(name))?;
        list.iter().map(|value| value.as_str().ok_or_else(|| Self::missing(name))).collect()
    }

    /// The records to write.
    pub fn records(&self) -> Result<Vec<Record>, Failure> {
        let list = self.value("records").as_array().ok_or_else(|| Self::missing("records"))?;
        list.iter()
            .map(|given| {
                let pairs = given["h"].as_array().map(Vec::as_slice).unwrap_or_default();
                let headers = pairs
                    .iter()
                    .map(|pair| {
                        Ok((pair[0].as_str().unwrap_or_default().to_owned(), bytes(&pair[1])?))
                    })
                    .collect::<Result<_, Failure>>()?;
                Ok(Record {
                    key: bytes(&given["k"])?,
                    value: bytes(&given["v"])?,
                    timestamp: given["t"].as_i64(),
                    headers,
                })
            })
            .collect()
    }
}

/// A record that was read, for an answer or an event.
pub fn read_record<'a>(
    (topic, partition, offset, timestamp): (&str, i32, i64, i64),
    key: Option<&[u8]>,
    value: Option<&[u8]>,
    headers: impl Iterator<Item = (&'a str, Option<&'a [u8]>)>,
) -> Value {
    let headers: Vec<Value> = headers.map(|(name, value)| json!([name, text(value)])).collect();
    json!({"topic": topic, "p": partition, "o": offset, "t": timestamp, "k": text(key), "v": text(value), "h": headers})
}

/// Writes a line of output. A reader that is gone is no reason to panic: the input will end too.
pub fn say(line: &Value) {
    let mut out = std::io::stdout().lock();
    let _ = writeln!(out, "{line}").and_then(|()| out.flush());
}

/// The lines of a file as values of records, without their ends.
pub fn lines_of(path: &str) -> Result<impl Iterator<Item = std::io::Result<Vec<u8>>>, Failure> {
    Ok(BufReader::new(File::open(path)?).split(b'\n'))
}

/// A file that takes values of records, one a line.
#[derive(Debug)]
pub struct LinesFile(BufWriter<File>);

impl LinesFile {
    /// Creates it.
    pub fn create(path: &str) -> Result<Self, Failure> {
        Ok(Self(BufWriter::new(File::create(path)?)))
    }

    /// Adds a line.
    pub fn add(&mut self, value: &[u8]) -> Result<(), Failure> {
        self.0.write_all(value)?;
        Ok(self.0.write_all(b"\n")?)
    }

    /// Writes out what is still in memory.
    pub fn finish(mut self) -> Result<(), Failure> {
        Ok(self.0.flush()?)
    }
}

/// HOST:PORT, the program's last argument.
pub fn bootstrap() -> String {
    std::env::args().next_back().unwrap_or_default()
}

/// Answers calls until the input ends; each in a thread of its own, so that one that waits holds up none.
pub fn serve(answer: impl Fn(&str, &Call) -> Answer + Send + Sync + 'static) {
    let answer = Arc::new(answer);
    for line in std::io::stdin().lock().lines() {
        let Ok(line) = line else { return };
        let Ok(Value::Object(call)) = serde_json::from_str(&line) else {
            eprintln!("no call: {line}");
            continue;
        };
        let answer = Arc::clone(&answer);
        std::thread::spawn(move || {
            let call = Call(call);
            let id = call.value("id").clone();
            let said = call.text("op").and_then(|op| answer(op, &call));
            say(&match said {
                Ok(result) => json!({"id": id, "result": result}),
                Err(Failure { code, text }) => {
                    json!({"id": id, "error": {"code": code, "text": text}})
                }
            });
        });
    }
}
