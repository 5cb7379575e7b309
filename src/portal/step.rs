//! What is to be done with a visit, and what the pages need from the rest of the program.

use std::time::Duration;

use crate::consent::oauth::Callback;
use crate::core::error::{Result, Secret};
use crate::core::user::UserId;
use crate::portal::access::PasswordFile;
use crate::portal::code::LinkKey;
use crate::portal::pages::operator::Filter;
use crate::portal::pages::page::Page;
use crate::portal::queue::{Rank, Sender};
use crate::portal::sign_ins::{Attempt, Facts};

/// What the desk needs from the rest of the program.
pub trait Office {
    /// A new attempt at the provider: state, verifier, address. Refused for an id that withdrew.
    fn attempt(&self, user: &UserId) -> Result<Attempt>;
    /// What this participant is told before approving.
    fn facts(&self, user: &UserId) -> Result<Facts>;
    /// The text of the operator's password file; `None` where no password was set.
    fn password(&self) -> Option<String> {
        None
    }
    /// Uses up a one-time link of the operator; `false` where it was used or has ended.
    fn use_link(&self, _key: &LinkKey) -> bool {
        false
    }
    /// Whether a sync works on this participant.
    fn is_synced(&self, _user: &UserId) -> bool {
        true
    }
    /// The address of these pages for other machines of the network.
    fn base(&self) -> Option<String> {
        None
    }
}

/// What is to be done with a visit.
#[derive(Debug)]
pub enum Step {
    Answer(Page),
    /// A wrong guess, which its sender is answered after a while.
    Held {
        page: Page,
        wait: Duration,
    },
    /// The provider's answer arrived; the attempt is used up. The visit is answered by whoever
    /// exchanges the code.
    Came {
        ticket: u64,
        callback: Callback,
        attempt: Attempt,
    },
    /// The device was another one: the account is to be let go.
    TakeBack {
        ticket: u64,
    },
    /// A password to be checked, which takes a second; then [`Desk::password_checked`].
    Password {
        password: Secret,
        file: PasswordFile,
        rank: Rank,
        sender: Sender,
    },
    /// A page of the operator, made from the files; `token` is for its forms.
    Show {
        shown: Shown,
        token: String,
    },
}

/// A page that is made from the files, elsewhere.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Shown {
    List(Filter),
    Participant(UserId),
}
