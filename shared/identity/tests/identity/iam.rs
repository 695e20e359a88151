//! Roles and users of AWS, over a stand-in for its token service.

use crate::server::{Answer, Server};
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use config::{ProcessEnv, load};
use domain::{Secret, Timestamp, role::Role};
use identity::{Tokens, Unavailable};
use providers::Dialer;
use serde_json::json;

const SIGNED: &str = "2026-11-21T10:00:00Z";

fn at(secs: u64) -> Timestamp {
    Timestamp::parse_rfc3339(SIGNED).unwrap().plus_secs(secs)
}

fn caller(arn: &str) -> Answer {
    let result = json!({ "Account": "123456789012", "Arn": arn, "UserId": "AROA:x" });
    Answer::ok(json!({ "GetCallerIdentityResponse": { "GetCallerIdentityResult": result } }).to_string())
}

/// A question as `boto3` presigns it, with a signature that only the service could judge.
fn token(signature: char) -> Secret {
    let url = format!(
        "https://sts.eu-west-2.amazonaws.com/?Action=GetCallerIdentity&Version=2011-06-15&X-Amz-Algorithm=AWS4-HMAC-SHA256\
         &X-Amz-Credential=ASIAEXAMPLE0123456%2F20261121%2Feu-west-2%2Fsts%2Faws4_request&X-Amz-Date=20261121T100000Z\
         &X-Amz-Expires=900&X-Amz-SignedHeaders=host%3Bx-gw-audience&X-Amz-Security-Token=IQoJ%2B%2F%3D&X-Amz-Signature={}",
        signature.to_string().repeat(64)
    );
    Secret::new(format!("gwiam.{}", URL_SAFE_NO_PAD.encode(url)))
}

async fn world(answer: Answer) -> (Server, Tokens) {
    let server = Server::start(answer).await;
    let text = format!(
        "egress: {{ allow: [\"{0}\"] }}
identity:
  iam:
    audience: portunus.example.com
    sts_endpoint: http://{0}
    principals:
      - {{ arn: \"arn:aws:iam::123456789012:role/app-*\", team: apps, models: [\"*\"] }}
      - {{ arn: \"arn:aws:iam::123456789012:user/ann\", user: ann, role: owner }}
",
        server.address
    );
    let config = load("p.yaml", &text, &ProcessEnv).unwrap();
    let tokens = Tokens::new(&config.identity, &Dialer::new(&config.egress).unwrap());
    (server, tokens)
}

#[tokio::test]
async fn a_role_proves_itself_and_is_asked_about_once() {
    let (server, tokens) = world(caller("arn:aws:sts::123456789012:assumed-role/app-a/i-0abc")).await;
    assert!(
        tokens.takes(&token('a'))
            && !tokens.takes(&Secret::new("sk-ptn-x"))
            && !tokens.takes(&Secret::new("eyJ.eyJ.x"))
    );
    let found = tokens.verify(&token('a'), at(1)).await.unwrap().unwrap();
    assert_eq!((found.key.team_id.as_deref(), found.is_mapped, found.roles.len()), (Some("apps"), true, 0));
    assert_eq!(found.key.user_id.as_deref(), Some("arn:aws:iam::123456789012:role/app-a"));
    assert_eq!(found.key.expires_at, Some(at(900)));
    assert!(tokens.verify(&token('a'), at(899)).await.unwrap().is_some());
    assert_eq!(server.heads().len(), 1);
    assert!(tokens.verify(&token('a'), at(900)).await.unwrap().is_none(), "expired");
    assert!(tokens.verify(&token('b'), at(1)).await.unwrap().is_some());
    assert_eq!(server.heads().len(), 2, "another token is another question");
}

#[tokio::test]
async fn e1_the_question_names_this_gateway_and_the_host_that_was_signed() {
    let (server, tokens) = world(caller("arn:aws:iam::123456789012:user/ann")).await;
    let found = tokens.verify(&token('a'), at(1)).await.unwrap().unwrap();
    assert_eq!((found.roles.as_slice(), found.key.user_id.as_deref()), ([Role::Owner].as_slice(), Some("ann")));
    let head = server.heads().remove(0).to_ascii_lowercase();
    assert!(head.starts_with("get /?action=getcalleridentity&version=2011-06-15&"), "{head}");
    assert_eq!(head.matches("\r\nhost: ").count(), 1, "{head}");
    for line in [
        "host: sts.eu-west-2.amazonaws.com\r\n",
        "x-gw-audience: portunus.example.com\r\n",
        "accept: application/json\r\n",
    ] {
        assert!(head.contains(line), "{head}");
    }
    assert!(head.contains("x-amz-security-token=iqoj%2b%2f%3d&"), "{head}");
}

#[tokio::test]
async fn j5_a_principal_that_no_entry_names_is_nobody() {
    for arn in [
        "arn:aws:sts::999999999999:assumed-role/app-a/x",
        "arn:aws:iam::123456789012:role/other",
        "arn:aws:iam::123456789012:root",
    ] {
        let (_server, tokens) = world(caller(arn)).await;
        assert!(tokens.verify(&token('a'), at(1)).await.unwrap().is_none(), "{arn}");
    }
}

#[tokio::test]
async fn what_the_service_refuses_proves_nothing() {
    for status in [400, 403] {
        let (_server, tokens) = world(Answer::status(status)).await;
        assert!(tokens.verify(&token('a'), at(1)).await.unwrap().is_none(), "{status}");
    }
}

#[tokio::test]
async fn r3_a_service_that_does_not_say_is_an_error_and_no_identity() {
    for answer in [
        Answer::status(500),
        Answer::status(302),
        Answer::status(429),
        Answer::ok("<xml/>"),
        Answer::ok("{}"),
        caller("nobody"),
        Answer::ok("a".repeat(20 << 10)),
    ] {
        let (_server, tokens) = world(answer).await;
        assert_eq!(tokens.verify(&token('a'), at(1)).await.err(), Some(Unavailable));
    }
}

#[tokio::test]
async fn e1_another_host_is_never_asked() {
    let (server, tokens) = world(caller("arn:aws:iam::123456789012:user/ann")).await;
    let url = format!("http://{}/?Action=GetCallerIdentity", server.address);
    for text in
        [url, "https://evil.example/?Action=GetCallerIdentity".to_owned(), "not a url".to_owned(), String::new()]
    {
        let token = Secret::new(format!("gwiam.{}", URL_SAFE_NO_PAD.encode(text)));
        assert!(tokens.verify(&token, at(1)).await.unwrap().is_none());
    }
    assert_eq!(server.heads().len(), 0);
}

#[test]
fn what_could_be_a_token_is_told_by_its_shape_and_what_is_judged_by_configuration() {
    let (jwt, key) = (Secret::new("eyJ.eyJ.x"), Secret::new("sk-ptn-x"));
    assert!(Tokens::could_take(&token('a')) && Tokens::could_take(&jwt) && !Tokens::could_take(&key));
    let text = "identity:
  iam:
    audience: portunus.example.com
    principals: [{ arn: \"arn:aws:iam::123456789012:user/ann\", user: ann, models: [\"*\"] }]
";
    let tokens = Tokens::under(&load("p.yaml", text, &ProcessEnv).unwrap());
    assert!(tokens.takes(&token('a')) && !tokens.takes(&jwt));
}
