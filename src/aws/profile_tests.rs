use miniserde::json::{Object, Value};

use super::*;

fn object(value: &Value) -> &Object {
    match value {
        Value::Object(object) => object,
        other => panic!("{other:?}"),
    }
}

fn text(value: &Value) -> &str {
    match value {
        Value::String(text) => text,
        other => panic!("{other:?}"),
    }
}

fn read(config: &str, credentials: &str) -> Result<Profiles> {
    let config = ProfileFile { path: "~/.aws/config", text: config };
    Profiles::read(config, ProfileFile { path: "~/.aws/credentials", text: credentials })
}

fn assert_sections<'a>(
    name: &str,
    found: impl Iterator<Item = (&'a String, &'a Section)>,
    expected: Option<&Value>,
) {
    let found: BTreeMap<_, _> = found.map(|(name, section)| (name.clone(), &section.0)).collect();
    let empty = Value::Object(Object::new());
    let expected = object(expected.unwrap_or(&empty));
    let names: Vec<_> = found.keys().collect();
    assert_eq!(names, expected.keys().collect::<Vec<_>>(), "{name}");
    for (section, properties) in expected {
        let expected: BTreeMap<_, _> =
            object(properties).iter().map(|(k, v)| (k.clone(), text(v).to_owned())).collect();
        assert_eq!(*found[section], expected, "{name}");
    }
}

#[test]
fn the_shared_cases_of_the_sdks_all_hold() {
    let json = include_str!("../../tests/data/aws/profile-parser-tests.json");
    let document: Value = miniserde::json::from_str(json).unwrap();
    let Value::Array(cases) = &object(&document)["tests"] else { panic!() };
    assert_eq!(cases.len(), 65);
    for case in cases {
        let case = object(case);
        let (name, input) = (text(&case["name"]), object(&case["input"]));
        let file = |name| input.get(name).map(text).unwrap_or_default();
        let found = read(file("configFile"), file("credentialsFile"));
        let output = object(&case["output"]);
        if let Some(expected) = output.get("errorContaining") {
            let what = found.unwrap_err().what;
            assert!(what.contains(text(expected)), "{name}: {what}");
            continue;
        }
        let (found, expected) = (found.unwrap(), object(&output["config"]));
        let profiles = found.profiles.iter().map(|(name, found)| (name, &found.properties));
        assert_sections(name, profiles, expected.get("profiles"));
        assert_sections(name, found.sso_sessions.iter(), expected.get("sso_sessions"));
    }
}

#[test]
fn an_error_names_file_and_line_and_no_value() {
    let failure = read("[default]\nregion = x\ns3cret value\n", "").unwrap_err();
    assert_eq!(
        failure.to_string(),
        "config: Expected an '=' sign defining a property (~/.aws/config, line 3)"
    );
}

#[test]
fn sub_properties_are_found_by_name() {
    let text = "[profile a]\ns3 =\n addressing_style = path\n Other=1\nregion = x\n";
    let found = read(text, "").unwrap();
    let properties = &found.profiles["a"].properties;
    assert_eq!(properties.sub("s3", "addressing_style"), Some("path"));
    assert_eq!(properties.sub("s3", "other"), Some("1"));
    assert_eq!(properties.sub("s3", "missing"), None);
    assert_eq!(properties.sub("region", "x"), None);
}

#[test]
fn services_are_sections_of_their_own() {
    let found = read("[services lan]\ns3 =\n endpoint_url = http://s3\n", "").unwrap();
    assert_eq!(found.services["lan"].sub("s3", "endpoint_url"), Some("http://s3"));
}

#[test]
fn files_from_windows_are_read_and_misplaced_sections_remembered() {
    let found = read("\u{feff}[default]\r\nregion=a\r\n[clinic]\r\nregion=b", "").unwrap();
    assert_eq!(found.profiles["default"].properties.get("region"), Some("a"));
    assert_eq!(found.profiles["default"].found_in, ["~/.aws/config"]);
    assert_eq!(found.misplaced, ["clinic"]);
}

#[test]
fn values_are_not_printed() {
    let found = read("", "[a]\naws_secret_access_key = s3cret\n").unwrap();
    assert!(!format!("{found:?}").contains("s3cret"));
}
