//! The library that sits between the program and the C library, built once.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

static BUILT: OnceLock<PathBuf> = OnceLock::new();

pub fn path() -> &'static Path {
    BUILT.get_or_init(|| {
        let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/power/shim.c");
        let built = std::env::temp_dir().join(format!("fitsync-shim-{}.so", std::process::id()));
        let mut compiler = Command::new("cc");
        compiler.args(["-O1", "-Wall", "-Werror", "-shared", "-fPIC", "-o"]).arg(&built);
        let done = compiler.arg(source).args(["-ldl", "-lpthread"]).status();
        assert!(done.expect("a C compiler").success(), "the shim cannot be built");
        built
    })
}
