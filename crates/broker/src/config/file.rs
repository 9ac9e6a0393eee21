//! The two file formats: Java properties as Kafka's `server.properties` uses them, and TOML.
//!
//! Of the properties format: `=`, `:` or blanks between key and value, `#` and `!` comments, lines
//! continued by a backslash, and the escapes `\t \n \r \f \uXXXX`; any other escaped character is
//! itself. Of TOML: tables join with dots, so that `[log.retention] ms = 1` is `log.retention.ms`.

use std::sync::Arc;

use super::error::{At, ConfigError};
use super::source::Source;

/// How a configuration file is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// `key=value` lines.
    Properties,
    /// TOML.
    Toml,
}

impl Format {
    /// The format a file name stands for: `.toml` is TOML, all else is properties.
    #[must_use]
    pub fn of(path: &std::path::Path) -> Format {
        match path.extension() {
            Some(extension) if extension.eq_ignore_ascii_case("toml") => Format::Toml,
            _ => Format::Properties,
        }
    }
}

/// A key and value as a file has them.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Entry {
    pub(super) name: String,
    pub(super) value: String,
    /// Counted from 1.
    pub(super) line: usize,
}

pub(super) fn parse(
    path: &Arc<str>,
    format: Format,
    text: &str,
) -> Result<Vec<Entry>, ConfigError> {
    match format {
        Format::Properties => properties(path, text),
        Format::Toml => toml(path, text),
    }
}

fn syntax(path: &Arc<str>, line: usize, problem: String) -> ConfigError {
    ConfigError::Syntax { problem, at: At::source(Source::File(path.clone(), line)) }
}

fn properties(path: &Arc<str>, text: &str) -> Result<Vec<Entry>, ConfigError> {
    let mut entries = Vec::new();
    let mut lines = text.lines().zip(1..);
    while let Some((first, number)) = lines.next() {
        let mut line = first.trim_start().to_owned();
        if line.is_empty() || line.starts_with(['#', '!']) {
            continue;
        }
        while is_continued(&line) {
            line.pop();
            match lines.next() {
                Some((more, _)) => line.push_str(more.trim_start()),
                None => break,
            }
        }
        let (name, value) = split(&line);
        let unescape = |text: &str| {
            unescape(text).ok_or_else(|| {
                syntax(path, number, "\\u must be followed by four hexadecimal digits".to_owned())
            })
        };
        let name = unescape(name)?;
        if name.is_empty() {
            return Err(syntax(path, number, "there is a value without a key".to_owned()));
        }
        entries.push(Entry { name, value: unescape(value)?, line: number });
    }
    Ok(entries)
}

/// Whether a line ends in an odd number of backslashes.
fn is_continued(line: &str) -> bool {
    line.chars().rev().take_while(|c| *c == '\\').count() % 2 == 1
}

/// Key and value of a line, both still escaped.
fn split(line: &str) -> (&str, &str) {
    let mut escaped = false;
    let end = line.find(|c: char| {
        let ends = !escaped && (c == '=' || c == ':' || c.is_whitespace());
        escaped = c == '\\' && !escaped;
        ends
    });
    let Some(end) = end else { return (line, "") };
    let (name, rest) = line.split_at(end);
    let rest = rest.trim_start();
    (name, rest.strip_prefix(['=', ':']).unwrap_or(rest).trim_start())
}

fn unescape(text: &str) -> Option<String> {
    let mut plain = String::with_capacity(text.len());
    let mut chars = text.chars();
    while let Some(c) = chars.next() {
        if c != '\\' {
            plain.push(c);
            continue;
        }
        match chars.next() {
            Some('t') => plain.push('\t'),
            Some('n') => plain.push('\n'),
            Some('r') => plain.push('\r'),
            Some('f') => plain.push('\u{c}'),
            Some('u') => {
                let digits: String = chars.by_ref().take(4).collect();
                if digits.len() != 4 {
                    return None;
                }
                plain.push(char::from_u32(u32::from_str_radix(&digits, 16).ok()?)?);
            }
            Some(other) => plain.push(other),
            None => {}
        }
    }
    Some(plain)
}

fn toml(path: &Arc<str>, text: &str) -> Result<Vec<Entry>, ConfigError> {
    let line_of = |position: usize| 1 + text.bytes().take(position).filter(|b| *b == b'\n').count();
    let document = toml::de::DeTable::parse(text).map_err(|error| {
        let line = error.span().map_or(1, |span| line_of(span.start));
        syntax(path, line, format!("not TOML: {}", error.message()))
    })?;
    let mut entries = Vec::new();
    let mut tables = vec![(String::new(), document.get_ref())];
    while let Some((prefix, table)) = tables.pop() {
        for (name, value) in table {
            let line = line_of(name.span().start);
            let name = format!("{prefix}{}", name.get_ref());
            if let toml::de::DeValue::Table(inner) = value.get_ref() {
                tables.push((format!("{name}."), inner));
                continue;
            }
            let Some(value) = toml_text(value.get_ref()) else {
                return Err(syntax(
                    path,
                    line,
                    format!("{name} must be text, a number, true, false or a list of these"),
                ));
            };
            entries.push(Entry { name, value, line });
        }
    }
    entries.sort_by_key(|entry| entry.line);
    Ok(entries)
}

fn toml_text(value: &toml::de::DeValue<'_>) -> Option<String> {
    use toml::de::DeValue;
    Some(match value {
        DeValue::String(text) => text.to_string(),
        DeValue::Integer(number) => {
            i64::from_str_radix(number.as_str(), number.radix()).ok()?.to_string()
        }
        DeValue::Float(number) => number.as_str().to_owned(),
        DeValue::Boolean(truth) => truth.to_string(),
        DeValue::Array(items) => items
            .iter()
            .map(|item| toml_text(item.get_ref()))
            .collect::<Option<Vec<String>>>()?
            .join(","),
        DeValue::Datetime(_) | DeValue::Table(_) => return None,
    })
}
