//! What the files say of one participant: for `status` and for the operator's pages. Reads only.

use std::collections::BTreeMap;

use jiff::civil::Date;

use crate::consent::files::TokenStore;
use crate::consent::token::Token;
use crate::core::day::{Calendar, back, range};
use crate::core::error::Result;
use crate::core::user::UserId;
use crate::gateway::Gateway;
use crate::ledger::entry::{Day, Entry};
use crate::ledger::folder::Book;
use crate::ledger::mark::Mark;
use crate::ledger::month::MonthKey;
use crate::portal::pages::chart::{DayView, Why};
use crate::portal::pages::operator::{MetricView, ParticipantView};
use crate::portal::pages::text;
use crate::provider;
use crate::provider::metric::{Cadence, Metric};

/// One participant's files, opened for the last days.
#[derive(Debug)]
pub struct Overview {
    pub user: UserId,
    pub token: Option<Token>,
    /// The account's state by its name in the token file, or why there is none.
    pub state: &'static str,
    pub book: Book,
    /// The first day that is shown, and today, in the participant's zone.
    pub from: Date,
    pub today: Date,
    /// Whether a sync works on this participant.
    pub listed: bool,
}

impl Overview {
    pub fn load(gateway: &Gateway, tokens: &TokenStore, user: &UserId, days: u32) -> Result<Self> {
        let (token, state) = match tokens.load(user) {
            _ if tokens.is_withdrawn(user) => (None, "withdrawn"),
            Ok(Some(token)) => {
                let state = token.state.name();
                (Some(token), state)
            }
            Ok(None) => (None, "never_signed_in"),
            Err(_) => (None, "unreadable"),
        };
        let mut book = Book::look(&gateway.config.data_dir, user)?;
        let today = calendar(&book)?.date_of(gateway.clock.now());
        let from = back(today, days.saturating_sub(1));
        let months = book.named_months();
        book.open_months(months.into_iter().chain(MonthKey::range(from, today)))?;
        let listed = gateway.is_synced(user);
        Ok(Self { user: user.clone(), token, state, book, from, today, listed })
    }

    /// How many files wait for upload.
    pub fn waiting(&self) -> u64 {
        self.book.months().map(|(_, month)| month.waiting()).sum()
    }

    /// Whether the metric was granted, and the provider agrees.
    pub fn granted(&self, metric: &Metric) -> bool {
        self.token.as_ref().is_some_and(|token| {
            provider::granted(token, metric)
                && !self.book.head.refused.iter().any(|name| name == metric.name)
        })
    }

    /// The shown days of one metric: date, entry, mark.
    pub fn days<'a>(
        &self,
        days: &BTreeMap<Date, &'a Day>,
        metric: &Metric,
    ) -> Vec<(Date, Option<&'a Entry>, Mark)> {
        let first_day = self.book.head.first_day;
        range(self.from, self.today)
            .map(|date| {
                let entry = days.get(&date).and_then(|day| day.metrics.get(metric.name));
                let before = first_day.is_none_or(|first| date < *first);
                (date, entry, Mark::of(entry, before))
            })
            .collect()
    }

    /// As the operator's pages show it.
    pub fn view(&self, gateway: &Gateway) -> Result<ParticipantView> {
        let (days, calendar) = (self.book.days(), calendar(&self.book)?);
        let head = &self.book.head;
        let metrics = gateway.config.metrics.iter().map(|metric| MetricView {
            name: metric.name.to_owned(),
            newest: head.newest.get(metric.name).map(|at| **at),
            days: self.day_views(&days, metric, &calendar),
        });
        let fails = |entry: &Entry| entry.file.waits() && entry.file.last_error.is_some();
        let token = self.token.as_ref();
        Ok(ParticipantView {
            user: self.user.to_string(),
            state: self.state.to_owned(),
            problem: None,
            device: head.device.clone(),
            synced_at: head.device_synced_at.map(|at| *at),
            device_unknown: head.device_unknown.clone(),
            metrics: metrics.collect(),
            waiting: self.waiting(),
            upload_fails: (self.book.months())
                .any(|(_, month)| month.entries().any(|(_, _, entry)| fails(entry))),
            expires_at: token.and_then(|token| token.refresh_expires_at),
            collect_from: token.and_then(|token| token.collect_from),
            collect_until: token.and_then(|token| token.collect_until),
            listed: self.listed,
        })
    }

    fn day_views(
        &self,
        days: &BTreeMap<Date, &Day>,
        metric: &Metric,
        calendar: &Calendar,
    ) -> Vec<DayView> {
        let synced_at = self.book.head.device_synced_at.map(|at| *at);
        let view = |(date, entry, mark): (Date, Option<&Entry>, Mark)| {
            let error = entry.and_then(|entry| entry.error.as_ref());
            let why = text::why(&Why {
                mark,
                error: error.map(|error| error.class.as_str()),
                shrunk: entry.is_some_and(|entry| entry.shrunk.is_some()),
                is_today: date == self.today,
                daily: metric.cadence == Cadence::Daily,
                sparse: !metric.gaps.contains("not worn"),
                connected: self.state == "connected",
                device_behind: synced_at.is_some_and(|at| at < calendar.span(date).start),
            });
            DayView { date, mark, why: why.to_owned() }
        };
        self.days(days, metric).into_iter().map(view).collect()
    }
}

/// The participant's civil days, as the last run knew the zone.
fn calendar(book: &Book) -> Result<Calendar> {
    Calendar::new(BTreeMap::new(), book.head.zone.as_deref().unwrap_or("UTC"))
}
