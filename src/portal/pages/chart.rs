//! Coverage as pictures: the last days of one metric as a row, and months of it as a calendar.
//!
//! Every state has a shape of its own, so nothing depends on colour; colours come from the style
//! sheet, light or dark. The picture's label says in words what it shows. Pure.

use jiff::civil::{Date, Weekday};

use crate::ledger::mark::Mark;
use crate::portal::pages::markup::escape;
use crate::portal::pages::text;

/// One day of one metric.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DayView {
    pub date: Date,
    pub mark: Mark,
    /// Why the day is not sealed, in words; empty where it is.
    pub why: String,
}

const CELL: i64 = 18;
const STEP: i64 = 22;
/// Width of an outline.
const LINE: i64 = 2;
/// Left of a calendar: the names of weekdays; above: those of months.
const MARGIN_LEFT: i64 = 34;
const MARGIN_TOP: i64 = 20;

pub const MARKS: [Mark; 8] = [
    Mark::Sealed,
    Mark::Provisional,
    Mark::Empty,
    Mark::Waiting,
    Mark::Missing,
    Mark::NeverAsked,
    Mark::Failed,
    Mark::NotGranted,
];

const fn class(mark: Mark) -> &'static str {
    match mark {
        Mark::Sealed => "m-sealed",
        Mark::Provisional => "m-provisional",
        Mark::Empty => "m-empty",
        Mark::Waiting => "m-waiting",
        Mark::Missing => "m-missing",
        Mark::NeverAsked => "m-never",
        Mark::Failed => "m-failed",
        Mark::NotGranted => "m-none",
        Mark::Before => "m-before",
    }
}

/// The shape of a mark, as path data.
fn shape(mark: Mark, x: i64, y: i64) -> String {
    let inner = CELL - 2 * LINE;
    // The second square runs the other way round, so it is a hole.
    let outline = || {
        format!(
            "M{x} {y}h{CELL}v{CELL}h-{CELL}zM{} {}v{inner}h{inner}v-{inner}z",
            x + LINE,
            y + LINE
        )
    };
    match mark {
        Mark::Sealed => format!("M{x} {y}h{CELL}v{CELL}h-{CELL}z"),
        Mark::Provisional => format!("{}M{x} {y}v{CELL}h{CELL}z", outline()),
        Mark::Empty => outline(),
        Mark::Waiting => format!("M{} {}h6v6h-6z", x + CELL / 2 - 3, y + CELL / 2 - 3),
        Mark::NeverAsked => {
            let (middle, far) = (y + CELL / 2 - 1, x + CELL - 5);
            format!("M{x} {middle}h5v{LINE}h-5zM{far} {middle}h5v{LINE}h-5z")
        }
        Mark::Missing => {
            let (far_x, far_y, arm) = (x + CELL, y + CELL, 6);
            let thin = arm - LINE;
            format!(
                "M{x} {y}h{arm}v{LINE}h-{thin}v{thin}h-{LINE}z\
                 M{far_x} {y}v{arm}h-{LINE}v-{thin}h-{thin}v-{LINE}z\
                 M{far_x} {far_y}h-{arm}v-{LINE}h{thin}v-{thin}h{LINE}z\
                 M{x} {far_y}v-{arm}h{LINE}v{thin}h{thin}v{LINE}z"
            )
        }
        Mark::Failed => {
            let long = CELL - 3;
            format!(
                "M{x} {}l3 -3l{long} {long}l-3 3zM{} {y}l3 3l-{long} {long}l-3 -3z",
                y + 3,
                x + long
            )
        }
        Mark::NotGranted => format!("M{x} {}h{CELL}v4h-{CELL}z", y + CELL / 2 - 2),
        Mark::Before => String::new(),
    }
}

/// `12 sealed, 2 provisional, last sealed 2026-11-20`
pub fn summary(days: &[DayView]) -> String {
    let count = |mark: Mark| days.iter().filter(|day| day.mark == mark).count();
    let mut parts: Vec<String> = MARKS
        .iter()
        .filter(|&&mark| count(mark) > 0)
        .map(|&mark| format!("{} {}", count(mark), text::mark(mark)))
        .collect();
    if parts.is_empty() {
        parts.push(text::NO_DAYS.to_owned());
    }
    parts.join(", ")
}

/// The days of one metric in one row, oldest left.
pub fn row(metric: &str, days: &[DayView]) -> String {
    let mut paths = String::new();
    for mark in MARKS {
        let places = days.iter().zip(0_i64..).filter(|(day, _)| day.mark == mark);
        let data: String = places.map(|(_, at)| shape(mark, at * STEP, 0)).collect();
        if !data.is_empty() {
            paths.push_str(&format!("<path class=\"{}\" d=\"{data}\"/>", class(mark)));
        }
    }
    let width = i64::try_from(days.len()).unwrap_or(0) * STEP;
    let label = format!("{metric}: {}", summary(days));
    svg("row", width, CELL, &label, &paths)
}

/// The days of one metric as a calendar: a column per week, Monday on top.
pub fn calendar(metric: &str, days: &[DayView]) -> String {
    let Some(first) = days.first().map(|day| day.date) else { return String::new() };
    let before = i64::from(first.weekday().to_monday_zero_offset());
    let mut inside = weekday_names();
    let mut weeks = 0;
    let mut month = 0;
    for (day, at) in days.iter().zip(before..) {
        let (x, y) = (MARGIN_LEFT + at / 7 * STEP, MARGIN_TOP + at % 7 * STEP);
        weeks = at / 7 + 1;
        // A month is named above its first whole week; a picture's first days name none.
        if day.date.month() != month && day.date.day() <= 7 && day.date.weekday() == Weekday::Monday
        {
            month = day.date.month();
            let name = text::month(month);
            inside.push_str(&format!("<text x=\"{x}\" y=\"{}\">{name}</text>", MARGIN_TOP - 6));
        }
        inside.push_str(&cell(day, x, y));
    }
    let label = format!("{metric}: {}", summary(days));
    svg("calendar", MARGIN_LEFT + weeks * STEP, MARGIN_TOP + 7 * STEP, &label, &inside)
}

fn cell(day: &DayView, x: i64, y: i64) -> String {
    if day.mark == Mark::Before {
        return String::new();
    }
    let why = if day.why.is_empty() { text::mark(day.mark) } else { &day.why };
    format!(
        "<path class=\"{}\" d=\"{}\"><title>{}: {}</title></path>",
        class(day.mark),
        shape(day.mark, x, y),
        day.date,
        escape(why)
    )
}

fn weekday_names() -> String {
    let named = text::WEEKDAYS.iter().zip(0_i64..).step_by(2);
    let baseline = |at: i64| MARGIN_TOP + at * STEP + CELL - 4;
    named.map(|(name, at)| format!("<text x=\"0\" y=\"{}\">{name}</text>", baseline(at))).collect()
}

fn svg(kind: &str, width: i64, height: i64, label: &str, inside: &str) -> String {
    format!(
        "<svg class=\"chart {kind}\" viewBox=\"0 0 {width} {height}\" width=\"{width}\" \
         height=\"{height}\" role=\"img\" aria-label=\"{}\">{inside}</svg>",
        escape(label)
    )
}

/// Every mark with its word.
pub fn legend() -> String {
    let items = MARKS.map(|mark| {
        format!(
            "<li><svg class=\"chart\" viewBox=\"0 0 {CELL} {CELL}\" width=\"{CELL}\" \
             height=\"{CELL}\" aria-hidden=\"true\"><path class=\"{}\" d=\"{}\"/></svg> {}</li>",
            class(mark),
            shape(mark, 0, 0),
            text::mark(mark)
        )
    });
    format!("<ul class=\"legend\">{}</ul>", items.concat())
}

/// Days in a row that are not sealed for the same reason.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Gap {
    pub from: Date,
    pub to: Date,
    pub metrics: Vec<String>,
    pub why: String,
}

/// The gaps of all metrics in words, newest first; metrics with the same gap share a line.
pub fn gaps(metrics: &[(String, Vec<DayView>)]) -> Vec<Gap> {
    let mut gaps: Vec<Gap> = Vec::new();
    for (metric, days) in metrics {
        let mut open: Option<Gap> = None;
        for day in days.iter().filter(|day| day.mark != Mark::Before) {
            match &mut open {
                Some(gap) if gap.why == day.why => gap.to = day.date,
                _ => {
                    gaps.extend(open.take());
                    open = (!day.why.is_empty()).then(|| Gap {
                        from: day.date,
                        to: day.date,
                        metrics: vec![metric.clone()],
                        why: day.why.clone(),
                    });
                }
            }
        }
        gaps.extend(open);
    }
    gaps.sort_by(|a, b| (b.to, b.from, &a.why).cmp(&(a.to, a.from, &b.why)));
    gaps.dedup_by(|later, earlier| {
        let same = (later.from, later.to, &later.why) == (earlier.from, earlier.to, &earlier.why);
        if same {
            earlier.metrics.append(&mut later.metrics);
        }
        same
    });
    gaps
}

#[cfg(test)]
mod tests {
    use super::*;
    use jiff::civil::date;

    fn days(first: Date, marks: &[(Mark, &str)]) -> Vec<DayView> {
        let dates = crate::core::day::range(first, date(9999, 1, 1));
        let views = dates.zip(marks).map(|(date, &(mark, why))| DayView {
            date,
            mark,
            why: why.to_owned(),
        });
        views.collect()
    }

    #[test]
    fn a_row_says_in_words_what_it_shows() {
        let days = days(
            date(2026, 11, 1),
            &[(Mark::Sealed, ""), (Mark::Sealed, ""), (Mark::Missing, "not read yet")],
        );
        let picture = row("steps<", &days);
        assert!(picture.contains("aria-label=\"steps&lt;: 2 sealed, 1 missing\""), "{picture}");
        assert!(picture.contains("viewBox=\"0 0 66 18\""));
        assert_eq!(picture.matches("<path").count(), 2, "one path per kind of mark");
        assert_eq!(summary(&[]), text::NO_DAYS);
    }

    #[test]
    fn every_mark_has_a_shape_of_its_own() {
        let mut shapes = MARKS.map(|mark| shape(mark, 0, 0)).to_vec();
        shapes.sort();
        shapes.dedup();
        assert_eq!(shapes.len(), MARKS.len());
        assert_eq!(legend().matches("<li>").count(), MARKS.len());
    }

    #[test]
    fn a_calendar_has_a_column_per_week_and_a_reason_per_day() {
        // 1 October 2026 is a Thursday: 90 days from there touch 14 weeks.
        let marks = vec![(Mark::Provisional, "the <day> is not over"); 90];
        let picture = calendar("hrv", &days(date(2026, 10, 1), &marks));
        assert!(picture.contains(&format!("width=\"{}\"", MARGIN_LEFT + 14 * STEP)));
        assert_eq!(picture.matches("<title>").count(), 90);
        assert!(picture.contains("2026-10-01: the &lt;day&gt; is not over"));
        assert!(picture.contains("Nov</text>") && picture.contains("Dec</text>"));
        assert_eq!(calendar("hrv", &[]), "");
    }

    #[test]
    fn gaps_are_joined_over_days_and_metrics() {
        let first = date(2026, 11, 1);
        let gone = (Mark::Missing, "gone");
        let steps = days(first, &[(Mark::Sealed, ""), gone, gone, (Mark::Failed, "ill")]);
        let azm = days(first, &[gone, gone, gone, (Mark::Failed, "ill")]);
        let gaps = gaps(&[("steps".into(), steps), ("azm".into(), azm)]);
        let told: Vec<_> = gaps
            .iter()
            .map(|gap| (gap.from.day(), gap.to.day(), gap.metrics.join("+"), gap.why.as_str()))
            .collect();
        assert_eq!(
            told,
            [
                (4, 4, "steps+azm".to_owned(), "ill"),
                (2, 3, "steps".to_owned(), "gone"),
                (1, 3, "azm".to_owned(), "gone"),
            ]
        );
    }
}
