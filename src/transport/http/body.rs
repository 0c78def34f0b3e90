//! Reads a request's body within a bound of size and of time.

use std::future::poll_fn;
use std::pin::Pin;
use std::time::Duration;

use axum::body::{Body, Bytes, HttpBody as _};
use axum::extract::Request;
use axum::http::HeaderMap;
use axum::http::header::{CONTENT_ENCODING, CONTENT_TYPE, EXPECT};

use crate::message::Fault;
use crate::transport::Problem;

/// What a client still sends of a body that is too large is thrown away, up to this much and this
/// long, so that it comes to read the answer instead of finding its connection reset.
const DISCARD_BYTES_MAX: usize = 4 * 1024 * 1024;
const DISCARD_TIME: Duration = Duration::from_secs(2);

/// The body, or why it cannot be had. Never holds more than `size_bytes_max`.
pub(super) async fn read(
    request: Request,
    size_bytes_max: usize,
    time: Duration,
) -> Result<Vec<u8>, Problem> {
    let (head, mut body) = request.into_parts();
    check_encoding(&head.headers)?;
    // A declared length is believed only where it is too large; what comes is counted anyway.
    let too_large = body.size_hint().lower() > u64::try_from(size_bytes_max).unwrap_or(u64::MAX);
    let bytes = if too_large {
        Err(Problem::of_fault(Fault::TeGroot))
    } else {
        let reading = tokio::time::timeout(time, collect(&mut body, size_bytes_max));
        reading.await.unwrap_or(Err(TOO_SLOW))
    };
    let waits_for_us = head.headers.contains_key(EXPECT);
    if bytes.as_ref().is_err_and(|problem| problem.status == 413) && !(too_large && waits_for_us) {
        // Running out of time here only means that the client sends more than we throw away.
        let _ = tokio::time::timeout(DISCARD_TIME, discard(&mut body)).await;
    }
    bytes
}

/// The media type as the client wrote it.
pub(super) fn media_type(headers: &HeaderMap) -> Option<String> {
    headers.get(CONTENT_TYPE)?.to_str().ok().map(str::to_owned)
}

const TOO_SLOW: Problem =
    Problem::new(408, "te-langzaam", "Het verzoek kwam niet binnen de tijd geheel binnen.");
const BROKEN_OFF: Problem =
    Problem::new(400, "afgebroken", "Het verzoek brak af voordat het geheel binnen was.");

fn check_encoding(headers: &HeaderMap) -> Result<(), Problem> {
    let plain = headers.get_all(CONTENT_ENCODING).iter().all(|value| value == "identity");
    if plain {
        return Ok(());
    }
    Err(Problem::of_fault(Fault::Mediatype)
        .with_detail("Stuur het bericht zonder Content-Encoding."))
}

async fn collect(body: &mut Body, size_bytes_max: usize) -> Result<Vec<u8>, Problem> {
    let mut bytes = Vec::new();
    while let Some(piece) = next_piece(body).await {
        let piece = piece.map_err(|_| BROKEN_OFF)?;
        if bytes.len() + piece.len() > size_bytes_max {
            return Err(Problem::of_fault(Fault::TeGroot));
        }
        bytes.extend_from_slice(&piece);
    }
    Ok(bytes)
}

async fn discard(body: &mut Body) {
    let mut discarded = 0;
    while let Some(Ok(piece)) = next_piece(body).await {
        discarded += piece.len();
        if discarded > DISCARD_BYTES_MAX {
            return;
        }
    }
}

async fn next_piece(body: &mut Body) -> Option<Result<Bytes, axum::Error>> {
    loop {
        match poll_fn(|context| Pin::new(&mut *body).poll_frame(context)).await? {
            Ok(frame) => {
                if let Ok(data) = frame.into_data() {
                    return Some(Ok(data));
                }
            }
            Err(error) => return Some(Err(error)),
        }
    }
}
