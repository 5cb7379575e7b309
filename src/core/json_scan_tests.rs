use super::*;

#[test]
fn members_and_elements_are_found_without_a_tree() {
    let text = r#" {"a" : [ {"x":"]}\""}, 2 ,"t" ] , "b\u0041":{}, "n":null} "#;
    let found = members(text).unwrap();
    assert_eq!(found[1], ("bA".to_owned(), "{}".to_owned()));
    assert_eq!(found[2], ("n".to_owned(), "null".to_owned()));
    let parts = elements(&found[0].1).unwrap();
    assert_eq!(parts, [r#"{"x":"]}\""}"#, "2", r#""t""#]);
    assert!(elements("[ ]").unwrap().is_empty());
    assert!(members("{}").unwrap().is_empty());
}

#[test]
fn what_is_cut_or_not_json_is_an_error_and_never_empty() {
    let whole = r#"{"rows":[{"a":"1"},{"b":[1,2]}],"next":"t"}"#;
    for end in 0..whole.len() {
        assert!(members(&whole[..end]).is_err(), "{}", &whole[..end]);
    }
    for text in ["", "<html></html>", "[]", "null", "{} {}", "{\"a\" 1}", "{\"a\":}", "{,}"] {
        assert!(members(text).is_err(), "{text}");
    }
    for text in ["[1", "[1,", "[1 2]", "[,]", "{}", "[1}"] {
        assert!(elements(text).is_err(), "{text}");
    }
}

/// Gives a document a byte or a few at a time, and then an error.
struct Slow<'a> {
    rest: &'a [u8],
    step: usize,
    breaks: bool,
}

impl Read for Slow<'_> {
    fn read(&mut self, into: &mut [u8]) -> std::io::Result<usize> {
        if self.rest.is_empty() && self.breaks {
            return Err(std::io::ErrorKind::ConnectionReset.into());
        }
        let count = self.step.min(into.len()).min(self.rest.len());
        let (now, rest) = self.rest.split_at(count);
        into[..count].copy_from_slice(now);
        self.rest = rest;
        Ok(count)
    }
}

fn rows(source: impl Read) -> Result<Vec<String>> {
    let mut found = Vec::new();
    let mut document = Document::new(source);
    document.members(|document, name| match name {
        "rows" => document.elements(|index, raw| {
            assert_eq!(index, found.len());
            found.push(raw.to_owned());
            Ok(())
        }),
        _ => document.value().map(drop),
    })?;
    assert!(document.window.capacity() < 4 * 16 * 1024, "the whole document is in memory");
    Ok(found)
}

#[test]
fn a_long_document_is_read_piece_by_piece_whatever_the_pieces() {
    let row = |n: usize| format!(r#"{{"at":"ü{n}","text":"{}"}}"#, "]".repeat(n % 70));
    let all: Vec<String> = (0..5_000).map(row).collect();
    let text = format!(r#"{{"before":[[1],{{}}],"rows":[{}],"after":-12.5}}"#, all.join(" , "));
    for step in [1, 7, 4_096, usize::MAX] {
        let source = Slow { rest: text.as_bytes(), step, breaks: false };
        assert!(rows(source).unwrap() == all, "in steps of {step}");
    }
    for end in [10, text.len() / 2, text.len() - 1] {
        let source = Slow { rest: &text.as_bytes()[..end], step: 1_000, breaks: true };
        assert!(rows(source).is_err(), "broken off at {end}");
    }
}

#[test]
fn bytes_that_are_no_text_are_an_error() {
    assert!(rows(&b"{\"rows\":[\"\xff\"]}"[..]).is_err());
}
