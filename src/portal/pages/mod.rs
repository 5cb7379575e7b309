//! The pages themselves: markup, texts, pictures.

pub mod chart;
pub mod day_text;
pub mod markup;
pub mod operator;
pub mod page;
pub mod qr;
pub mod sign_in;
pub mod text;
