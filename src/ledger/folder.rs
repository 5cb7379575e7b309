//! The ledger of one participant on disk: `head.json` and one file per month, opened as needed.
//!
//! What cannot be read back is copied to `quarantine/` and stays in its place until the rebuilt
//! file (`remains.rs`) takes it: a run that is killed in between finds it, and its loss, again.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use jiff::Timestamp;
use jiff::civil::Date;

use crate::core::day::{self, DaySpan, ceil_minute};
use crate::core::error::{Doing as _, ErrorClass, Failure, Result};
use crate::core::hash::sha256_hex;
use crate::core::json::AsText;
use crate::core::user::{COMPLETENESS, UserId, file_path};
use crate::io::files;
use crate::ledger::completeness;
use crate::ledger::entry::{Day, Entry, Month, State, VERSION};
use crate::ledger::head::Head;
use crate::ledger::month::MonthKey;
use crate::limits::{LEDGER_BYTES_MAX, LEDGER_WRITES_AT_ONCE};

#[derive(Debug)]
pub struct Ledger {
    dir: PathBuf,
    quarantine: PathBuf,
    /// The completeness files: each was written after the month that it tells of.
    told: PathBuf,
    pub head: Head,
    months: BTreeMap<MonthKey, Month>,
    /// The texts as they are on disk, so that only changes are written.
    saved: BTreeMap<String, String>,
    /// Months whose file could not be read back.
    pub lost: BTreeSet<MonthKey>,
    /// Months that the head names whatever they hold: each run looks into them anyway.
    kept: BTreeSet<MonthKey>,
    /// Each metric's first day that was noted since; the head names it when it is durable.
    noted: BTreeMap<String, Date>,
    /// The head is new although there are months: what it knew is gathered from them.
    pub head_lost: bool,
    /// A zone of the head that this build does not know: the account is asked for it again.
    pub unknown_zone: Option<String>,
    /// Only looks: nothing is moved or written.
    read_only: bool,
}

const HEAD: &str = "head.json";

impl Ledger {
    /// Opens the head; months are opened by [`Ledger::open_months`].
    pub fn open(data_dir: &Path, user: &UserId) -> Result<Self> {
        Self::open_as(data_dir, user, false)
    }

    /// For commands that only look.
    pub fn look(data_dir: &Path, user: &UserId) -> Result<Self> {
        Self::open_as(data_dir, user, true)
    }

    fn open_as(data_dir: &Path, user: &UserId, read_only: bool) -> Result<Self> {
        let mut ledger = Self {
            read_only,
            dir: data_dir.join("ledger").join(user.as_str()),
            quarantine: data_dir.join("quarantine"),
            told: data_dir.join("users").join(user.as_str()).join(COMPLETENESS),
            head: Head::default(),
            months: BTreeMap::new(),
            saved: BTreeMap::new(),
            lost: BTreeSet::new(),
            kept: BTreeSet::new(),
            noted: BTreeMap::new(),
            head_lost: false,
            unknown_zone: None,
        };
        match ledger.read::<Head>(HEAD, |head| head.version)? {
            ReadBack::Good(head) => {
                ledger.head = head;
                let unknown = |name: &mut String| day::zone(name).is_err();
                ledger.unknown_zone = ledger.head.zone.take_if(unknown);
            }
            ReadBack::None | ReadBack::Lost => {
                // Any month may hold open work, and each has a part of what the head knew.
                let all = ledger.month_keys()?;
                ledger.head_lost = !all.is_empty();
                ledger.head.open_months = all.iter().copied().map(AsText).collect();
                ledger.head.waiting_months.clone_from(&ledger.head.open_months);
                ledger.open_months(all)?;
            }
        }
        ledger.kept = ledger.head.open_months.iter().map(|key| key.0).collect();
        Ok(ledger)
    }

    pub fn user(&self) -> String {
        self.dir.file_name().unwrap_or_default().to_string_lossy().into_owned()
    }

    /// The months on disk, and those that must have been there.
    pub fn month_keys(&self) -> Result<BTreeSet<MonthKey>> {
        let names = files::names(&self.dir)?;
        let held = names.iter().filter_map(|name| name.strip_suffix(".json")?.parse().ok());
        Ok(held.chain(self.told_months()?).collect())
    }

    /// The months of the completeness files.
    fn told_months(&self) -> Result<BTreeSet<MonthKey>> {
        let month = |name: &String| {
            let digits = name.strip_suffix(".csv")?.rsplit_once('_')?.1;
            let (year, month) = digits.split_at_checked(4)?;
            format!("{year}-{month}").parse().ok()
        };
        Ok(files::names(&self.told)?.iter().filter_map(month).collect())
    }

    pub fn open_months(&mut self, keys: impl IntoIterator<Item = MonthKey>) -> Result<()> {
        for key in keys {
            if self.months.contains_key(&key) {
                continue;
            }
            match self.read::<Month>(&format!("{key}.json"), |month| month.version)? {
                ReadBack::Good(month) => self.take_in(key, month),
                ReadBack::None if self.told_months()?.contains(&key) => {
                    log::warn!("user={} the ledger file {key}.json is gone", self.user());
                    self.lost.insert(key);
                }
                ReadBack::None => {}
                ReadBack::Lost => drop(self.lost.insert(key)),
            }
        }
        Ok(())
    }

    fn take_in(&mut self, key: MonthKey, month: Month) {
        let first = month.days.first_key_value().map(|(&date, _)| date);
        if let Some(first) = first.filter(|_| self.head_lost) {
            self.begins_by(first);
        }
        self.months.insert(key, month);
    }

    fn begins_by(&mut self, date: Date) {
        if self.head.first_day.is_none_or(|first| date < *first) {
            self.head.first_day = Some(AsText(date));
        }
    }

    /// Puts a rebuilt month in the place of a lost one.
    pub fn restore(&mut self, key: MonthKey, month: Month) {
        self.lost.remove(&key);
        self.take_in(key, month);
    }

    fn read<T: miniserde::Deserialize>(
        &mut self,
        name: &str,
        version: impl Fn(&T) -> u32,
    ) -> Result<ReadBack<T>> {
        let path = self.dir.join(name);
        let bytes = match files::read(&path, LEDGER_BYTES_MAX) {
            Ok(Some(bytes)) => bytes,
            Ok(None) => return Ok(ReadBack::None),
            Err(failure) if path.is_dir() => {
                let what = "a folder stands where this file belongs: move it away; what it held \
                            is then made again";
                return Err(Failure::new(failure.class, what).at(path.display()));
            }
            // Longer than any ledger.
            Err(failure) if failure.class == ErrorClass::Format => Vec::new(),
            Err(failure) => return Err(failure),
        };
        let text = String::from_utf8(bytes).unwrap_or_default();
        match miniserde::json::from_str::<T>(&text) {
            Ok(value) if version(&value) <= VERSION => {
                self.saved.insert(name.to_owned(), text);
                Ok(ReadBack::Good(value))
            }
            _ => {
                self.put_aside(&path, name)?;
                Ok(ReadBack::Lost)
            }
        }
    }

    /// Keeps a copy, once: its name is its content's hash.
    fn put_aside(&self, path: &Path, name: &str) -> Result<()> {
        if self.read_only {
            return Ok(());
        }
        let user = self.user();
        let bytes = std::fs::read(path).doing("read", path)?;
        let hash = sha256_hex(&bytes);
        let copy = format!("{user}_{name}.{}", hash.get(..16).unwrap_or_default());
        log::warn!("user={user} the ledger file {name} cannot be read; kept as quarantine/{copy}");
        let copy = self.quarantine.join(copy);
        if copy.exists() {
            return Ok(());
        }
        files::make_folder(&self.quarantine)?;
        files::write_durably(&copy, &bytes)
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
        if day.zone != span.zone {
            log::warn!("{date}: {:?} is no time zone known here, it is {}", day.zone, span.zone);
            day.zone.clone_from(&span.zone);
        }
        let entry = day.metrics.entry(metric.to_owned()).or_insert_with(Entry::wanted);
        match state {
            State::NotGranted => entry.not_granted(),
            state => entry.state = state,
        }
        let first = self.noted.get(metric).map_or(date, |first| date.min(*first));
        self.noted.insert(metric.to_owned(), first);
    }

    /// The days of the opened months, in their order.
    pub fn days_mut(&mut self) -> impl DoubleEndedIterator<Item = &mut Day> {
        self.months.values_mut().flat_map(|month| month.days.values_mut())
    }

    /// Another account's last day ends where the present account begins.
    pub fn end_other_accounts(&mut self, account: &str, since: Timestamp) {
        let since = ceil_minute(since);
        for day in self.days_mut().filter(|day| day.account != account && *day.end > since) {
            day.end = AsText(since.max(*day.start));
        }
    }

    /// Names in the head the months that a run looks into anyway, so that it need not be written
    /// each time one of their days becomes wanted.
    pub fn keep_named(&mut self, months: BTreeSet<MonthKey>) {
        self.kept = months;
    }

    /// Makes the months durable; the head first names those that hold open work.
    pub fn save_months(&mut self) -> Result<()> {
        let open = self.open_keys();
        let named: BTreeSet<MonthKey> = self.head.open_months.iter().map(|key| key.0).collect();
        if !open.is_subset(&named) {
            self.head.open_months = open.union(&named).copied().map(AsText).collect();
            self.write_head()?;
        }
        let months = self.months.iter().filter(|(_, month)| !month.days.is_empty());
        let texts =
            months.map(|(key, month)| (format!("{key}.json"), miniserde::json::to_string(month)));
        let changed = texts.filter(|(name, text)| self.saved.get(name) != Some(text));
        self.write_all(changed.collect())
    }

    /// Several at once: a disk makes them durable in hardly more time than one.
    fn write_all(&mut self, texts: Vec<(String, String)>) -> Result<()> {
        if !texts.is_empty() {
            files::make_folder(&self.dir)?;
        }
        for some in texts.chunks(LEDGER_WRITES_AT_ONCE) {
            let dir = &self.dir;
            let write =
                |name: &str, text: &str| files::write_durably(&dir.join(name), text.as_bytes());
            let written: Vec<Result<()>> = std::thread::scope(|scope| {
                let begun: Vec<_> = some
                    .iter()
                    .map(|(name, text)| scope.spawn(move || write(name, text)))
                    .collect();
                let defect = || Err(Failure::new(ErrorClass::Bug, "the ledger was not written"));
                begun.into_iter().map(|one| one.join().unwrap_or_else(|_| defect())).collect()
            });
            for ((name, text), written) in some.iter().zip(written) {
                written?;
                self.saved.insert(name.clone(), text.clone());
            }
        }
        Ok(())
    }

    /// Makes everything durable; the head then names exactly the months with open work, and those
    /// that are always named.
    pub fn save(&mut self) -> Result<()> {
        self.save_months()?;
        self.head.open_months = self.open_keys().union(&self.kept).copied().map(AsText).collect();
        let unopened = self.head.waiting_months.iter().map(|key| key.0);
        let unopened = unopened.filter(|key| !self.months.contains_key(key));
        let waiting = self.months.iter().filter(|(_, month)| month.waiting() > 0);
        let waiting: BTreeSet<_> = unopened.chain(waiting.map(|(&key, _)| key)).collect();
        self.head.waiting_months = waiting.into_iter().map(AsText).collect();
        for (metric, first) in std::mem::take(&mut self.noted) {
            self.begins_by(first);
            self.head.was_asked(&metric, first);
        }
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
        let opened =
            self.months.iter().filter(|(_, month)| month.has_open_work()).map(|(&key, _)| key);
        unopened.chain(opened).chain(self.lost.iter().copied()).collect()
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

    /// Writes the completeness file of each opened month that says something else than before;
    /// how many there were.
    pub fn write_completeness(&mut self, data_dir: &Path, user: &UserId) -> Result<u64> {
        let mut written = 0;
        for (key, month) in &mut self.months {
            let bytes = completeness::csv(user, month, &self.head)?;
            let sha256 = sha256_hex(&bytes);
            let file = &mut month.completeness;
            let known = file.sha256.as_ref() == Some(&sha256) && !file.missing;
            if month.days.is_empty() || known {
                continue;
            }
            let path = data_dir.join(file_path(user, COMPLETENESS, key.first_day()));
            files::make_folder(path.parent().unwrap_or(data_dir))?;
            files::write_durably(&path, &bytes)?;
            file.written(&sha256, bytes.len() as u64);
            written += 1;
        }
        Ok(written)
    }

    /// Removes what a killed run left behind.
    pub fn sweep(&self) -> Result<()> {
        files::sweep(&self.dir)
    }
}

enum ReadBack<T> {
    Good(T),
    None,
    Lost,
}

/// Everyone with a ledger folder.
pub fn ids(data_dir: &Path) -> Result<BTreeSet<UserId>> {
    let names = files::names(&data_dir.join("ledger"))?;
    Ok(names.iter().filter_map(|name| name.parse().ok()).collect())
}

#[cfg(test)]
#[path = "folder_tests.rs"]
mod tests;
