//! The signal that the requests of a case are about, as its sender would tell it now.

use std::sync::Arc;

use serde_json::Value;
use uuid::Uuid;

use crate::journal::JournalError;
use crate::journal::cases::CaseWork;
use crate::journal::keys::{Part, open_row_key, open_sealed};
use crate::journal::receive::{Group, NO_CASE};
use crate::journal::sql::{Cell, Row, query, query_of};
use crate::journal::unit::Unit;
use crate::message::{Effect, PartnerId};
use crate::pipeline;

/// Corrections of one sender in one case that are looked at, the newest.
const CORRECTIONS_MAX: i64 = 200;

/// A signal, and who sent it.
pub(super) struct Signal {
    pub data: Value,
    pub sender: PartnerId,
}

/// A correction or withdrawal in the group that is being written.
pub(in crate::journal) struct Later {
    pub case: Uuid,
    pub sender: PartnerId,
    pub effect: Effect,
    pub data: Value,
}

impl Group {
    /// The signal that the requests of a case are about, with its corrections; nothing where
    /// there is none any more.
    pub(super) async fn signal_of(
        &mut self,
        unit: &mut Unit<'_>,
        case: Uuid,
    ) -> Result<Option<Signal>, JournalError> {
        let work = self.book.case(case).ok_or(NO_CASE)?;
        let Some(id) = work.dossier.as_ref().and_then(|d| d.about) else { return Ok(None) };
        let (signal, mut later) = match self.regie.signals.get(&id.into()) {
            // It opened its case in this group, so that nothing about it is stored yet.
            Some((data, sender)) => {
                (Signal { data: data.clone(), sender: sender.clone() }, Vec::new())
            }
            None => match read_signal(unit, work, id.into()).await? {
                Some(read) => read,
                None => return Ok(None),
            },
        };
        let names = &unit.succession;
        let own = |now: &&Later| now.case == case && names.same(&now.sender, &signal.sender);
        let in_group = self.regie.later.iter().filter(own);
        later.extend(in_group.map(|now| (now.effect, now.data.clone())));
        let later = later.iter().map(|(effect, data)| (*effect, data));
        let data = pipeline::corrected(signal.data, &signal.sender, later);
        Ok(data.map(|data| Signal { data, sender: signal.sender }))
    }
}

/// The signal, and what its sender said about it later, in order.
type Told = (Signal, Vec<(Effect, Value)>);

async fn read_signal(
    unit: &mut Unit<'_>,
    work: &CaseWork,
    id: Uuid,
) -> Result<Option<Told>, JournalError> {
    let sql = "select id, partner, case_id, sealed_key, canonical from inbox where id = $1";
    let Some(row) = query(sql, [id.into()]).fetch_optional(unit.conn).await? else {
        return Ok(None);
    };
    let Some(data) = opened(unit, work, &row).await? else { return Ok(None) };
    let mut sender: PartnerId = row.parsed("partner")?;
    unit.succession.renew(&mut sender);
    // What is said after a merge is of the case that took it over.
    let names: Vec<Cell> =
        unit.succession.names(&sender).map(|name| name.as_str().into()).collect();
    let places: Vec<String> = (0..names.len()).map(|n| format!("${}", n + 4)).collect();
    let sql = format!(
        "select id, case_id, effect, sealed_key, canonical from inbox
        where case_id in ($1, $2) and effect in ('aanvulling', 'intrekking')
            and partner in ({})
        order by seq desc limit $3",
        places.join(", "),
    );
    let cells: [Cell; 3] =
        [row.uuid("case_id")?.into(), Uuid::from(work.state.id).into(), CORRECTIONS_MAX.into()];
    let cells = cells.into_iter().chain(names);
    let mut later = Vec::new();
    for row in query_of(sql, cells).fetch_all(unit.conn).await?.iter().rev() {
        let withdraws = row.text("effect")? == "intrekking";
        let effect = if withdraws { Effect::Intrekking } else { Effect::Aanvulling };
        later.extend(opened(unit, work, row).await?.map(|data| (effect, data)));
    }
    Ok(Some((Signal { data, sender }, later)))
}

/// The canonical data of a message; nothing where it was erased.
async fn opened(
    unit: &mut Unit<'_>,
    work: &CaseWork,
    row: &Row,
) -> Result<Option<Value>, JournalError> {
    let (id, own) = (row.uuid("id")?, row.uuid("case_id")?);
    let holder = if own == Uuid::from(work.state.id) {
        Arc::clone(&work.key)
    } else {
        // A message of a case that was merged into this one.
        match unit.holder_key(own).await {
            Ok(key) => key,
            Err(JournalError::Erased) => return Ok(None),
            Err(error) => return Err(error),
        }
    };
    let key = open_row_key(&holder, id, &row.blob("sealed_key")?)?;
    let (_, bytes) = open_sealed(&key, id, Part::Canonical, &row.blob("canonical")?)?;
    let data = serde_json::from_slice(&bytes)
        .map_err(|_| JournalError::Unreadable("the signal of a case"))?;
    Ok(Some(data))
}
