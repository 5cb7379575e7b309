//! The log: stderr, one line per event; under systemd with the priorities that journald reads.

use std::io::Write;

use log::LevelFilter;
use simplelog::{ConfigBuilder, WriteLogger};

/// Starts logging. Only our own lines: those of the HTTP libraries may hold addresses.
pub fn start(level: LevelFilter) {
    let under_journald = std::env::var_os("JOURNAL_STREAM").is_some();
    let mut config = ConfigBuilder::new();
    config
        .set_thread_level(LevelFilter::Off)
        .set_target_level(LevelFilter::Off)
        .set_location_level(LevelFilter::Off)
        .add_filter_allow_str("fitsync");
    if under_journald {
        config.set_time_level(LevelFilter::Off);
    } else {
        config.set_time_format_rfc3339();
    }
    let lines = Lines { journald: under_journald, line: Vec::new() };
    // A second start is a test's; the first one stays.
    let _ = WriteLogger::init(level, config.build(), lines);
}

/// Whole lines to stderr, so that those of several threads do not mix.
struct Lines {
    journald: bool,
    line: Vec<u8>,
}

impl Write for Lines {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.line.extend_from_slice(bytes);
        if bytes.ends_with(b"\n") {
            self.flush()?;
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        let line = std::mem::take(&mut self.line);
        let line = if self.journald { with_priority(&line) } else { line };
        std::io::stderr().write_all(&line)
    }
}

/// `[WARN] text` to `<4>text` (https://www.freedesktop.org/software/systemd/man/sd-daemon.html).
fn with_priority(line: &[u8]) -> Vec<u8> {
    let text = String::from_utf8_lossy(line);
    let known = [("[ERROR] ", 3), ("[WARN] ", 4), ("[INFO] ", 6), ("[DEBUG] ", 7)];
    for (prefix, priority) in known {
        if let Some(rest) = text.strip_prefix(prefix) {
            return format!("<{priority}>{rest}").into_bytes();
        }
    }
    line.to_vec()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn journald_gets_its_priorities() {
        assert_eq!(with_priority(b"[ERROR] disk full\n"), b"<3>disk full\n");
        assert_eq!(with_priority(b"[WARN] x\n"), b"<4>x\n");
        assert_eq!(with_priority(b"other\n"), b"other\n");
    }
}
