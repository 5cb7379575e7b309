//! What the program keeps on disk, held over its versions. `v1/` has a sample of every file that
//! version 1 writes, and a small gateway of it (`v1/world`); how they were made is told in its
//! README. A later format gets a folder of its own (see `history`); an older folder never changes.
//!
//! * `samples`: the program's own reader takes each file, and its own writer gives the same back.
//!   This is also the guard against a new member that is not an `Option`: the stored structs are
//!   derived by miniserde, which has no defaults, so a month of version 1 without that member would
//!   not be read, and a gateway would put every ledger aside at its upgrade. Here it fails first.
//! * `world`: a gateway of version 1 goes on under the program of today, and loses nothing.
//!
//! Both are also done with what the program of today writes.

mod gateway;
mod history;
mod library;
mod samples;
mod world;

use std::path::Path;
use std::sync::OnceLock;

use gateway::Files;

/// The files of one version.
struct Version {
    name: String,
    files: Files,
}

impl Version {
    /// Those below a folder, by their path in it.
    fn below(&self, folder: &str) -> Files {
        let inside =
            |name: &String| name.strip_prefix(folder)?.strip_prefix('/').map(str::to_owned);
        let files = self.files.iter();
        files.filter_map(|(name, bytes)| Some((inside(name)?, bytes.clone()))).collect()
    }
}

/// All versions; the last one was made just now.
fn versions() -> &'static [Version] {
    static VERSIONS: OnceLock<Vec<Version>> = OnceLock::new();
    VERSIONS.get_or_init(|| {
        let kept = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/formats");
        let today = Version { name: "today".to_owned(), files: history::files_of_today() };
        if let Some(name) = std::env::var_os(history::KEEP) {
            history::keep(&today.files, &kept.join(name));
        }
        let entries = std::fs::read_dir(&kept).expect("folders").map(|entry| entry.expect("one"));
        let folders = entries.map(|entry| entry.path()).filter(|path| path.is_dir());
        let version = |folder: std::path::PathBuf| Version {
            name: folder.file_name().expect("a name").to_string_lossy().into_owned(),
            files: gateway::files(&folder),
        };
        let mut versions: Vec<_> = folders.map(version).collect();
        assert!(versions.iter().any(|version| version.name == "v1"));
        versions.push(today);
        versions
    })
}
