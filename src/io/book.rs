//! The ledger of one participant on disk: `head.json` and one file per month, opened as needed.
//!
//! What cannot be read back goes to `quarantine/`, never away; the days of a lost month are asked
//! again.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use jiff::Timestamp;
use jiff::civil::Date;

use crate::config::LEDGER_BYTES_MAX;
use crate::core::day::{DaySpan, floor_minute};
use crate::core::error::{Doing as _, ErrorClass, Failure, Result};
use crate::core::hash::sha256_hex;
use crate::core::json::Text;
use crate::core::ledger::{Day, Entry, Head, Month, MonthKey, State, VERSION};
use crate::core::user::UserId;
use crate::io::files;

#[derive(Debug)]
pub struct Book {
    dir: PathBuf,
    quarantine: PathBuf,
    pub head: Head,
    months: BTreeMap<MonthKey, Month>,
    /// The texts as they are on disk, so that only changes are written.
    saved: BTreeMap<String, String>,
    /// Months whose file could not be read back.
    pub lost: BTreeSet<MonthKey>,
    /// Only looks: nothing is moved or written.
    read_only: bool,
}

const HEAD: &str = "head.json";

impl Book {
    /// Opens the head; months are opened by [`Book::open_months`].
    pub fn open(data_dir: &Path, user: &UserId) -> Result<Self> {
        Self::open_as(data_dir, user, false)
    }

    /// For commands that only look.
    pub fn look(data_dir: &Path, user: &UserId) -> Result<Self> {
        Self::open_as(data_dir, user, true)
    }

    fn open_as(data_dir: &Path, user: &UserId, read_only: bool) -> Result<Self> {
        let mut book = Self {
            read_only,
            dir: data_dir.join("ledger").join(user.as_str()),
            quarantine: data_dir.join("quarantine"),
            head: Head::default(),
            months: BTreeMap::new(),
            saved: BTreeMap::new(),
            lost: BTreeSet::new(),
        };
        match book.read::<Head>(HEAD, |head| head.version)? {
            Found::Good(head) => book.head = head,
            Found::None => {}
            Found::Lost => {
                // Any month may hold open work: look into all of them once.
                let all: Vec<_> = book.month_keys()?.into_iter().map(Text).collect();
                book.head.open_months.clone_from(&all);
                book.head.waiting_months = all;
            }
        }
        Ok(book)
    }

    /// The months on disk.
    pub fn month_keys(&self) -> Result<Vec<MonthKey>> {
        let names = files::names(&self.dir)?;
        Ok(names.iter().filter_map(|name| name.strip_suffix(".json")?.parse().ok()).collect())
    }

    pub fn open_months(&mut self, keys: impl IntoIterator<Item = MonthKey>) -> Result<()> {
        for key in keys {
            if self.months.contains_key(&key) {
                continue;
            }
            match self.read::<Month>(&format!("{key}.json"), |month| month.version)? {
                Found::Good(month) => drop(self.months.insert(key, month)),
                Found::None => {}
                Found::Lost => drop(self.lost.insert(key)),
            }
        }
        Ok(())
    }

    fn read<T: miniserde::Deserialize>(
        &mut self,
        name: &str,
        version: impl Fn(&T) -> u32,
    ) -> Result<Found<T>> {
        let path = self.dir.join(name);
        let Some(bytes) = files::read(&path, LEDGER_BYTES_MAX)? else { return Ok(Found::None) };
        let text = String::from_utf8(bytes).unwrap_or_default();
        match miniserde::json::from_str::<T>(&text) {
            Ok(value) if version(&value) <= VERSION => {
                self.saved.insert(name.to_owned(), text);
                Ok(Found::Good(value))
            }
            _ => {
                self.put_aside(&path, name)?;
                Ok(Found::Lost)
            }
        }
    }

    fn put_aside(&self, path: &Path, name: &str) -> Result<()> {
        if self.read_only {
            return Ok(());
        }
        let user = self.dir.file_name().unwrap_or_default().to_string_lossy();
        let bytes = std::fs::read(path).doing("read", path)?;
        let hash = sha256_hex(&bytes);
        let kept = format!("{user}_{name}.{}", hash.get(..16).unwrap_or_default());
        log::warn!("user={user} the ledger file {name} cannot be read; kept as quarantine/{kept}");
        files::make_folder(&self.quarantine)?;
        files::write_durably(&self.quarantine.join(kept), &bytes)?;
        files::remove(path)
    }

    pub fn days(&self) -> BTreeMap<Date, &Day> {
        let days = self.months.values().flat_map(|month| &month.days);
        days.map(|(&date, day)| (date, day)).collect()
    }

    pub fn spans(&self) -> BTreeMap<Date, DaySpan> {
        self.days().into_iter().map(|(date, day)| (date, day.span())).collect()
    }

    pub fn months(&self) -> impl Iterator<Item = (MonthKey, &Month)> {
        self.months.iter().map(|(&key, month)| (key, month))
    }

    pub fn month_mut(&mut self, key: MonthKey) -> Option<&mut Month> {
        self.months.get_mut(&key)
    }

    /// The entry of a day that was wanted before.
    pub fn entry_mut(&mut self, metric: &str, date: Date) -> Result<&mut Entry> {
        self.months
            .get_mut(&MonthKey::of(date))
            .and_then(|month| month.days.get_mut(&date))
            .and_then(|day| day.metrics.get_mut(metric))
            .ok_or_else(|| {
                let what = format!("{metric} of {date} was read but never wanted");
                Failure::new(ErrorClass::Bug, what)
            })
    }

    /// Notes that a day will be asked, or that it will not: `state`.
    pub fn note(&mut self, metric: &str, date: Date, span: &DaySpan, account: &str, state: State) {
        let month = self.months.entry(MonthKey::of(date)).or_default();
        let day = month.days.entry(date).or_insert_with(|| Day::new(span, account));
        day.metrics.entry(metric.to_owned()).or_insert_with(Entry::wanted).state = state;
        if self.head.first_day.is_none_or(|first| date < *first) {
            self.head.first_day = Some(Text(date));
        }
    }

    /// Another account's last day ends where the present account begins.
    pub fn end_other_accounts(&mut self, account: &str, since: Timestamp) {
        let since = floor_minute(since);
        for day in self.months.values_mut().flat_map(|month| month.days.values_mut()) {
            if day.account != account && *day.end > since {
                day.end = Text(since.max(*day.start));
            }
        }
    }

    /// Makes the months durable; the head first names those that hold open work, unless a run
    /// would look into them anyway (`looked_into`).
    pub fn save_months(&mut self, looked_into: &BTreeSet<MonthKey>) -> Result<()> {
        let open: BTreeSet<MonthKey> = self.open_keys();
        let named: BTreeSet<MonthKey> = self.head.open_months.iter().map(|key| key.0).collect();
        if open.iter().any(|key| !named.contains(key) && !looked_into.contains(key)) {
            self.head.open_months = open.union(&named).copied().map(Text).collect();
            self.write_head()?;
        }
        let keys: Vec<MonthKey> = self.months.keys().copied().collect();
        for key in keys {
            if let Some(month) = self.months.get(&key).filter(|month| !month.days.is_empty()) {
                let text = miniserde::json::to_string(month);
                self.write(&format!("{key}.json"), text)?;
            }
        }
        Ok(())
    }

    /// Makes everything durable; the head then names exactly the months with open work.
    pub fn save(&mut self) -> Result<()> {
        self.save_months(&BTreeSet::new())?;
        self.head.open_months = self.open_keys().into_iter().map(Text).collect();
        let unopened = self.head.waiting_months.iter().map(|key| key.0);
        let unopened = unopened.filter(|key| !self.months.contains_key(key));
        let waiting = self.months.iter().filter(|(_, month)| month.waiting() > 0);
        let waiting: BTreeSet<_> = unopened.chain(waiting.map(|(&key, _)| key)).collect();
        self.head.waiting_months = waiting.into_iter().map(Text).collect();
        self.write_head()
    }

    /// Months with open work, as the head says, or a killed run left them.
    pub fn named_months(&self) -> BTreeSet<MonthKey> {
        let named = self.head.open_months.iter().chain(&self.head.waiting_months);
        named.map(|key| key.0).collect()
    }

    fn write_head(&mut self) -> Result<()> {
        let text = miniserde::json::to_string(&self.head);
        if self.saved.is_empty() && self.head == Head::default() {
            return Ok(());
        }
        self.write(HEAD, text)
    }

    /// Months with something to read: of those not opened, what the head says.
    fn open_keys(&self) -> BTreeSet<MonthKey> {
        let unopened = self.head.open_months.iter().map(|key| key.0);
        let unopened = unopened.filter(|key| !self.months.contains_key(key));
        let opened = self.months.iter().filter(|(_, month)| month.open()).map(|(&key, _)| key);
        unopened.chain(opened).collect()
    }

    fn write(&mut self, name: &str, text: String) -> Result<()> {
        if self.saved.get(name) == Some(&text) {
            return Ok(());
        }
        files::make_folder(&self.dir)?;
        files::write_durably(&self.dir.join(name), text.as_bytes())?;
        self.saved.insert(name.to_owned(), text);
        Ok(())
    }

    /// Removes what a killed run left behind.
    pub fn sweep(&self) -> Result<()> {
        files::sweep(&self.dir)
    }
}

enum Found<T> {
    Good(T),
    None,
    Lost,
}

/// Everyone with a ledger folder.
pub fn ids(data_dir: &Path) -> Result<BTreeSet<UserId>> {
    let names = files::names(&data_dir.join("ledger"))?;
    Ok(names.iter().filter_map(|name| name.parse().ok()).collect())
}
