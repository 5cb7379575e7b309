//! Which metrics a participant was told of: only those may be read. Pure.

use crate::consent::token::Token;
use crate::ledger::head::Head;

/// The metrics that a participant's sign-in named.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Told(Option<Vec<String>>);

impl Told {
    /// Whatever the settings name: the study's own consent form covers it, or nothing is known of
    /// the participant yet.
    pub const ALL: Self = Self(None);

    /// What the token says; one that says nothing (of version 1, of the seed) was told what its
    /// ledger knows as granted, also where the provider refuses it by now.
    pub fn of(token: Option<&Token>, head: &Head) -> Self {
        let written = token.and_then(|token| token.told_metrics.clone());
        let known = || head.granted.iter().chain(&head.refused).cloned().collect::<Vec<_>>();
        Self(written.or_else(|| Some(known()).filter(|names| !names.is_empty())))
    }

    pub fn covers(&self, metric: &str) -> bool {
        self.0.as_ref().is_none_or(|names| names.iter().any(|name| name == metric))
    }

    /// The names, with those of `more` that are not among them; of [`Told::ALL`] just those.
    #[must_use]
    pub fn with<'a>(self, more: impl Iterator<Item = &'a str>) -> Vec<String> {
        let mut names = self.0.unwrap_or_default();
        for name in more {
            if !names.iter().any(|known| known == name) {
                names.push(name.to_owned());
            }
        }
        names
    }

    /// The names, where they are known.
    pub fn names(&self) -> Option<&[String]> {
        self.0.as_deref()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_that_says_nothing_was_told_what_its_ledger_knows() {
        let names = |told: &Told| told.names().map(<[String]>::to_vec);
        let owned = |names: &[&str]| names.iter().map(|&name| name.to_owned()).collect::<Vec<_>>();
        let (granted, refused) = (owned(&["steps"]), owned(&["azm"]));
        let head = Head { granted, refused, ..Head::default() };
        let known = Told::of(None, &head);
        assert_eq!(names(&known), Some(owned(&["steps", "azm"])));
        assert!(known.covers("azm") && !known.covers("hrv"));
        assert_eq!(Told::of(None, &Head::default()), Told::ALL);
        assert!(Told::ALL.covers("hrv"));
        assert_eq!(known.with(["hrv", "azm"].into_iter()), ["steps", "azm", "hrv"]);
        assert_eq!(Told::ALL.with(["hrv"].into_iter()), ["hrv"]);

        let text = r#"{"refresh_token":"r","told_metrics":"hrv"}"#;
        let token = Token::parse(text).unwrap();
        assert_eq!(names(&Told::of(Some(&token), &head)), Some(owned(&["hrv"])));
        let none = Token::parse(r#"{"refresh_token":"r","told_metrics":""}"#).unwrap();
        assert!(!Told::of(Some(&none), &head).covers("steps"), "told of nothing");
        let again = Token::parse(&none.to_json()).unwrap();
        assert_eq!(again.told_metrics, Some(Vec::new()));
    }
}
