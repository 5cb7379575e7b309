//! One page as an answer: layout, escaping, the headers that protect it, and the small result
//! pages of a sign-in. Every value that is not a constant goes through [`escape`].

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use crate::portal::pages::markup::{escape, shown};
use crate::portal::pages::text;

const STYLE: &str = include_str!("style.css");

/// One answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Page {
    pub status: u16,
    pub headers: Vec<(String, String)>,
    pub body: String,
}

impl Page {
    /// A whole page around `main`, which is markup; `title` is text.
    pub fn html(status: u16, title: &str, main: &str) -> Self {
        let (language, study, footer) = (text::LANGUAGE, text::STUDY, text::FOOTER);
        let title = escape(title);
        let body = format!(
            "<!doctype html><html lang=\"{language}\"><head><meta charset=\"utf-8\">\
             <meta name=\"viewport\" content=\"width=device-width,initial-scale=1\">\
             <meta name=\"robots\" content=\"noindex\"><link rel=\"icon\" href=\"data:,\">\
             <title>{title} – {study}</title><style>{STYLE}</style></head><body>\
             <header>{study}</header><main><h1>{title}</h1>{main}</main>\
             <footer>{footer}</footer></body></html>\n"
        );
        Self { status, headers: Vec::new(), body }.header("Content-Type", HTML)
    }

    /// One line of plain text.
    pub fn text(status: u16, line: &str) -> Self {
        let line: String = line.chars().map(shown).collect();
        let page = Self { status, headers: Vec::new(), body: format!("{line}\n") };
        page.header("Content-Type", "text/plain; charset=utf-8")
    }

    /// On to another page of ours, asked for with GET.
    pub fn redirect(to: &str) -> Self {
        Self::html(303, text::STUDY, "").header("Location", to)
    }

    /// Adds a header; a value that would break the line is left out.
    #[must_use]
    pub fn header(mut self, name: &str, value: &str) -> Self {
        if !value.bytes().any(|byte| byte.is_ascii_control()) {
            self.headers.push((name.to_owned(), value.to_owned()));
        }
        self
    }
}

const HTML: &str = "text/html; charset=utf-8";

/// The lines in front of every answer, also of those that no page of ours made. Scripts never run;
/// the one style sheet is known by its hash. `form_targets`: the origins, besides this one, to
/// which the button of a sign-in page leads; browsers apply `form-action` to redirects, too.
pub fn security_headers(form_targets: &[String]) -> String {
    let digest = ring::digest::digest(&ring::digest::SHA256, STYLE.as_bytes());
    let style = STANDARD.encode(digest.as_ref());
    let forms: String = form_targets.iter().map(|origin| format!(" {origin}")).collect();
    format!(
        "Connection: close\r\nCache-Control: no-store\r\nReferrer-Policy: no-referrer\r\n\
         X-Content-Type-Options: nosniff\r\nX-Frame-Options: DENY\r\n\
         Cross-Origin-Resource-Policy: same-origin\r\n\
         Content-Security-Policy: default-src 'none'; style-src 'sha256-{style}'; \
         img-src data:; form-action 'self'{forms}; base-uri 'none'; frame-ancestors 'none'\r\n"
    )
}

/// How a sign-in ended, as its browser is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    Connected,
    /// The participant said no at the provider.
    Denied,
    /// The code was refused, or the provider could not be reached; the terminal has the reason.
    Failed,
    /// The id is connected to a different account.
    OtherAccount,
    /// A callback that nobody here waits for: another program on this gateway may.
    NotKnown,
    /// A callback of an older or foreign sign-in.
    OtherSignIn,
    /// A callback of a sign-in that another browser began.
    OtherBrowser,
    /// Any other address.
    NotFound,
}

impl Outcome {
    const fn parts(self) -> (u16, &'static str, &'static str) {
        match self {
            Self::Connected => (200, text::CONNECTED_TITLE, text::CONNECTED),
            Self::Denied => (200, text::NOT_CONNECTED_TITLE, text::DENIED),
            Self::Failed => (200, text::NOT_CONNECTED_TITLE, text::FAILED),
            Self::OtherAccount => (200, text::OTHER_ACCOUNT_TITLE, text::OTHER_ACCOUNT),
            Self::NotKnown => (404, text::NOT_KNOWN_TITLE, text::NOT_KNOWN),
            Self::OtherSignIn => (400, text::OTHER_SIGN_IN_TITLE, text::OTHER_SIGN_IN),
            Self::OtherBrowser => (403, text::OTHER_BROWSER_TITLE, text::OTHER_BROWSER),
            Self::NotFound => (404, text::NOT_FOUND_TITLE, text::NOT_FOUND),
        }
    }

    pub fn page(self) -> Page {
        let (status, title, sentence) = self.parts();
        Page::html(status, title, &format!("<section><p>{}</p></section>", escape(sentence)))
    }

    /// Where the browser is sent after the callback: an address without a code. `None` where the
    /// address is still needed, or says nothing.
    pub const fn path(self) -> Option<&'static str> {
        match self {
            Self::Connected => Some("/auth/connected"),
            Self::Denied => Some("/auth/denied"),
            Self::Failed => Some("/auth/failed"),
            Self::OtherAccount => Some("/auth/other-account"),
            Self::NotKnown | Self::OtherSignIn | Self::OtherBrowser | Self::NotFound => None,
        }
    }
}

pub fn sentence(status: u16, title: &str, sentence: &str) -> Page {
    Page::html(status, title, &format!("<section><p>{}</p></section>", escape(sentence)))
}

/// A form without the token of its page.
pub fn wrong_form() -> Page {
    sentence(403, text::WRONG_FORM_TITLE, text::WRONG_FORM)
}

/// Too much at once.
pub fn busy() -> Page {
    sentence(503, text::BUSY_TITLE, text::BUSY).header("Retry-After", "5")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_cannot_become_markup_or_turn_the_text_around() {
        assert_eq!(escape("<a b='c' d=\"e\">&"), "&lt;a b=&#39;c&#39; d=&quot;e&quot;&gt;&amp;");
        assert_eq!(escape("a\u{202e}b\nc"), "a\u{fffd}b\u{fffd}c");
        for turning in
            "\u{61c}\u{200e}\u{200f}\u{202a}\u{202e}\u{2066}\u{2069}\u{2028}\u{feff}".chars()
        {
            assert_eq!(escape(&format!("a{turning}b")), "a\u{fffd}b", "{turning:?}");
            assert_eq!(Page::text(400, &format!("a{turning}b")).body, "a\u{fffd}b\n");
        }
    }

    #[test]
    fn a_header_value_cannot_begin_a_new_line() {
        let page = Page::redirect("/x\r\nSet-Cookie: a=b");
        assert!(page.headers.iter().all(|(name, _)| name != "Location"));
    }

    #[test]
    fn a_callback_that_belongs_elsewhere_says_what_to_do() {
        assert!(Outcome::NotKnown.page().body.contains("Copy the whole address"));
        assert!(Outcome::OtherBrowser.page().body.contains("close this page"));
    }

    #[test]
    fn no_page_carries_a_script_or_a_style_that_the_policy_would_refuse() {
        let page = Outcome::Connected.page();
        assert!(!page.body.contains("<script") && !page.body.contains(" style="));
        let headers = security_headers(&["https://accounts.example".to_owned()]);
        assert!(headers.contains("style-src 'sha256-"));
        assert!(headers.contains("form-action 'self' https://accounts.example;"), "{headers}");
        assert_eq!(page.body.matches("<style>").count(), 1);
    }
}
