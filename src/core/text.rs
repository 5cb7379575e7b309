//! Texts of others, made fit to be shown; and names that were nearly meant.

/// Without control characters and those that turn the direction of a text around, runs of blanks
/// as one, at most so many characters. What a service, a program or a device says is shown so.
pub fn cleaned(text: &str, chars_max: usize) -> String {
    let words: Vec<&str> = text.split_whitespace().collect();
    words.join(" ").chars().filter(|c| !is_unseen(*c)).take(chars_max).collect()
}

/// Control characters, and those that change how other ones are shown
/// (<https://www.unicode.org/reports/tr9/>, section 2).
fn is_unseen(c: char) -> bool {
    let format = ['\u{ad}', '\u{61c}', '\u{feff}'].contains(&c);
    c.is_control()
        || format
        || ('\u{200b}'..='\u{200f}').contains(&c)
        || ('\u{2028}'..='\u{202e}').contains(&c)
        || ('\u{2060}'..='\u{206f}').contains(&c)
}

/// Whether two names differ by at most two typing errors.
pub fn is_near(one: &str, other: &str) -> bool {
    distance(one, other) <= 2
}

/// How many letters were put in, left out or changed.
fn distance(one: &str, other: &str) -> usize {
    let mut row: Vec<usize> = (0..=other.len()).collect();
    for (i, a) in one.bytes().enumerate() {
        let mut diagonal = i;
        let mut left = i + 1;
        for (b, cell) in other.bytes().zip(row.iter_mut().skip(1)) {
            let value = (diagonal + usize::from(a != b)).min(left + 1).min(*cell + 1);
            diagonal = std::mem::replace(cell, value);
            left = value;
        }
        if let Some(first) = row.first_mut() {
            *first = i + 1;
        }
    }
    row.last().copied().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_of_others_cannot_turn_the_line_around() {
        let text = "a\u{202e}b\r\n  c\u{0}\u{200b}\u{2066}\u{feff}d";
        assert_eq!(cleaned(text, 100), "ab cd");
        assert_eq!(cleaned("  long text", 4), "long");
    }

    #[test]
    fn a_slip_or_two_is_near() {
        assert!(is_near("eu-wset-1", "eu-west-1") && is_near("abc", "abc"));
        assert!(!is_near("eu-west-1", "us-east-1") && !is_near("", "abc"));
    }
}
