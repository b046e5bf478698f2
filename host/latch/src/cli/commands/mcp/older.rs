//! The transport of the revision 2024-11-05: a stream of events that begins with the URL to
//! send messages to, and carries every answer
//! ([HTTP with SSE](https://modelcontextprotocol.io/specification/2024-11-05/basic/transports#http-with-sse)).

use std::sync::{Arc, Mutex as StdMutex};
use std::time::Duration;

use tokio::time::timeout;

use super::bridge::{Bridge, Older, Pending, lock};
use super::message::{Fault, Message};
use super::response::{is_event_stream, is_success, refusal};
use super::server::LOGINS;
use super::sse::Events;
use crate::cli::output::say;

/// Time that the server has to name the URL. A server of a later revision names none.
const PATIENCE: Duration = Duration::from_secs(10);

impl Older {
    /// Waits for the answers to these requests. Gives them back if the stream has ended.
    fn wait_for(&self, pending: Pending) -> Result<(), Pending> {
        match &mut *lock(&self.waiting) {
            Some(waiting) => waiting.push(pending),
            None => return Err(pending),
        }
        Ok(())
    }
}

impl Bridge {
    /// Connects to the server, or returns `None` if it does not speak this transport.
    pub(super) async fn connect_older(self: &Arc<Self>) -> Option<Arc<Older>> {
        let response = self.server.send(&self.server.get(None), LOGINS, || {}).await.ok()?;
        if !is_event_stream(&response) {
            return None;
        }
        let mut events = Events::of(response);
        let first = timeout(PATIENCE, events.next()).await.ok()?.ok()??;
        if first.event.as_deref() != Some("endpoint") {
            return None;
        }
        let Some(endpoint) = self.server.at_own_origin(&first.data?) else {
            say("latch: the server names an endpoint at another origin, which gets no token");
            return None;
        };
        let older = Arc::new(Older { endpoint, waiting: StdMutex::new(Some(Vec::new())) });
        *lock(&self.older) = Some(Arc::clone(&older));
        tokio::spawn(Arc::clone(self).listen_older(Arc::clone(&older), events));
        Some(older)
    }

    /// Passes on a message. Its answers come on the stream.
    pub(super) async fn relay_older(&self, older: &Older, message: &Message, mut pending: Pending) {
        let turn = pending.turn.take();
        if !pending.is_answered()
            && let Err(pending) = older.wait_for(pending)
        {
            return self.fail(&pending.ids, &Fault::cut()).await;
        }
        let request = self.server.post_to(&older.endpoint, message);
        let fault = match self.server.send(&request, LOGINS, || {}).await {
            Ok(response) if is_success(&response) => return,
            Ok(response) => refusal(response.status(), None),
            Err(error) => error.into(),
        };
        drop(turn);
        if message.requests.is_empty() {
            return self.fail(&[], &fault).await;
        }
        let is_this =
            |pending: &mut Pending| pending.ids.iter().all(|id| message.requests.contains(id));
        let failed: Vec<Pending> = match &mut *lock(&older.waiting) {
            Some(waiting) => waiting.extract_if(.., is_this).collect(),
            // The end of the stream has failed them.
            None => Vec::new(),
        };
        for pending in failed {
            self.fail(&pending.ids, &fault).await;
        }
    }

    /// Passes on what the server sends, until it ends the connection.
    async fn listen_older(self: Arc<Self>, older: Arc<Older>, mut events: Events) {
        while let Ok(Some(event)) = events.next().await {
            let Some(data) = event.data.filter(|data| !data.is_empty()) else { continue };
            let Some(answer) = self.read(&data) else { continue };
            let answered = answer.answered.clone();
            self.deliver(answer, None).await;
            if let Some(waiting) = &mut *lock(&older.waiting) {
                waiting.iter_mut().for_each(|pending| pending.note(&answered));
                waiting.retain(|pending| !pending.is_answered());
            }
        }
        // The next message finds out whether the server is back.
        *lock(&self.older) = None;
        let waiting = lock(&older.waiting).take();
        for pending in waiting.into_iter().flatten() {
            self.fail(&pending.ids, &Fault::cut()).await;
        }
    }
}
