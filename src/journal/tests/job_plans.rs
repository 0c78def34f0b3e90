//! How the stores find a crowd and what is left of it: along an index, however much else there is.

use super::desk::partner;
use super::place::{On, Place};
use crate::journal::crowd::{OPEN_ITEMS, Want, page_sql};
use crate::journal::{CrowdFilter, Cursor};
use crate::message::{JobKind, Timestamp};

/// A crowd is walked along an index, in order, however much else there is.
#[tokio::test]
async fn a_crowd_is_walked_along_an_index_of_sqlite() {
    let place = Place::new(On::Sqlite);
    let some = |name: &str| Some(partner(name));
    let messages = CrowdFilter::of(JobKind::Herhalen);
    let entries = CrowdFilter::of(JobKind::Vrijgeven);
    let since = Some(Timestamp::from_micros(5));
    let reason = Some("geschorst".to_owned());
    let table = [
        (CrowdFilter { partner: some("a"), ..messages.clone() }, "inbox_partner (partner=? AND re"),
        (CrowdFilter { since, ..messages.clone() }, "inbox_moment (received_at"),
        (CrowdFilter { partner: some("a"), ..entries.clone() }, "quarantine_open_partner (partner"),
        (CrowdFilter { reason, ..entries.clone() }, "quarantine_open_reason (reason=? AND at"),
        (CrowdFilter { since, ..entries }, "quarantine_moment (state=? AND at"),
    ];
    for (filter, index) in table {
        let want = Want::Page { limit: 9 };
        let (sql, _) = page_sql(&filter, Cursor::before(&filter), want);
        let plan = place.plan(&sql).await;
        assert!(plan.contains(index), "{index}: {plan}");
        assert!(!plan.contains("TEMP B-TREE"), "{plan}");
        let (sql, _) = page_sql(&filter, Cursor::before(&filter), Want::Count);
        assert!(place.plan(&sql).await.contains(index), "{sql}");
    }
    for (sql, index) in [
        (OPEN_ITEMS, "PRIMARY KEY (job_seq=? AND nr>?)"),
        ("select 1 from job_item i where i.subject in (?) and i.outcome is null", "job_item_subje"),
        (
            crate::journal::unblock::LATER,
            "outbox_due (recipient=? AND urgent=? AND next_attempt_at>",
        ),
    ] {
        let plan = place.plan(sql).await;
        assert!(plan.contains(index) && !plan.contains("TEMP B-TREE"), "{plan}");
    }
}

#[tokio::test]
async fn a_crowd_is_walked_along_an_index_of_postgres() {
    let place = Place::new(On::Postgres);
    for (kind, index) in [(JobKind::Herhalen, "inbox_partner"), (JobKind::Vrijgeven, "quarantine_")]
    {
        let filter = CrowdFilter { partner: Some(partner("a")), ..CrowdFilter::of(kind) };
        let want = Want::Page { limit: 9 };
        let (sql, _) = page_sql(&filter, Cursor::before(&filter), want);
        let plan = place.plan(&sql).await;
        assert!(plan.contains(&format!("Index Scan using {index}")), "{plan}");
        assert!(plan.contains("ROW(") && !plan.contains("Sort"), "{plan}");
    }
    let later = place.plan(crate::journal::unblock::LATER_SHARED).await;
    assert!(later.contains("Index Scan using outbox_due on outbox o"), "{later}");
}
