//! Plays the evening: partners send, collect, check and answer, over the ways that real ones use.

use std::time::Duration;

use serde::Serialize;
use serde_json::{Value, json};
use tokio::time::Instant;
use uuid::Uuid;

use super::facts::Trace;
use super::form;
use super::listener::Listener;
use super::parcel::Received;
use super::partner::{Partner, Reply};
use super::script::{Outage, Script, Step, Verdict};
use super::venue::Cast;
use crate::cli::access::Halt;
use crate::cli::output::{Exit, say};
use crate::message::PartnerId;

/// How long one thing may take on a slow machine.
const PATIENCE: Duration = Duration::from_secs(30);
/// How often is looked whether it happened.
const LOOK_EVERY: Duration = Duration::from_millis(50);

/// What was sent, and what its sender got back.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Sent {
    pub nr: usize,
    pub tijd: String,
    pub van: PartnerId,
    pub verhaal: String,
    pub kanaal: &'static str,
    pub vorm: String,
    pub mediatype: String,
    #[serde(rename = "bytes")]
    pub size_bytes: usize,
    pub antwoord: Answer,
    pub uitkomst: Verdict,
    /// The public ids of the messages it became; a file may hold several.
    pub berichten: Vec<Uuid>,
    /// The entry of quarantine, where it was refused.
    pub uitval: Option<Uuid>,
    #[serde(skip)]
    pub step: Step,
    #[serde(skip)]
    pub document: &'static [u8],
}

/// The hub's answer at the door.
#[derive(Debug, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Answer {
    /// Absent where a file was answered with a file.
    pub status: Option<u16>,
    pub vorm: String,
    pub mediatype: String,
    /// What the answer says about recipients that were named and get nothing.
    #[serde(skip_serializing_if = "Value::is_null")]
    pub niet_verdeeld: Value,
}

/// The evening as it went, as its partners saw it.
#[derive(Debug, Default)]
pub struct Played {
    pub sent: Vec<Sent>,
    pub received: Vec<Received>,
    /// Requests that the partner which was down turned away.
    pub turned_away: usize,
}

/// One evening under way.
struct Play<'a> {
    script: &'a Script,
    cast: &'a Cast,
    listener: &'a Listener,
    played: Played,
}

/// Plays every step, and goes on until nobody has anything left to receive.
pub async fn play(script: &Script, cast: &Cast, listener: &Listener) -> Result<Played, Halt> {
    let mut play = Play { script, cast, listener, played: Played::default() };
    let mut down = false;
    for (index, step) in script.steps.iter().enumerate() {
        let outage = &script.outage;
        let is_down = outage.from <= step.time && step.time < outage.until;
        match (down, is_down) {
            (false, true) => {
                say(&format!("{} {} is onbereikbaar", outage.from, script.name(&outage.partner)));
                listener.go_down();
            }
            (true, false) => play.wait_and_come_back(outage).await?,
            _ => {}
        }
        down = is_down;
        say(&format!("{} {} stuurt {}", step.time, script.name(&step.sender), step.file));
        let sent = play.send(index + 1, step).await?;
        play.played.sent.push(sent);
        play.mail(Some(step)).await?;
    }
    say("       wachten tot alles is bezorgd");
    play.finish().await?;
    Ok(play.played)
}

impl Play<'_> {
    async fn send(&self, nr: usize, step: &Step) -> Result<Sent, Halt> {
        let document = step.document()?;
        let mut sent = Sent {
            nr,
            tijd: step.time.clone(),
            van: step.sender.clone(),
            verhaal: step.story.clone(),
            kanaal: "http",
            vorm: String::new(),
            mediatype: String::new(),
            size_bytes: document.len(),
            antwoord: Answer::default(),
            uitkomst: Verdict::Geweigerd,
            berichten: Vec::new(),
            uitval: None,
            step: step.clone(),
            document,
        };
        match self.cast.partners.get(&step.sender) {
            Some(partner) => self.send_http(partner, &mut sent).await?,
            None => self.send_file(&mut sent).await?,
        }
        sent.vorm = form::of(&sent.mediatype, document);
        let again = |id| self.played.sent.iter().any(|before| before.berichten.contains(id));
        if sent.uitkomst == Verdict::Ontvangen && sent.berichten.iter().all(again) {
            sent.uitkomst = Verdict::Herhaling;
        }
        if sent.uitkomst == Verdict::Geweigerd {
            sent.uitval = self.newest_refusal(&step.sender).await?;
        }
        Ok(sent)
    }

    async fn send_http(&self, partner: &Partner, sent: &mut Sent) -> Result<(), Halt> {
        let Reply { status, media_type, body, follow } = partner.send(sent.document).await?;
        if status == 503 {
            return Err(Halt::new(Exit::Failure, "de hub neemt nu niets aan (503)"));
        }
        sent.mediatype = partner.media_type.clone();
        let vorm = form::of(&media_type, &body);
        let mut told: Value = serde_json::from_slice(&body).unwrap_or_default();
        let niet_verdeeld = told.get_mut("nietVerdeeld").map(Value::take).unwrap_or_default();
        let status = Some(status);
        sent.antwoord = Answer { status, vorm, mediatype: media_type, niet_verdeeld };
        if let Some(follow) = follow {
            // Its sender can follow it: that is what being accepted means.
            let followed = partner.follow(&follow).await?;
            let id = followed.get("id").and_then(Value::as_str).and_then(|id| id.parse().ok());
            sent.berichten.extend::<Option<Uuid>>(id);
            sent.uitkomst = Verdict::Ontvangen;
        }
        Ok(())
    }

    async fn send_file(&self, sent: &mut Sent) -> Result<(), Halt> {
        let folder = self.cast.folders.get(&sent.van).ok_or_else(|| {
            Halt::new(Exit::Failure, format!("{} is geen ketenpartner", sent.van))
        })?;
        sent.kanaal = "map";
        sent.mediatype = "text/csv".to_owned();
        let name = &sent.step.file;
        folder.lay(name, sent.document)?;
        let found = until("het ontvangstbewijs van een bestand", async || Ok(folder.receipt(name)));
        let (taken, receipt) = found.await?;
        let count = |name: &str| receipt.get(name).and_then(Value::as_u64).unwrap_or_default();
        sent.antwoord.mediatype = "application/json".to_owned();
        sent.antwoord.vorm =
            format!("{} rijen aangenomen, {} geweigerd", count("aangenomen"), count("geweigerd"));
        let rows = receipt.get("rijen").and_then(Value::as_array);
        let ids = rows.into_iter().flatten().filter_map(|row| row.pointer("/antwoord/id"));
        sent.berichten = ids.filter_map(|id| id.as_str()?.parse().ok()).collect();
        if taken {
            sent.uitkomst = Verdict::Ontvangen;
        }
        Ok(())
    }

    async fn newest_refusal(&self, partner: &PartnerId) -> Result<Option<Uuid>, Halt> {
        let asked = json!({ "partner": partner, "limiet": 500 });
        let entries = self.cast.access.call("uitval", asked).await?;
        let incoming = |entry: &&Value| entry.get("richting").is_some_and(|r| r == "inkomend");
        let newest = entries.as_array().into_iter().flatten().rfind(incoming);
        Ok(newest.and_then(|entry| entry.get("id")?.as_str()?.parse().ok()))
    }

    async fn mail(&mut self, step: Option<&Step>) -> Result<usize, Halt> {
        let refusal = step.and_then(|step| step.refusal.as_ref());
        let says = |partner: &PartnerId, parcel: &Received| match refusal
            .filter(|no| no.partner == *partner && !parcel.is_answer())
        {
            Some(no) => ("geweigerd", Some(no.reason.as_str())),
            None => usual_word(parcel),
        };
        let mut came = fetch(self.cast, self.listener, says).await?;
        let count = came.len();
        self.played.received.append(&mut came);
        Ok(count)
    }

    /// The partner that was down comes back, once the hub has met a closed door.
    async fn wait_and_come_back(&mut self, outage: &Outage) -> Result<(), Halt> {
        let failed = until("een mislukte poging", async || {
            for id in self.played.sent.iter().flat_map(|sent| &sent.berichten) {
                let trace = Trace::read(self.cast, *id).await?;
                let mut parcels = trace.zendingen.iter();
                if parcels.any(|p| p.ontvanger == outage.partner && p.has_failed_attempt()) {
                    return Ok(Some(()));
                }
            }
            Ok(None)
        });
        failed.await?;
        self.played.turned_away = self.listener.come_back();
        say(&format!("{} {} is terug", outage.until, self.script.name(&outage.partner)));
        Ok(())
    }

    async fn finish(&mut self) -> Result<(), Halt> {
        let says = |_: &PartnerId, parcel: &Received| usual_word(parcel);
        let mut came = until_quiet(self.cast, self.listener, says).await?;
        self.played.received.append(&mut came);
        Ok(())
    }
}

/// What a partner says about a parcel: a stage, and the reason of a refusal.
pub type Word<'w> = (&'w str, Option<&'w str>);

/// An answer is taken note of, everything else is accepted.
pub fn usual_word(parcel: &Received) -> Word<'static> {
    (if parcel.is_answer() { "ontvangen" } else { "geaccepteerd" }, None)
}

/// Everybody looks what came, checks it, and says what it does with it.
async fn fetch<'w>(
    cast: &Cast,
    listener: &Listener,
    says: impl Fn(&PartnerId, &Received) -> Word<'w>,
) -> Result<Vec<Received>, Halt> {
    let mut came = Vec::new();
    for partner in cast.partners.values() {
        let mut parcels = if cast.collects(&partner.id) {
            partner.collect(&cast.key).await?
        } else {
            listener.take()
        };
        for parcel in parcels.iter_mut().filter(|parcel| parcel.holds()) {
            let (status, reason) = says(&partner.id, parcel);
            partner.confirm(parcel, status, reason).await?;
        }
        came.append(&mut parcels);
    }
    for folder in cast.folders.values() {
        came.append(&mut folder.fetch(&cast.key)?);
    }
    Ok(came)
}

/// Fetches until the journal says that nothing waits any more, and nobody finds anything new.
pub async fn until_quiet<'w>(
    cast: &Cast,
    listener: &Listener,
    says: impl Fn(&PartnerId, &Received) -> Word<'w>,
) -> Result<Vec<Received>, Halt> {
    let (deadline, mut all) = (Instant::now() + PATIENCE, Vec::new());
    loop {
        // In this order: what is delivered in between is found by whoever looks last.
        let stand = cast.access.call("stand", json!({})).await?;
        let waiting = stand.pointer("/stand/wachtend").and_then(Value::as_array);
        let mut came = fetch(cast, listener, &says).await?;
        if came.is_empty() && waiting.is_none_or(Vec::is_empty) {
            return Ok(all);
        }
        all.append(&mut came);
        if Instant::now() > deadline {
            let text = format!("niet alles werd bezorgd: {}", json!(waiting));
            return Err(Halt::new(Exit::Failure, text));
        }
        tokio::time::sleep(LOOK_EVERY).await;
    }
}

/// Looks again and again until something is there.
pub async fn until<T>(
    what: &str,
    look: impl AsyncFn() -> Result<Option<T>, Halt>,
) -> Result<T, Halt> {
    let deadline = Instant::now() + PATIENCE;
    loop {
        if let Some(found) = look().await? {
            return Ok(found);
        }
        if Instant::now() > deadline {
            return Err(Halt::new(Exit::Failure, format!("{what} bleef uit")));
        }
        tokio::time::sleep(LOOK_EVERY).await;
    }
}
