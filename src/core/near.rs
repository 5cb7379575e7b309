//! Names that were nearly meant.

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
    fn a_slip_or_two_is_near() {
        assert!(is_near("eu-wset-1", "eu-west-1") && is_near("abc", "abc"));
        assert!(!is_near("eu-west-1", "us-east-1") && !is_near("", "abc"));
    }
}
