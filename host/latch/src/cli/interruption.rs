//! The signals that end this program early.

use latchstring::{Code, Error};

use super::exit;

fn interrupted() -> Error {
    Error::new(
        Code::Interrupted,
        "interrupted",
        "nothing was left half done; run the command again when you are ready",
    )
}

/// Waits for Ctrl-C and Ctrl-\, and for the signals that end a program when its
/// terminal closes or its service stops.
#[cfg(unix)]
pub(crate) async fn wait() -> Error {
    use std::future::poll_fn;
    use std::task::Poll;

    use tokio::signal::unix::{SignalKind, signal};

    let mut kinds = vec![SignalKind::interrupt(), SignalKind::quit(), SignalKind::terminate()];
    if !is_hangup_ignored() {
        kinds.push(SignalKind::hangup());
    }
    let streams = kinds.into_iter().filter_map(|kind| Some((kind, signal(kind).ok()?)));
    let mut streams: Vec<_> = streams.collect();
    let kind = poll_fn(|context| {
        for (kind, stream) in &mut streams {
            if stream.poll_recv(context).is_ready() {
                return Poll::Ready(*kind);
            }
        }
        Poll::Pending
    });
    exit::interrupted_by(kind.await.as_raw_value());
    interrupted()
}

/// Whether this program was started to outlive its terminal, as by nohup.
#[cfg(unix)]
fn is_hangup_ignored() -> bool {
    let mut action = std::mem::MaybeUninit::<libc::sigaction>::zeroed();
    // SAFETY: without a new action, the call only writes the current action to a value of
    // the right type, for which zeros are valid.
    unsafe {
        libc::sigaction(libc::SIGHUP, std::ptr::null(), action.as_mut_ptr()) == 0
            && action.assume_init().sa_sigaction == libc::SIG_IGN
    }
}

/// Waits for Ctrl-C.
#[cfg(not(unix))]
pub(crate) async fn wait() -> Error {
    match tokio::signal::ctrl_c().await {
        Ok(()) => interrupted(),
        Err(_) => std::future::pending().await,
    }
}
