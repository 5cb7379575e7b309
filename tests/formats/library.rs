//! The program's own readers and writers of its files. All that these tests know of the library
//! stands here.

use fitsync::consent::token::Token;
use fitsync::consent::withdrawal::Withdrawal;
use fitsync::core::error::Secret;
use fitsync::ledger::completeness;
use fitsync::ledger::entry::Month;
use fitsync::ledger::head::Head;
use fitsync::portal::access::PasswordFile;

/// A kind of file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    /// Also the one before (`.prev`).
    Token,
    /// The consent of before a move, until it is known to be gone.
    Former,
    Head,
    Month,
    Withdrawal,
    Password,
    Completeness,
}

/// Reads a file as the program does, and writes what was read; `None` where it cannot be read.
pub fn rewritten(kind: Kind, text: &str) -> Option<String> {
    match kind {
        Kind::Token => Token::parse(text).ok().map(|token| token.to_json()),
        Kind::Former => Token::salvage(text).map(|token| token.to_json()),
        Kind::Head => stored::<Head>(text),
        Kind::Month => stored::<Month>(text),
        Kind::Withdrawal => Withdrawal::parse(text.as_bytes()).ok().map(|one| one.to_json()),
        Kind::Password => PasswordFile::parse(text).ok().map(|file| file.to_json()),
        Kind::Completeness => {
            let mut writer = csv::Writer::from_writer(Vec::new());
            for row in completeness::read(text.as_bytes()).ok()? {
                writer.serialize(row).ok()?;
            }
            String::from_utf8(writer.into_inner().ok()?).ok()
        }
    }
}

fn stored<T: miniserde::Serialize + miniserde::Deserialize>(text: &str) -> Option<String> {
    miniserde::json::from_str::<T>(text).ok().map(|read| miniserde::json::to_string(&read))
}

/// Whether the operator gets in with this password.
pub fn accepts(password_file: &str, password: &str) -> bool {
    PasswordFile::parse(password_file).is_ok_and(|file| file.accepts(&Secret::new(password)))
}
