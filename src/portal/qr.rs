//! An address as a QR code: an inline SVG for pages, half blocks for terminals. Pure.

use qrcodegen::{QrCode, QrCodeEcc};

use crate::portal::page::escape;

/// Quiet zone that scanners need around the code.
const MARGIN: i32 = 4;

fn encode(address: &str) -> Option<QrCode> {
    QrCode::encode_text(address, QrCodeEcc::Medium).ok()
}

/// Black on white in light and dark: many scanners refuse the inverse.
pub fn svg(address: &str, label: &str) -> String {
    let Some(code) = encode(address) else { return String::new() };
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

/// Two modules per character; light modules are drawn, for terminals are mostly dark.
pub fn terminal(address: &str) -> String {
    let Some(code) = encode(address) else { return String::new() };
    let light = |x: i32, y: i32| !code.get_module(x, y);
    let range = -MARGIN / 2..code.size() + MARGIN / 2;
    let mut text = String::new();
    for y in range.clone().step_by(2) {
        for x in range.clone() {
            // Below an odd number of rows there is nothing: dark, like the terminal.
            let below = y + 1 < range.end && light(x, y + 1);
            text.push(match (light(x, y), below) {
                (true, true) => '█',
                (true, false) => '▀',
                (false, true) => '▄',
                (false, false) => ' ',
            });
        }
        text.push('\n');
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    const ADDRESS: &str = "http://192.168.1.20:8000/s/K7QM-3FXD";

    #[test]
    fn both_pictures_show_the_same_code() {
        let code = encode(ADDRESS).unwrap();
        let dark = (0..code.size()).flat_map(|y| (0..code.size()).map(move |x| (x, y)));
        let dark = dark.filter(|&(x, y)| code.get_module(x, y)).count();
        let svg = svg(ADDRESS, "a \"b\"");
        let runs = svg.split('h').filter_map(|part| part.split("v1").next()?.parse::<usize>().ok());
        assert_eq!(runs.sum::<usize>(), dark);
        assert!(svg.contains("aria-label=\"a &quot;b&quot;\""));
        let text = terminal(ADDRESS);
        let light: usize = text
            .chars()
            .map(|c| match c {
                '█' => 2,
                '▀' | '▄' => 1,
                _ => 0,
            })
            .sum();
        let side = usize::try_from(code.size() + MARGIN).unwrap();
        assert_eq!(side * side - light, dark);
    }

    #[test]
    fn what_fits_into_no_code_is_no_picture() {
        assert_eq!(svg(&"x".repeat(10_000), ""), "");
        assert_eq!(terminal(&"x".repeat(10_000)), "");
    }
}
