//! Reads a request's body within a bound of size and of time.

use std::future::poll_fn;
use std::pin::Pin;
use std::time::Duration;

use axum::body::{Body, Bytes, HttpBody as _};
use axum::extract::Request;
use axum::http::HeaderMap;
use axum::http::header::{CONTENT_ENCODING, CONTENT_TYPE, EXPECT};

use crate::message::Fault;
use crate::transport::{LargeBodies, NotKept, Place, Problem};

/// What a client still sends of a body that is too large is thrown away, up to this much and this
/// long, so that it comes to read the answer instead of finding its connection reset.
const DISCARD_BYTES_MAX: usize = 16 * 1024 * 1024;
const DISCARD_TIME: Duration = Duration::from_secs(2);

/// How much of a body is read.
#[derive(Clone, Copy)]
pub(super) struct Bound<'a> {
    pub(super) size_bytes_max: usize,
    /// How much of a larger body is read where it finds a place.
    pub(super) further: Option<(usize, &'a LargeBodies)>,
}

/// What was read.
pub(super) enum Read {
    Whole {
        bytes: Vec<u8>,
        /// Held as long as the bytes, where they are more than usual.
        place: Option<Place>,
    },
    TooLarge {
        /// As the client declared it.
        size_bytes: Option<u64>,
        why: NotKept,
    },
}

/// The body, or why it cannot be had. Never holds more than `size_bytes_max`.
pub(super) async fn read(
    request: Request,
    size_bytes_max: usize,
    time: Duration,
) -> Result<Vec<u8>, Problem> {
    match read_within(request, Bound { size_bytes_max, further: None }, time).await? {
        Read::Whole { bytes, .. } => Ok(bytes),
        Read::TooLarge { .. } => Err(Problem::of_fault(Fault::TeGroot)),
    }
}

/// The body within a bound; that it is too large is for the caller to answer.
pub(super) async fn read_within(
    request: Request,
    bound: Bound<'_>,
    time: Duration,
) -> Result<Read, Problem> {
    let (head, mut body) = request.into_parts();
    check_encoding(&head.headers)?;
    // A declared length is believed only where it is too large; what comes is counted anyway.
    let declared = body.size_hint().exact();
    let least = usize::try_from(body.size_hint().lower()).unwrap_or(usize::MAX);
    let unread = least > bound.most();
    let read = if unread {
        Ok(Read::TooLarge { size_bytes: declared, why: NotKept::OverBound })
    } else {
        let reading = tokio::time::timeout(time, collect(&mut body, bound, declared));
        reading.await.unwrap_or(Err(TOO_SLOW))
    };
    let waits_for_us = head.headers.contains_key(EXPECT);
    if matches!(read, Ok(Read::TooLarge { .. })) && !(unread && waits_for_us) {
        // Running out of time here only means that the client sends more than we throw away.
        let _ = tokio::time::timeout(DISCARD_TIME, discard(&mut body)).await;
    }
    read
}

/// The media type as the client wrote it.
pub(super) fn media_type(headers: &HeaderMap) -> Option<String> {
    headers.get(CONTENT_TYPE)?.to_str().ok().map(str::to_owned)
}

impl Bound<'_> {
    fn most(&self) -> usize {
        self.further.map_or(self.size_bytes_max, |(most, _)| most)
    }
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

async fn collect(
    body: &mut Body,
    bound: Bound<'_>,
    size_bytes: Option<u64>,
) -> Result<Read, Problem> {
    let mut bytes = Vec::new();
    let mut place = None;
    while let Some(piece) = next_piece(body).await {
        let piece = piece.map_err(|_| BROKEN_OFF)?;
        let size = bytes.len() + piece.len();
        if size > bound.most() {
            return Ok(Read::TooLarge { size_bytes, why: NotKept::OverBound });
        }
        if size > bound.size_bytes_max && place.is_none() {
            place = bound.further.and_then(|(_, large)| large.enter());
            if place.is_none() {
                return Ok(Read::TooLarge { size_bytes, why: NotKept::NoPlace });
            }
        }
        bytes.extend_from_slice(&piece);
    }
    Ok(Read::Whole { bytes, place })
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
