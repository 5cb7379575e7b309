//! Readers of the Fitbit Web API's replies.
//!
//! Minutes carry only the participant's wall clock. They become instants by the zone of the day
//! that was asked: a label that the clock showed twice (the hour after clocks went back) is taken
//! as its first showing, a label that it never showed (the hour that was left out) is dropped. The
//! API has one label for both showings and cannot tell more
//! (https://dev.fitbit.com/build/reference/web-api/developer-guide/application-design/).

use jiff::Timestamp;
use jiff::civil::{Date, DateTime, Time};
use jiff::tz::{AmbiguousOffset, TimeZone};

use crate::core::error::{ErrorClass, Failure, Result};
use crate::core::json::Element;
use crate::core::json_scan::{elements, members};
use crate::core::table::{Cell, Row};

/// How the replies of a metric are read.
#[derive(Debug, Clone, Copy)]
pub enum FitbitRead {
    /// `activities-…-intraday.dataset[]`: one element to the cells of its minute.
    Minutes(fn(&Element) -> Result<Vec<Cell>>),
    /// Active zone minutes: an array of days, each with its minutes.
    ZoneMinutes,
    /// The named array, one element per date.
    Days(&'static str, fn(&Element) -> Result<Option<Row>>),
}

/// The day that minutes were asked of.
#[derive(Debug)]
pub struct LabelledDay {
    pub date: Date,
    pub zone: TimeZone,
}

impl LabelledDay {
    /// When the clock first showed this; `None` where it never did.
    fn instant(&self, label: DateTime) -> Option<Timestamp> {
        let ambiguous = self.zone.to_ambiguous_timestamp(label);
        match ambiguous.offset() {
            AmbiguousOffset::Gap { .. } => None,
            AmbiguousOffset::Unambiguous { .. } | AmbiguousOffset::Fold { .. } => {
                ambiguous.earlier().ok()
            }
        }
    }

    /// `08:40:00`, or with the date before it.
    fn label(&self, element: &Element, path: &str) -> Result<DateTime> {
        let text = element.text(path)?;
        let wrong = || element.unexpected(path, "a time of the day that was asked");
        if !text.contains('T') {
            let time: Time = text.parse().map_err(|_| wrong())?;
            return Ok(self.date.to_datetime(time));
        }
        let label: DateTime = text.parse().map_err(|_| wrong())?;
        if label.date() == self.date { Ok(label) } else { Err(wrong()) }
    }

    fn row(&self, element: &Element, path: &str, cells: Vec<Cell>) -> Result<Option<Row>> {
        let label = self.label(element, path)?;
        if label.second() != 0 || label.subsec_nanosecond() != 0 {
            return Err(element.unexpected(path, "a whole minute"));
        }
        Ok(self.instant(label).map(|at| Row::at(at, cells)))
    }
}

fn malformed(what: String) -> Failure {
    Failure::new(ErrorClass::Format, what)
}

fn member<'a>(found: &'a [(String, String)], name: &str) -> Option<&'a str> {
    found.iter().find(|(known, _)| known == name).map(|(_, raw)| raw.as_str())
}

/// `resource` is the last part of the path, such as `steps`.
pub fn minutes(
    text: &str,
    resource: &str,
    day: &LabelledDay,
    read: fn(&Element) -> Result<Vec<Cell>>,
) -> Result<Vec<Row>> {
    let found = members(text)?;
    check_summary(&found, resource, day.date)?;
    let name = format!("activities-{resource}-intraday");
    let Some(intraday) = member(&found, &name) else {
        let what =
            format!("{name} is missing: is the application approved for intraday data at Fitbit?");
        return Err(malformed(what));
    };
    let intraday = members(intraday)?;
    let word = |name: &str| member(&intraday, name);
    if word("datasetInterval").is_some_and(|raw| raw != "1")
        || word("datasetType").is_some_and(|raw| raw != "\"minute\"")
    {
        return Err(malformed(format!("{name}: expected minutes, found something else")));
    }
    let dataset = word("dataset").ok_or_else(|| malformed(format!("{name}.dataset is missing")))?;
    let (mut rows, mut without) = (Vec::new(), 0);
    for (index, raw) in elements(dataset)?.iter().enumerate() {
        let minute = Element::parse(raw, format!("{name}.dataset[{index}]"))?;
        if minute.has_value("value") {
            rows.extend(day.row(&minute, "time", read(&minute)?)?);
        } else {
            without += 1;
        }
    }
    check_values(&rows, without, &name)?;
    Ok(rows)
}

/// A minute whose value is null is a missing row; a whole day of them is no answer.
fn check_values(rows: &[Row], without: usize, name: &str) -> Result<()> {
    if rows.is_empty() && without > 0 {
        return Err(malformed(format!("{name}: no minute has a value")));
    }
    Ok(())
}

/// The summary names the day; it may be empty. Another day's minutes must not pass for this one's.
fn check_summary(found: &[(String, String)], resource: &str, date: Date) -> Result<()> {
    let name = format!("activities-{resource}");
    let Some(raw) = member(found, &name) else { return Ok(()) };
    for (index, raw) in elements(raw)?.iter().enumerate() {
        let day = Element::parse(raw, format!("{name}[{index}]"))?;
        if date_of(&day)? != date {
            return Err(day.unexpected("dateTime", "the day that was asked"));
        }
    }
    Ok(())
}

fn date_of(element: &Element) -> Result<Date> {
    let wrong = || element.unexpected("dateTime", "a date");
    let text = element.text("dateTime")?;
    // Anything longer than a date would be cut by the parser without a word.
    if text.len() == 10 { text.parse().map_err(|_| wrong()) } else { Err(wrong()) }
}

pub fn steps(minute: &Element) -> Result<Vec<Cell>> {
    Ok(vec![Cell::Int(minute.int("value")?)])
}

pub fn calories(minute: &Element) -> Result<Vec<Cell>> {
    Ok(vec![Cell::Number(minute.number("value")?)])
}

/// A minute without credit has its total alone; zones without credit are left out.
pub fn zone_minutes(text: &str, day: &LabelledDay) -> Result<Vec<Row>> {
    const NAME: &str = "activities-active-zone-minutes-intraday";
    let found = members(text)?;
    let days = member(&found, NAME).ok_or_else(|| malformed(format!("{NAME} is missing")))?;
    let (mut rows, mut without) = (Vec::new(), 0);
    // Some clients describe the form of the other resources, without the days.
    if days.trim_start().starts_with('{') {
        check_summary(&found, "active-zone-minutes", day.date)?;
        let found = members(days)?;
        let dataset = member(&found, "dataset")
            .ok_or_else(|| malformed(format!("{NAME}.dataset is missing")))?;
        without += zone_rows(dataset, &format!("{NAME}.dataset"), "time", day, &mut rows)?;
        check_values(&rows, without, NAME)?;
        return Ok(rows);
    }
    for (index, raw) in elements(days)?.iter().enumerate() {
        let place = format!("{NAME}[{index}]");
        let found = members(raw)?;
        let date = member(&found, "dateTime").unwrap_or("null");
        let date = Element::parse(&format!("{{\"dateTime\":{date}}}"), &place)?;
        if date_of(&date)? != day.date {
            return Err(date.unexpected("dateTime", "the day that was asked"));
        }
        let minutes = member(&found, "minutes")
            .ok_or_else(|| malformed(format!("{place}.minutes is missing")))?;
        without += zone_rows(minutes, &format!("{place}.minutes"), "minute", day, &mut rows)?;
    }
    check_values(&rows, without, NAME)?;
    Ok(rows)
}

/// The minutes of a list, whose times stand under `label`; how many had no value.
fn zone_rows(
    list: &str,
    place: &str,
    label: &str,
    day: &LabelledDay,
    rows: &mut Vec<Row>,
) -> Result<usize> {
    let mut without = 0;
    for (index, raw) in elements(list)?.iter().enumerate() {
        let minute = Element::parse(raw, format!("{place}[{index}]"))?;
        if !minute.has_value("value.activeZoneMinutes") {
            without += 1;
            continue;
        }
        let all = minute.int("value.activeZoneMinutes")?;
        let zone = |name: &str| {
            let credits = minute.optional(&format!("value.{name}"), Element::int)?;
            Ok(Cell::Int(credits.unwrap_or(0)))
        };
        let cells = vec![
            Cell::Int(all),
            zone("fatBurnActiveZoneMinutes")?,
            zone("cardioActiveZoneMinutes")?,
            zone("peakActiveZoneMinutes")?,
        ];
        rows.extend(day.row(&minute, label, cells)?);
    }
    Ok(without)
}

pub fn days(text: &str, name: &str, read: fn(&Element) -> Result<Option<Row>>) -> Result<Vec<Row>> {
    let found = members(text)?;
    let days = member(&found, name).ok_or_else(|| malformed(format!("{name} is missing")))?;
    let mut rows = Vec::new();
    for (index, raw) in elements(days)?.iter().enumerate() {
        let day = Element::parse(raw, format!("{name}[{index}]"))?;
        rows.extend(read(&day)?);
    }
    Ok(rows)
}

pub fn hrv(day: &Element) -> Result<Option<Row>> {
    let date = date_of(day)?;
    let daily = day.optional("value.dailyRmssd", Element::number)?;
    let deep = day.optional("value.deepRmssd", Element::number)?;
    if daily.is_none() && deep.is_none() {
        return Err(day.unexpected("value.dailyRmssd|deepRmssd", "a number"));
    }
    let cells = [Cell::from(daily), Cell::from(deep), Cell::Empty, Cell::Empty];
    Ok(Some(Row::on(date, cells)))
}

/// Relative alone: this API tells neither the temperature nor its baseline. °C, because no
/// `Accept-Language` is sent (https://dev.fitbit.com/build/reference/web-api/temperature/).
pub fn wrist_temperature(day: &Element) -> Result<Option<Row>> {
    let date = date_of(day)?;
    let relative = Cell::Number(day.number("value.nightlyRelative")?);
    Ok(Some(Row::on(date, [relative, Cell::Empty, Cell::Empty, Cell::Empty])))
}

#[cfg(test)]
#[path = "read_tests.rs"]
mod tests;
