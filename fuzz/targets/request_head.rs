//! The head of an HTTP request, as any neighbour on the LAN may send it.
#![no_main]

use fitsync::portal::web::request::{HeadReading, read};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let HeadReading::Whole(head, body) = read(bytes) else { return };
    assert!(body <= bytes.len() && bytes[..body].ends_with(b"\r\n\r\n"));
    assert!(head.target.starts_with('/') && !head.host.is_empty());
    let texts = [&head.target, &head.host, &head.cookie, &head.content_type];
    assert!(texts.iter().all(|text| !text.chars().any(char::is_control)), "a header could be added");
    // However the bytes arrive, they mean the same.
    assert_eq!(read(&bytes[..body]), HeadReading::Whole(head, body));
    assert_eq!(read(&bytes[..body - 1]), HeadReading::More);
});
