//! Printing: tables for people, JSON for programs, both to standard output.

use std::io::{self, Write};

use comfy_table::{Table, presets};
use serde_json::Value;

use crate::cli::OutputFormat;

/// Whether to colour: on a terminal, unless `NO_COLOR` says otherwise.
pub(crate) fn has_colour(is_terminal: bool) -> bool {
    is_terminal && std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty())
}

/// This program as it was called, so that a command that names it can be copied.
pub(crate) fn program() -> String {
    let called = std::env::args().next().unwrap_or_default();
    if called.contains('/') { called } else { "walser".to_owned() }
}

/// Rows under names of columns.
#[derive(Debug)]
pub(crate) struct Rows {
    columns: &'static [&'static str],
    rows: Vec<Vec<Value>>,
}

impl Rows {
    pub(crate) fn new(columns: &'static [&'static str]) -> Rows {
        Rows { columns, rows: Vec::new() }
    }

    pub(crate) fn push<const N: usize>(&mut self, cells: [Value; N]) {
        debug_assert_eq!(N, self.columns.len());
        self.rows.push(cells.into());
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// An array of objects.
    pub(crate) fn json(&self) -> Value {
        let object = |row: &Vec<Value>| {
            let pairs = self.columns.iter().zip(row);
            Value::Object(
                pairs.map(|(name, cell)| (name.replace(' ', "_"), cell.clone())).collect(),
            )
        };
        Value::Array(self.rows.iter().map(object).collect())
    }

    /// Columns with two blanks between, names in capitals.
    pub(crate) fn table(&self) -> String {
        let mut table = Table::new();
        table.load_style(presets::NOTHING);
        table.set_header(self.columns.iter().map(|name| name.to_uppercase()));
        for row in &self.rows {
            table.add_row(row.iter().map(cell_text));
        }
        for column in table.column_iter_mut() {
            column.set_padding((0, 2));
        }
        let mut text = String::new();
        for line in table.lines() {
            text.push_str(line.trim_end());
            text.push('\n');
        }
        text
    }

    /// Prints them, as asked for.
    pub(crate) fn print(&self, format: OutputFormat) -> io::Result<()> {
        match format {
            OutputFormat::Table => print(&self.table()),
            OutputFormat::Json => print_json(&self.json()),
        }
    }
}

fn cell_text(cell: &Value) -> String {
    match cell {
        Value::Null => "-".to_owned(),
        Value::String(text) => text.clone(),
        Value::Array(items) => items.iter().map(cell_text).collect::<Vec<_>>().join(","),
        other => other.to_string(),
    }
}

/// Prints text to standard output.
pub(crate) fn print(text: &str) -> io::Result<()> {
    let mut out = io::stdout().lock();
    out.write_all(text.as_bytes())?;
    out.flush()
}

/// Prints one JSON document to standard output.
pub(crate) fn print_json(value: &Value) -> io::Result<()> {
    print(&format!("{value:#}\n"))
}

/// A number with commas between thousands.
pub(crate) fn thousands(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::with_capacity(digits.len() + digits.len() / 3);
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::{Rows, thousands};

    #[test]
    fn thousands_are_separated() {
        for (number, text) in [(0, "0"), (999, "999"), (1000, "1,000"), (1_234_567, "1,234,567")] {
            assert_eq!(thousands(number), text);
        }
    }

    #[test]
    fn rows_print_as_table_and_json() {
        let mut rows = Rows::new(&["name", "in sync"]);
        rows.push([json!("a long name"), json!([1, 2])]);
        rows.push([json!("b"), json!(null)]);
        assert_eq!(rows.table(), "NAME         IN SYNC\na long name  1,2\nb            -\n");
        assert_eq!(
            rows.json(),
            json!([{"name": "a long name", "in_sync": [1, 2]}, {"name": "b", "in_sync": null}])
        );
    }
}
