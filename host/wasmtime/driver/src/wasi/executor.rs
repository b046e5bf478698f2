//! Runs one future to its end, on what WASI can wait for.

use std::cell::RefCell;
use std::future::{Future, poll_fn};
use std::pin::pin;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::task::{Context, Poll, Wake, Waker};
use std::time::Duration;

use wasip2::clocks::monotonic_clock;
use wasip2::io::poll::{Pollable, poll};

thread_local! {
    static AWAITED: RefCell<Vec<Weak<Awaited>>> = const { RefCell::new(Vec::new()) };
    static PULSES: RefCell<Vec<Weak<Pulse>>> = const { RefCell::new(Vec::new()) };
}

/// What a future waits for.
struct Awaited {
    pollable: Pollable,
    waker: Mutex<Option<Waker>>,
    is_listed: AtomicBool,
}

/// Something that is done again and again while a future waits, until this is
/// dropped.
pub(crate) struct Pulse {
    period: Duration,
    next: AtomicU64,
    beat: Box<dyn Fn() + Send + Sync>,
}

struct Woken(AtomicBool);

impl Wake for Woken {
    fn wake(self: Arc<Self>) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// Polls the future, and waits for whatever it waits for.
pub(crate) fn block_on<T>(future: impl Future<Output = T>) -> T {
    let mut future = pin!(future);
    let woken = Arc::new(Woken(AtomicBool::new(false)));
    let waker = Waker::from(Arc::clone(&woken));
    let mut context = Context::from_waker(&waker);
    loop {
        if let Poll::Ready(value) = future.as_mut().poll(&mut context) {
            return value;
        }
        while !woken.0.swap(false, Ordering::Relaxed) {
            wait();
        }
    }
}

/// Returns when the pollable is ready.
pub(crate) async fn ready(pollable: Pollable) {
    let awaited =
        Arc::new(Awaited { pollable, waker: Mutex::default(), is_listed: AtomicBool::default() });
    poll_fn(|context| {
        if awaited.pollable.ready() {
            return Poll::Ready(());
        }
        *awaited.waker.lock().unwrap_or_else(PoisonError::into_inner) =
            Some(context.waker().clone());
        if !awaited.is_listed.swap(true, Ordering::Relaxed) {
            AWAITED.with_borrow_mut(|list| list.push(Arc::downgrade(&awaited)));
        }
        Poll::Pending
    })
    .await;
}

/// Returns after `duration`.
pub(crate) async fn sleep(duration: Duration) {
    ready(monotonic_clock::subscribe_duration(nanoseconds(duration))).await;
}

/// The future's value; none where it takes longer than `patience`.
pub(crate) async fn within<T>(patience: Duration, future: impl Future<Output = T>) -> Option<T> {
    tokio::select! {
        biased;
        value = future => Some(value),
        () = sleep(patience) => None,
    }
}

/// Time since some moment in the past.
pub(crate) fn elapsed() -> Duration {
    Duration::from_nanos(monotonic_clock::now())
}

/// Calls `beat` every `period`, as long as the program waits for something else.
pub(crate) fn pulse(period: Duration, beat: impl Fn() + Send + Sync + 'static) -> Arc<Pulse> {
    let next = AtomicU64::new(monotonic_clock::now() + nanoseconds(period));
    let pulse = Arc::new(Pulse { period, next, beat: Box::new(beat) });
    PULSES.with_borrow_mut(|list| list.push(Arc::downgrade(&pulse)));
    pulse
}

/// Waits until one of the awaited is ready, and wakes whoever waits for it.
fn wait() {
    let awaited: Vec<Arc<Awaited>> =
        AWAITED.with_borrow_mut(std::mem::take).iter().filter_map(Weak::upgrade).collect();
    let pulses: Vec<Arc<Pulse>> = PULSES.with_borrow_mut(|list| {
        list.retain(|pulse| pulse.strong_count() > 0);
        list.iter().filter_map(Weak::upgrade).collect()
    });
    let next = pulses.iter().map(|pulse| pulse.next.load(Ordering::Relaxed)).min();
    let timer = next.map(monotonic_clock::subscribe_instant);
    let all: Vec<&Pollable> =
        awaited.iter().map(|awaited| &awaited.pollable).chain(timer.as_ref()).collect();
    let ready = poll(&all);
    let now = monotonic_clock::now();
    for pulse in pulses.iter().filter(|pulse| pulse.next.load(Ordering::Relaxed) <= now) {
        (pulse.beat)();
        let next = monotonic_clock::now() + nanoseconds(pulse.period);
        pulse.next.store(next, Ordering::Relaxed);
    }
    for (index, awaited) in awaited.iter().enumerate() {
        if ready.contains(&u32::try_from(index).unwrap_or(u32::MAX)) {
            awaited.is_listed.store(false, Ordering::Relaxed);
            let waker = awaited.waker.lock().unwrap_or_else(PoisonError::into_inner).take();
            waker.iter().for_each(Waker::wake_by_ref);
        } else {
            AWAITED.with_borrow_mut(|list| list.push(Arc::downgrade(awaited)));
        }
    }
}

fn nanoseconds(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}
