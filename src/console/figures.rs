//! Evaluations for pages: made from the journal by one request at a time, and kept for a minute, so
//! that who goes through the tables of one evaluation does not walk the journal for each.

use std::sync::{Arc, PoisonError};
use std::time::Duration;

use jiff::civil::Date;
use tokio::time::Instant;

use crate::casework::evaluate::{Asked, Evaluation, Evaluator};
use crate::hub::{Active, gather};
use crate::journal::{Journal, JournalError};
use crate::message::Digest;

/// How old figures may be.
const FRESH: Duration = Duration::from_secs(60);
/// Evaluations that are kept at most.
const KEPT_MAX: usize = 16;

/// What makes two evaluations the same.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Key {
    set: Digest,
    days: (Date, Date),
    theme: Option<String>,
    area: Option<String>,
}

#[derive(Debug)]
struct Kept {
    key: Key,
    at: Instant,
    evaluation: Arc<Evaluation>,
}

/// What was evaluated lately.
#[derive(Debug, Default)]
pub struct Figures {
    kept: std::sync::Mutex<Vec<Kept>>,
    /// Held by who walks the journal; who asks the same meanwhile finds it kept afterwards.
    walking: tokio::sync::Mutex<()>,
}

impl Figures {
    pub async fn of(
        &self,
        journal: &Journal,
        active: &Active,
        asked: &Asked,
    ) -> Result<Arc<Evaluation>, JournalError> {
        let catalogue = &active.catalogue;
        let key = Key {
            set: catalogue.digest(),
            days: (asked.from(), asked.until()),
            theme: asked.theme.clone(),
            area: asked.area.as_ref().map(|area| area.as_str().to_owned()),
        };
        if let Some(found) = self.find(&key) {
            return Ok(found);
        }
        let _walking = self.walking.lock().await;
        if let Some(found) = self.find(&key) {
            return Ok(found);
        }
        let mut evaluator = Evaluator::new(catalogue.programme.as_ref(), asked);
        gather(journal, catalogue, asked, &mut evaluator).await?;
        let evaluation = Arc::new(evaluator.finish());
        self.keep(key, &evaluation);
        Ok(evaluation)
    }

    fn find(&self, key: &Key) -> Option<Arc<Evaluation>> {
        let kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        let found = kept.iter().find(|kept| kept.key == *key && kept.at.elapsed() < FRESH);
        found.map(|kept| Arc::clone(&kept.evaluation))
    }

    fn keep(&self, key: Key, evaluation: &Arc<Evaluation>) {
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        kept.retain(|kept| kept.at.elapsed() < FRESH && kept.key != key);
        if kept.len() >= KEPT_MAX {
            kept.remove(0);
        }
        kept.push(Kept { key, at: Instant::now(), evaluation: Arc::clone(evaluation) });
    }
}
