use miniserde::json::{Object, Value};

use super::*;
use crate::aws::profile::ProfileFile;

/// What the shared cases expect and this program does not do, with the reason.
const SKIPPED: [(&str, &str); 6] = [
    ("SSO credentials profile selected", "SSO"),
    ("invalid SSO credentials configuration: missing account ID", "SSO"),
    ("invalid SSO credentials configuration: missing role name", "SSO"),
    ("invalid SSO token configuration: sso_region must be in sso-session", "SSO"),
    ("SSO token profile selected", "SSO"),
    ("invalid SSO token configuration: sso-session not found", "SSO"),
];

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

fn read(config: &str, credentials: &str) -> Profiles {
    let config = ProfileFile { path: "~/.aws/config", text: config };
    Profiles::read(config, ProfileFile { path: "~/.aws/credentials", text: credentials }).unwrap()
}

fn profiles_of(input: &Object) -> Profiles {
    let mut config = String::new();
    for (name, properties) in object(&input["profiles"]) {
        config += &format!("[profile {name}]\n");
        for (name, value) in object(properties) {
            config += &format!("{name} = {}\n", text(value));
        }
    }
    read(&config, "")
}

/// A chain in the form of the shared cases.
fn steps(chain: &Chain) -> Vec<String> {
    let optional = |name: &str, value: Option<&str>| {
        value.map(|value| format!(" {name}={value}")).unwrap_or_default()
    };
    let base = match &chain.base {
        Base::Keys(keys) => {
            format!("AccessKey {} {}", keys.access_key, keys.secret.expose())
        }
        Base::Process(command) => format!("Process {command}"),
        Base::WebIdentity { role_arn, token_file, session_name } => {
            let session = optional("role_session_name", session_name.as_deref());
            format!("WebIdentityToken {role_arn} {token_file}{session}")
        }
        Base::Metadata(_) => "NamedSource Ec2InstanceMetadata".to_owned(),
        Base::Container(_) => "NamedSource EcsContainer".to_owned(),
    };
    let roles = chain.roles.iter().map(|role| {
        let external = optional("external_id", role.external_id.as_deref());
        let session = optional("role_session_name", role.session_name.as_deref());
        format!("AssumeRole {}{external}{session}", role.role_arn)
    });
    std::iter::once(base).chain(roles).collect()
}

fn expected_steps(steps: &Value) -> Vec<String> {
    let Value::Array(steps) = steps else { panic!() };
    let step = |step: &Value| {
        let (kind, fields) = object(step).iter().next().unwrap();
        if kind == "NamedSource" {
            return format!("NamedSource {}", text(fields));
        }
        let fields = object(fields);
        let field = |name: &str| fields.get(name).map(text).unwrap_or_default();
        let optional = |name: &str| match fields.get(name) {
            Some(value) => format!(" {name}={}", text(value)),
            None => String::new(),
        };
        match kind.as_str() {
            // `account_id` is for services that need it; S3 does not.
            "AccessKey" => {
                format!("AccessKey {} {}", field("access_key_id"), field("secret_access_key"))
            }
            "AssumeRole" => {
                let (external, session) = (optional("external_id"), optional("role_session_name"));
                format!("AssumeRole {}{external}{session}", field("role_arn"))
            }
            "WebIdentityToken" => {
                let (role, file) = (field("role_arn"), field("web_identity_token_file"));
                format!("WebIdentityToken {role} {file}{}", optional("role_session_name"))
            }
            other => panic!("{other}"),
        }
    };
    steps.iter().map(step).collect()
}

#[test]
fn the_shared_cases_of_the_sdks_hold_but_for_browsers() {
    let json = include_str!("../../tests/data/aws/assume-role-tests.json");
    let Value::Array(cases) = miniserde::json::from_str(json).unwrap() else { panic!() };
    let (mut passed, mut skipped) = (0, 0);
    for case in &cases {
        let case = object(case);
        let (name, input) = (text(&case["docs"]), object(&case["input"]));
        let selected = text(&input["selected_profile"]);
        let environment = Environment::of(&[("AWS_PROFILE", selected)]);
        let found = resolve(&environment, &profiles_of(input));
        if SKIPPED.iter().any(|(known, _)| *known == name) {
            let what = found.unwrap_err().what;
            assert!(what.contains("credential_process = aws configure"), "{name}: {what}");
            skipped += 1;
            continue;
        }
        let output = object(&case["output"]);
        match output.get("Error") {
            Some(expected) => {
                let what = found.unwrap_err().what;
                assert!(what.contains(text(expected)), "{name}: {what}");
            }
            None => {
                assert_eq!(
                    steps(&found.unwrap()),
                    expected_steps(&output["ProfileChain"]),
                    "{name}"
                );
            }
        }
        passed += 1;
    }
    assert_eq!((passed, skipped), (22, SKIPPED.len()));
    assert_eq!(cases.len(), 28);
}

const CLINIC: &str = "[profile clinic]\ncredential_process = /opt/get-keys --for study\n";

#[test]
fn keys_of_the_environment_come_first_and_an_unused_profile_is_mentioned() {
    let environment = Environment::of(&[
        ("AWS_ACCESS_KEY_ID", "AKID"),
        ("AWS_SECRET_ACCESS_KEY", "secret"),
        ("AWS_SESSION_TOKEN", "token"),
        ("AWS_PROFILE", "clinic"),
    ]);
    let chain = resolve(&environment, &read(CLINIC, "")).unwrap();
    let Base::Keys(keys) = &chain.base else { panic!() };
    assert_eq!(keys.session_token.as_ref().map(Secret::expose), Some("token"));
    assert!(chain.warning.unwrap().contains("AWS_PROFILE=clinic"));
}

#[test]
fn half_a_key_pair_is_an_error_and_not_a_reason_to_look_elsewhere() {
    for name in ["AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"] {
        let environment = Environment::of(&[(name, "x"), ("AWS_PROFILE", "clinic")]);
        let what = resolve(&environment, &read(CLINIC, "")).unwrap_err().what;
        assert!(what.contains(&format!("{name} is set and")), "{what}");
    }
}

#[test]
fn a_profile_says_where_it_was_found() {
    let environment = Environment::of(&[("AWS_PROFILE", "clinic")]);
    let chain = resolve(&environment, &read(CLINIC, "")).unwrap();
    assert_eq!(chain.base, Base::Process("/opt/get-keys --for study".to_owned()));
    assert_eq!(chain.source, "AWS_PROFILE=clinic found in ~/.aws/config, credential_process");
    let both =
        read("[default]\nregion=x", "[default]\naws_access_key_id=a\naws_secret_access_key=b");
    assert_eq!(
        resolve(&Environment::default(), &both).unwrap().source,
        "profile default found in ~/.aws/config and ~/.aws/credentials, keys"
    );
}

#[test]
fn a_named_profile_that_is_missing_is_named_with_the_likely_slip() {
    let line = |name: &str, config: &str, credentials: &str| {
        let environment = Environment::of(&[("AWS_PROFILE", name)]);
        resolve(&environment, &read(config, credentials)).unwrap_err().to_string()
    };
    let other = "[profile other]\n";
    assert_eq!(
        line("clinic", other, ""),
        "config: profile clinic is not in ~/.aws/config or ~/.aws/credentials"
    );
    assert!(line("clinic", &format!("{other}[clinic]\n"), "").contains("written [profile clinic]"));
    assert!(line("clinic", other, "[profile clinic]\n").contains("written [clinic]"));
}

#[test]
fn nothing_configured_names_both_ways_in() {
    let failure = resolve(&Environment::default(), &read("", "")).unwrap_err();
    assert_eq!(failure.class, ErrorClass::Config);
    for part in ["AWS_ACCESS_KEY_ID", "~/.aws/config", "AWS_PROFILE", "credential_process"] {
        assert!(failure.what.contains(part), "{}", failure.what);
    }
}

#[test]
fn a_profile_without_credentials_lets_the_search_go_on() {
    let environment = Environment::of(&[
        ("AWS_PROFILE", "a"),
        ("AWS_WEB_IDENTITY_TOKEN_FILE", "~/token"),
        ("AWS_ROLE_ARN", "arn:role"),
        ("HOME", "/home/pi"),
    ]);
    let chain = resolve(&environment, &read("[profile a]\nregion = eu-west-1\n", "")).unwrap();
    assert_eq!(steps(&chain), ["WebIdentityToken arn:role /home/pi/token"]);
    let environment = Environment::of(&[("AWS_WEB_IDENTITY_TOKEN_FILE", "/t")]);
    assert!(resolve(&environment, &read("", "")).unwrap_err().what.contains("AWS_ROLE_ARN"));
}

#[test]
fn a_role_whose_source_is_empty_ends_the_search() {
    let environment =
        Environment::of(&[("AWS_WEB_IDENTITY_TOKEN_FILE", "/t"), ("AWS_ROLE_ARN", "arn:role")]);
    let config = "[default]\nrole_arn = r\nsource_profile = b\n[profile b]\nregion = x\n";
    let failure = resolve(&environment, &read(config, "")).unwrap_err();
    assert!(failure.what.contains("profile `b` did not contain"), "{failure}");
}

#[test]
fn what_needs_a_browser_is_refused_with_the_cure() {
    let of_default = |config: &str| resolve(&Environment::default(), &read(config, ""));
    let refusals = [
        of_default("[default]\nlogin_session = arn\n"),
        of_default("[default]\nsso_session = x\n"),
    ];
    for refusal in refusals {
        let failure = refusal.unwrap_err();
        assert_eq!(failure.class, ErrorClass::Config);
        assert!(failure.what.contains("credential_process = aws configure"), "{failure}");
    }
}

#[test]
fn a_code_that_somebody_types_is_refused_without_naming_the_same_profile_as_its_cure() {
    let config = "[default]\nrole_arn = r\nsource_profile = b\nmfa_serial = m\n[profile b]\n";
    let failure = resolve(&Environment::default(), &read(config, "")).unwrap_err();
    assert!(failure.what.contains("mfa_serial") && !failure.what.contains("--profile"));
}

#[test]
fn the_place_where_the_program_runs_comes_last() {
    let full = ("AWS_CONTAINER_CREDENTIALS_FULL_URI", "http://169.254.170.23/x");
    let container = resolve(&Environment::of(&[full]), &read("", "")).unwrap();
    assert!(matches!(container.base, Base::Container(_)), "{container:?}");
    let on_ec2 = |pairs: &[(&str, &str)]| {
        let environment = Environment::of(pairs).on_ec2(true);
        resolve(&environment, &read("", "")).map(|chain| chain.base)
    };
    let metadata = Base::Metadata("http://169.254.169.254".to_owned());
    assert_eq!(on_ec2(&[]).unwrap(), metadata);
    assert!(matches!(on_ec2(&[full]).unwrap(), Base::Container(_)));
    let keys = [("AWS_ACCESS_KEY_ID", "k"), ("AWS_SECRET_ACCESS_KEY", "s")];
    assert!(matches!(on_ec2(&keys).unwrap(), Base::Keys(_)));
    assert!(on_ec2(&[("AWS_EC2_METADATA_DISABLED", "true")]).is_err());
    // Elsewhere nobody is asked unless a profile says so.
    assert!(resolve(&Environment::default(), &read("", "")).is_err());
    let named = "[default]\nrole_arn = r\ncredential_source = EcsContainer\n";
    let failure = resolve(&Environment::default(), &read(named, "")).unwrap_err();
    assert!(failure.what.contains("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI"), "{failure}");
}

#[test]
fn a_process_beside_sso_is_used() {
    let config = "[default]\nsso_session = x\ncredential_process = get\n";
    let chain = resolve(&Environment::default(), &read(config, "")).unwrap();
    assert_eq!(chain.base, Base::Process("get".to_owned()));
}

#[test]
fn a_role_keeps_its_duration_and_a_wrong_one_is_refused() {
    let config = |seconds: &str| {
        format!(
            "[default]\nrole_arn = arn:r\nsource_profile = b\nduration_seconds = {seconds}\n\
             [profile b]\naws_access_key_id = k\naws_secret_access_key = s\n"
        )
    };
    let chain = resolve(&Environment::default(), &read(&config("1800"), "")).unwrap();
    assert_eq!(chain.roles[0].duration_s, Some(1800));
    for wrong in ["60", "43201", "an hour"] {
        let failure = resolve(&Environment::default(), &read(&config(wrong), "")).unwrap_err();
        assert!(failure.what.contains("900 to 43200"), "{failure}");
    }
}

#[test]
fn a_role_can_start_from_the_environment() {
    let config = "[profile a]\nrole_arn = arn:r\ncredential_source = Environment\n";
    let profiles = read(config, "");
    let environment = Environment::of(&[("AWS_PROFILE", "a")]);
    let failure = resolve(&environment, &profiles).unwrap_err();
    assert!(failure.what.contains("AWS_ACCESS_KEY_ID is not set"), "{failure}");
    let environment = Environment::of(&[
        ("AWS_PROFILE", "a"),
        ("AWS_ACCESS_KEY_ID", "k"),
        ("AWS_SECRET_ACCESS_KEY", "s"),
    ]);
    let chain = of_profile(&environment, &profiles).unwrap();
    assert_eq!(steps(&chain), ["AccessKey k s", "AssumeRole arn:r"]);
}

#[test]
fn no_chain_prints_a_secret() {
    let credentials = "[default]\naws_access_key_id = k\naws_secret_access_key = s3cret\n";
    let chain = resolve(&Environment::default(), &read("", credentials)).unwrap();
    assert!(!format!("{chain:?}").contains("s3cret"));
}
