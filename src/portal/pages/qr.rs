//! An address as a QR code: an inline SVG for pages, half blocks for terminals. Pure.

use qrcodegen::{QrCode, QrCodeEcc};

use crate::portal::pages::markup::escape;

/// Quiet zone that scanners need around the code.
const MARGIN: i32 = 4;

/// Black on white in light and dark: many scanners refuse the inverse.
pub fn svg(address: &str, label: &str) -> String {
    let Ok(code) = QrCode::encode_text(address, QrCodeEcc::Medium) else { return String::new() };
    let mut dark = String::new();
    for y in 0..code.size() {
        let mut x = 0;
        while x < code.size() {
            let run = (x..code.size()).take_while(|&x| code.get_module(x, y)).count();
            let run = i32::try_from(run).unwrap_or(i32::MAX);
            if run > 0 {
                dark.push_str(&format!("M{} {}h{run}v1h-{run}z", x + MARGIN, y + MARGIN));
            }
            x += run.max(1);
        }
    }
    let size = code.size() + 2 * MARGIN;
    format!(
        "<svg class=\"qr\" viewBox=\"0 0 {size} {size}\" width=\"240\" height=\"240\" role=\"img\" \
         aria-label=\"{}\" shape-rendering=\"crispEdges\"><rect width=\"{size}\" \
         height=\"{size}\" fill=\"#fff\"/><path fill=\"#000\" d=\"{dark}\"/></svg>",
        escape(label)
    )
}

/// Two modules per character; colours are named, so that the code is black on white on terminals
/// of every colour. `None` where the text is too long.
pub fn terminal(address: &str) -> Option<String> {
    let code = QrCode::encode_text(address, QrCodeEcc::Low).ok()?;
    let light = |x: i32, y: i32| !code.get_module(x, y);
    let range = -MARGIN / 2..code.size() + MARGIN / 2;
    let mut text = String::new();
    for y in range.clone().step_by(2) {
        text.push_str(WHITE_ON_BLACK);
        for x in range.clone() {
            text.push(match (light(x, y), light(x, y + 1)) {
                (true, true) => '█',
                (true, false) => '▀',
                (false, true) => '▄',
                (false, false) => ' ',
            });
        }
        text.push_str("\u{1b}[0m\n");
    }
    Some(text)
}

/// Light modules are drawn in bright white, the rest is the black behind them.
const WHITE_ON_BLACK: &str = "\u{1b}[97;40m";

#[cfg(test)]
mod tests {
    use super::*;

    const ADDRESS: &str = "http://192.168.1.20:8000/s/K7QM-3FXD";

    fn dark_modules(ecc: QrCodeEcc) -> (usize, usize) {
        let code = QrCode::encode_text(ADDRESS, ecc).unwrap();
        let dark = (0..code.size()).flat_map(|y| (0..code.size()).map(move |x| (x, y)));
        let dark = dark.filter(|&(x, y)| code.get_module(x, y)).count();
        (dark, usize::try_from(code.size() + MARGIN).unwrap())
    }

    #[test]
    fn the_picture_of_a_page_holds_every_dark_module() {
        let svg = svg(ADDRESS, "a \"b\"");
        let runs = svg.split('h').filter_map(|part| part.split("v1").next()?.parse::<usize>().ok());
        assert_eq!(runs.sum::<usize>(), dark_modules(QrCodeEcc::Medium).0);
        assert!(svg.contains("aria-label=\"a &quot;b&quot;\""));
    }

    #[test]
    fn the_terminal_s_picture_holds_every_light_module() {
        let (dark, side) = dark_modules(QrCodeEcc::Low);
        let text = terminal(ADDRESS).unwrap();
        let light = text.chars().map(|letter| match letter {
            '█' => 2,
            '▀' | '▄' => 1,
            _ => 0,
        });
        // The half line below an odd number of lines is light too.
        assert_eq!(light.sum::<usize>(), side * (side + side % 2) - dark);
    }

    #[test]
    fn what_fits_into_no_code_is_no_picture() {
        assert_eq!(svg(&"x".repeat(10_000), ""), "");
        assert_eq!(terminal(&"x".repeat(10_000)), None);
    }
}
