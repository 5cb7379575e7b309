//! `fitsync login` as a person uses it: read the address, sign in, paste.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::process::{Child, ChildStdin, ChildStdout, Stdio};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use super::{Ran, World};

/// A login that waits.
pub struct Login {
    child: Child,
    pub url: String,
    stdin: Option<ChildStdin>,
    stdout: BufReader<ChildStdout>,
    stderr: Arc<Mutex<String>>,
    reader: JoinHandle<()>,
}

/// How long anything that must come may take on a busy machine.
const PATIENCE: Duration = Duration::from_secs(60);

impl World {
    /// Starts a login and reads its address.
    #[track_caller]
    pub fn login(&self, arguments: &[&str]) -> Login {
        self.sign_in_by(&[&["login"], arguments].concat())
    }

    /// The same by any command that leads to a sign-in.
    #[track_caller]
    pub fn sign_in_by(&self, words: &[&str]) -> Login {
        let mut command = self.command(words);
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().expect("the binary runs");
        let stderr = Arc::new(Mutex::new(String::new()));
        let mut stdout = BufReader::new(child.stdout.take().expect("stdout"));
        let reader = follow(child.stderr.take().expect("stderr"), &stderr);
        let mut url = String::new();
        stdout.read_line(&mut url).expect("a line");
        let url = url.trim_end().to_owned();
        let stdin = child.stdin.take();
        let login = Login { child, url, stdin, stdout, stderr, reader };
        assert!(login.url.starts_with("http"), "no address: {}", login.heard());
        login
    }

    /// Connects a participant to somebody's account.
    #[track_caller]
    pub fn connect(&self, user: &str, who: &str) -> Ran {
        self.connect_with(&[user], who).exits(0)
    }

    #[track_caller]
    pub fn connect_with(&self, arguments: &[&str], who: &str) -> Ran {
        self.connect_by(&[&["login"], arguments].concat(), who)
    }

    #[track_caller]
    pub fn connect_by(&self, words: &[&str], who: &str) -> Ran {
        let mut login = self.sign_in_by(words);
        let address = self.sim.consent(&login.url, who).expect("a consent");
        login.paste(&address);
        login.end()
    }
}

impl Login {
    pub fn paste(&mut self, text: &str) {
        let stdin = self.stdin.as_mut().expect("an open stdin");
        // A login that has ended reads no more.
        let _ = stdin.write_all(format!("{text}\n").as_bytes()).and_then(|()| stdin.flush());
    }

    /// The address of the next sign-in, where one command leads through several.
    #[track_caller]
    pub fn next_url(&mut self) {
        self.url.clear();
        self.stdout.read_line(&mut self.url).expect("a line");
        self.url.truncate(self.url.trim_end().len());
        assert!(self.url.starts_with("http"), "no address: {}", self.heard());
    }

    /// The end of stdin, as a script has it.
    pub fn close_stdin(&mut self) {
        self.stdin = None;
    }

    /// What has been said so far.
    pub fn heard(&self) -> String {
        self.stderr.lock().expect("text").clone()
    }

    /// Waits for words.
    #[track_caller]
    pub fn hears(&self, text: &str) {
        let deadline = Instant::now() + PATIENCE;
        while !self.heard().contains(text) {
            assert!(Instant::now() < deadline, "no {text:?} in: {}", self.heard());
            std::thread::sleep(Duration::from_millis(10));
        }
    }

    pub fn is_waiting(&mut self) -> bool {
        self.child.try_wait().expect("a state").is_none()
    }

    /// Waits for the end; stdin stays open, as at a terminal.
    pub fn end(mut self) -> Ran {
        let mut rest = String::new();
        self.stdout.read_to_string(&mut rest).expect("stdout");
        let status = self.child.wait().expect("an end");
        self.reader.join().expect("stderr");
        let stderr = self.stderr.lock().expect("text").clone();
        Ran { code: status.code().unwrap_or(-1), stdout: format!("{}\n{rest}", self.url), stderr }
    }

    /// Ctrl-C.
    pub fn interrupt(&self) {
        let (mut kill, id) = (std::process::Command::new("kill"), self.child.id().to_string());
        assert!(kill.args(["-INT", &id]).status().expect("kill").success());
    }

    /// The path of its sign-in page.
    #[track_caller]
    pub fn page(&self) -> String {
        self.hears("/s/");
        let heard = self.heard();
        let page = heard.split_once("/s/").expect("a page").1.split_whitespace().next();
        format!("/s/{}", page.expect("a code"))
    }

    /// Ends it from outside.
    pub fn kill(mut self) -> Ran {
        self.child.kill().expect("a process");
        self.end()
    }
}

fn follow(
    mut pipe: impl std::io::Read + Send + 'static,
    text: &Arc<Mutex<String>>,
) -> JoinHandle<()> {
    let text = Arc::clone(text);
    std::thread::spawn(move || {
        let mut bytes = [0; 4096];
        while let Ok(count) = pipe.read(&mut bytes) {
            if count == 0 {
                return;
            }
            text.lock().expect("text").push_str(&String::from_utf8_lossy(&bytes[..count]));
        }
    })
}
