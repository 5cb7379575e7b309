//! `fitsync --version`: version, commit and the versions of the files that it reads and writes.

use crate::consent::{token, withdrawal};
use crate::ledger::entry;

/// The commit that this program was built from, or `unknown`.
pub const COMMIT: &str = env!("FITSYNC_COMMIT");

/// One line.
pub fn text() -> String {
    let version = env!("CARGO_PKG_VERSION");
    let (token, ledger, marker) = (token::VERSION, entry::VERSION, withdrawal::VERSION);
    format!(
        "fitsync {version} (commit {COMMIT}; formats: token {token}, ledger {ledger}, withdrawn \
         {marker})\n"
    )
}
