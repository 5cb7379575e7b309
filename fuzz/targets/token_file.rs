//! A token file, as the old pipeline, a script or a power cut may have left it.
#![no_main]

use fitsync::consent::token::Token;
use fitsync::consent::window::Bounds;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    let _ = Token::salvage(text);
    let bounds = Bounds::of(&[text.to_owned()]);
    let Ok(token) = Token::parse(text) else { return };
    // Written and read again it is the same, and so is what may be asked.
    let written = token.to_json();
    let again = Token::parse(&written).expect("our own file");
    assert_eq!(again.to_json(), written);
    assert_eq!(again.window_unreadable, token.window_unreadable);
    assert_eq!(again.window(), token.window());
    if !token.window_unreadable && !bounds.doubtful {
        assert_eq!(bounds.dates(), (token.collect_from, token.collect_until));
    }
});
