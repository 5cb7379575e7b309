use super::*;

fn credentials() -> Credentials {
    Credentials {
        access_key: "AKIDEXAMPLE".to_owned(),
        secret: Secret::new("secret"),
        session_token: None,
        expires_at: None,
    }
}

fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

fn body(request: &Request) -> String {
    String::from_utf8(request.body.clone()).unwrap()
}

fn reply(status: u16, body: &str) -> Reply {
    Reply { status, headers: Vec::new(), body: body.as_bytes().to_vec() }
}

const ROLE: &str = "arn:aws:iam::123456789012:role/pi";

#[test]
fn a_role_is_asked_for_in_its_region_with_everything_the_profile_says() {
    let settings = AwsSettings { region: Some("eu-west-1".to_owned()), ..AwsSettings::default() };
    let role = Role {
        role_arn: ROLE.to_owned(),
        external_id: Some("x=1&".to_owned()),
        session_name: Some("pi".to_owned()),
        duration_s: Some(900),
    };
    let request = assume_role(&settings, &role, &credentials(), at("2026-11-22T13:05:00Z"));
    assert_eq!(request.url, "https://sts.eu-west-1.amazonaws.com/");
    assert_eq!(
        body(&request),
        "Action=AssumeRole&Version=2011-06-15&RoleArn=arn%3Aaws%3Aiam%3A%3A123456789012%3Arole%2F\
         pi&RoleSessionName=pi&ExternalId=x%3D1%26&DurationSeconds=900"
    );
    let (_, authorization) = request.headers.last().unwrap();
    let start = "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20261122/eu-west-1/sts/aws4_request, \
                 SignedHeaders=content-type;host;x-amz-date, Signature=";
    assert!(authorization.starts_with(start), "{authorization}");
}

#[test]
fn without_a_region_the_global_address_is_asked() {
    let role = Role { role_arn: ROLE.to_owned(), ..Role::default() };
    let now = at("2026-11-22T13:05:00Z");
    let request = assume_role(&AwsSettings::default(), &role, &credentials(), now);
    assert_eq!(request.url, "https://sts.amazonaws.com/");
    assert!(body(&request).contains("RoleSessionName=fitsync"));
    let own = Some("http://127.0.0.1:4566/".to_owned());
    let settings = AwsSettings { sts_endpoint: own, ..AwsSettings::default() };
    let token = Secret::new("jwt");
    let request = assume_role_with_web_identity(&settings, ROLE, None, &token);
    assert_eq!(request.url, "http://127.0.0.1:4566/");
    assert!(request.headers.iter().all(|(name, _)| name != "authorization"));
    assert!(body(&request).ends_with("&WebIdentityToken=jwt"));
}

/// The reply in AWS's documentation of AssumeRole.
const ANSWER: &str = "<AssumeRoleResponse><AssumeRoleResult><AssumedRoleUser><Arn>x</Arn>
  </AssumedRoleUser><Credentials>
   <AccessKeyId>ASIAIOSFODNN7EXAMPLE</AccessKeyId>
   <SecretAccessKey>wJalrXUtnFEMI/K7MDENG/bPxRfiCYzEXAMPLEKEY</SecretAccessKey>
   <SessionToken>AQoDYXdzEPT//////////wEXAMPLE==</SessionToken>
   <Expiration>2026-11-22T14:05:00Z</Expiration>
  </Credentials></AssumeRoleResult></AssumeRoleResponse>";

#[test]
fn the_documented_reply_is_read() {
    let found = read(&reply(200, ANSWER), ROLE, "x").unwrap();
    assert_eq!(found.access_key, "ASIAIOSFODNN7EXAMPLE");
    assert_eq!(found.secret.expose(), "wJalrXUtnFEMI/K7MDENG/bPxRfiCYzEXAMPLEKEY");
    assert_eq!(found.session_token.unwrap().expose(), "AQoDYXdzEPT//////////wEXAMPLE==");
    assert_eq!(found.expires_at, Some(at("2026-11-22T14:05:00Z")));
}

#[test]
fn a_reply_without_any_one_of_its_parts_is_not_believed() {
    for part in ["AccessKeyId", "SecretAccessKey", "SessionToken", "Expiration"] {
        let cut = ANSWER.replace(part, "Other");
        assert_eq!(read(&reply(200, &cut), ROLE, "x").unwrap_err().class, ErrorClass::Network);
    }
    assert!(read(&reply(200, "<html>"), ROLE, "x").is_err());
}

#[test]
fn each_refusal_is_one_line_with_its_cure() {
    let denied = "<Message>User: arn:a is not authorized to perform: sts:AssumeRole on resource: \
                  arn:b</Message>";
    for (status, code, message, expected) in [
        (
            403,
            "AccessDenied",
            denied,
            "config: the keys may not assume arn:aws:iam::123456789012:role/pi (User: arn:a is not \
             authorized to perform: sts:AssumeRole on resource: arn:b): allow sts:AssumeRole, and \
             trust it in the role [HTTP 403 AccessDenied]",
        ),
        (
            403,
            "InvalidClientTokenId",
            "",
            "config: AWS does not know the access key of the keys: create a new key pair [HTTP 403 \
             InvalidClientTokenId]",
        ),
        (
            403,
            "SignatureDoesNotMatch",
            "",
            "config: the secret of the keys does not fit its access key: copy both again [HTTP 403 \
             SignatureDoesNotMatch]",
        ),
        (
            403,
            "SignatureDoesNotMatch",
            "<Message>Signature expired: 1 is now earlier than 2</Message>",
            "clock: AWS STS refuses the time of the request: set this machine's clock [HTTP 403 \
             SignatureDoesNotMatch]",
        ),
        (
            400,
            "ExpiredTokenException",
            "",
            "config: the session or token of the keys has ended: renew it [HTTP 400 \
             ExpiredTokenException]",
        ),
        (400, "Throttling", "", "quota: AWS STS asks for fewer requests [HTTP 400 Throttling]"),
        (500, "InternalFailure", "", "server: AWS STS is out of order [HTTP 500 InternalFailure]"),
    ] {
        let body = format!("<ErrorResponse><Error><Code>{code}</Code>{message}</Error>");
        let failure = read(&reply(status, &body), ROLE, "the keys").unwrap_err();
        assert_eq!(failure.to_string(), expected);
    }
}

#[test]
fn credentials_are_renewed_in_time_and_short_ones_not_all_the_time() {
    let now = at("2026-11-22T13:00:00Z");
    for (expires, renewed) in [
        ("2026-11-22T14:00:00Z", "2026-11-22T13:45:00Z"),
        ("2026-11-22T13:10:00Z", "2026-11-22T13:05:00Z"),
        ("2026-11-22T12:00:00Z", "2026-11-22T12:00:00Z"),
    ] {
        assert_eq!(renew_at(now, at(expires)), at(renewed));
    }
}
