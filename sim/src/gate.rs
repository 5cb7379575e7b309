//! A port that tests close and open again while the world runs.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use tokio::sync::watch;

/// Closes a port and opens it again.
#[derive(Clone, Debug)]
pub struct Gate {
    wanted: watch::Sender<bool>,
    is_closed: Arc<AtomicBool>,
}

impl Default for Gate {
    fn default() -> Gate {
        Gate { wanted: watch::channel(false).0, is_closed: Arc::default() }
    }
}

impl Gate {
    /// Whether the port is closed, or about to be.
    pub fn is_closed(&self) -> bool {
        *self.wanted.borrow()
    }

    /// Asks for the port to be closed or opened.
    pub fn set_closed(&self, closed: bool) {
        self.wanted.send_replace(closed);
    }

    /// For the listener: what is asked for, and whenever that changes.
    pub fn subscribe(&self) -> watch::Receiver<bool> {
        self.wanted.subscribe()
    }

    /// For the listener: the port is closed now, or open.
    pub fn tell_closed(&self, closed: bool) {
        self.is_closed.store(closed, Ordering::Release);
    }

    /// Waits until it is.
    pub fn wait(&self) {
        for _ in 0..5000 {
            if self.is_closed.load(Ordering::Acquire) == self.is_closed() {
                return;
            }
            std::thread::sleep(Duration::from_millis(1));
        }
    }
}
