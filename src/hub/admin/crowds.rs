//! What operators ask about crowds: how many, what it would come to, and the jobs that do it.

use serde::Deserialize;
use serde_json::json;
use uuid::Uuid;

use super::{Office, Refused, Told, journal_refused, needs_name, refused};
use crate::hub::clock;
use crate::journal::{
    BadFilter, CrowdFilter, Cursor, Found, Gathered, Holder, JOBS_MAX, JournalError, NewJob,
    RECIPIENTS_MAX,
};
use crate::message::{JobChange, RATE_MOST, RATE_USUAL, Timestamp};

/// Items compared in one answer.
const COMPARED_MAX: usize = 200;

/// Signs of a name or a reason that a person gives.
const TEXT_MAX: usize = 500;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct CrowdAsked {
    filter: CrowdFilter,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct PreviewAsked {
    filter: CrowdFilter,
    /// So many of all, evenly.
    steekproef: Option<usize>,
    /// Or those after this place.
    na: Option<Cursor>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct JobAsked {
    filter: CrowdFilter,
    tempo: Option<u32>,
    door: String,
    reden: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct JobId {
    id: Uuid,
    #[serde(default)]
    door: String,
    #[serde(default)]
    reden: String,
    /// Items that did not go: those after this number.
    #[serde(default)]
    na: i64,
}

fn checked(filter: &CrowdFilter) -> Result<(), Refused> {
    let text = match filter.check() {
        Ok(()) => return Ok(()),
        Err(BadFilter::Everything) => {
            "Noem een ketenpartner, een soort, een reden, een stand of een moment.".to_owned()
        }
        Err(BadFilter::Word) => {
            "Een soort of een reden is een woord van kleine letters, cijfers en streepjes."
                .to_owned()
        }
        Err(BadFilter::Moments) => "Het laatste moment ligt voor het eerste.".to_owned(),
        Err(BadFilter::Reason) => "Een reden hoort bij uitval, niet bij berichten.".to_owned(),
        Err(BadFilter::Recipients) => {
            "Ontvangers en een stand horen bij berichten, niet bij uitval.".to_owned()
        }
        Err(BadFilter::Lease) => "Op die stand kan niet worden gefilterd.".to_owned(),
        Err(BadFilter::TooMany) => format!("Noem hoogstens {RECIPIENTS_MAX} ontvangers."),
    };
    Err(refused(400, "filter", &text))
}

/// The filter with a last moment: what comes in after it is not part of this crowd.
fn bounded(mut filter: CrowdFilter, now: Timestamp) -> CrowdFilter {
    let until = filter.until.map_or(now, |until| until.min(now));
    filter.until = Some(until);
    filter
}

/// Who is busy with it, since when, and what to do.
pub(super) fn held(holder: &Holder) -> Refused {
    let Holder { job, by, since } = holder;
    let since = since.to_amsterdam();
    let text = format!(
        "{by} is hier sinds {since} mee bezig in klus {job}. Wacht tot die klaar is (schakel job \
         follow {job}), overleg, of breek haar af (schakel job cancel {job})."
    );
    let mut answer = refused(409, "klus-bezig", &text);
    if let Some(object) = answer.1.as_object_mut() {
        object.insert("klus".to_owned(), json!(job));
        object.insert("door".to_owned(), json!(by));
        object.insert("sinds".to_owned(), json!(since));
    }
    answer
}

impl Office {
    /// How many a filter finds, by partner, type and reason; with the moment that bounds it.
    pub(super) async fn crowd_count(&self, asked: CrowdAsked) -> Told {
        checked(&asked.filter)?;
        let filter = bounded(asked.filter, clock::now());
        let groups = self.hub.journal.crowd_count(&filter).await.map_err(journal_refused)?;
        let count: i64 = groups.iter().map(|group| group.count).sum();
        Ok(json!({ "aantal": count, "groepen": groups, "filter": filter }))
    }

    /// What was sent against what would be sent, counted over a sample or over the next part.
    pub(super) async fn crowd_preview(&self, asked: PreviewAsked) -> Told {
        checked(&asked.filter)?;
        let filter = bounded(asked.filter, clock::now());
        let journal = &self.hub.journal;
        let found = match asked.steekproef {
            Some(size) => journal.crowd_sample(&filter, size.clamp(1, COMPARED_MAX)).await,
            None => {
                let after = asked.na.unwrap_or_else(|| Cursor::before(&filter));
                journal.crowd_page(&filter, after, COMPARED_MAX).await
            }
        };
        let found = found.map_err(journal_refused)?;
        let tally = self.hub.crowd_preview(&filter, &found).await.map_err(journal_refused)?;
        let next = found.last().map(Found::cursor).filter(|_| asked.steekproef.is_none());
        Ok(json!({ "bekeken": found.len(), "regels": tally, "volgende": next }))
    }

    /// Starts a job: from here on it is known which items it has, and nobody else gets them.
    pub(super) async fn make_job(&self, asked: JobAsked) -> Told {
        let JobAsked { filter, tempo, door: by, reden: why } = asked;
        checked(&filter)?;
        person(&by, &why)?;
        let rate = tempo.unwrap_or(RATE_USUAL);
        if !(1..=RATE_MOST).contains(&rate) {
            let text = format!("Het tempo is 1 tot en met {RATE_MOST} per seconde.");
            return Err(refused(400, "tempo", &text));
        }
        let (now, journal) = (clock::now(), &self.hub.journal);
        let filter = bounded(filter, now);
        let first = journal.crowd_page(&filter, Cursor::before(&filter), 1).await;
        if first.map_err(journal_refused)?.is_empty() {
            return Err(refused(404, "niets-gevonden", "Er is niets dat hieraan voldoet."));
        }
        let id = journal.make_job(NewJob { filter, rate, by, why }, now).await;
        let id = id.map_err(|error| match error {
            JournalError::TooMany(_) => {
                let text = format!("Er zijn al {JOBS_MAX} klussen bezig; zie schakel job list.");
                refused(409, "te-veel-klussen", &text)
            }
            error => journal_refused(error),
        })?;
        match self.hub.gather_all(id).await.map_err(journal_refused)? {
            Gathered::Held(holder) => Err(held(&holder)),
            _ => Ok(json!(journal.job_view(id).await.map_err(journal_refused)?)),
        }
    }

    pub(super) async fn jobs(&self) -> Told {
        let jobs = self.hub.journal.jobs(100).await.map_err(journal_refused)?;
        Ok(json!({ "klussen": jobs }))
    }

    /// A job with how it changed, and the items that did not go.
    pub(super) async fn job(&self, asked: JobId) -> Told {
        let journal = &self.hub.journal;
        let job = journal.job_view(asked.id).await.map_err(journal_refused)?;
        let events = journal.job_events(asked.id).await.map_err(journal_refused)?;
        let left = journal.job_left(asked.id, asked.na).await.map_err(journal_refused)?;
        Ok(json!({ "klus": job, "verloop": events, "nietGegaan": left }))
    }

    pub(super) async fn change_job(&self, change: JobChange, asked: JobId) -> Told {
        let JobId { id, door: by, reden: why, .. } = asked;
        person(&by, &why)?;
        let changed = self.hub.journal.change_job(id, change, (by, why), clock::now()).await;
        changed.map_err(|error| match error {
            JournalError::Job(state) => {
                let text = format!("Deze klus is {}; dat kan nu niet.", state.as_str());
                refused(409, "niet-nu", &text)
            }
            error => journal_refused(error),
        })?;
        Ok(json!(self.hub.journal.job_view(id).await.map_err(journal_refused)?))
    }
}

/// Who and why, within reason.
pub(super) fn person(by: &str, why: &str) -> Result<(), Refused> {
    needs_name(by, why)?;
    if by.len() > TEXT_MAX || why.len() > TEXT_MAX {
        let text = format!("Houd wie (door) en waarom (reden) binnen {TEXT_MAX} tekens.");
        return Err(refused(400, "gegevens", &text));
    }
    Ok(())
}
