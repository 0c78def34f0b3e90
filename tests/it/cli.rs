//! The command line as people and scripts meet it: what it prints where, and how it ends.

mod evaluate;
mod keys;
mod message;
mod proof;
mod set;

use std::process::Output;

use serde_json::Value;

use crate::hub::Place;

/// Exit codes, as the help tells them.
pub const OK: i32 = 0;
pub const FAILURE: i32 = 1;
pub const USAGE: i32 = 2;
pub const INVALID: i32 = 3;
pub const UNREACHABLE: i32 = 4;
pub const NOT_ALLOWED: i32 = 5;
pub const NOT_FOUND: i32 = 6;
pub const PARTLY: i32 = 7;

/// An id that nothing has.
pub const NOBODY: &str = "0c6b5a0e-2f0e-4a52-9b0d-6f1d1f3a8e11";

/// How a command ended and what it said.
pub struct Said {
    pub exit: i32,
    pub out: String,
    bytes: Vec<u8>,
    pub err: String,
}

impl Said {
    pub fn of(output: Output) -> Self {
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        let exit = output.status.code().unwrap_or(-1);
        Self { exit, out: text(&output.stdout), err: text(&output.stderr), bytes: output.stdout }
    }

    /// Holds the exit code, and gives what it said on.
    #[track_caller]
    pub fn ends(self, exit: i32) -> Self {
        assert_eq!(self.exit, exit, "out: {}\nerr: {}", self.out, self.err);
        self
    }

    #[track_caller]
    pub fn says(self, text: &str) -> Self {
        assert!(self.err.contains(text), "no `{text}` in: {}", self.err);
        self
    }

    #[track_caller]
    pub fn shows(self, text: &str) -> Self {
        assert!(self.out.contains(text), "no `{text}` in: {}", self.out);
        self
    }

    pub fn json(&self) -> Value {
        serde_json::from_str(&self.out).unwrap_or_else(|_| panic!("no JSON: {}", self.out))
    }
}

/// Runs the program over a place.
pub fn run(place: &Place, words: &[&str]) -> Said {
    run_with(place, &[], words)
}

/// As [`run`], with these variables.
pub fn run_with(place: &Place, env: &[(&str, &str)], words: &[&str]) -> Said {
    let mut command = place.command();
    command.envs(env.iter().copied()).args(words);
    Said::of(command.output().expect("schakel runs"))
}

/// As [`run`], with a partner's token in the environment.
fn run_as(place: &Place, token: &str, words: &[&str]) -> Said {
    let mut command = place.command();
    Said::of(command.env("SCHAKEL_TOKEN", token).args(words).output().expect("schakel runs"))
}

/// A document of the shipped examples, by its path.
fn example_file(connector: &str, case: &str, extension: &str) -> String {
    let folder = crate::hub::checkout().join("connectors").join(connector).join("examples");
    folder.join(case).join(format!("native.{extension}")).display().to_string()
}

#[test]
fn without_a_command_it_helps_and_ends_as_wrong_usage() {
    let place = Place::new();
    run(&place, &[]).ends(USAGE).says("Usage: schakel").says("Eindcodes");
    run(&place, &["partner", "key", "Geen Naam"]).ends(USAGE);
    run(&place, &["trace", "geen-nummer"]).ends(USAGE);
    run(&place, &["quarantine", "show", NOBODY, "--reveal"]).ends(USAGE).says("--by");
    for command in ["trace", "replay", "erase", "explain", "activate", "send", "doctor"] {
        run(&place, &[command, "--help"]).ends(OK).shows("Voorbeeld");
    }
}

#[test]
fn where_there_is_no_hub_it_says_what_to_do() {
    let place = Place::new();
    run(&place, &["trace", NOBODY]).ends(NOT_FOUND).says("schakel serve");
    run(&place, &["partner", "key", "niemand"]).ends(NOT_FOUND).says("niemand");
    run(&place, &["tail", "--follow"]).ends(UNREACHABLE);
    let file = example_file("politie", "in-volledig", "xml");
    let send = ["send", "--partner", "politie-oost-brabant", "--file", &file];
    run(&place, &send).ends(NOT_ALLOWED).says("SCHAKEL_TOKEN");
    run_as(&place, "schakel_x", &send).ends(UNREACHABLE).says("draait geen hub");
    let elsewhere = [&send[..], &["--url", "http://127.0.0.1:1"]].concat();
    run_as(&place, "schakel_x", &elsewhere).ends(UNREACHABLE).says("stuur later hetzelfde");
}
