//! What is known of each day of a participant: as data, and on disk (`folder`, `remains`,
//! `retention`).

pub mod completeness;
pub mod entry;
pub mod folder;
pub mod head;
pub mod mark;
pub mod month;
pub mod overview;
pub mod rebuild;
pub mod remains;
pub mod retention;
pub mod sealing;
pub mod told;
