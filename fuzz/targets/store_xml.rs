//! What an S3 store and AWS STS answer, XML or not.
#![no_main]

use fitsync::aws::{sts, xml};
use fitsync::core::exchange::Reply;
use fitsync::s3::{error, list};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: (u16, &[u8])| {
    let (status, body) = input;
    let reply = Reply { status: status % 600, headers: Vec::new(), body: body.to_vec() };
    let _ = error::read_error(&reply);
    for versions in [false, true] {
        let _ = list::read(&reply, versions);
    }
    let _ = (sts::read(&reply, "arn", "source"), sts::may_be_time(&reply));
    let text = xml::text(&reply);
    for name in ["Code", "Message", "Key"] {
        if let Some(inside) = xml::element(&text, name) {
            xml::unescape(inside);
        }
    }
    let shown = [xml::denial(&text), xml::code(&text).map(str::to_owned)];
    for shown in shown.into_iter().flatten() {
        assert!(!shown.chars().any(char::is_control), "{shown:?}");
    }
});
