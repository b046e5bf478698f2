//! The byte streams of WASI as futures.

use wasip2::io::streams::{InputStream, OutputStream, StreamError};

use super::ready;

/// Returns at least one byte and at most `most`, or `None` at the end of the stream.
pub(crate) async fn read(stream: &InputStream, most: u64) -> Result<Option<Vec<u8>>, StreamError> {
    loop {
        match stream.read(most) {
            Ok(bytes) if bytes.is_empty() => ready(stream.subscribe()).await,
            Ok(bytes) => return Ok(Some(bytes)),
            Err(StreamError::Closed) => return Ok(None),
            Err(error) => return Err(error),
        }
    }
}

/// Writes and flushes all bytes.
pub(crate) async fn write(stream: &OutputStream, bytes: &[u8]) -> Result<(), StreamError> {
    let mut left = bytes;
    while !left.is_empty() {
        let room = room(stream).await?;
        let (now, later) = left.split_at(room.min(left.len()));
        stream.write(now)?;
        left = later;
    }
    stream.flush()?;
    room(stream).await.map(drop)
}

/// Waits until bytes can be written, and returns how many.
async fn room(stream: &OutputStream) -> Result<usize, StreamError> {
    loop {
        match stream.check_write()? {
            0 => ready(stream.subscribe()).await,
            room => return Ok(usize::try_from(room).unwrap_or(usize::MAX)),
        }
    }
}

/// Writes and flushes all bytes without letting other futures run.
pub(crate) fn write_now(stream: &OutputStream, bytes: &[u8]) -> Result<(), StreamError> {
    // One call takes at most so many bytes.
    bytes.chunks(4096).try_for_each(|chunk| stream.blocking_write_and_flush(chunk))
}
