//! `login` while it waits: the browser that comes back, the lines that somebody pastes, and the
//! visitors of the sign-in page, all in one loop. Nothing is exchanged here.

use std::sync::mpsc::{self, TryRecvError};
use std::time::{Duration, Instant};

use crate::consent::oauth::{Callback, Paste, Pasted};
use crate::core::error::Result;
use crate::io::files::Lock;
use crate::io::stop;
use crate::io::terminal::say;
use crate::limits::{
    CODES_HELD_MAX, LOGIN_POLL_MS, PASTE_REST_MS, PORTAL_LOOK_MS, PORTAL_REVIEW_S,
};
use crate::portal::desk::Desk;
use crate::portal::pages::page::{Outcome, Page};
use crate::portal::sign_ins::{Attempt, ConnectedAccount, Hint, Stage};
use crate::portal::step::{Office as _, Step};
use crate::portal::web::listener::Listener;
use crate::portal::web::visit::Visit;
use crate::sign_in::study::StudyOffice;

/// What ended the waiting.
#[derive(Debug)]
pub enum Event {
    /// The provider's answer, with the visit that brought it unless it was pasted here.
    Came {
        callback: Callback,
        attempt: Attempt,
        visit: Option<Visit>,
    },
    /// "This is another band."
    TakeBack(Visit),
    /// "Done", on the page or here.
    Done,
    Timeout,
}

/// Those whose answer is held back for a while: their guess was wrong. It costs them time, and
/// nobody else a place: only so many are held.
#[derive(Debug, Default)]
struct Guessers(Vec<(Instant, Visit, Page)>);

impl Guessers {
    fn hold(&mut self, visit: Visit, page: Page, until: Instant) {
        if self.0.len() < CODES_HELD_MAX {
            self.0.push((until, visit, page));
        } else {
            visit.answer(page);
        }
    }

    fn answer(&mut self, now: Instant) {
        let due = self.0.extract_if(.., |(until, ..)| *until <= now);
        due.for_each(|(_, visit, page)| visit.answer(page));
    }
}

#[derive(Debug)]
pub struct Waiting<'a> {
    pub office: &'a StudyOffice<'a>,
    pub desk: Desk,
    pub ticket: u64,
    pub listener: Option<Listener>,
    /// Held while the account may still be taken back: nothing is read of it.
    pub undecided: Option<Lock>,
    deadline: Instant,
    /// When the time that `login` was given is over.
    end: Instant,
    /// The last answer came by the form of the sign-in page, or stdin is open: somebody can press
    /// Done or Enter.
    attended: bool,
    life: Duration,
    lines: &'a mpsc::Receiver<String>,
    guessers: Guessers,
    paste: Paste,
    /// A whole address, unless its code goes on in the next line.
    held: Option<(Callback, Instant)>,
    /// Since when an address has been begun and not ended; told once.
    begun: Option<Instant>,
}

impl<'a> Waiting<'a> {
    pub fn new(
        office: &'a StudyOffice<'a>,
        desk: Desk,
        ticket: u64,
        listener: Option<Listener>,
        life: Duration,
        lines: &'a mpsc::Receiver<String>,
    ) -> Self {
        let deadline = Instant::now() + life;
        Self {
            office,
            desk,
            ticket,
            listener,
            undecided: None,
            deadline,
            end: deadline,
            attended: true,
            life,
            lines,
            guessers: Guessers::default(),
            paste: Paste::default(),
            held: None,
            begun: None,
        }
    }

    /// Waits until something is to be done.
    pub fn event(&mut self) -> Result<Event> {
        while Instant::now() < self.deadline {
            stop::check()?;
            if !self.desk.sign_ins.is_undecided(self.ticket, Instant::now()) {
                self.undecided = None;
            }
            while let Ok(line) = self.lines.try_recv() {
                if let Some(event) = self.read(&line) {
                    return Ok(event);
                }
            }
            if let Some(event) = self.held() {
                return Ok(event);
            }
            if let Some(visit) = self.next_visit()
                && let Some(event) = self.visited(visit)
            {
                return Ok(event);
            }
        }
        Ok(Event::Timeout)
    }

    fn next_visit(&mut self) -> Option<Visit> {
        self.guessers.answer(Instant::now());
        let pause = Duration::from_millis(LOGIN_POLL_MS);
        match &mut self.listener {
            Some(listener) => listener.next(pause),
            None => {
                std::thread::sleep(pause);
                None
            }
        }
    }

    /// A line that somebody typed or pasted at the terminal.
    fn read(&mut self, line: &str) -> Option<Event> {
        if self.in_review() {
            return line.trim().is_empty().then_some(Event::Done);
        }
        // All states have the same length, that of 128 bits.
        let state_length = crate::consent::oauth::new_state([0; 16]).len();
        self.begun = None;
        match self.paste.line(line, state_length) {
            Pasted::Complete(callback) => return self.pasted(callback),
            Pasted::Perhaps(callback) => self.held = Some((callback, Instant::now())),
            Pasted::NoCode => say(NO_CODE),
            Pasted::More if !line.trim().is_empty() => self.begun = Some(Instant::now()),
            Pasted::More => {}
        }
        None
    }

    /// A pasted address, if it is of this sign-in.
    fn pasted(&mut self, callback: Callback) -> Option<Event> {
        let now = Instant::now();
        self.held = None;
        if self.desk.sign_ins.by_state(callback.state(), now) == Some(self.ticket)
            && let Some(attempt) = self.desk.sign_ins.take_attempt(self.ticket, now)
        {
            return Some(Event::Came { callback, attempt, visit: None });
        }
        say(WRONG_STATE);
        None
    }

    /// An address whose code might have gone on in a next line, when none came.
    fn held(&mut self) -> Option<Event> {
        let rest = Duration::from_millis(PASTE_REST_MS);
        if self.begun.take_if(|since| since.elapsed() >= rest).is_some() {
            say(UNFINISHED);
        }
        let (callback, _) = self.held.take_if(|(_, since)| since.elapsed() >= rest)?;
        self.pasted(callback)
    }

    /// A visit that something has to be done for; every other one is answered here.
    fn visited(&mut self, visit: Visit) -> Option<Event> {
        let (now, time) = (Instant::now(), self.office.gateway.clock.now());
        let step = self.desk.step(&visit.ask, now, time, self.office);
        match step {
            Step::Answer(page) => {
                if self.in_review() && visit.path == self.desk.path(self.ticket) {
                    self.looked_at();
                }
                visit.answer(page);
                matches!(self.stage(), Some(Stage::Done)).then_some(Event::Done)
            }
            Step::Held { page, wait } => {
                self.guessers.hold(visit, page, now + wait);
                None
            }
            Step::Came { callback, attempt, .. } => {
                Some(Event::Came { callback, attempt, visit: Some(visit) })
            }
            Step::TakeBack { .. } => Some(Event::TakeBack(visit)),
            // There is no operator here.
            Step::Password { .. } | Step::Show { .. } => {
                visit.answer(Outcome::NotFound.page());
                None
            }
        }
    }

    fn stage(&self) -> Option<&Stage> {
        self.desk.sign_ins.get(self.ticket).map(|row| &row.stage)
    }

    fn in_review(&self) -> bool {
        matches!(self.stage(), Some(Stage::Review(_)))
    }

    /// Whether somebody pressed a button of the sign-in page and can go on there.
    pub fn on_page(&self) -> bool {
        let pressed = self.desk.sign_ins.get(self.ticket).is_some_and(|row| row.pressed);
        self.listener.is_some() && pressed
    }

    /// Works on something that takes time, while visitors are served.
    pub fn meanwhile<T: Send>(&mut self, work: impl FnOnce() -> T + Send) -> T {
        std::thread::scope(|scope| {
            let worker = scope.spawn(work);
            while !worker.is_finished() {
                if let Some(visit) = self.next_visit() {
                    // No attempt is open: nothing can come of it.
                    self.visited(visit);
                }
            }
            worker.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
        })
    }

    /// The browser's last page, where nothing goes on afterwards.
    pub fn conclude(&mut self, visit: Option<Visit>, outcome: Outcome) {
        if let (Some(listener), Some(visit)) = (&mut self.listener, visit) {
            listener.conclude(visit, outcome);
        }
    }

    /// On to the sign-in's own page.
    pub fn go_on(&self, visit: Option<Visit>) {
        if let Some(visit) = visit {
            visit.answer(Page::redirect(&self.desk.path(self.ticket)));
        }
    }

    /// The token is stored: the device is to be compared, if somebody looks at the page.
    pub fn review(&mut self, connected: ConnectedAccount, visit: Visit) {
        let now = Instant::now();
        self.desk.sign_ins.connected(self.ticket, connected, now);
        self.wait_for_look(now);
        let at_end = matches!(self.lines.try_recv(), Err(TryRecvError::Disconnected));
        self.attended = visit.post || !at_end;
        self.go_on(Some(visit));
    }

    /// The account could not be taken back: it is to be compared again.
    pub fn stays(&mut self, visit: Visit) {
        let now = Instant::now();
        self.desk.sign_ins.stays(self.ticket, now);
        self.wait_for_look(now);
        self.go_on(Some(visit));
    }

    fn wait_for_look(&mut self, now: Instant) {
        self.deadline = self.end.min(now + Duration::from_millis(PORTAL_LOOK_MS));
    }

    /// The page with the device was asked for: it stays for a while.
    fn looked_at(&mut self) {
        if self.attended {
            let review = Duration::from_secs(PORTAL_REVIEW_S);
            self.deadline = self.end.min(Instant::now() + review);
        }
    }

    /// The same page may try again, with a new attempt; its address.
    pub fn again(&mut self, hint: Hint, visit: Option<Visit>) -> Result<String> {
        let user = self.desk.sign_ins.get(self.ticket).map(|row| row.user.clone());
        let attempt = user.map(|user| self.office.attempt(&user)).transpose()?;
        let address = attempt.as_ref().map(|attempt| attempt.address.clone()).unwrap_or_default();
        if let Some(attempt) = attempt {
            let (now, life_s) = (Instant::now(), self.life.as_secs());
            self.desk.sign_ins.reopen(self.ticket, Some(hint), attempt, life_s, now);
            (self.deadline, self.end) = (now + self.life, now + self.life);
        }
        self.go_on(visit);
        Ok(address)
    }
}

const WRONG_STATE: &str = "This address belongs to another sign-in: its state is not the one of \
                           the address above. Open that address and paste what comes after it:";
const NO_CODE: &str = "There is no code in this. Paste the whole address of the page that did not \
                       load (it holds code= and state=):";
const UNFINISHED: &str = "This is not a whole address yet: it needs code= and state=. Paste its \
                          rest, or the whole address again:";
