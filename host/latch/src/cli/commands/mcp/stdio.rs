//! Lines from the client on standard input, and to it on standard output.

use std::io::{self, BufRead as _, Read as _, stdin};
use std::thread;

use bytes::Bytes;
use latchstring::{Code, Error};
use tokio::sync::mpsc;
use tokio::task::JoinHandle;

use super::message::MESSAGE_BYTES;
use crate::cli::output;

/// Lines that wait to be passed on, in each direction.
const WAITING: usize = 16;

/// A line from the client.
pub(super) enum Line {
    /// Its bytes, without white space around them. Never empty.
    Text(Bytes),
    /// A line of more than [`MESSAGE_BYTES`].
    TooLong,
}

/// Returns the lines on standard input. Reads on another thread, because such a read cannot
/// be interrupted.
pub(super) fn lines() -> mpsc::Receiver<Line> {
    let (sender, lines) = mpsc::channel(WAITING);
    thread::spawn(move || {
        // A read error ends the input.
        while let Ok(Some(line)) = read_line() {
            if matches!(&line, Line::Text(text) if text.is_empty()) {
                continue;
            }
            if sender.blocking_send(line).is_err() {
                return;
            }
        }
    });
    lines
}

/// Reads one line, or returns `None` at the end of the input.
fn read_line() -> io::Result<Option<Line>> {
    let mut input = stdin().lock();
    let mut line = Vec::new();
    let limit = MESSAGE_BYTES as u64 + 1;
    if (&mut input).take(limit).read_until(b'\n', &mut line)? == 0 {
        return Ok(None);
    }
    if line.len() as u64 == limit && !line.ends_with(b"\n") {
        input.skip_until(b'\n')?;
        return Ok(Some(Line::TooLong));
    }
    let line = Bytes::from(line);
    let text = line.slice_ref(line.trim_ascii());
    Ok(Some(Line::Text(text)))
}

/// Standard output.
pub(super) struct Output(mpsc::Sender<Option<Bytes>>);

/// The thread that writes.
pub(super) struct Writer(JoinHandle<Result<(), Error>>);

impl Output {
    /// Starts to write, on another thread: a client that does not read must not stop the
    /// program.
    pub(super) fn start() -> (Self, Writer) {
        let (sender, mut lines) = mpsc::channel::<Option<Bytes>>(WAITING);
        let writer = tokio::task::spawn_blocking(move || {
            while let Some(Some(line)) = lines.blocking_recv() {
                output::write(&line)?;
            }
            Ok(())
        });
        (Self(sender), Writer(writer))
    }

    /// Writes a line, which includes its end. Waits while the client does not read.
    pub(super) async fn write(&self, line: Bytes) {
        // An error means that the client is gone, which ends the bridge.
        let _ = self.0.send(Some(line)).await;
    }

    /// Waits until the client is gone.
    pub(super) async fn closed(&self) {
        self.0.closed().await;
    }

    /// Ends the output after what was written before.
    pub(super) async fn end(&self, writer: Writer) -> Result<(), Error> {
        let _ = self.0.send(None).await;
        writer.0.await.unwrap_or_else(|stopped| {
            let message = format!("writing was stopped: {stopped}");
            Err(Error::new(Code::HostFault, message, "start it again"))
        })
    }
}
