//! SIGTERM, SIGHUP and SIGINT: no new request, the write in hand finished, the end within two
//! seconds; a token refresh under way is waited for.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError, mpsc};
use std::time::{Duration, Instant};

use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};

use crate::core::error::{ErrorClass, Failure, Result};
use crate::limits::{STOP_POLL_MS, STOP_REFRESH_S_MAX, STOP_WRITE_MS_MAX};

/// The exit code of a run that was told to stop: the work is kept.
const STOPPED_EXIT: u8 = 75;
/// That of one that somebody ended with Ctrl-C, as shells count it.
const INTERRUPTED_EXIT: u8 = 130;

static ASKED: OnceLock<Arc<AtomicBool>> = OnceLock::new();
static INTERRUPTED: OnceLock<Arc<AtomicBool>> = OnceLock::new();
static REFRESHES: AtomicUsize = AtomicUsize::new(0);
/// A signal is how this command ends, not an interruption.
static EXPECTED: AtomicBool = AtomicBool::new(false);
/// What waits, in words.
static LEFT: Mutex<Option<String>> = Mutex::new(None);

/// Says whether a signal would be a good end: this command runs until there is one, or has done
/// all that matters.
pub fn expect(is_good_end: bool) {
    EXPECTED.store(is_good_end, Ordering::SeqCst);
}

/// Says what waits if a signal ends this command here.
pub fn leaves(what: impl Into<String>) {
    *LEFT.lock().unwrap_or_else(PoisonError::into_inner) = Some(what.into());
}

/// The exit code of a command that ended with `code` after a signal; says what waits.
fn stopped(code: u8) -> u8 {
    if EXPECTED.load(Ordering::SeqCst) {
        return code;
    }
    let interrupted = INTERRUPTED.get().is_some_and(|flag| flag.load(Ordering::SeqCst));
    let by = if interrupted { "Ctrl-C" } else { "a signal" };
    let left = LEFT.lock().unwrap_or_else(PoisonError::into_inner).take();
    let left = left.unwrap_or_else(|| "what is not done waits for the next run".to_owned());
    log::warn!("stopped by {by}; {left}");
    match code {
        _ if interrupted => INTERRUPTED_EXIT,
        0 => STOPPED_EXIT,
        code => code,
    }
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

/// Listens to what ends a command, but for what the one who started it had ignored (`nohup`): a
/// handler would take the place of that.
fn listen(asked: &Arc<AtomicBool>, interrupted: &Arc<AtomicBool>) {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let ignored = ignored(&status);
    for signal in [SIGTERM, SIGHUP, SIGINT].into_iter().filter(|signal| !ignored(*signal)) {
        let mut flags = vec![asked];
        flags.extend((signal == SIGINT).then_some(interrupted));
        for flag in flags {
            if let Err(error) = signal_hook::flag::register(signal, Arc::clone(flag)) {
                log::warn!("cannot listen to signal {signal}: {error}");
            }
        }
    }
}

/// Which signals a process ignores, by its `SigIgn` (proc_pid_status(5)).
fn ignored(status: &str) -> impl Fn(i32) -> bool {
    let line = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    let mask = line.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok()).unwrap_or_default();
    move |signal| mask >> (signal - 1) & 1 == 1
}

/// Runs a command so that it ends soon after a signal, even while a request hangs.
pub fn run(command: impl FnOnce() -> u8 + Send + 'static) -> u8 {
    let asked = Arc::clone(ASKED.get_or_init(Arc::default));
    listen(&asked, INTERRUPTED.get_or_init(Arc::default));
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
            return stopped(0);
        }
    }
    match worker.join() {
        Ok(code) if asked.load(Ordering::Relaxed) => stopped(code),
        Ok(code) => code,
        Err(_) => ErrorClass::Bug.exit_code(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_ignored_stands_in_the_status_of_the_process() {
        let nohup = ignored("Name:\tfitsync\nSigIgn:\t0000000000001001\n");
        assert!(nohup(SIGHUP) && !nohup(SIGINT) && !nohup(SIGTERM));
        assert!(!ignored("")(SIGHUP));
    }
}
