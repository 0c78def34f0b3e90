//! What the log says of a request, and what it never says.

use std::io;
use std::sync::{Mutex, MutexGuard};

use tracing_subscriber::fmt::MakeWriter;

use super::*;

#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl<'a> MakeWriter<'a> for Log {
    type Writer = Guard<'a>;

    fn make_writer(&'a self) -> Guard<'a> {
        Guard(self.0.lock().unwrap())
    }
}

struct Guard<'a>(MutexGuard<'a, Vec<u8>>);

impl io::Write for Guard<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[tokio::test]
async fn a_log_line_names_route_and_partner_but_nothing_that_was_sent() {
    let log = Log::default();
    let subscriber = tracing_subscriber::fmt()
        .with_max_level(tracing::Level::TRACE)
        .with_ansi(false)
        .with_writer(log.clone())
        .finish();
    let _here = tracing::subscriber::set_default(subscriber);
    let door = Door::open().await;
    door.post("/v1/berichten").body("bsn 123456782").send().await.unwrap();
    door.get("/v1/logboek?na=123456782").send().await.unwrap();
    door.get("/personen/123456782").send().await.unwrap();
    door.get("/v1/berichten/123456782").send().await.unwrap();
    let text = String::from_utf8(log.0.lock().unwrap().clone()).unwrap();
    for expected in [
        "partner.id=politie",
        "http.route=\"/v1/berichten\" http.status=202",
        "http.route=\"/v1/logboek\" http.status=200",
        "http.route=\"onbekend\" http.status=404",
        "http.route=\"/v1/berichten/{id}\" http.status=404",
    ] {
        assert!(text.contains(expected), "{expected} is missing in:\n{text}");
    }
    assert!(!text.contains("123456782") && !text.contains("sleutel"), "{text}");
}
