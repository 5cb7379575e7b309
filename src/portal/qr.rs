//! QR codes: for a terminal, as half blocks.

use qrcodegen::{QrCode, QrCodeEcc};

/// The code as lines of text, light on dark terminals and dark on light ones; `None` if too long.
pub fn terminal(text: &str) -> Option<String> {
    let code = QrCode::encode_text(text, QrCodeEcc::Low).ok()?;
    let quiet = 2;
    let (from, to) = (-quiet, code.size() + quiet);
    let mut out = String::new();
    for y in (from..to).step_by(2) {
        for x in from..to {
            // Light modules are drawn, so that a dark terminal shows the code as it must be.
            out.push(match (code.get_module(x, y), code.get_module(x, y + 1)) {
                (false, false) => '█',
                (false, true) => '▀',
                (true, false) => '▄',
                (true, true) => ' ',
            });
        }
        out.push('\n');
    }
    Some(out)
}
