//! `fitsync serve`: sign-in and status pages for a whole study, until a signal ends it.
//!
//! One loop answers visitors (the only such loop). What takes time is done by threads beside it:
//! codes are exchanged, passwords checked, and the operator's pages made from the files, each with
//! a short queue; their results come back to the loop.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{self, Receiver, SyncSender, TrySendError};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::Scope;
use std::time::{Duration, Instant};

use jiff::Timestamp;

use crate::command::arguments::ServeArguments;
use crate::consent::files::TokenStore;
use crate::consent::oauth::Callback;
use crate::core::error::{Result, Secret};
use crate::core::user::UserId;
use crate::gateway::Gateway;
use crate::io::files::Lock;
use crate::io::{random, stop};
use crate::limits::{
    EXCHANGES_MAX, OPERATOR_CALENDAR_DAYS, OPERATOR_FRESH_S, OPERATOR_LIST_DAYS, OPERATOR_LOOK_S,
    OPERATOR_QUEUE_MAX, PORTAL_LINK_S, SERVE_POLL_MS,
};
use crate::portal::access::PasswordFile;
use crate::portal::desk::Desk;
use crate::portal::pages::operator as pages;
use crate::portal::pages::operator::ParticipantView;
use crate::portal::pages::page::{Outcome, Page, busy};
use crate::portal::pages::text::PLAIN_HTTP;
use crate::portal::queue::{Queue, Rank, Sender};
use crate::portal::session::Operator;
use crate::portal::sign_ins::{Attempt, Hint};
use crate::portal::step::{Office as _, Shown, Step};
use crate::portal::web::visit::Visit;
use crate::sign_in::account::take_back;
use crate::sign_in::connect::{Asked, Connection, connect, hint_of};
use crate::sign_in::operator::{self, OwnPort};
use crate::sign_in::overview::{self, overview};
use crate::sign_in::password;
use crate::sign_in::study::{StudyOffice, desk_rules, open_pages, pages_address};

pub fn run(gateway: &Gateway, arguments: &ServeArguments) -> Result<u8> {
    if arguments.set_password {
        return password::set(gateway);
    }
    if arguments.sign_in {
        return operator::print_link(gateway);
    }
    let provider = gateway.sign_in_provider()?;
    let office = StudyOffice::new(gateway, provider)?;
    let mut listener = open_pages(gateway, provider)?;
    let base = pages_address(gateway, provider, &listener);
    stop::expect(true);
    log::info!("the pages are at {}", base.as_deref().unwrap_or("(no network yet)"));
    if !listener.secure() {
        log::info!("{PLAIN_HTTP}");
    }
    if password::read(gateway)?.is_none() {
        log::info!("no operator page: set a password with fitsync serve --set-password");
    }
    let office = StudyOffice { base, ..office };
    let rules = desk_rules(gateway, provider, listener.port(), Outcome::NotKnown);
    let mut desk = Desk::new(rules, random::bytes()?);
    desk.operator = Some(Operator::default());
    std::thread::scope(|scope| {
        let mut counter = Counter::new(scope, &office, desk);
        let (mut own_port, mut look_at) = (OwnPort::default(), Instant::now());
        while !stop::asked() {
            if Instant::now() >= look_at {
                counter.operator_port(own_port.tend(gateway, &mut listener));
                look_at = Instant::now() + Duration::from_secs(OPERATOR_LOOK_S);
            }
            counter.take_results();
            if let Some(visit) = listener.next(Duration::from_millis(SERVE_POLL_MS)) {
                counter.serve(visit);
            }
        }
    });
    Ok(0)
}

/// What a thread beside the loop has done.
enum Finished {
    Exchanged { ticket: u64, result: Box<Result<Connection>>, visit: Visit },
    TakenBack { ticket: u64, result: Result<()>, visit: Visit },
    Checked { right: bool, visit: Visit },
}

/// The loop's side of everything.
struct Counter<'scope, 'env> {
    scope: &'scope Scope<'scope, 'env>,
    office: &'env StudyOffice<'env>,
    desk: Desk,
    send: mpsc::Sender<Finished>,
    done: Receiver<Finished>,
    passwords: Arc<Passwords>,
    pages: SyncSender<(Visit, Shown, String)>,
    /// Codes that are being exchanged.
    exchanges: usize,
    /// The accounts that may still be taken back, by their tickets: nothing is read of them.
    undecided: Vec<(u64, Lock)>,
}

impl<'scope, 'env> Counter<'scope, 'env> {
    fn new(
        scope: &'scope Scope<'scope, 'env>,
        office: &'env StudyOffice<'env>,
        desk: Desk,
    ) -> Self {
        let (send, done) = mpsc::channel();
        let passwords = Arc::new(Passwords::default());
        let (waiting, checked) = (Arc::clone(&passwords), send.clone());
        scope.spawn(move || check_passwords(&waiting, &checked));
        let (pages, wanted) = mpsc::sync_channel(OPERATOR_QUEUE_MAX);
        scope.spawn(move || make_pages(office.gateway, &wanted));
        let (exchanges, undecided) = (0, Vec::new());
        Self { scope, office, desk, send, done, passwords, pages, exchanges, undecided }
    }

    /// Where the operator's pages are, besides here.
    fn operator_port(&mut self, port: Option<u16>) {
        if let Some(operator) = &mut self.desk.operator {
            operator.port = port;
        }
    }

    /// Answers a visit, or hands it to whoever does.
    fn serve(&mut self, visit: Visit) {
        let time = self.office.gateway.clock.now();
        match self.desk.step(&visit.ask, Instant::now(), time, self.office) {
            Step::Answer(page) | Step::Held { page, .. } => visit.answer(page),
            Step::Came { ticket, callback, attempt } => {
                self.came(ticket, callback, attempt, visit);
            }
            Step::TakeBack { ticket } => self.take_back(ticket, visit),
            Step::Password { password, file, rank, sender } => {
                if let Some(back) = self.passwords.push(rank, sender, (visit, password, file)) {
                    back.0.answer(busy());
                }
            }
            Step::Show { shown, token } => {
                hand_over(&self.pages, (visit, shown, token), |(visit, ..)| visit);
            }
        }
    }

    /// The provider's answer: a code is exchanged beside the loop, everything else is settled here.
    fn came(&mut self, ticket: u64, callback: Callback, attempt: Attempt, visit: Visit) {
        let user = self.desk.sign_ins.get(ticket).map(|row| row.user.clone());
        let (Some(user), Callback::Code { code, .. }) = (user, &callback) else {
            let hint = match callback {
                Callback::Denied { .. } => Hint::Denied,
                _ => Hint::Failed,
            };
            return self.again(ticket, hint, visit);
        };
        if self.exchanges >= EXCHANGES_MAX {
            return self.again(ticket, Hint::Busy, visit);
        }
        self.exchanges += 1;
        let (office, send, code) = (self.office, self.send.clone(), code.clone());
        self.scope.spawn(move || {
            let asked = Asked { user, replace: false, collect_from: None, collect_until: None };
            let (gateway, provider) = (office.gateway, office.provider);
            let result =
                connect(gateway, provider, &asked, &code, &attempt.verifier, &office.scopes);
            let _ = send.send(Finished::Exchanged { ticket, result: Box::new(result), visit });
        });
    }

    fn take_back(&mut self, ticket: u64, visit: Visit) {
        let Some(user) = self.desk.sign_ins.get(ticket).map(|row| row.user.clone()) else { return };
        let (office, send) = (self.office, self.send.clone());
        self.scope.spawn(move || {
            let result = take_back(office.gateway, office.provider, &user);
            let _ = send.send(Finished::TakenBack { ticket, result, visit });
        });
    }

    /// Takes in what the threads have done since.
    fn take_results(&mut self) {
        while let Ok(done) = self.done.try_recv() {
            match done {
                Finished::Exchanged { ticket, result, visit } => {
                    self.exchanges = self.exchanges.saturating_sub(1);
                    self.exchanged(ticket, *result, visit);
                }
                Finished::TakenBack { ticket, result, visit } => {
                    if let Err(failure) = result {
                        log::error!("an account could not be let go: {failure}");
                        self.desk.sign_ins.stays(ticket, Instant::now());
                        visit.answer(Page::redirect(&self.desk.path(ticket)));
                    } else {
                        self.again(ticket, Hint::TakenBack, visit);
                    }
                }
                Finished::Checked { right, visit } => {
                    let (now, time) = (Instant::now(), self.office.gateway.clock.now());
                    let page = self.desk.password_checked(&visit.ask, right, now, time);
                    visit.answer(page);
                }
            }
        }
        let (sign_ins, now) = (&self.desk.sign_ins, Instant::now());
        self.undecided.retain(|(ticket, _)| sign_ins.is_undecided(*ticket, now));
    }

    fn exchanged(&mut self, ticket: u64, result: Result<Connection>, visit: Visit) {
        match result {
            Ok(mut connected) => {
                let user = &connected.user;
                log::info!("user={user} connected");
                if !self.office.gateway.is_synced(user) {
                    log::warn!("user={user} is not in FITBIT_USER_IDS and will not be synced");
                }
                self.desk.sign_ins.connected(ticket, connected.view(), Instant::now());
                self.undecided.extend(connected.undecided.take().map(|lock| (ticket, lock)));
                visit.answer(Page::redirect(&self.desk.path(ticket)));
            }
            Err(failure) => {
                log::warn!("sign-in: {failure}");
                self.again(ticket, hint_of(&failure), visit);
            }
        }
    }

    /// The same link may try again, with a new attempt.
    fn again(&mut self, ticket: u64, hint: Hint, visit: Visit) {
        let sign_ins = &mut self.desk.sign_ins;
        let user = sign_ins.get(ticket).map(|row| row.user.clone());
        match user.map(|user| self.office.attempt(&user)) {
            Some(Ok(attempt)) if hint == Hint::TakenBack => {
                sign_ins.reopen(ticket, Some(hint), attempt, PORTAL_LINK_S, Instant::now());
            }
            Some(Ok(attempt)) => sign_ins.try_again(ticket, hint, attempt),
            Some(Err(failure)) => {
                log::warn!("{failure}");
                sign_ins.end(ticket);
            }
            None => {}
        }
        visit.answer(Page::redirect(&self.desk.path(ticket)));
    }
}

/// Into a queue, or back to the visitor with "busy".
fn hand_over<T>(queue: &SyncSender<T>, work: T, visit_of: impl Fn(T) -> Visit) {
    match queue.try_send(work) {
        Ok(()) => {}
        Err(TrySendError::Full(work) | TrySendError::Disconnected(work)) => {
            visit_of(work).answer(busy());
        }
    }
}

/// Passwords that wait for the one thread that checks them.
#[derive(Default)]
struct Passwords {
    queue: Mutex<Queue<TypedPassword>>,
    more: Condvar,
    ended: AtomicBool,
}

type TypedPassword = (Visit, Secret, PasswordFile);

impl Passwords {
    fn queue(&self) -> MutexGuard<'_, Queue<TypedPassword>> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What has to come again.
    fn push(&self, rank: Rank, sender: Sender, waiting: TypedPassword) -> Option<TypedPassword> {
        let back = self.queue().push(rank, sender, waiting);
        self.more.notify_one();
        back
    }

    /// The next, or `None` at the end.
    fn next(&self) -> Option<TypedPassword> {
        let mut queue = self.queue();
        loop {
            if self.ended.load(Ordering::SeqCst) {
                return None;
            }
            if let Some(next) = queue.pop() {
                return Some(next);
            }
            queue = self.more.wait(queue).unwrap_or_else(PoisonError::into_inner);
        }
    }
}

impl Drop for Counter<'_, '_> {
    fn drop(&mut self) {
        let _queue = self.passwords.queue();
        self.passwords.ended.store(true, Ordering::SeqCst);
        self.passwords.more.notify_all();
    }
}

/// One password at a time: each takes about a second of a small machine's processor.
fn check_passwords(passwords: &Passwords, checked: &mpsc::Sender<Finished>) {
    while let Some((visit, password, file)) = passwords.next() {
        let right = file.accepts(&password);
        if checked.send(Finished::Checked { right, visit }).is_err() {
            return;
        }
    }
}

/// The operator's pages, from the files; the list is kept for a moment.
fn make_pages(gateway: &Gateway, wanted: &Receiver<(Visit, Shown, String)>) {
    let mut list: Option<(Instant, Vec<ParticipantView>)> = None;
    while let Ok((visit, shown, token)) = wanted.recv() {
        let page = make_page(gateway, &mut list, &shown, &token);
        visit.answer(page.unwrap_or_else(|failure| {
            log::warn!("{failure}");
            Page::text(500, &format!("The files could not be read ({}).", failure.class.name()))
        }));
    }
}

fn make_page(
    gateway: &Gateway,
    list: &mut Option<(Instant, Vec<ParticipantView>)>,
    shown: &Shown,
    token: &str,
) -> Result<Page> {
    let now: Timestamp = gateway.clock.now();
    let tokens = TokenStore::look(&gateway.config.token_dir)?;
    match shown {
        Shown::Participant(user) => {
            if !gateway.known()?.contains(user) {
                return Ok(Outcome::NotFound.page());
            }
            let one = view(gateway, &tokens, user, OPERATOR_CALENDAR_DAYS);
            Ok(pages::participant(&one, now, token))
        }
        Shown::List(filter) => {
            let fresh = Duration::from_secs(OPERATOR_FRESH_S);
            if list.as_ref().is_none_or(|(at, _)| at.elapsed() > fresh) {
                let all = gateway.known()?;
                let views = all.iter().map(|user| view(gateway, &tokens, user, OPERATOR_LIST_DAYS));
                *list = Some((Instant::now(), views.collect()));
            }
            let all = list.as_ref().map_or(&[][..], |(_, all)| all);
            Ok(pages::participants(all, *filter, now, token))
        }
    }
}

/// A ledger that cannot be looked into hides nobody else.
fn view(gateway: &Gateway, tokens: &TokenStore, user: &UserId, days: u32) -> ParticipantView {
    let one = overview(gateway, tokens, user, days);
    one.and_then(|one| overview::view(&one, gateway)).unwrap_or_else(|failure| {
        ParticipantView::unreadable(user.as_str(), gateway.is_synced(user), &failure.to_string())
    })
}
