//! The operator's pages: everyone at a glance, one participant in detail, an invitation. Pure:
//! what was read from the files in, markup out.

use jiff::Timestamp;
use jiff::civil::Date;

use crate::ledger::mark::Mark;
use crate::limits::OPERATOR_ROWS;
use crate::portal::pages::chart::{self, DayView};
use crate::portal::pages::markup::{button, escape, hidden, list};
use crate::portal::pages::page::{Page, sentence};
use crate::portal::pages::{qr, text};

/// One metric of a participant.
#[derive(Debug, Clone)]
pub struct MetricView {
    pub name: String,
    pub newest: Option<Timestamp>,
    pub days: Vec<DayView>,
}

/// One participant, as the files tell.
#[derive(Debug, Clone)]
pub struct ParticipantView {
    pub user: String,
    /// By its name in the token file.
    pub state: String,
    /// Why nothing can be told of this participant.
    pub problem: Option<String>,
    pub device: Option<String>,
    pub synced_at: Option<Timestamp>,
    /// Why there is no device time.
    pub device_unknown: Option<String>,
    pub metrics: Vec<MetricView>,
    pub waiting: u64,
    pub upload_fails: bool,
    pub expires_at: Option<Timestamp>,
    pub collect_from: Option<Date>,
    pub collect_until: Option<Date>,
    pub listed: bool,
}

/// A band that is silent for longer needs a look.
const SILENT_S: i64 = 2 * 86_400;
/// A consent that ends sooner needs a new one.
const EXPIRES_SOON_S: i64 = 3 * 86_400;

impl ParticipantView {
    pub fn unreadable(user: &str, listed: bool, problem: &str) -> Self {
        Self {
            user: user.to_owned(),
            state: "ledger_unreadable".to_owned(),
            problem: Some(problem.to_owned()),
            device: None,
            synced_at: None,
            device_unknown: None,
            metrics: Vec::new(),
            waiting: 0,
            upload_fails: false,
            expires_at: None,
            collect_from: None,
            collect_until: None,
            listed,
        }
    }

    /// What somebody should do something about.
    pub fn attention(&self, now: Timestamp) -> Vec<String> {
        let mut reasons = Vec::new();
        if self.state == "withdrawn" {
            return reasons;
        }
        if self.state != "connected" {
            reasons.push(text::state(&self.state).to_owned());
            reasons.extend(self.problem.clone());
            return reasons;
        }
        if let Some(at) = self.expires_at
            && at.as_second() - now.as_second() < EXPIRES_SOON_S
        {
            reasons.push(text::consent_ends(&date(at)));
        }
        match self.synced_at.map(|at| now.as_second() - at.as_second()) {
            Some(age_s) if age_s > SILENT_S => reasons.push(text::band_silent(&text::ago(age_s))),
            None => reasons.extend(self.device_unknown.clone()),
            Some(_) => {}
        }
        let last_is = |metric: &&MetricView, mark: Mark| {
            metric.days.last().is_some_and(|day| day.mark == mark)
        };
        let missing = self.metrics.iter().filter(|metric| last_is(metric, Mark::NotGranted));
        let missing: Vec<&str> = missing.map(|metric| metric.name.as_str()).collect();
        if !missing.is_empty() {
            reasons.push(text::not_shared(&missing.join(", ")));
        }
        let fails = |metric: &MetricView| metric.days.iter().any(|day| day.mark == Mark::Failed);
        if self.metrics.iter().any(fails) {
            reasons.push(text::DAYS_FAIL.to_owned());
        }
        if self.upload_fails {
            reasons.push(text::UPLOAD_FAILS.to_owned());
        }
        if !self.listed {
            reasons.push(text::NOT_LISTED.to_owned());
        }
        reasons
    }

    fn facts(&self, now: Timestamp) -> String {
        let ago = |at: Timestamp| text::ago(now.as_second() - at.as_second());
        let synced = match (&self.device, self.synced_at) {
            (Some(device), at) => text::device(device, at.map(ago).as_deref()),
            (None, Some(at)) => ago(at),
            (None, None) => self.device_unknown.clone().unwrap_or_else(|| text::UNKNOWN.to_owned()),
        };
        let newest = self.metrics.iter().filter_map(|metric| metric.newest).max();
        let expires = self.expires_at.map_or(text::NO_END.to_owned(), date);
        let mut rows = vec![
            (text::STATE, escape(text::state(&self.state))),
            (text::LAST_SYNC, escape(&synced)),
            (text::NEWEST, escape(&newest.map_or(text::NOTHING.to_owned(), ago))),
            (text::WAITING, escape(&text::files(self.waiting))),
            (text::EXPIRES, escape(&expires)),
        ];
        if self.collect_from.is_some() || self.collect_until.is_some() {
            let period = text::period(self.collect_from, self.collect_until);
            rows.push((text::FROM_WHEN, escape(&period)));
        }
        list(&rows).replacen("<dl>", "<dl class=\"facts\">", 1)
    }

    fn path(&self) -> String {
        format!("/operator/participant/{}", self.user)
    }
}

fn date(at: Timestamp) -> String {
    text::day(at.to_zoned(jiff::tz::TimeZone::UTC).date())
}

fn note(reasons: &[String]) -> String {
    if reasons.is_empty() {
        return String::new();
    }
    let reasons: String = reasons.iter().map(|why| format!("<li>{}</li>", escape(why))).collect();
    format!("<ul class=\"note\">{reasons}</ul>")
}

/// Which participants of the list are shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Filter {
    pub attention: bool,
    /// From 1 on.
    pub page: usize,
}

/// Everyone at a glance. `token` ties the forms to the session.
pub fn participants(all: &[ParticipantView], filter: Filter, now: Timestamp, token: &str) -> Page {
    let needs: Vec<&ParticipantView> =
        all.iter().filter(|one| !one.attention(now).is_empty()).collect();
    let needs_count = needs.len();
    let shown = if filter.attention { needs } else { all.iter().collect() };
    let pages = shown.len().div_ceil(OPERATOR_ROWS).max(1);
    let page = filter.page.clamp(1, pages);
    let mut main = filter_links(filter, all.len(), needs_count);
    main.push_str(&invite_form(token, ""));
    for one in shown.iter().skip((page - 1) * OPERATOR_ROWS).take(OPERATOR_ROWS) {
        main.push_str(&row(one, now));
    }
    if shown.is_empty() {
        let text = if filter.attention { text::NOBODY_NEEDS } else { text::NOBODY };
        main.push_str(&format!("<section><p>{text}</p></section>"));
    }
    main.push_str(&page_links(filter, page, pages));
    main.push_str(&format!("<section><h2>{}</h2>{}</section>", text::LEGEND, chart::legend()));
    main.push_str(&button("/operator/sign-out", token, "plain", text::SIGN_OUT));
    Page::html(200, text::PARTICIPANTS_TITLE, &main)
}

fn filter_links(filter: Filter, all: usize, needs: usize) -> String {
    let link = |path: &str, label: &str, count: usize, here: bool| {
        let current = if here { " aria-current=\"page\"" } else { "" };
        format!("<a href=\"{path}\"{current}>{label} ({count})</a>")
    };
    format!(
        "<nav class=\"filter\" aria-label=\"{}\">{}{}</nav>",
        text::FILTER_LABEL,
        link("/operator", text::ALL, all, !filter.attention),
        link("/operator?show=attention", text::ATTENTION, needs, filter.attention)
    )
}

fn page_links(filter: Filter, page: usize, pages: usize) -> String {
    if pages == 1 {
        return String::new();
    }
    let show = if filter.attention { "show=attention&amp;" } else { "" };
    let link =
        |to: usize, label: &str| format!("<a href=\"/operator?{show}page={to}\">{label}</a>");
    let before = if page > 1 { link(page - 1, text::PREVIOUS) } else { String::new() };
    let after = if page < pages { link(page + 1, text::NEXT) } else { String::new() };
    let place = text::page_of(page, pages);
    format!(
        "<nav class=\"filter\" aria-label=\"{place}\">{before}<span>{place}</span>{after}</nav>"
    )
}

fn row(one: &ParticipantView, now: Timestamp) -> String {
    let charts: String = one
        .metrics
        .iter()
        .map(|metric| {
            format!(
                "<div><dt>{}</dt><dd>{}</dd></div>",
                escape(&metric.name),
                chart::row(&metric.name, &metric.days)
            )
        })
        .collect();
    format!(
        "<section><h2><a href=\"{}\">{}</a></h2>{}{}<h3>{}</h3><dl class=\"charts\">{charts}</dl>\
         </section>",
        escape(&one.path()),
        escape(&one.user),
        note(&one.attention(now)),
        one.facts(now),
        text::COVERAGE
    )
}

fn invite_form(token: &str, user: &str) -> String {
    format!(
        "<section><h2>{}</h2><form method=\"post\" action=\"/operator/invite\">{}\
         <label for=\"user_id\">{}</label><input id=\"user_id\" name=\"user_id\" value=\"{}\" \
         required maxlength=\"64\" autocomplete=\"off\" autocapitalize=\"off\" \
         spellcheck=\"false\" aria-describedby=\"invite-help\"><p id=\"invite-help\" \
         class=\"quiet\">{}</p><button>{}</button></form></section>",
        text::INVITE_TITLE,
        hidden(token),
        text::INVITE_LABEL,
        escape(user),
        text::INVITE_HELP,
        text::INVITE_BUTTON
    )
}

/// One participant in detail; the days are those of the calendar.
pub fn participant(one: &ParticipantView, now: Timestamp, token: &str) -> Page {
    let mut main = format!(
        "<p><a href=\"/operator\">{}</a></p><section>{}{}<form method=\"post\" \
         action=\"/operator/invite\">{}<input type=\"hidden\" name=\"user_id\" value=\"{}\">\
         <button class=\"plain\">{}</button></form></section>",
        text::BACK,
        note(&one.attention(now)),
        one.facts(now),
        hidden(token),
        escape(&one.user),
        text::INVITE_AGAIN
    );
    let metrics: Vec<(String, Vec<DayView>)> =
        one.metrics.iter().map(|metric| (metric.name.clone(), metric.days.clone())).collect();
    main.push_str(&format!("<section><h2>{}</h2>{}", text::CALENDAR, chart::legend()));
    for (name, days) in &metrics {
        main.push_str(&format!("<h3>{}</h3>{}", escape(name), chart::calendar(name, days)));
    }
    main.push_str(&format!(
        "</section><section><h2>{}</h2>{}</section>",
        text::GAPS,
        gaps(&metrics)
    ));
    Page::html(200, &one.user, &main)
}

fn gaps(metrics: &[(String, Vec<DayView>)]) -> String {
    let gaps = chart::gaps(metrics);
    if gaps.is_empty() {
        return format!("<p>{}</p>", text::NO_GAPS);
    }
    let lines = gaps.iter().map(|gap| {
        let days = text::days(gap.from, gap.to);
        let metrics = escape(&gap.metrics.join(", "));
        format!("<li><b>{days}</b>, {metrics}: {}</li>", escape(&gap.why))
    });
    format!("<ul>{}</ul>", lines.collect::<String>())
}

/// A link to hand out, and the same for this browser; `None` where it was used or has ended.
pub fn invitation(user: &str, link: Option<(&str, &str)>, synced: bool) -> Page {
    let body = match link {
        Some((link, here)) => format!(
            "<p>{}</p><p>{}</p><p class=\"code\">{}</p><p><a class=\"button plain\" \
             href=\"{}\">{}</a></p>",
            text::LINK_HELP,
            qr::svg(link, text::LINK_LABEL),
            escape(link),
            escape(here),
            text::LINK_OPEN
        ),
        None => format!("<p>{}</p>", text::LINK_GONE),
    };
    let note = if synced { String::new() } else { note(&[text::NOT_LISTED.to_owned()]) };
    let main =
        format!("<p><a href=\"/operator\">{}</a></p><section>{note}{body}</section>", text::BACK);
    Page::html(200, &text::link_title(user), &main)
}

/// The operator's sign-in; `note` says what was wrong, `wanted` is the participant to go on with.
pub fn password(token: &str, status: u16, note: &str, wanted: Option<&str>) -> Page {
    let note = match note {
        "" => String::new(),
        note => format!("<p class=\"note\" role=\"alert\">{}</p>", escape(note)),
    };
    let wanted = wanted.map_or(String::new(), |user| {
        format!("<input type=\"hidden\" name=\"user_id\" value=\"{}\">", escape(user))
    });
    let main = format!(
        "{note}<section><form method=\"post\" action=\"/operator/sign-in\">{}{wanted}<label \
         for=\"password\">{}</label><input id=\"password\" name=\"password\" type=\"password\" \
         required autocomplete=\"current-password\"><button>{}</button></form></section>",
        hidden(token),
        text::PASSWORD_LABEL,
        text::PASSWORD_BUTTON
    );
    Page::html(status, text::OPERATOR_TITLE, &main)
}

/// Behind a one-time link: its button uses it up.
pub fn one_time_link(token: &str, key: &str) -> Page {
    let main = format!(
        "<section><p>{}</p><form method=\"post\" action=\"/operator/link\">{}<input \
         type=\"hidden\" name=\"key\" value=\"{}\"><button>{}</button></form></section>",
        text::OPERATOR_LINK_HELP,
        hidden(token),
        escape(key),
        text::PASSWORD_BUTTON
    );
    Page::html(200, text::OPERATOR_TITLE, &main)
}

/// There is no operator's page without a password.
pub fn no_password() -> Page {
    sentence(403, text::NO_PASSWORD_TITLE, text::NO_PASSWORD)
}

/// Where the operator's pages are; `None` where they could not be opened.
pub fn elsewhere(address: Option<&str>) -> Page {
    let Some(address) = address else {
        return sentence(403, text::ELSEWHERE_TITLE, text::ELSEWHERE_CLOSED);
    };
    let main = format!(
        "<section><p>{}</p><p><a class=\"button\" href=\"{}\">{}</a></p><p \
         class=\"code\">{}</p><p class=\"quiet\">{}</p></section>",
        text::ELSEWHERE,
        escape(address),
        text::ELSEWHERE_BUTTON,
        escape(address),
        text::ELSEWHERE_WARNING
    );
    Page::html(200, text::ELSEWHERE_TITLE, &main)
}

/// The start page of `serve`.
pub fn start(has_operator: bool) -> Page {
    let link = match has_operator {
        true => format!("<p><a href=\"/operator\">{}</a></p>", text::START_OPERATOR),
        false => String::new(),
    };
    let main = format!("<section><p>{}</p>{link}</section>", text::START);
    Page::html(200, text::START_TITLE, &main)
}

/// Before a sign-in that an address asked for: GET changes nothing.
pub fn confirm(user: &str, token: &str) -> Page {
    let main = format!(
        "<section><p>{}</p><form method=\"post\" action=\"/fitbit/login\">{}<input \
         type=\"hidden\" name=\"user_id\" value=\"{}\"><button>{}</button></form></section>",
        escape(&text::confirm(user)),
        hidden(token),
        escape(user),
        text::CONFIRM_BUTTON
    );
    Page::html(200, text::CONFIRM_TITLE, &main)
}

/// No link was made, and why.
pub fn refused(why: &str, token: &str, user: &str) -> Page {
    let main = format!(
        "<p><a href=\"/operator\">{}</a></p><p class=\"note\" role=\"alert\">{}</p>{}",
        text::BACK,
        escape(why),
        invite_form(token, user)
    );
    Page::html(400, text::INVITE_REFUSED_TITLE, &main)
}

#[cfg(test)]
#[path = "operator_tests.rs"]
mod tests;
