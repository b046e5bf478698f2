//! The signals that end this program early.

#[cfg(windows)]
use std::sync::atomic::AtomicBool;
#[cfg(unix)]
use std::sync::atomic::AtomicI32;
use std::sync::atomic::Ordering;

use latchstring::{Code, Error};

#[cfg(unix)]
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
            while stream.poll_recv(context).is_ready() {
                match rustix::process::Pid::from_raw(CHILD.load(Ordering::Relaxed)) {
                    Some(child) => pass_on(*kind, child),
                    None => return Poll::Ready(*kind),
                }
            }
        }
        Poll::Pending
    });
    exit::interrupted_by(kind.await.as_raw_value());
    interrupted()
}

/// The command that this program waits for; 0 if there is none.
#[cfg(unix)]
static CHILD: AtomicI32 = AtomicI32::new(0);

/// From now on, signals are the command's: this program ends with it.
pub(crate) fn leave_to(child: u32) {
    #[cfg(unix)]
    CHILD.store(i32::try_from(child).unwrap_or_default(), Ordering::Relaxed);
    #[cfg(windows)]
    {
        let _ = child;
        HAS_CHILD.store(true, Ordering::Relaxed);
    }
}

/// From now on, signals end this program again.
pub(crate) fn take_back() {
    #[cfg(unix)]
    CHILD.store(0, Ordering::Relaxed);
    #[cfg(windows)]
    HAS_CHILD.store(false, Ordering::Relaxed);
}

/// Passes a signal on, unless the terminal sends it to the command too.
#[cfg(unix)]
fn pass_on(kind: tokio::signal::unix::SignalKind, child: rustix::process::Pid) {
    use rustix::process::{Signal, kill_process};
    use tokio::signal::unix::SignalKind;

    let signal = match kind {
        _ if kind == SignalKind::terminate() => Signal::TERM,
        _ if kind == SignalKind::hangup() => Signal::HUP,
        _ => return,
    };
    // A command that has ended needs none.
    let _ = kill_process(child, signal);
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

/// Whether this program waits for a command, which gets these events from the console too.
#[cfg(windows)]
static HAS_CHILD: AtomicBool = AtomicBool::new(false);

/// Waits for Ctrl-C and Ctrl-Break, and for the events that end a program when its window
/// closes, its user logs off or the system stops.
#[cfg(windows)]
pub(crate) async fn wait() -> Error {
    use std::future::{pending, poll_fn};
    use std::task::Poll;

    use tokio::signal::windows::{ctrl_break, ctrl_c, ctrl_close, ctrl_logoff, ctrl_shutdown};

    let events = (|| {
        Ok::<_, std::io::Error>((
            ctrl_c()?,
            ctrl_break()?,
            ctrl_close()?,
            ctrl_logoff()?,
            ctrl_shutdown()?,
        ))
    })();
    let Ok((mut c, mut pause, mut close, mut logoff, mut shutdown)) = events else {
        return pending().await;
    };
    poll_fn(|context| {
        let mut has_come = false;
        while c.poll_recv(context).is_ready()
            || pause.poll_recv(context).is_ready()
            || close.poll_recv(context).is_ready()
            || logoff.poll_recv(context).is_ready()
            || shutdown.poll_recv(context).is_ready()
        {
            has_come |= !HAS_CHILD.load(Ordering::Relaxed);
        }
        match has_come {
            true => Poll::Ready(()),
            false => Poll::Pending,
        }
    })
    .await;
    interrupted()
}
