//! SIGTERM and SIGINT: no new request, the write in hand finished, the end within two seconds; a
//! token refresh under way is waited for.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock, mpsc};
use std::time::{Duration, Instant};

use crate::core::error::{ErrorClass, Failure, Result};
use crate::limits::{STOP_POLL_MS, STOP_REFRESH_S_MAX, STOP_WRITE_MS_MAX};

/// The exit code of a run that was told to stop: the work is kept.
const STOPPED_EXIT: u8 = 75;

static ASKED: OnceLock<Arc<AtomicBool>> = OnceLock::new();
static REFRESHES: AtomicUsize = AtomicUsize::new(0);
/// A signal is how this command ends, not an interruption.
static EXPECTED: AtomicBool = AtomicBool::new(false);

/// Says whether a signal would be a good end: this command runs until there is one, or has done
/// all that matters.
pub fn expect(is_good_end: bool) {
    EXPECTED.store(is_good_end, Ordering::SeqCst);
}

fn stopped_exit() -> u8 {
    if EXPECTED.load(Ordering::SeqCst) { 0 } else { STOPPED_EXIT }
}

/// Whether the process has been told to stop.
pub fn asked() -> bool {
    ASKED.get().is_some_and(|asked| asked.load(Ordering::Relaxed))
}

/// The failure of work that was not begun because of it.
pub fn check() -> Result<()> {
    if asked() { Err(Failure::new(ErrorClass::Network, "stopped by a signal")) } else { Ok(()) }
}

/// Waits, unless told to stop.
pub fn wait(time: Duration) -> Result<()> {
    let deadline = Instant::now() + time;
    loop {
        check()?;
        let left = deadline.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return Ok(());
        }
        std::thread::sleep(left.min(Duration::from_millis(STOP_POLL_MS)));
    }
}

/// Held while a token refresh is under way: its reply must reach the disk.
#[derive(Debug)]
pub struct RefreshUnderWay(());

impl RefreshUnderWay {
    pub fn begin() -> Result<Self> {
        check()?;
        REFRESHES.fetch_add(1, Ordering::SeqCst);
        Ok(Self(()))
    }
}

impl Drop for RefreshUnderWay {
    fn drop(&mut self) {
        REFRESHES.fetch_sub(1, Ordering::SeqCst);
    }
}

/// Runs a command so that it ends soon after a signal, even while a request hangs.
pub fn run(command: impl FnOnce() -> u8 + Send + 'static) -> u8 {
    let asked = Arc::clone(ASKED.get_or_init(Arc::default));
    for signal in [signal_hook::consts::SIGTERM, signal_hook::consts::SIGINT] {
        if let Err(error) = signal_hook::flag::register(signal, Arc::clone(&asked)) {
            log::warn!("cannot listen to signal {signal}: {error}");
        }
    }
    // Hung up when the command has ended, also by a panic.
    let (at_work, ended) = mpsc::channel::<()>();
    let worker = std::thread::spawn(move || {
        let _at_work = at_work;
        command()
    });
    let mut told_at = None;
    let pause = Duration::from_millis(STOP_POLL_MS);
    while ended.recv_timeout(pause) == Err(mpsc::RecvTimeoutError::Timeout) {
        if !asked.load(Ordering::Relaxed) {
            continue;
        }
        let since = told_at.get_or_insert_with(Instant::now).elapsed();
        let limit = if REFRESHES.load(Ordering::SeqCst) > 0 {
            Duration::from_secs(STOP_REFRESH_S_MAX)
        } else {
            Duration::from_millis(STOP_WRITE_MS_MAX)
        };
        if since >= limit {
            log::warn!("stopped by a signal; the next run goes on from here");
            return stopped_exit();
        }
    }
    match worker.join() {
        Ok(code) if asked.load(Ordering::Relaxed) && code == 0 => stopped_exit(),
        Ok(code) => code,
        Err(_) => ErrorClass::Bug.exit_code(),
    }
}
