//! Server-sent events in a response.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use bytes::Bytes;
use futures_util::StreamExt as _;
use futures_util::stream::{self, BoxStream};
use latchstring::{ApiResponse, Code, Error};
use sse_stream::{Sse, SseByteStream};

use super::message::MESSAGE_BYTES;

/// The events of a response, in order.
pub(super) struct Events {
    events: SseByteStream<BoxStream<'static, Result<Bytes, Error>>>,
    /// Bytes since the last event.
    unfinished: Arc<AtomicUsize>,
}

impl Events {
    pub(super) fn of(response: ApiResponse) -> Self {
        let unfinished = Arc::new(AtomicUsize::new(0));
        let count = Arc::clone(&unfinished);
        let chunks = stream::try_unfold((response, count), |(mut response, count)| async move {
            let Some(chunk) = response.chunk().await? else { return Ok(None) };
            let bytes = count.fetch_add(chunk.len(), Ordering::Relaxed) + chunk.len();
            if bytes > MESSAGE_BYTES + chunk.len() {
                return Err(Error::new(
                    Code::HostFault,
                    format!("the server sent an event of more than {MESSAGE_BYTES} bytes"),
                    "ask for less",
                ));
            }
            Ok(Some((chunk, (response, count))))
        });
        Self { events: SseByteStream::new(Box::pin(chunks)), unfinished }
    }

    /// Returns the next event, or `None` if the response is complete.
    ///
    /// # Errors
    ///
    /// Returns [`Cut::Lost`] if the connection broke, and [`Cut::Unusable`] if what came
    /// cannot be read.
    pub(super) async fn next(&mut self) -> Result<Option<Sse>, Cut> {
        let event = self.events.next().await.transpose().map_err(|error| match error {
            sse_stream::Error::Body(error) if is_network(error.as_ref()) => Cut::Lost,
            _ => Cut::Unusable,
        })?;
        self.unfinished.store(0, Ordering::Relaxed);
        Ok(event)
    }
}

/// Why a stream ended early.
pub(super) enum Cut {
    Lost,
    Unusable,
}

fn is_network(error: &(dyn std::error::Error + Send + Sync + 'static)) -> bool {
    error.downcast_ref::<Error>().is_some_and(Error::is_network)
}
