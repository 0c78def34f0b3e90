//! Tables, JSON and exit codes: data on standard output, talk on standard error.

use std::process::ExitCode;

use clap::ValueEnum;
use comfy_table::presets::NOTHING;
use comfy_table::{Table, TableComponent};
use serde_json::{Map, Value};

/// The form of what a command gives.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    /// A table for people.
    Table,
    /// One JSON document.
    Json,
    /// One JSON object per line.
    Jsonl,
}

/// The forms that can be asked for; not every command has the last two.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Wide {
    /// Een tabel voor mensen
    Table,
    /// Eén JSON-document
    Json,
    /// Eén JSON-object per regel
    Jsonl,
    /// Voor een rekenblad (alleen evaluate)
    Csv,
    /// Een rapport dat op zichzelf staat (alleen evaluate)
    Html,
}

impl Wide {
    /// As every command has it; `None` for the others.
    pub const fn plain(self) -> Option<Form> {
        match self {
            Self::Table => Some(Form::Table),
            Self::Json => Some(Form::Json),
            Self::Jsonl => Some(Form::Jsonl),
            Self::Csv | Self::Html => None,
        }
    }
}

/// How a command ended, as every command says it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Exit {
    Ok = 0,
    Failure = 1,
    Usage = 2,
    Invalid = 3,
    Unreachable = 4,
    NotAllowed = 5,
    NotFound = 6,
    Partly = 7,
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit as u8)
    }
}

/// Rows under named columns.
#[derive(Debug)]
pub struct Rows {
    columns: Vec<&'static str>,
    rows: Vec<Vec<Value>>,
}

impl Rows {
    pub fn new(columns: &[&'static str]) -> Self {
        Self { columns: columns.to_vec(), rows: Vec::new() }
    }

    pub fn add(&mut self, row: Vec<Value>) {
        self.rows.push(row);
    }

    /// Prints them in the form that was asked for.
    pub fn print(&self, form: Form) {
        match form {
            Form::Table if self.rows.is_empty() => {}
            Form::Table => out(&self.table()),
            Form::Json => {
                let all: Vec<Value> = self.rows.iter().map(|row| self.object(row)).collect();
                out(&serde_json::to_string_pretty(&all).unwrap_or_default());
            }
            Form::Jsonl => self.rows.iter().for_each(|row| out(&self.object(row).to_string())),
        }
    }

    pub fn table(&self) -> String {
        let mut table = Table::new();
        table.load_preset(NOTHING).set_header(&self.columns);
        table.set_style(TableComponent::HeaderLines, '─');
        table.set_style(TableComponent::MiddleHeaderIntersections, '─');
        for row in &self.rows {
            table.add_row(row.iter().map(cell));
        }
        table.to_string()
    }

    fn object(&self, row: &[Value]) -> Value {
        let pairs = self.columns.iter().zip(row);
        Value::Object(pairs.map(|(k, v)| ((*k).to_owned(), v.clone())).collect::<Map<_, _>>())
    }
}

fn cell(value: &Value) -> String {
    match value {
        Value::Null => "–".to_owned(),
        Value::String(text) => text.clone(),
        Value::Array(items) => items.iter().map(cell).collect::<Vec<_>>().join(", "),
        other => other.to_string(),
    }
}

/// A line of data on standard output. A reader that went away is no error.
pub fn out(line: &str) {
    use std::io::Write;
    let _gone = writeln!(std::io::stdout(), "{line}");
}

/// A secret on standard output, the one place where one is ever shown.
pub fn secret(line: &str) {
    out(line);
}

/// Bytes on standard output as they are.
pub fn raw(bytes: &[u8]) {
    use std::io::Write;
    let mut stdout = std::io::stdout();
    let _gone = stdout.write_all(bytes).and_then(|()| stdout.flush());
}

/// Talk on standard error without an end of line of its own.
pub fn say_part(text: &str) {
    use std::io::Write;
    let mut stderr = std::io::stderr();
    let _gone = stderr.write_all(text.as_bytes()).and_then(|()| stderr.flush());
}

/// A line of talk on standard error.
pub fn say(line: &str) {
    use std::io::Write;
    let _gone = writeln!(std::io::stderr(), "{line}");
}
