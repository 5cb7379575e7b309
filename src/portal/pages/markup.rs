//! Small pieces of HTML.

/// Text as HTML, for elements and for quoted attributes.
pub fn escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for letter in text.chars() {
        match letter {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            other => out.push(shown(other)),
        }
    }
    out
}

/// A letter as it may be shown: what is invisible, or turns the direction of what follows, is shown
/// as such.
pub fn shown(letter: char) -> char {
    match letter {
        '\u{0}'..='\u{1f}'
        | '\u{7f}'..='\u{9f}'
        | '\u{61c}'
        | '\u{200b}'..='\u{200f}'
        | '\u{2028}'..='\u{202e}'
        | '\u{2060}'..='\u{206f}'
        | '\u{feff}' => '\u{fffd}',
        other => other,
    }
}

/// A form of one button: `path` gets the token of the page.
pub fn button(path: &str, token: &str, class: &str, label: &str) -> String {
    format!(
        "<form method=\"post\" action=\"{}\">{}<button class=\"{class}\">{}</button></form>",
        escape(path),
        hidden(token),
        escape(label)
    )
}

/// The hidden field that ties a form to its page.
pub fn hidden(token: &str) -> String {
    format!("<input type=\"hidden\" name=\"token\" value=\"{}\">", escape(token))
}

/// Terms and what they mean; the meanings are markup.
pub fn list(rows: &[(&str, String)]) -> String {
    let rows = rows
        .iter()
        .map(|(term, meaning)| format!("<div><dt>{}</dt><dd>{meaning}</dd></div>", escape(term)));
    format!("<dl>{}</dl>", rows.collect::<String>())
}
