//! Streams of messages from the server, and how they go on after a cut.

use std::sync::Arc;
use std::time::Duration;

use latchstring::{ApiResponse, Error};
use tokio::time::sleep;

use super::bridge::{Bridge, Pending};
use super::message::Fault;
use super::response::{is_event_stream, refusal};
use super::sse::{Cut, Events};
use crate::cli::output::say;

/// Delay before a stream is asked for again, unless the server sets another. It doubles
/// after each failure.
const DELAY: Duration = Duration::from_secs(1);
const LONGEST_DELAY: Duration = Duration::from_secs(30);

/// Shortest delay, whatever the server sets.
const SHORTEST_DELAY: Duration = Duration::from_millis(100);

/// Failures in a row after which the answer to a request is no longer waited for.
const FAILURES: u32 = 5;

/// How far a stream has come.
#[derive(Default)]
struct Cursor {
    last_event_id: Option<String>,
    retry: Option<Duration>,
    /// Failed attempts to go on, in a row.
    failures: u32,
}

impl Cursor {
    /// Returns the delay before the next attempt.
    fn delay(&self) -> Duration {
        let first = self.retry.unwrap_or(DELAY).max(SHORTEST_DELAY);
        let doubled = first.saturating_mul(1 << self.failures.min(16));
        doubled.min(first.max(LONGEST_DELAY))
    }
}

impl Bridge {
    /// Passes on the stream that answers a message, and goes on after a cut if the server
    /// allows it.
    pub(super) async fn follow_answer(
        &self,
        response: ApiResponse,
        is_resumable: bool,
        pending: &mut Pending,
    ) -> Result<(), Fault> {
        let mut cursor = Cursor::default();
        let mut end = self.pass_on(response, &mut cursor, Some(pending)).await;
        while !pending.is_answered() {
            if matches!(end, Err(Cut::Unusable)) {
                return Err(Fault::unusable());
            }
            if !is_resumable || cursor.last_event_id.is_none() || cursor.failures == FAILURES {
                return Err(Fault::cut());
            }
            sleep(cursor.delay()).await;
            end = match self.resume(&cursor).await {
                Ok(response) if is_event_stream(&response) => {
                    self.pass_on(response, &mut cursor, Some(pending)).await
                }
                Ok(response) => return Err(refusal(response.status(), None)),
                Err(error) if error.is_network() && cursor.failures + 1 < FAILURES => {
                    cursor.failures += 1;
                    Err(Cut::Lost)
                }
                Err(error) => return Err(error.into()),
            };
        }
        Ok(())
    }

    /// Passes on the messages that answer no request, as long as the session lasts.
    pub(super) async fn listen(self: Arc<Self>) {
        let mut cursor = Cursor::default();
        let mut has_waited_for_login = false;
        let reason = loop {
            match self.resume(&cursor).await {
                Ok(response) if is_event_stream(&response) => {
                    has_waited_for_login = false;
                    let end = self.pass_on(response, &mut cursor, None).await;
                    if matches!(end, Err(Cut::Unusable)) {
                        break Fault::unusable();
                    }
                }
                Ok(response) if response.status() >= 500 => cursor.failures += 1,
                // The server has no such stream, or the session is over.
                Ok(response) if matches!(response.status(), 404 | 405) => return,
                Ok(response) => break refusal(response.status(), None),
                Err(error) if error.is_network() => cursor.failures += 1,
                Err(error) if error.is_login_required() && !has_waited_for_login => {
                    has_waited_for_login = true;
                    self.accepted.notified().await;
                }
                Err(error) => break error.into(),
            }
            sleep(cursor.delay()).await;
        };
        say(&format!("latch: messages that answer no request are lost: {}", reason.message()));
    }

    async fn resume(&self, cursor: &Cursor) -> Result<ApiResponse, Error> {
        let request = self.server.get(cursor.last_event_id.as_deref());
        self.server.send(&request, 0, || {}).await
    }

    /// Passes on the messages of one response, to its end.
    async fn pass_on(
        &self,
        response: ApiResponse,
        cursor: &mut Cursor,
        mut pending: Option<&mut Pending>,
    ) -> Result<(), Cut> {
        let mut events = Events::of(response);
        loop {
            let event = match events.next().await {
                Ok(Some(event)) => event,
                Ok(None) => {
                    cursor.failures = 0;
                    return Ok(());
                }
                Err(cut) => {
                    cursor.failures += 1;
                    return Err(cut);
                }
            };
            cursor.failures = 0;
            if let Some(id) = event.id {
                cursor.last_event_id = Some(id);
            }
            if let Some(retry_ms) = event.retry {
                cursor.retry = Some(Duration::from_millis(retry_ms));
            }
            let is_message = event.event.as_deref().is_none_or(|name| name == "message");
            let data = event.data.filter(|data| is_message && !data.is_empty());
            if let Some(data) = data
                && let Some(answer) = self.read(&data)
            {
                self.deliver(answer, pending.as_deref_mut()).await;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn delays_follow_the_server_and_grow_with_failures() {
        for (retry_ms, failures, delay_ms) in [
            (None, 0, 1_000),
            (None, 1, 2_000),
            (None, 4, 16_000),
            (None, 5, 30_000),
            (None, 50, 30_000),
            (Some(0), 0, 100),
            (Some(0), 1, 200),
            (Some(500), 0, 500),
            (Some(500), 2, 2_000),
            (Some(90_000), 3, 90_000),
        ] {
            let retry = retry_ms.map(Duration::from_millis);
            let cursor = Cursor { last_event_id: None, retry, failures };
            assert_eq!(cursor.delay(), Duration::from_millis(delay_ms), "{retry_ms:?} {failures}");
        }
    }
}
