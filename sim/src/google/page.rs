//! Pages of rows, and tokens that are bound to the request they belong to.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ring::hmac;

use super::error;
use crate::hash::{chance, mix};
use crate::http::{PageTrick, Reply};

/// What decides about a page.
#[derive(Clone, Debug)]
pub struct PageAsk<'a> {
    pub key: &'a hmac::Key,
    /// Everything that must stay the same from page to page, as text.
    pub request: String,
    pub size: usize,
    pub token: &'a str,
    pub trick: PageTrick,
    /// Requests of a hundred that begin with an empty page.
    pub empty_percent: u8,
}

/// Where a page begins, and how many pages there were before.
type Place = (u64, u64);

fn sign(ask: &PageAsk<'_>, (offset, serial): Place) -> String {
    let text = format!("{offset}.{serial}.{}", ask.request);
    let mac = hmac::sign(ask.key, text.as_bytes());
    let mut bytes = Vec::with_capacity(28);
    bytes.extend_from_slice(&offset.to_be_bytes());
    bytes.extend_from_slice(&serial.to_be_bytes());
    bytes.extend_from_slice(&mac.as_ref()[..12]);
    URL_SAFE_NO_PAD.encode(bytes)
}

fn place(ask: &PageAsk<'_>) -> Option<Place> {
    let bytes = URL_SAFE_NO_PAD.decode(ask.token).ok()?;
    let number = |from: usize| {
        let eight: [u8; 8] = bytes.get(from..from + 8)?.try_into().ok()?;
        Some(u64::from_be_bytes(eight))
    };
    let place = (number(0)?, number(8)?);
    (sign(ask, place) == ask.token).then_some(place)
}

/// One page: its rows and the token of the next.
pub fn page<T: Clone>(ask: &PageAsk<'_>, rows: &[T]) -> Result<(Vec<T>, Option<String>), Reply> {
    let (offset, serial) = match ask.token {
        "" => (0, 0),
        _ => place(ask).ok_or_else(|| {
            let text = "Page token is invalid or does not belong to this request.";
            error::invalid("INVALID_PAGE_TOKEN", text, &[])
        })?,
    };
    let lot = mix(0, &ask.request, 0);
    let empty = ask.trick == PageTrick::Empty || chance(lot, ask.empty_percent);
    if empty && serial == 0 {
        return Ok((Vec::new(), Some(sign(ask, (offset, 1)))));
    }
    let from = usize::try_from(offset).unwrap_or(usize::MAX).min(rows.len());
    let end = from.saturating_add(ask.size).min(rows.len());
    let next = match ask.trick {
        PageTrick::Duplicate => Some(sign(ask, (offset, serial + 1))),
        PageTrick::RepeatToken if !ask.token.is_empty() => Some(ask.token.to_owned()),
        _ if end < rows.len() => Some(sign(ask, (end as u64, serial + 1))),
        _ => None,
    };
    Ok((rows[from..end].to_vec(), next))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ask<'a>(key: &'a hmac::Key, request: &str, token: &'a str) -> PageAsk<'a> {
        PageAsk {
            key,
            request: request.to_owned(),
            size: 4,
            token,
            trick: PageTrick::None,
            empty_percent: 0,
        }
    }

    #[test]
    fn pages_add_up_and_tokens_stay_with_their_request() {
        let key = hmac::Key::new(hmac::HMAC_SHA256, b"key");
        let rows: Vec<u32> = (0..10).collect();
        let (first, token) = page(&ask(&key, "a", ""), &rows).expect("page");
        let token = token.expect("more");
        let (second, next) = page(&ask(&key, "a", &token), &rows).expect("page");
        let next = next.expect("more");
        let (third, end) = page(&ask(&key, "a", &next), &rows).expect("page");
        assert_eq!([first, second, third].concat(), rows);
        assert_eq!(end, None);
        assert!(page(&ask(&key, "b", &token), &rows).is_err());
        assert!(page(&ask(&key, "a", "x"), &rows).is_err());
    }

    #[test]
    fn tricks_repeat_rows_and_tokens() {
        let key = hmac::Key::new(hmac::HMAC_SHA256, b"key");
        let rows: Vec<u32> = (0..10).collect();
        let trick = |trick, token| PageAsk { trick, ..ask(&key, "a", token) };
        let (first, token) = page(&trick(PageTrick::Duplicate, ""), &rows).expect("page");
        let token = token.expect("more");
        let (again, next) = page(&ask(&key, "a", &token), &rows).expect("page");
        assert_eq!(first, again);
        let next = next.expect("more");
        let (_, same) = page(&trick(PageTrick::RepeatToken, &next), &rows).expect("page");
        assert_eq!(same.as_deref(), Some(next.as_str()));
        let (none, token) = page(&trick(PageTrick::Empty, ""), &rows).expect("page");
        assert!(none.is_empty());
        let token = token.expect("more");
        let (first, _) = page(&trick(PageTrick::Empty, &token), &rows).expect("page");
        assert_eq!(first, [0, 1, 2, 3]);
    }
}
