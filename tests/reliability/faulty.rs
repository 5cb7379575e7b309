//! The program on a disk of which one file cannot be read, written or made durable.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

use crate::gateway::{Gateway, Ran};

pub const EIO: i32 = 5;
pub const EINVAL: i32 = 22;

/// Which calls fail, on files whose path ends so (that of a folder ends with a slash).
#[derive(Clone, Debug)]
pub struct Fault {
    call: &'static str,
    path: String,
    errno: i32,
    times: Option<u32>,
}

impl Fault {
    pub fn new(call: &'static str, path: &str, errno: i32) -> Fault {
        Fault { call, path: path.to_owned(), errno, times: None }
    }

    /// So many calls, then the disk is well: it took another sector for what was written anew.
    pub fn times(self, times: u32) -> Fault {
        Fault { times: Some(times), ..self }
    }
}

fn library() -> &'static Path {
    static BUILT: OnceLock<PathBuf> = OnceLock::new();
    BUILT.get_or_init(|| {
        let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/reliability/fault.c");
        let built = std::env::temp_dir().join(format!("fitsync-fault-{}.so", std::process::id()));
        let mut compiler = Command::new("cc");
        compiler.args(["-O1", "-Wall", "-Werror", "-shared", "-fPIC", "-o"]).arg(&built);
        let done = compiler.arg(source).arg("-ldl").status();
        assert!(done.expect("a C compiler").success(), "the library cannot be built");
        built
    })
}

/// Runs a command that reads nothing from a terminal.
#[track_caller]
pub fn run(gateway: &Gateway, arguments: &[&str], fault: &Fault, code: i32) -> Ran {
    let mut command = Command::new(env!("CARGO_BIN_EXE_fitsync"));
    command.args(arguments).env_clear().envs(&gateway.settings).envs(environment(fault));
    let output = command.stdin(std::process::Stdio::null()).output().expect("the program runs");
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let said = text(&output.stderr) + &text(&output.stdout);
    assert_eq!(output.status.code(), Some(code), "{arguments:?} {fault:?} said: {said}");
    Ran { code: output.status.code(), said, log: PathBuf::new() }
}

/// What lets a program run into the fault.
pub fn environment(fault: &Fault) -> Vec<(&'static str, String)> {
    let mut all = vec![
        ("LD_PRELOAD", library().to_string_lossy().into_owned()),
        ("FAULT_CALL", fault.call.to_owned()),
        ("FAULT_PATH", fault.path.clone()),
        ("FAULT_ERRNO", fault.errno.to_string()),
    ];
    all.extend(fault.times.map(|times| ("FAULT_TIMES", times.to_string())));
    all
}
