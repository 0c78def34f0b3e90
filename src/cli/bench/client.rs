//! A partner that does nothing but send: HTTP/1.1 over one kept connection, as lean as can be, so
//! that the measurement is of the hub.

use std::net::SocketAddr;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::time::Instant;

use crate::cli::access::Halt;
use crate::cli::output::Exit;

pub struct Connection {
    stream: TcpStream,
    token: String,
    buffer: Vec<u8>,
}

impl Connection {
    pub async fn open(address: SocketAddr, token: &str) -> Result<Self, Halt> {
        let stream = TcpStream::connect(address).await.map_err(lost)?;
        stream.set_nodelay(true).map_err(lost)?;
        Ok(Self { stream, token: token.to_owned(), buffer: Vec::with_capacity(8192) })
    }

    /// Posts a police report; the time until its whole answer, in microseconds.
    pub async fn post(&mut self, body: &[u8]) -> Result<u64, Halt> {
        let started = Instant::now();
        self.request("/v1/berichten", "application/xml", body).await?;
        Ok(u64::try_from(started.elapsed().as_micros()).unwrap_or(u64::MAX))
    }

    /// Posts a body and reads the answer; its body.
    pub async fn request(
        &mut self,
        path: &str,
        media_type: &str,
        body: &[u8],
    ) -> Result<&[u8], Halt> {
        let head = format!(
            "POST {path} HTTP/1.1\r\nhost: bench\r\nauthorization: Bearer {}\r\n\
             content-type: {media_type}\r\ncontent-length: {}\r\n\r\n",
            self.token,
            body.len()
        );
        let request = [head.as_bytes(), body].concat();
        self.stream.write_all(&request).await.map_err(lost)?;
        let (status, begin) = self.answer().await?;
        if !(200..300).contains(&status) {
            let text = format!("de hub antwoordde {status} op een goed bericht");
            return Err(Halt::new(Exit::Failure, text));
        }
        Ok(self.buffer.get(begin..).unwrap_or_default())
    }

    /// Reads one answer to its end; its status, and where its body begins.
    async fn answer(&mut self) -> Result<(u16, usize), Halt> {
        self.buffer.clear();
        let (status, begin, end) = loop {
            if let Some(found) = head_of(&self.buffer) {
                break found;
            }
            if self.stream.read_buf(&mut self.buffer).await.map_err(lost)? == 0 {
                return Err(Halt::new(Exit::Unreachable, "de hub verbrak de verbinding"));
            }
        };
        while self.buffer.len() < end {
            if self.stream.read_buf(&mut self.buffer).await.map_err(lost)? == 0 {
                return Err(Halt::new(Exit::Unreachable, "de hub verbrak de verbinding"));
            }
        }
        Ok((status, begin))
    }
}

/// The status of an answer whose head is complete, and where its body begins and ends.
fn head_of(bytes: &[u8]) -> Option<(u16, usize, usize)> {
    let head_end = bytes.windows(4).position(|four| four == b"\r\n\r\n")? + 4;
    let head = std::str::from_utf8(bytes.get(..head_end)?).ok()?;
    let status = head.split(' ').nth(1)?.parse().ok()?;
    let length = head.lines().find_map(|line| {
        let (name, value) = line.split_once(':')?;
        name.eq_ignore_ascii_case("content-length").then(|| value.trim().parse::<usize>().ok())?
    });
    Some((status, head_end, head_end + length.unwrap_or(0)))
}

fn lost(error: std::io::Error) -> Halt {
    Halt::new(Exit::Unreachable, format!("de hub is niet te bereiken: {error}"))
}
