//! Plays the case: partners send and collect, a coordinator decides, and the clock moves on.

use serde_json::{Value, json};

use super::script::{About, CaseScript, CaseStep, Decides, Sends};
use super::time::{PlayedTime, day_in_words};
use super::{Line, Played, SentFacts, Stage, TaskFacts};
use crate::cli::access::Halt;
use crate::cli::demo::facts::{Trace, understand};
use crate::cli::demo::form;
use crate::cli::demo::parcel::Received;
use crate::cli::demo::partner::Reply;
use crate::cli::demo::play::{Word, until_quiet, usual_word};
use crate::cli::output::{Exit, say};
use crate::hub::clock;
use crate::message::{PartnerId, Term, Timestamp};

/// The case under way.
pub(super) struct Case<'a> {
    script: &'a CaseScript,
    stage: &'a Stage<'a>,
    /// Its number, from the first signal on.
    number: String,
    /// Lines of the timeline that were told.
    told: usize,
    /// Every request that was collected so far.
    requests: Vec<(PartnerId, Received)>,
}

impl<'a> Case<'a> {
    /// Plays every step; gives the number of the case, and what each step led to.
    pub async fn play(
        script: &'a CaseScript,
        stage: &'a Stage<'a>,
        time: &mut PlayedTime,
    ) -> Result<(String, Vec<Played>), Halt> {
        let (number, requests) = (String::new(), Vec::new());
        let mut case = Self { script, stage, number, told: 0, requests };
        let mut steps = Vec::with_capacity(script.steps.len());
        for step in &script.steps {
            steps.push(case.step(step, time).await?);
        }
        Ok((case.number, steps))
    }

    async fn step(&mut self, step: &CaseStep, time: &mut PlayedTime) -> Result<Played, Halt> {
        let moment = match step.moment()? {
            Some(moment) => moment,
            None => self.next_due().await?,
        };
        time.go_on_to(moment);
        let now = clock::now();
        // The hub looks by itself every second; nobody has to wait for it here.
        while self.stage.hub.regie_step().await.map_err(|error| failed(&error.to_string()))? {}
        let (mut who, mut sent) = ("klok".to_owned(), None);
        if let Some(sends) = &step.sends {
            who = sends.sender.to_string();
            sent = Some(self.send(sends, now).await?);
        } else if let Some(decides) = &step.decides {
            who = "regisseur".to_owned();
            self.decide(decides, now).await?;
        }
        let name = who.parse().map_or(who.as_str(), |id: PartnerId| {
            self.stage.evening.names.get(&id).map_or(who.as_str(), String::as_str)
        });
        say(&format!("{} {name}", day_in_words(now)));
        let confirms = step.confirms.as_ref();
        let says = |partner: &PartnerId, parcel: &Received| word(parcel, confirms == Some(partner));
        let came = until_quiet(self.stage.cast, self.stage.listener, says).await?;
        for parcel in came.iter().filter(|parcel| is_request(parcel)) {
            self.requests.push((parcel.partner.clone(), parcel.clone()));
        }
        let lines = self.timeline().await?;
        let new: Vec<Line> = lines.iter().skip(self.told).cloned().collect();
        self.told = lines.len();
        Ok(Played {
            op: now,
            wie: who,
            verhaal: step.story.clone(),
            stuurde: sent,
            tijdlijn: new,
            fase: self.phase().await?,
            ontvangen: came,
        })
    }

    async fn send(&mut self, sends: &Sends, now: Timestamp) -> Result<SentFacts, Halt> {
        let cast = self.stage.cast;
        let partner = cast.partners.get(&sends.sender).ok_or_else(|| failed("geen partner"))?;
        let about = match &sends.about {
            Some(step) => self.about(step, &sends.sender).await?,
            None => About { case: self.number.clone(), ..About::default() },
        };
        let document = sends.document(&about, now)?.into_bytes();
        let Reply { status, media_type, body, follow } = partner.send(&document).await?;
        let mut sent = SentFacts {
            vorm: form::of(&partner.media_type, &document),
            mediatype: partner.media_type.clone(),
            size_bytes: document.len(),
            status,
            antwoord: form::of(&media_type, &body),
            bericht: None,
        };
        let follow = follow.ok_or_else(|| {
            failed(&format!("{} werd geweigerd: {status} {}", sends.file, sent.antwoord))
        })?;
        let followed = partner.follow(&follow).await?;
        sent.bericht = followed.get("id").and_then(Value::as_str).and_then(|id| id.parse().ok());
        if let Some(id) = sent.bericht.filter(|_| self.number.is_empty()) {
            self.number = Trace::read(cast, id).await?.bericht.casus;
        }
        Ok(sent)
    }

    async fn decide(&self, decides: &Decides, now: Timestamp) -> Result<(), Halt> {
        let task = match &decides.about {
            Some(step) => Some(self.task(step).await?.taak),
            None => None,
        };
        let order = json!({
            "casus": self.number,
            "opdracht": decides.order,
            "taak": task,
            "uiterlijk": decides.days.map(|days| Term::WorkingDays(days).after(now)),
            "door": self.script.coordinator,
            "reden": decides.why,
        });
        self.stage.cast.access.call("casus-opdracht", order).await.map(drop)
    }

    /// What the answer to a request must name: the task, and the parcel that asked for it.
    async fn about(&self, step: &str, partner: &PartnerId) -> Result<About, Halt> {
        let task = self.task(step).await?.taak.to_string();
        let carries = |(to, parcel): &&(PartnerId, Received)| {
            to == partner && String::from_utf8_lossy(&parcel.document).contains(&task)
        };
        // Whoever answers read the number in the request that it collected, and nowhere else.
        let (_, parcel) = self
            .requests
            .iter()
            .find(carries)
            .ok_or_else(|| failed(&format!("{partner} kreeg het verzoek {step} niet")))?;
        let parcel = parcel.zending.to_string();
        Ok(About { case: self.number.clone(), task, parcel })
    }

    /// The newest task of a partner for a step of the playbook.
    async fn task(&self, step: &str) -> Result<TaskFacts, Halt> {
        let mut case = self.ask("casus").await?;
        let tasks: Vec<TaskFacts> = understand(case["taken"].take())?;
        let of_step =
            |task: &TaskFacts| task.stap.as_deref() == Some(step) && task.ketenpartner.is_some();
        let found = tasks.into_iter().rfind(of_step);
        found.ok_or_else(|| failed(&format!("er is geen taak voor {step}")))
    }

    /// The next moment at which something is due in the case.
    async fn next_due(&self) -> Result<Timestamp, Halt> {
        let lines = self.stage.cast.access.call("casussen", json!({})).await?;
        let own = |line: &&Value| line["casus"] == *self.number;
        let line = lines.as_array().into_iter().flatten().find(own);
        let next = line.and_then(|line| Timestamp::parse(line["volgende"].as_str()?));
        next.ok_or_else(|| failed("in de casus hoeft niets meer"))
    }

    async fn timeline(&self) -> Result<Vec<Line>, Halt> {
        understand(self.ask("casus-tijdlijn").await?)
    }

    async fn phase(&self) -> Result<String, Halt> {
        let case = self.ask("casus").await?;
        Ok(case["fase"].as_str().unwrap_or_default().to_owned())
    }

    async fn ask(&self, action: &str) -> Result<Value, Halt> {
        self.stage.cast.access.call(action, json!({ "casus": self.number })).await
    }
}

fn is_request(parcel: &Received) -> bool {
    parcel.kind().starts_with("actieverzoek.")
}

/// A partner's system takes a request or a correction; people answer it, or do not.
fn word(parcel: &Received, confirms: bool) -> Word<'static> {
    let waits = is_request(parcel) || parcel.kind().starts_with("signaal-aangevuld");
    if waits && !confirms { ("ontvangen", None) } else { usual_word(parcel) }
}

fn failed(what: &str) -> Halt {
    Halt::new(Exit::Failure, what)
}
