//! `schakel job`: jobs over a crowd, how far they are, and what became of every item.

use std::collections::HashSet;
use std::io::IsTerminal as _;
use std::time::Duration;

use clap::{Args, Subcommand};
use serde_json::{Value, json};
use tokio::time::Instant;
use uuid::Uuid;

use super::access::{Access, Ground, Halt};
use super::crowd::thousands;
use super::output::{Exit, Form, Rows, out, say, say_part};
use super::words::{list, moment_at, moment_cell, reason, text};
use crate::hub::Worker;

/// How often a follower looks.
const LOOK_EVERY: Duration = Duration::from_millis(300);
/// How often it says how far a job is, where its lines stay.
const SAY_EVERY: Duration = Duration::from_secs(2);

#[derive(Debug, Subcommand)]
pub enum Command {
    /// Toont de klussen, de nieuwste eerst
    List,
    /// Toont één klus, haar verloop, en wat niet ging
    #[command(after_help = "Voorbeeld:\n  schakel job show ID -o json")]
    Show {
        /// Nummer van de klus
        id: Uuid,
    },
    /// Laat een klus stilstaan
    #[command(after_help = "Voorbeeld:\n  schakel job pause ID --by 'J. Jansen' --why 'te druk'")]
    Pause(Changed),
    /// Laat een klus verdergaan
    Resume(Changed),
    /// Breekt een klus af; wat al gedaan is blijft gedaan
    Cancel(Changed),
    /// Volgt een klus tot zij klaar is
    #[command(
        after_help = "Voorbeeld:\n  schakel job follow ID\n\nCtrl-C houdt op met volgen; de \
        klus loopt door. Eindcode 7: niet alles ging."
    )]
    Follow {
        /// Nummer van de klus
        id: Uuid,
    },
}

#[derive(Debug, Args)]
pub struct Changed {
    /// Nummer van de klus
    id: Uuid,
    /// Wie dit besluit
    #[arg(long, value_name = "NAAM")]
    by: String,
    /// Waarom; geen persoonsgegevens
    #[arg(long, value_name = "TEKST")]
    why: String,
}

pub async fn run(command: &Command, ground: Ground<'_>) -> Result<Exit, Halt> {
    let form = ground.form;
    match command {
        Command::List => {
            let told = ground.ask("klussen", Value::Null).await?;
            show_all(list(&told, "klussen"), form);
            Ok(Exit::Ok)
        }
        Command::Show { id } => {
            let told = ground.ask("klus", json!({ "id": id })).await?;
            if form == Form::Table {
                show(&told)
            } else {
                out(&told.to_string())
            }
            Ok(Exit::Ok)
        }
        Command::Pause(asked) => change(ground, "klus-pauzeren", asked).await,
        Command::Resume(asked) => change(ground, "klus-hervatten", asked).await,
        Command::Cancel(asked) => change(ground, "klus-afbreken", asked).await,
        Command::Follow { id } => {
            ground.with(async |access| follow(access, &id.to_string(), form).await).await
        }
    }
}

async fn change(ground: Ground<'_>, action: &str, asked: &Changed) -> Result<Exit, Halt> {
    let body = json!({ "id": asked.id, "door": asked.by, "reden": asked.why });
    let done = ground.ask(action, body).await?;
    show_line(&done, ground.form);
    Ok(Exit::Ok)
}

fn number(job: &Value, key: &str) -> u64 {
    job.get(key).and_then(Value::as_u64).unwrap_or(0)
}

fn settled(job: &Value) -> u64 {
    ["gedaan", "niets", "geweigerd", "overgeslagen"].iter().map(|key| number(job, key)).sum()
}

/// A job in one line, or as it is.
pub fn show_line(job: &Value, form: Form) {
    if form != Form::Table {
        return out(&job.to_string());
    }
    let (done, total) = (thousands(settled(job)), thousands(number(job, "totaal")));
    out(&format!("Klus {} {}: {done} van {total}.", text(job, "id"), text(job, "stand")));
}

fn show_all(jobs: &[Value], form: Form) {
    let columns = ["id", "handeling", "stand", "gedaan", "totaal", "tempo", "door", "gemaakt"];
    let mut rows = Rows::new(&columns);
    for job in jobs {
        let field = |key: &str| job.get(key).cloned().unwrap_or(Value::Null);
        let kind = job.pointer("/filter/handeling").cloned().unwrap_or_default();
        let made = if form == Form::Table { moment_cell(job, "gemaakt") } else { field("gemaakt") };
        rows.add(vec![
            field("id"),
            kind,
            field("stand"),
            json!(settled(job)),
            field("totaal"),
            field("tempo"),
            field("door"),
            made,
        ]);
    }
    rows.print(form);
    if jobs.is_empty() {
        say("Er zijn geen klussen.");
    }
}

fn show(told: &Value) {
    let job = told.get("klus").unwrap_or(&Value::Null);
    out(&format!("Klus {}, {}", text(job, "id"), text(job, "stand")));
    out(&format!("Door {}: {}", text(job, "door"), text(job, "reden")));
    let filter = job.get("filter").and_then(Value::as_object);
    let known = filter.into_iter().flatten().filter(|(_, value)| {
        !value.is_null() && value.as_array().is_none_or(|list| !list.is_empty())
    });
    for (key, value) in known {
        out(&format!("  {key}: {}", super::words::plain(value)));
    }
    result(job);
    for event in list(told, "verloop") {
        let (by, why) = (text(event, "door"), text(event, "reden"));
        out(&format!("{} {} door {by}: {why}", moment_at(event, "op"), text(event, "stand")));
    }
    let left = list(told, "nietGegaan");
    if left.is_empty() {
        return;
    }
    let mut rows = Rows::new(&["nr", "bericht of uitval", "uitkomst", "reden", "niet te maken"]);
    for item in left {
        let field = |key: &str| item.get(key).cloned().unwrap_or(Value::Null);
        let why = json!(reason(text(item, "reden")));
        let failed = field("nietTeMaken");
        rows.add(vec![field("nr"), field("id"), field("uitkomst"), why, failed]);
    }
    rows.print(Form::Table);
}

/// What became of the items, in words.
fn result(job: &Value) {
    let (done, total) = (thousands(settled(job)), thousands(number(job, "totaal")));
    out(&format!("{done} van {total} behandeld: {} gedaan.", thousands(number(job, "gedaan"))));
    let parcels = ["zelfde", "anders", "nieuw"].map(|key| thousands(number(job, key)));
    let [same, changed, added] = parcels;
    out(&format!("Zendingen: {same} met zelfde inhoud, {changed} vervangen, {added} nieuw."));
    let failed = number(job, "nietTeMaken");
    if failed > 0 {
        out(&format!("Niet te maken: {} zendingen.", thousands(failed)));
    }
    for (key, what) in [
        ("niets", "Niets te sturen"),
        ("geweigerd", "Geweigerd"),
        ("overgeslagen", "Overgeslagen"),
        ("gedaan", "Daarvan"),
    ] {
        let number = thousands(number(job, key));
        for line in list(job, "redenen").iter().filter(|line| text(line, "uitkomst") == key) {
            let times = line.get("aantal").and_then(Value::as_u64).unwrap_or(0);
            let code = reason(text(line, "reden"));
            out(&format!("{what} ({number}): {} keer {code}", thousands(times)));
        }
    }
}

/// Says how far a job is until it is over. Stopping to follow does not stop the job.
pub async fn follow(access: &Access, id: &str, form: Form) -> Result<Exit, Halt> {
    let mut line = Line::default();
    let mut worker = match access {
        Access::Running { .. } => None,
        Access::Local { .. } => {
            say("Er draait geen hub over deze map: deze opdracht voert de klus zelf uit.");
            Some(Worker::default())
        }
    };
    // Listens for Ctrl-C before it says anything.
    let watched = tokio::select! {
        biased;
        _ = tokio::signal::ctrl_c() => None,
        job = until_over(access, id, &mut line, worker.as_mut()) => Some(job),
    };
    line.end();
    leave(access, worker).await;
    match watched {
        Some(job) => Ok(ended(&job?, form)),
        None => {
            stopped_following(access, id);
            Ok(Exit::Partly)
        }
    }
}

/// Looks at a job, and works at it where no hub does, until it is over.
async fn until_over(
    access: &Access,
    id: &str,
    line: &mut Line,
    mut worker: Option<&mut Worker>,
) -> Result<Value, Halt> {
    loop {
        let told = access.call("klus", json!({ "id": id })).await.map_err(|halt| away(halt, id))?;
        let job = told.get("klus").cloned().unwrap_or_default();
        if matches!(text(&job, "stand"), "klaar" | "afgebroken") {
            return Ok(job);
        }
        line.tell(&job);
        let rest = match (&mut worker, access) {
            (Some(worker), Access::Local { hub, .. }) => worker.step(hub, || false).await,
            _ => LOOK_EVERY,
        };
        tokio::time::sleep(rest).await;
    }
}

async fn leave(access: &Access, worker: Option<Worker>) {
    if let (Some(worker), Access::Local { hub, .. }) = (worker, access) {
        worker.leave(hub).await;
    }
}

fn stopped_following(access: &Access, id: &str) {
    match access {
        Access::Running { .. } => say(&format!(
            "De klus loopt door; alleen het volgen is gestopt. Weer volgen: schakel job follow \
             {id}. Stilzetten: schakel job pause {id}."
        )),
        Access::Local { .. } => say(&format!(
            "De klus staat stil en is niet afgebroken: zij gaat verder zodra er een hub draait, of \
             met schakel job follow {id}."
        )),
    }
}

fn away(halt: Halt, id: &str) -> Halt {
    if halt.exit != Exit::Unreachable {
        return halt;
    }
    let text = format!(
        "{}\nDe klus is niet weg: zij gaat verder zodra er weer een hub draait (schakel job follow \
         {id}).",
        halt.text
    );
    Halt::new(halt.exit, text)
}

/// What came of it, honestly.
fn ended(job: &Value, form: Form) -> Exit {
    if form == Form::Table {
        result(job)
    } else {
        out(&job.to_string())
    }
    let id = text(job, "id");
    let finished = text(job, "stand") == "klaar";
    let left: u64 =
        ["geweigerd", "overgeslagen", "nietTeMaken"].iter().map(|key| number(job, key)).sum();
    if finished && left == 0 {
        return Exit::Ok;
    }
    if !finished {
        let open = number(job, "totaal").saturating_sub(settled(job));
        say(&format!("De klus is afgebroken; {} stuks zijn niet behandeld.", thousands(open)));
    }
    say(&format!("Niet alles ging; zie schakel job show {id}"));
    if settled(job) > 0 { Exit::Partly } else { Exit::Failure }
}

/// The line on standard error.
struct Line {
    /// Whether it is written over, as people see it, or said again now and then.
    over: bool,
    began: Instant,
    /// How many were settled when this began.
    first: Option<u64>,
    last: Option<(Instant, String)>,
    states: HashSet<String>,
}

impl Default for Line {
    fn default() -> Self {
        let over = std::io::stderr().is_terminal();
        Self { over, began: Instant::now(), first: None, last: None, states: HashSet::new() }
    }
}

impl Line {
    fn tell(&mut self, job: &Value) {
        let done = settled(job);
        let first = *self.first.get_or_insert(done);
        let words = progress(job, done - first.min(done), self.began.elapsed());
        let new_state = self.states.insert(text(job, "stand").to_owned());
        if self.over {
            say_part(&format!("\r\u{1b}[K{words}"));
            self.last = Some((Instant::now(), words));
            return;
        }
        let due = match &self.last {
            None => true,
            Some((at, last)) => *last != words && (new_state || at.elapsed() >= SAY_EVERY),
        };
        if due {
            say(&words);
            self.last = Some((Instant::now(), words));
        }
    }

    fn end(&self) {
        if self.over && self.last.is_some() {
            say("");
        }
    }
}

/// How far a job is, and about how long it still takes.
fn progress(job: &Value, since_then: u64, elapsed: Duration) -> String {
    let (done, total) = (settled(job), number(job, "totaal"));
    let mut words = format!("{}: {} van {}", text(job, "stand"), thousands(done), thousands(total));
    for key in ["geweigerd", "overgeslagen"] {
        if number(job, key) > 0 {
            words.push_str(&format!(", {} {key}", thousands(number(job, key))));
        }
    }
    if text(job, "stand") == "loopt" {
        let left = total.saturating_sub(done);
        words.push_str(&format!(", nog ongeveer {}", eta(left, since_then, elapsed, job)));
    }
    words
}

/// By what was done since this began, or by the rate where that says nothing yet.
fn eta(left: u64, done: u64, elapsed: Duration, job: &Value) -> String {
    let millis = u64::try_from(elapsed.as_millis()).unwrap_or(u64::MAX).max(1);
    let seconds = match done {
        0 => left / number(job, "tempo").max(1),
        done => left.saturating_mul(millis) / done / 1000,
    };
    match seconds {
        0..=90 => format!("{seconds} s"),
        91..=5400 => format!("{} min", seconds.div_ceil(60)),
        _ => format!("{} uur", seconds.div_ceil(3600)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn how_long_it_takes_is_what_it_took_so_far() {
        let job = json!({ "tempo": 20 });
        let table = [
            ((200, 0, 5), "10 s"),
            ((100, 50, 5), "10 s"),
            ((12_000, 100, 10), "20 min"),
            ((100_000, 10, 1), "3 uur"),
            ((0, 0, 0), "0 s"),
        ];
        for ((left, done, seconds), wanted) in table {
            let elapsed = Duration::from_secs(seconds);
            assert_eq!(eta(left, done, elapsed, &job), wanted, "{left} left, {done} done");
        }
    }

    #[test]
    fn what_did_not_go_decides_how_it_ends() {
        let job = |state: &str, done: u64, refused: u64, failed: u64| {
            let (state, failed) = (json!(state), json!(failed));
            json!({
                "stand": state, "gedaan": done, "geweigerd": refused, "nietTeMaken": failed,
            })
        };
        let table = [
            (job("klaar", 3, 0, 0), Exit::Ok),
            (job("klaar", 3, 1, 0), Exit::Partly),
            (job("klaar", 3, 0, 1), Exit::Partly),
            (job("klaar", 0, 3, 0), Exit::Partly),
            (job("afgebroken", 3, 0, 0), Exit::Partly),
            (job("afgebroken", 0, 0, 0), Exit::Failure),
        ];
        for (job, wanted) in table {
            assert_eq!(ended(&job, Form::Json), wanted, "{job}");
        }
    }
}
