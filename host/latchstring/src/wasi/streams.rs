//! WASI's byte streams, awaited.

use wasip2::io::streams::{InputStream, OutputStream, StreamError};

use super::ready;

/// Some bytes, at most `most`; none at the end.
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

/// Writes all of it and sees it off.
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

/// Bytes that may be written now; waits until there is room for one.
async fn room(stream: &OutputStream) -> Result<usize, StreamError> {
    loop {
        match stream.check_write()? {
            0 => ready(stream.subscribe()).await,
            room => return Ok(usize::try_from(room).unwrap_or(usize::MAX)),
        }
    }
}

/// The same for a program that has nothing else to do.
pub(crate) fn write_now(stream: &OutputStream, bytes: &[u8]) -> Result<(), StreamError> {
    // As much as one call may take.
    bytes.chunks(4096).try_for_each(|chunk| stream.blocking_write_and_flush(chunk))
}
