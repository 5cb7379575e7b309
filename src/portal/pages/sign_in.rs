//! The pages of one sign-in, from the button to "Done". Pure: state in, markup out.

use jiff::Timestamp;

use crate::core::exchange::form;
use crate::portal::pages::markup::{button, escape, hidden, list};
use crate::portal::pages::page::{Page, sentence};
use crate::portal::pages::text;
use crate::portal::sign_ins::{ConnectedAccount, Hint, SignIn};

/// How the address comes back to the gateway.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Way {
    /// The browser ends on a page that does not load; a person copies its address.
    Paste,
    /// The browser finds the gateway, and this page goes on by itself.
    ByItself,
    /// The browser ends on the study's static page, which knows the gateway from having been led
    /// through on the way to the provider.
    Bounce { page: String, gateway: String },
}

impl Way {
    /// Where the button leads.
    pub fn target(&self, address: &str) -> String {
        match self {
            Self::Paste | Self::ByItself => address.to_owned(),
            Self::Bounce { page, gateway } => {
                format!("{page}#{}", form(&[("gateway", gateway), ("to", address)]))
            }
        }
    }
}

const LOOK_AGAIN_S: u32 = 5;
const CHECK_AGAIN_S: u32 = 2;

/// The page to begin with. `token` ties its form to the link.
pub fn sign_in(sign_in: &SignIn, hint: Option<Hint>, way: &Way, token: &str) -> Page {
    let mut main = String::new();
    if let Some(hint) = hint {
        let text = escape(text::hint(hint));
        main.push_str(&format!("<p class=\"note\" role=\"alert\">{text}</p>"));
    }
    main.push_str(&facts(sign_in));
    let path = sign_in.key.path();
    // A form: the browser in which it is pressed is the one that comes back.
    let go = format!(
        "<form method=\"post\" action=\"{}/go\" target=\"_blank\" rel=\"noopener noreferrer\">\
         {}<button>{}</button></form>",
        escape(&path),
        hidden(token),
        text::APPROVE_BUTTON
    );
    main.push_str(&step_approve(&go));
    main.push_str(&match way {
        Way::Paste => paste_box(&path, &sign_in.facts.returns_to, token),
        Way::ByItself => wait_here(&path, text::STEP_BY_ITSELF, text::BY_ITSELF_HELP),
        Way::Bounce { .. } => wait_here(&path, text::STEP_BOUNCE, text::BOUNCE_HELP),
    });
    let page = Page::html(200, &text::sign_in_title(sign_in.user.as_str()), &main);
    match way {
        Way::Paste => page,
        // A header, and only where nothing can be typed: a reload would take it away.
        _ => page.header("Refresh", &LOOK_AGAIN_S.to_string()),
    }
}

fn step_approve(button: &str) -> String {
    format!(
        "<section><h2>{}</h2><p>{}</p>{button}<p class=\"quiet\">{}</p></section>",
        text::STEP_APPROVE,
        text::APPROVE_HELP,
        text::NEW_TAB
    )
}

/// The same where the browser that pressed keeps no cookies: the address is brought back by hand.
pub fn without_cookies(sign_in: &SignIn, token: &str) -> Page {
    let note = escape(text::hint(Hint::NoCookies));
    let button = format!(
        "<p><a class=\"button\" target=\"_blank\" rel=\"noopener noreferrer\" \
         href=\"{}\">{}</a></p>",
        escape(sign_in.address().unwrap_or_default()),
        text::APPROVE_BUTTON
    );
    let main = format!(
        "<p class=\"note\" role=\"alert\">{note}</p>{}{}",
        step_approve(&button),
        paste_box(&sign_in.key.path(), &sign_in.facts.returns_to, token)
    );
    Page::html(200, &text::sign_in_title(sign_in.user.as_str()), &main)
}

fn wait_here(path: &str, title: &str, help: &str) -> String {
    format!(
        "<section><h2>{title}</h2><p>{help}</p><p><a href=\"{}?paste=1\">{}</a></p></section>",
        escape(path),
        text::BY_ITSELF_PASTE
    )
}

fn facts(sign_in: &SignIn) -> String {
    let facts = &sign_in.facts;
    let metrics = facts.metrics.iter().map(|(name, meaning)| {
        format!("<li>{} <span class=\"quiet\">({})</span></li>", escape(meaning), escape(name))
    });
    let (page, stop) = (escape(&facts.connections), escape(text::STOP_TEXT));
    let stop = format!(
        "{stop} <a target=\"_blank\" rel=\"noopener noreferrer\" href=\"{page}\">{page}</a>"
    );
    let rows = [
        (text::STUDY_ID, format!("<b class=\"code\">{}</b>", escape(sign_in.user.as_str()))),
        (text::WHAT, format!("<ul>{}</ul>", metrics.collect::<String>())),
        (text::BY_WHOM, escape(&text::by_whom(facts.study.as_deref()))),
        (text::FROM_WHEN, escape(&text::period(facts.from, facts.until))),
        (text::HOW_TO_STOP, stop),
    ];
    format!("<section>{}</section>", list(&rows))
}

fn paste_box(path: &str, returns_to: &str, token: &str) -> String {
    format!(
        "<section><h2>{}</h2><p>{}</p>{}<form method=\"post\" action=\"{}/paste\">{}\
         <label for=\"address\">{}</label><textarea id=\"address\" name=\"address\" rows=\"3\" \
         required autocomplete=\"off\" autocapitalize=\"off\" spellcheck=\"false\"></textarea>\
         <button>{}</button></form></section>",
        text::STEP_PASTE,
        text::PASTE_HELP,
        picture(returns_to),
        escape(path),
        hidden(token),
        text::PASTE_LABEL,
        text::PASTE_BUTTON
    )
}

/// As many letters of an address as the picture is wide.
const PICTURE_CHARS: usize = 33;

/// The address of the page that does not load, as a browser shows it.
fn picture_address(returns_to: &str) -> String {
    let all = format!("{returns_to}?state=");
    all.chars().take(PICTURE_CHARS).chain(['\u{2026}']).collect()
}

/// What the page that does not load looks like, on any browser and in any colours.
fn picture(returns_to: &str) -> String {
    format!(
        "<svg class=\"browser\" viewBox=\"0 0 300 132\" width=\"300\" height=\"132\" role=\"img\" \
         aria-label=\"{}\"><rect class=\"b-frame\" x=\"1\" y=\"1\" width=\"298\" height=\"130\" \
         rx=\"10\"/><rect class=\"b-bar\" x=\"10\" y=\"10\" width=\"280\" height=\"30\" rx=\"15\"/>\
         <text class=\"b-mark\" x=\"22\" y=\"30\">{}</text>\
         <path class=\"b-arrow\" d=\"M60 62V48m-6 6l6-7 6 7\"/>\
         <text class=\"b-copy\" x=\"76\" y=\"62\">{}</text>\
         <text class=\"b-text\" x=\"150\" y=\"94\" text-anchor=\"middle\">{}</text>\
         <text class=\"b-quiet\" x=\"150\" y=\"116\" text-anchor=\"middle\">{}</text></svg>",
        escape(text::PICTURE_LABEL),
        escape(&picture_address(returns_to)),
        escape(text::PICTURE_COPY),
        escape(text::PICTURE_ERROR),
        escape(text::PICTURE_FINE)
    )
}

/// While a code is exchanged.
pub fn checking(path: &str) -> Page {
    let main = format!(
        "<section><p role=\"status\">{}</p><p><a href=\"{}\">{}</a></p></section>",
        text::CHECKING,
        escape(path),
        text::CHECKING_LINK
    );
    Page::html(200, text::CHECKING_TITLE, &main).header("Refresh", &CHECK_AGAIN_S.to_string())
}

/// The token is stored; the device is compared with the wrist.
pub fn review(sign_in: &SignIn, connected: &ConnectedAccount, now: Timestamp, token: &str) -> Page {
    let path = sign_in.key.path();
    let device = match &connected.device {
        Some(name) => {
            let at = connected.synced_at.map(|at| text::ago(now.as_second() - at.as_second()));
            format!("<b>{}</b>", escape(&text::device(name, at.as_deref())))
        }
        None if connected.device_untold => escape(text::DEVICE_UNTOLD),
        None if connected.settings_granted => escape(text::NO_DEVICE),
        None => escape(text::DEVICE_NOT_SHARED),
    };
    let names = |names: &[String]| escape(&names.join(", "));
    let granted = if connected.granted.is_empty() {
        text::GRANTED_NONE.into()
    } else {
        names(&connected.granted)
    };
    let lasts = connected.expires_at.map_or(text::UNTIL_WITHDRAWN.to_owned(), |at| {
        text::lasts_until(&at.strftime("%-d %b %Y").to_string())
    });
    let rows = [
        (text::STUDY_ID, format!("<b class=\"code\">{}</b>", escape(sign_in.user.as_str()))),
        (text::DEVICE, device),
        (text::ACCOUNT, escape(&text::account(&connected.account_end))),
        (text::GRANTED, granted),
        (text::HOW_LONG, escape(&lasts)),
    ];
    let mut main = match connected.stayed {
        true => format!("<p class=\"note\" role=\"alert\">{}</p>", text::NOT_MINE_STAYED),
        false => String::new(),
    };
    main.push_str(&format!("<section><p>{}</p>{}", text::REVIEW_HELP, list(&rows)));
    main.push_str(&button(&format!("{path}/done"), token, "", text::DONE_BUTTON));
    if connected.is_first {
        let again = button(&format!("{path}/not-mine"), token, "plain", text::NOT_MINE_BUTTON);
        main.push_str(&format!("{again}<p class=\"quiet\">{}</p>", text::NOT_MINE_HELP));
    }
    main.push_str("</section>");
    if !connected.missing.is_empty() {
        main.push_str(&format!(
            "<section><h2>{}: {}</h2><p>{}</p>{}</section>",
            text::MISSING,
            names(&connected.missing),
            text::MISSING_HELP,
            button(&format!("{path}/again"), token, "plain", text::MISSING_BUTTON)
        ));
    }
    Page::html(200, text::REVIEW_TITLE, &main)
}

/// "Done" was pressed, or a used link was opened again.
pub fn done() -> Page {
    sentence(200, text::DONE_TITLE, text::DONE)
}

/// The link is too old, or a newer one took its place.
pub fn ended() -> Page {
    sentence(410, text::ENDED_TITLE, text::ENDED)
}

/// The start page of `login`: for a person who typed the address without the link's key.
pub fn type_code(token: &str, code: &str, status: u16, note: Option<&str>) -> Page {
    let note = note.map_or(String::new(), |note| {
        format!("<p class=\"note\" role=\"alert\">{}</p>", escape(note))
    });
    let main = format!(
        "{note}<section><form method=\"post\" action=\"/s\">{}<label for=\"code\">{}</label>\
         <input id=\"code\" name=\"code\" class=\"code\" value=\"{}\" required \
         autocomplete=\"off\" autocapitalize=\"characters\" spellcheck=\"false\" \
         aria-describedby=\"help\"><p id=\"help\" class=\"quiet\">{}</p>\
         <button>{}</button></form></section>",
        hidden(token),
        text::CODE_LABEL,
        escape(code),
        text::CODE_HELP,
        text::CODE_BUTTON
    );
    Page::html(status, text::CODE_TITLE, &main)
}

#[cfg(test)]
mod tests {
    use std::time::Instant;

    use jiff::civil::date;

    use super::*;
    use crate::core::error::Secret;
    use crate::portal::code::LinkKey;
    use crate::portal::sign_ins::{Attempt, Facts, Invitation, Owner, SignIns};

    fn example() -> SignIn {
        let mut rows = SignIns::default();
        let attempt = Attempt {
            state: "state".into(),
            verifier: Secret::new("verifier"),
            address: "https://accounts.example/?a=1&state=state".into(),
        };
        let facts = Facts {
            metrics: vec![("steps".into(), "Steps per minute <b>".into())],
            from: Some(date(2026, 11, 15)),
            until: None,
            study: Some("Sleep & Heart".into()),
            returns_to: "localhost:8000/auth/callback".into(),
            connections: "https://account.example/apps".into(),
        };
        let user = "user_001".parse().unwrap();
        let (key, owner) = (LinkKey::new([1; 16]), Owner::Link);
        let invitation = Invitation { user, key, code: None, owner, facts, attempt, life_s: 600 };
        let ticket = rows.open(invitation, Instant::now());
        rows.get(ticket).unwrap().clone()
    }

    #[test]
    fn the_sign_in_page_tells_id_data_and_period_and_leads_to_google() {
        let page = sign_in(&example(), None, &Way::Paste, "tok\"en").body;
        for part in [
            "user_001",
            "Steps per minute &lt;b&gt; <span class=\"quiet\">(steps)</span>",
            "From 15 Nov 2026 on.",
            "Sleep &amp; Heart, with a gateway",
            "action=\"/s/AQEBAQEBAQEBAQEBAQEBAQ/go\" target=\"_blank\" rel=\"noopener noreferrer\"",
            "Tell the study team, or remove",
            "href=\"https://account.example/apps\"",
            "value=\"tok&quot;en\"",
            "action=\"/s/AQEBAQEBAQEBAQEBAQEBAQ/paste\"",
        ] {
            assert!(page.contains(part), "{part}\n{page}");
        }
        assert!(!page.contains("verifier"));
        assert!(!page.contains("accounts.example"), "the address belongs to who presses");
    }

    #[test]
    fn only_a_page_without_a_box_loads_itself_again() {
        let refreshes = |page: Page| page.headers.iter().any(|(name, _)| name == "Refresh");
        let paste = sign_in(&example(), Some(Hint::NoCode), &Way::Paste, "t");
        assert!(paste.body.contains("role=\"alert\"") && paste.body.contains("<textarea"));
        assert!(!refreshes(paste));
        let by_itself = sign_in(&example(), None, &Way::ByItself, "t");
        assert!(!by_itself.body.contains("<textarea"));
        assert!(refreshes(by_itself) && refreshes(checking("/s/x")));
    }

    #[test]
    fn with_a_static_page_the_button_leads_through_it() {
        let way = Way::Bounce {
            page: "https://study.example/bounce.html".into(),
            gateway: "http://192.168.1.20:8000".into(),
        };
        assert_eq!(
            way.target("https://accounts.example/?a=1&state=state"),
            "https://study.example/bounce.html#gateway=http%3A%2F%2F192.168.1.20%3A8000\
             &to=https%3A%2F%2Faccounts.example%2F%3Fa%3D1%26state%3Dstate"
        );
    }

    #[test]
    fn the_review_shows_device_account_and_what_is_missing() {
        let now: Timestamp = "2026-11-22T12:00:00Z".parse().unwrap();
        let connected = ConnectedAccount {
            account_end: "9f3c".into(),
            device: Some("Charge 6".into()),
            synced_at: Some("2026-11-22T11:56:00Z".parse().unwrap()),
            device_untold: false,
            settings_granted: true,
            granted: vec!["steps".into()],
            missing: vec!["hrv".into()],
            expires_at: Some("2026-11-29T12:00:00Z".parse().unwrap()),
            is_first: true,
            stayed: false,
        };
        let page = review(&example(), &connected, now, "t").body;
        for part in
            ["Charge 6, synced 4 minutes ago", "ends in 9f3c", "Not shared: hrv", "29 Nov 2026"]
        {
            assert!(page.contains(part), "{part}");
        }
        assert!(page.contains("/not-mine") && !page.contains(text::NOT_MINE_STAYED));
        let stayed = ConnectedAccount { stayed: true, ..connected.clone() };
        let page = review(&example(), &stayed, now, "t").body;
        assert!(page.contains(text::NOT_MINE_STAYED) && page.contains("/not-mine"), "{page}");
        let untold = ConnectedAccount { device: None, device_untold: true, ..connected.clone() };
        let page = review(&example(), &untold, now, "t").body;
        assert!(page.contains("could not be asked") && !page.contains("is paired"), "{page}");
        let known = ConnectedAccount { is_first: false, missing: Vec::new(), ..connected };
        let page = review(&example(), &known, now, "t").body;
        assert!(!page.contains("/not-mine") && !page.contains("/again"));
    }
}
