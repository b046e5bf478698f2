//! Messages from the client to the server, and the answers to them.

use std::pin::pin;
use std::sync::{Arc, Mutex as StdMutex, PoisonError};
use std::time::Duration;

use latchstring::{ApiResponse, Error};
use serde_json::Value;
use tokio::sync::Semaphore;
use tokio::time::timeout;

use super::bridge::{Bridge, Open, Pending, Place, lock};
use super::message::{self, Answer, Fault, Kind, Message};
use super::response::{is_event_stream, is_success, read_body, refusal};
use super::server::{LOGINS, Server};
use super::stdio::{self, Line};

/// Most requests at once. Further ones wait.
const AT_ONCE: u32 = 64;

/// Time that the server has to accept a notification before the next message is sent.
const ACCEPTANCE: Duration = Duration::from_secs(5);

/// Time that the server has for open requests after the client has closed its side.
const PARTING: Duration = Duration::from_secs(60);

/// Time that the server has to end the session.
const FAREWELL: Duration = Duration::from_secs(5);

impl Bridge {
    /// Passes messages on until the client closes its side.
    pub(super) async fn run(server: Server) -> Result<(), Error> {
        let (bridge, writer) = Self::start(server);
        let permits = Arc::new(Semaphore::new(AT_ONCE as usize));
        let mut lines = stdio::lines();
        let passing = async {
            while let Some(line) = lines.recv().await {
                bridge.accept(line, &permits).await;
            }
            let answered = async {
                drop(bridge.turn.lock().await);
                // OK because the semaphore is never closed.
                drop(permits.acquire_many(AT_ONCE).await);
            };
            // What is still open then is abandoned.
            let _ = timeout(PARTING, answered).await;
        };
        tokio::select! {
            () = passing => {}
            () = bridge.output.closed() => {}
        }
        if let Some(listener) = lock(&bridge.listener).take() {
            listener.abort();
        }
        if let Some(request) = bridge.server.delete() {
            // The server may keep the session if it wants to.
            let _ = timeout(FAREWELL, bridge.server.send(&request, 0, || {})).await;
        }
        bridge.output.end(writer).await
    }

    /// Begins to pass on a line from the client.
    async fn accept(self: &Arc<Self>, line: Line, permits: &Arc<Semaphore>) {
        let message = match line {
            Line::TooLong => return self.output.write(message::too_long()).await,
            Line::Text(text) => match Message::read(text) {
                Ok(message) => message,
                Err(answer) => return self.output.write(answer).await,
            },
        };
        if let Kind::Cancelled(id) = &message.kind
            && self.cancel(id)
        {
            return;
        }
        let takes_place = !message.requests.is_empty() && message.kind != Kind::Subscribe;
        let permit = match takes_place {
            // OK because the semaphore is never closed.
            true => Arc::clone(permits).acquire_owned().await.ok(),
            false => None,
        };
        let place = Arc::new(StdMutex::new(permit));
        let hangs_up = message.metadata.is_some();
        let id = message.requests.first().cloned();
        // One thread runs tasks in the order in which they were spawned.
        let task = tokio::spawn(Arc::clone(self).relay(message, Arc::clone(&place)));
        if let Some(id) = id {
            let mut open = lock(&self.open);
            open.retain(|request| !request.task.is_finished());
            open.push(Open { id, task: task.abort_handle(), place, hangs_up });
        }
    }

    /// Notes that the client no longer waits for the answer to a request. Returns whether
    /// this ends the request; if not, the server has to be told.
    fn cancel(&self, id: &Value) -> bool {
        let mut open = lock(&self.open);
        let found = open.iter().position(|request| request.id == *id);
        let Some(position) = found else { return false };
        let request = open.swap_remove(position);
        lock(&request.place).take();
        if request.hangs_up {
            request.task.abort();
        }
        request.hangs_up
    }

    /// Passes on a message and its answers. Requests that get none are answered with an
    /// error.
    async fn relay(self: Arc<Self>, message: Message, place: Place) {
        let turn = Arc::clone(&self.turn).lock_owned().await;
        let pending = Pending {
            ids: message.requests.clone(),
            is_first: message.begins_session(),
            lists_tools: message.lists_tools(),
            place,
            turn: Some(turn),
        };
        let older = lock(&self.older).clone();
        match older {
            Some(older) => self.relay_older(&older, &message, pending).await,
            None => self.relay_now(&message, pending).await,
        }
    }

    async fn relay_now(self: &Arc<Self>, message: &Message, mut pending: Pending) {
        let response = match self.exchange(message, &mut pending).await {
            Ok(response) => response,
            Err(error) => return self.fail(&pending.ids, &error.into()).await,
        };
        let may_be_older = self.may_be_older(&response);
        let Err(fault) = self.receive(message, response, &mut pending).await else { return };
        if may_be_older && let Some(older) = self.connect_older().await {
            return self.relay_older(&older, message, pending).await;
        }
        self.fail(&pending.ids, &fault).await;
    }

    async fn exchange(
        self: &Arc<Self>,
        message: &Message,
        pending: &mut Pending,
    ) -> Result<ApiResponse, Error> {
        let request = self.server.post(message);
        let turn = StdMutex::new(pending.turn.take());
        let give_on = || drop(lock(&turn).take());
        let is_notification = pending.is_answered();
        let started = || {
            if !pending.is_first && !is_notification {
                give_on();
            }
        };
        let sending = self.server.send(&request, LOGINS, started);
        let response = match is_notification {
            true => slow_after(ACCEPTANCE, sending, give_on).await,
            false => sending.await,
        }?;
        pending.turn = turn.into_inner().unwrap_or_else(PoisonError::into_inner);
        if is_success(&response) {
            *lock(&self.is_accepted) = true;
            self.accepted.notify_waiters();
            match message.kind {
                Kind::Initialize => self.server.begin_session(&response),
                Kind::Initialized if self.server.has_session() => {
                    let listener = tokio::spawn(Arc::clone(self).listen()).abort_handle();
                    if let Some(previous) = lock(&self.listener).replace(listener) {
                        previous.abort();
                    }
                }
                _ => {}
            }
        }
        Ok(response)
    }

    /// Whether the server may speak the older transport only.
    fn may_be_older(&self, response: &ApiResponse) -> bool {
        matches!(response.status(), 400 | 404 | 405) && !*lock(&self.is_accepted)
    }

    /// Passes on what the server answers to a message.
    async fn receive(
        &self,
        message: &Message,
        response: ApiResponse,
        pending: &mut Pending,
    ) -> Result<(), Fault> {
        if !is_success(&response) {
            return self.receive_refusal(message, response, pending).await;
        }
        if pending.is_answered() {
            return Ok(());
        }
        if is_event_stream(&response) {
            let is_resumable = message.metadata.is_none();
            return self.follow_answer(response, is_resumable, pending).await;
        }
        let invalid = |reason| Err(Fault::new("invalid-response", reason));
        let Some(answer) = Answer::read(&read_body(response).await?) else {
            return invalid("the server's answer is not a JSON-RPC message");
        };
        self.deliver(answer, Some(pending)).await;
        match pending.is_answered() {
            true => Ok(()),
            false => invalid("the server answered another request than it was asked"),
        }
    }

    /// Passes on an answer that comes with an error status. Fails if there is none.
    async fn receive_refusal(
        &self,
        message: &Message,
        response: ApiResponse,
        pending: &mut Pending,
    ) -> Result<(), Fault> {
        let status = response.status();
        let is_in_session = message.metadata.is_none() && self.server.has_session();
        // A body that cannot be read says no more than the status does.
        let body = read_body(response).await.unwrap_or_default();
        let answer = Answer::read(&body);
        let reason = answer.as_ref().and_then(Answer::error_text);
        if let Some(answer) = answer
            && answer.answered.iter().any(|id| pending.ids.contains(id))
        {
            self.deliver(answer, Some(pending)).await;
            return Ok(());
        }
        Err(match status == 404 && is_in_session && !message.begins_session() {
            true => Fault::new(
                "session-over",
                "the server no longer knows this session; connect to it again from the MCP \
                 client",
            ),
            false => refusal(status, reason.as_deref()),
        })
    }
}

/// Waits for `future`, and calls `note` if that takes longer than `limit`.
async fn slow_after<T>(limit: Duration, future: impl Future<Output = T>, note: impl FnOnce()) -> T {
    let mut future = pin!(future);
    if let Ok(done) = timeout(limit, future.as_mut()).await {
        return done;
    }
    note();
    future.await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn what_takes_long_is_noted_and_still_waited_for() {
        for (taken_seconds, is_slow) in [(0, false), (4, false), (6, true), (6000, true)] {
            let mut noted = false;
            let future = tokio::time::sleep(Duration::from_secs(taken_seconds));
            slow_after(Duration::from_secs(5), future, || noted = true).await;
            assert_eq!(noted, is_slow, "{taken_seconds} s");
        }
    }
}
