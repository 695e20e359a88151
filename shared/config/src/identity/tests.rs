//! What may be said about identities, and what is said when it is wrong.

use crate::{Lookup, identity::jwt::Algorithm, load};
use domain::{Secret, role::Role};

struct Nothing;

impl Lookup for Nothing {
    fn env(&self, _: &str) -> Option<String> {
        None
    }

    fn secret(&self, _: &str, _: Option<&str>) -> Option<Secret> {
        None
    }
}

fn problems(text: &str) -> Vec<String> {
    load("p.yaml", text, &Nothing).unwrap_err().iter().map(ToString::to_string).collect()
}

const WHOLE: &str = "
identity:
  jwt:
    - issuer: https://login.example.com/
      audience: portunus
      jwks_url: https://login.example.com/keys
      algorithms: [RS256, EdDSA]
      claims: { user: email, team: team, organization: org.id, project: project, roles: groups }
      roles: { gateway-admins: admin, controllers: finance }
      models: [gpt-4o, claude-*]
  iam:
    audience: portunus.example.com
    principals:
      - { arn: \"arn:aws:iam::123456789012:role/app-*\", team: apps, models: [\"*\"] }
      - { arn: \"arn:aws:sts::123456789012:assumed-role/ops/ann\", user: ann, role: owner }
";

#[test]
fn issuers_and_principals_are_read_as_written() {
    let identity = load("p.yaml", WHOLE, &Nothing).unwrap().identity;
    let [issuer] = identity.jwt.as_slice() else { panic!("{:?}", identity.jwt) };
    assert_eq!((issuer.issuer.as_str(), issuer.audience.as_str()), ("https://login.example.com/", "portunus"));
    assert_eq!(issuer.algorithms, [Algorithm::Rs256, Algorithm::EdDsa]);
    assert_eq!(issuer.roles, [("gateway-admins".to_owned(), Role::Admin), ("controllers".to_owned(), Role::Finance)]);
    assert_eq!((issuer.claims.user.as_str(), issuer.claims.organization.as_deref()), ("email", Some("org.id")));
    let iam = identity.iam.unwrap();
    assert_eq!(iam.principals.iter().map(|p| p.role).collect::<Vec<_>>(), [None, Some(Role::Owner)]);
}

#[test]
fn j2_a_missing_issuer_audience_or_address_is_refused_at_start_up() {
    let text = "identity:\n  jwt:\n    - { algorithms: [ES256] }\n";
    let found = problems(text).join("\n");
    for missing in ["issuer is missing", "audience is missing", "jwks_url is missing"] {
        assert!(found.contains(missing), "{found}");
    }
    assert!(
        problems("identity:\n  jwt:\n    - { issuer: \"\", audience: a, jwks_url: \"https://x.example\" }\n")[0]
            .contains("issuer is empty")
    );
}

#[test]
fn j1_algorithms_that_share_a_secret_or_sign_nothing_are_unknown() {
    for name in ["none", "HS256", "RS512", "PS256", "rs256"] {
        let text = format!(
            "identity:\n  jwt:\n    - {{ issuer: i, audience: a, jwks_url: \"https://x.example/k\", algorithms: [{name}] }}\n"
        );
        assert!(problems(&text)[0].contains("allowed: RS256, ES256, EdDSA"), "{name}");
    }
}

#[test]
fn j4_keys_are_fetched_over_https_unless_the_operator_allows_the_address() {
    let text = |more: &str, url: &str| {
        format!("identity:\n  jwt:\n    - {{ issuer: i, audience: a, jwks_url: \"{url}\" }}\n{more}")
    };
    for url in ["http://login.example.com/keys", "https://127.0.0.1/keys", "https://10.0.0.1/keys"] {
        assert!(problems(&text("", url))[0].contains("egress.allow"), "{url}");
    }
    for url in ["https://u:p@x.example/k", "https://x.example/k?a=b", "file:///etc/passwd"] {
        assert!(problems(&text("", url))[0].contains("is not an address"), "{url}");
    }
    assert!(load("p.yaml", &text("egress: { allow: [\"127.0.0.1:9\"] }\n", "http://127.0.0.1:9/k"), &Nothing).is_ok());
}

#[test]
fn j5_a_role_that_does_not_exist_or_has_no_claim_is_refused() {
    let text = |claims: &str, role: &str| {
        format!(
            "identity:\n  jwt:\n    - {{ issuer: i, audience: a, jwks_url: \"https://x.example/k\", {claims} roles: {{ g: {role} }} }}\n"
        )
    };
    assert!(
        problems(&text("claims: { roles: groups },", "root"))[0].contains("is not a role, allowed: admin, auditor")
    );
    assert!(problems(&text("", "admin"))[0].contains("claims.roles does not say"));
}

#[test]
fn an_arn_without_its_account_is_refused() {
    for arn in [
        "*",
        "arn:aws:iam::*:role/x",
        "arn:aws:iam::123:role/x",
        "arn:aws:s3:::b",
        "arn:aws:iam::123456789012:",
        "arn:aws:iam::123456789012:*",
        "arn:aws:iam::123456789012:a*b",
    ] {
        let text = format!("identity:\n  iam: {{ audience: g, principals: [ {{ arn: \"{arn}\" }} ] }}\n");
        assert!(problems(&text).join("\n").contains("account written out"), "{arn}");
    }
}

#[test]
fn iam_without_an_audience_or_anybody_to_let_in_is_refused() {
    let found = problems("identity:\n  iam: { principals: [] }\n").join("\n");
    assert!(found.contains("audience is missing") && found.contains("names nobody"), "{found}");
}

#[test]
fn one_issuer_and_audience_stand_in_one_entry() {
    let entry = "    - { issuer: i, audience: a, jwks_url: \"https://x.example/k\" }\n";
    assert!(problems(&format!("identity:\n  jwt:\n{entry}{entry}"))[0].contains("once is allowed"));
}
