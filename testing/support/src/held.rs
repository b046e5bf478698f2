//! An answer of the provider that is held back until a test lets it go.

use std::sync::Mutex;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::time::Duration;

use latchstring_provider::{Fault, Provider};

/// Ends what hangs: far longer than any program takes to send its request.
const PATIENCE: Duration = Duration::from_secs(600);

/// The next answer at one path. The provider answers nothing else meanwhile.
pub struct Held {
    arrived: Receiver<()>,
    release: Sender<()>,
}

impl Held {
    /// Holds back the next answer at `path`.
    pub fn next(provider: &Provider, path: &str) -> Self {
        let (arrives, arrived) = channel();
        let (release, released) = channel();
        let released = Mutex::new(released);
        provider.misbehave(
            Fault::rewrite(path, move |_| {
                // A test that has failed waits for nothing.
                let _ = arrives.send(());
                let _ = released.lock().expect("one request at a time").recv();
            })
            .times(1),
        );
        Self { arrived, release }
    }

    /// Returns when the provider has carried the request out.
    #[track_caller]
    pub fn arrives(&self) {
        self.arrived.recv_timeout(PATIENCE).expect("a request");
    }

    /// Lets the provider answer.
    pub fn let_go(self) {
        let _ = self.release.send(());
    }
}
