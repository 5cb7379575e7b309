//! What a person pastes into a page or a terminal, and the callback's query.
#![no_main]

use fitsync::consent::oauth::{Callback, Paste};
use fitsync::portal::code::LinkKey;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    for callback in [Callback::from_paste(text), Callback::from_query(text)].into_iter().flatten() {
        if let Callback::Code { code, .. } = &callback
            && code.expose().len() > 8
        {
            assert!(!format!("{callback:?}").contains(code.expose()), "a code is shown");
        }
        if let Callback::Refused { error, .. } = &callback {
            assert!(!error.chars().any(char::is_control));
        }
    }
    let mut paste = Paste::default();
    for line in text.lines() {
        paste.line(line, 22);
    }
    if let Some(key) = LinkKey::parse(text) {
        assert_eq!(LinkKey::parse(key.as_str()), Some(key));
    }
});
