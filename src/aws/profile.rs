//! The AWS profile files, `config` and `credentials`, read as the SDKs read them.
//!
//! The rules are those of the SDKs' shared test cases (`tests/data/aws/profile-parser-tests.json`):
//! comments, continuation lines, sub-properties, sections of one name in several places. What is
//! done with a profile is in `aws_chain.rs` and `aws_settings.rs`.

use std::collections::BTreeMap;
use std::fmt;

use crate::core::error::{ErrorClass, Failure, Result};

/// The text of one of the two files.
#[derive(Debug, Clone, Copy)]
pub struct ProfileFile<'a> {
    /// As it is shown: `~/.aws/config`.
    pub path: &'a str,
    pub text: &'a str,
}

/// The properties of one section. `Debug` shows the names alone: there are keys among the values.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Section(BTreeMap<String, String>);

impl Section {
    /// A property that is there and not blank. Names are in lower case.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(|value| value.trim()).filter(|value| !value.is_empty())
    }

    /// A property within a property: `addressing_style` of `s3 =`, on lines of its own.
    pub fn sub(&self, name: &str, sub_name: &str) -> Option<&str> {
        let properties = self.0.get(name)?.lines().filter_map(|line| line.split_once('='));
        let mut named = properties.filter(|(key, _)| key.trim().eq_ignore_ascii_case(sub_name));
        named.next_back().map(|(_, value)| value.trim()).filter(|value| !value.is_empty())
    }

    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.0.keys().map(String::as_str)
    }
}

impl fmt::Debug for Section {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_list().entries(self.0.keys()).finish()
    }
}

/// One profile, from both files.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Profile {
    pub properties: Section,
    /// The files it was found in, as they are shown.
    pub found_in: Vec<String>,
}

/// Everything that the two files say.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Profiles {
    pub profiles: BTreeMap<String, Profile>,
    pub sso_sessions: BTreeMap<String, Section>,
    pub services: BTreeMap<String, Section>,
    /// Where was looked.
    pub paths: Vec<String>,
    /// Names of sections that would be profiles in the other file: `[clinic]` in `config`.
    pub misplaced: Vec<String>,
}

impl Profiles {
    /// Where both files define a property, `credentials` wins.
    pub fn read(config: ProfileFile<'_>, credentials: ProfileFile<'_>) -> Result<Self> {
        let paths = vec![config.path.to_owned(), credentials.path.to_owned()];
        let mut profiles = Self { paths, ..Self::default() };
        let raw = sections(config)?;
        // `[profile default]` makes `[default]` void, wherever it stands.
        let prefixed =
            raw.iter().any(|raw| kind_in_config(&raw.header) == SectionKind::Profile(DEFAULT));
        for raw in raw {
            match kind_in_config(&raw.header) {
                SectionKind::BareDefault if !prefixed => profiles.add(DEFAULT, &raw, config.path),
                SectionKind::Profile(name) => profiles.add(name, &raw, config.path),
                SectionKind::SsoSession(name) => {
                    raw.merge_into(profiles.sso_sessions.entry(name.into()))
                }
                SectionKind::Services(name) => raw.merge_into(profiles.services.entry(name.into())),
                SectionKind::BareDefault | SectionKind::Unknown => {
                    profiles.misplaced.push(raw.header)
                }
            }
        }
        for raw in sections(credentials)? {
            match section_name(&raw.header) {
                Some(name) => profiles.add(name, &raw, credentials.path),
                None => profiles.misplaced.push(raw.header.clone()),
            }
        }
        Ok(profiles)
    }

    fn add(&mut self, name: &str, raw: &RawSection, path: &str) {
        let profile = self.profiles.entry(name.to_owned()).or_default();
        if profile.found_in.last().is_none_or(|last| last != path) {
            profile.found_in.push(path.to_owned());
        }
        raw.put_into(&mut profile.properties);
    }
}

const DEFAULT: &str = "default";
/// What the format counts as white space; other kinds belong to values.
const BLANK: [char; 2] = [' ', '\t'];
const COMMENT: [char; 2] = ['#', ';'];

/// What a section of `config` is.
#[derive(PartialEq, Eq)]
enum SectionKind<'a> {
    Profile(&'a str),
    BareDefault,
    SsoSession(&'a str),
    Services(&'a str),
    Unknown,
}

fn kind_in_config(header: &str) -> SectionKind<'_> {
    if header == DEFAULT {
        return SectionKind::BareDefault;
    }
    let Some((word, name)) = header.split_once(BLANK) else { return SectionKind::Unknown };
    let Some(name) = section_name(name.trim_matches(BLANK)) else { return SectionKind::Unknown };
    match word {
        "profile" => SectionKind::Profile(name),
        "sso-session" => SectionKind::SsoSession(name),
        "services" => SectionKind::Services(name),
        _ => SectionKind::Unknown,
    }
}

/// The name of a section: an identifier, or words between quotes, as `aws configure --profile
/// "my study"` writes them.
fn section_name(name: &str) -> Option<&str> {
    let inside = |quote: char| name.strip_prefix(quote)?.strip_suffix(quote);
    let is_words = |name: &&str| name.split(BLANK).all(is_identifier);
    let quoted = inside('\'').or_else(|| inside('"')).filter(is_words);
    quoted.or_else(|| is_identifier(name).then_some(name))
}

fn is_identifier(name: &str) -> bool {
    let fits = |c: char| c.is_ascii_alphanumeric() || "-/.%@_:+".contains(c);
    !name.is_empty() && name.chars().all(fits)
}

/// A section as it stands in a file.
struct RawSection {
    header: String,
    properties: Vec<(String, String)>,
}

impl RawSection {
    fn put_into(&self, section: &mut Section) {
        for (name, value) in self.properties.iter().filter(|(name, _)| is_identifier(name)) {
            section.0.insert(name.clone(), value.clone());
        }
    }

    fn merge_into(&self, entry: std::collections::btree_map::Entry<'_, String, Section>) {
        self.put_into(entry.or_default());
    }
}

/// The sections of a file in their order; the error names file and line, and quotes nothing.
fn sections(file: ProfileFile<'_>) -> Result<Vec<RawSection>> {
    let text = file.text.strip_prefix('\u{feff}').unwrap_or(file.text);
    let mut found: Vec<RawSection> = Vec::new();
    for (index, line) in text.lines().enumerate() {
        let refuse = |what: &str| {
            let place = format!("{}, line {}", file.path, index + 1);
            Failure::new(ErrorClass::Config, what).at(place)
        };
        if line.trim_matches(BLANK).is_empty() || line.starts_with(COMMENT) {
            continue;
        }
        if line.starts_with('[') {
            let header = header(line).map_err(refuse)?;
            found.push(RawSection { header, properties: Vec::new() });
            continue;
        }
        let Some(section) = found.last_mut() else {
            return Err(refuse("Expected a profile definition"));
        };
        if !line.starts_with(BLANK) {
            let line = without_comment(line, true);
            section
                .properties
                .push(property(line, "property", "Property").map_err(|w| refuse(&w))?);
            continue;
        }
        let Some((_, value)) = section.properties.last_mut() else {
            return Err(refuse("Expected a property definition, found continuation"));
        };
        let line = line.trim_matches(BLANK);
        // A property without a value of its own holds sub-properties.
        if value.is_empty() || value.starts_with('\n') {
            let line = without_comment(line, true);
            property(line, "sub-property", "Sub-property").map_err(|what| refuse(&what))?;
        }
        value.push('\n');
        value.push_str(line);
    }
    Ok(found)
}

fn header(line: &str) -> std::result::Result<String, &'static str> {
    let line = without_comment(line, false);
    let inner = line.strip_prefix('[').and_then(|line| line.strip_suffix(']'));
    let inner = inner.ok_or("Profile definition must end with ']'")?;
    Ok(inner.trim_matches(BLANK).to_owned())
}

fn property(
    line: &str,
    word: &str,
    capital: &str,
) -> std::result::Result<(String, String), String> {
    let pair = line.split_once('=');
    let (name, value) = pair.ok_or_else(|| format!("Expected an '=' sign defining a {word}"))?;
    let (name, value) = (name.trim_matches(BLANK), value.trim_matches(BLANK));
    if name.is_empty() {
        return Err(format!("{capital} did not have a name"));
    }
    Ok((name.to_ascii_lowercase(), value.to_owned()))
}

/// After a property a comment needs white space before it (keys may hold `#`), after `]` none.
fn without_comment(line: &str, needs_blank: bool) -> &str {
    let mut before = ' ';
    let start = line.char_indices().find_map(|(at, c)| {
        let starts = COMMENT.contains(&c) && (!needs_blank || BLANK.contains(&before));
        before = c;
        starts.then_some(at)
    });
    line.split_at(start.unwrap_or(line.len())).0.trim_matches(BLANK)
}

#[cfg(test)]
#[path = "profile_tests.rs"]
mod tests;
