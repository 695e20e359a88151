//! What a token must say, and how it must be signed.

use crate::{
    server::{Answer, Server},
    signer::{Signer, encode, mac_token},
};
use config::{ProcessEnv, load};
use domain::{Secret, Timestamp, role::Role};
use identity::{Identity, Tokens};
use providers::Dialer;
use serde_json::{Value, json};

pub const NOW: Timestamp = Timestamp::from_secs(1_800_000_000);

/// One issuer, its keys on a server, and the gateway's view of it.
pub struct World {
    pub server: Server,
    pub tokens: Tokens,
}

pub fn issuer(server: &Server, name: &str, algorithms: &str) -> String {
    format!(
        "    - {{ issuer: \"{name}\", audience: portunus, jwks_url: \"http://{}/keys\", algorithms: {algorithms}, \
         claims: {{ team: team, organization: org.id, roles: groups }}, \
         roles: {{ gw-admins: admin, controllers: finance }}, models: [gpt-4o] }}\n",
        server.address
    )
}

pub fn configured(server: &Server, entries: &str) -> Tokens {
    let text = format!("egress: {{ allow: [\"{}\"] }}\nidentity:\n  jwt:\n{entries}", server.address);
    let config = load("p.yaml", &text, &ProcessEnv).unwrap();
    Tokens::new(&config.identity, &Dialer::new(&config.egress).unwrap())
}

impl World {
    pub async fn of(keys: Value) -> Self {
        Self::accepting(keys, "[RS256, ES256, EdDSA]").await
    }

    pub async fn accepting(keys: Value, algorithms: &str) -> Self {
        let server = Server::start(Answer::ok(json!({ "keys": keys }).to_string())).await;
        let tokens = configured(&server, &issuer(&server, "https://issuer.example", algorithms));
        Self { server, tokens }
    }

    pub async fn identity(&self, token: &str) -> Option<Identity> {
        self.tokens.verify(&Secret::new(token), NOW).await.unwrap()
    }

    pub async fn refuses(&self, token: &str) -> bool {
        self.identity(token).await.is_none()
    }
}

pub fn header(signer: &Signer) -> Value {
    json!({ "alg": signer.alg(), "kid": "k1", "typ": "JWT" })
}

pub fn claims() -> Value {
    json!({ "iss": "https://issuer.example", "aud": "portunus", "sub": "ann", "iat": NOW.secs() - 10, "exp": NOW.secs() + 600 })
}

fn with(mut object: Value, name: &str, value: Value) -> Value {
    object[name] = value;
    object
}

fn without(mut object: Value, name: &str) -> Value {
    object.as_object_mut().unwrap().remove(name);
    object
}

#[tokio::test]
async fn j1_each_of_the_three_algorithms_proves_who_somebody_is() {
    for signer in [Signer::rsa(), Signer::ec(), Signer::ed()] {
        let world = World::of(json!([signer.jwk("k1")])).await;
        let found = world.identity(&signer.token(&header(&signer), &claims())).await.unwrap();
        assert_eq!((found.key.user_id.as_deref(), found.is_mapped), (Some("ann"), true), "{}", signer.alg());
        assert_eq!(found.key.expires_at, Some(Timestamp::from_secs(NOW.secs() + 600)));
    }
}

#[tokio::test]
async fn claims_say_team_and_organization_and_roles_are_mapped() {
    let signer = Signer::ed();
    let world = World::of(json!([signer.jwk("k1")])).await;
    let said = json!({ "team": "t1", "org": { "id": "o1" }, "groups": ["gw-admins", "controllers", "others"] });
    let mut all = claims();
    all.as_object_mut().unwrap().extend(said.as_object().unwrap().clone());
    let found = world.identity(&signer.token(&header(&signer), &all)).await.unwrap();
    assert_eq!((found.key.team_id.as_deref(), found.key.organization_id.as_deref()), (Some("t1"), Some("o1")));
    assert_eq!(found.roles, [Role::Admin, Role::Finance]);
}

#[tokio::test]
async fn j5_nothing_but_the_mapped_claims_gives_rights() {
    let signer = Signer::ed();
    let world = World::of(json!([signer.jwk("k1")])).await;
    let said = json!({ "role": "owner", "roles": ["owner", "admin"], "scope": "admin", "models": ["*"], "key_id": "key_x",
        "user_id": "root", "max_budget_usd": 9, "portunus_role": "owner", "groups": ["owner", "gw-admin", "GW-ADMINS"] });
    let mut all = claims();
    all.as_object_mut().unwrap().extend(said.as_object().unwrap().clone());
    let found = world.identity(&signer.token(&header(&signer), &all)).await.unwrap();
    let plain = world.identity(&signer.token(&header(&signer), &claims())).await.unwrap();
    assert_eq!((found.roles.as_slice(), found.key.as_ref()), ([].as_slice(), plain.key.as_ref()));
}

#[tokio::test]
async fn j1_unsigned_tokens_and_macs_under_the_public_key_are_refused() {
    let signer = Signer::rsa();
    let jwk = signer.jwk("k1");
    let world = World::of(json!([jwk])).await;
    for alg in ["none", "None", "NONE", "nOnE", ""] {
        let head = json!({ "alg": alg, "kid": "k1" });
        let signed = format!("{}.{}", encode(head.to_string()), encode(claims().to_string()));
        assert!(world.refuses(&format!("{signed}.")).await, "{alg}");
        assert!(world.refuses(&signer.token(&head, &claims())).await, "{alg}");
    }
    for alg in ["HS256", "HS512", "RS256", "ES256"] {
        let head = json!({ "alg": alg, "kid": "k1" });
        for secret in [jwk["n"].as_str().unwrap().as_bytes(), jwk.to_string().as_bytes(), b""] {
            assert!(world.refuses(&mac_token(secret, &head, &claims())).await, "{alg}");
        }
    }
}

#[tokio::test]
async fn j1_a_key_verifies_its_own_algorithm_only() {
    let (rsa, ec, ed) = (Signer::rsa(), Signer::ec(), Signer::ed());
    let world = World::of(json!([rsa.jwk("rsa"), ec.jwk("ec"), ed.jwk("ed")])).await;
    for (signer, own) in [(&rsa, "rsa"), (&ec, "ec"), (&ed, "ed")] {
        for kid in ["rsa", "ec", "ed"] {
            for alg in ["RS256", "ES256", "EdDSA", "RS512", "PS256"] {
                let token = signer.token(&json!({ "alg": alg, "kid": kid }), &claims());
                assert_eq!(!world.refuses(&token).await, kid == own && alg == signer.alg(), "{alg} {kid} {own}");
            }
        }
    }
}

#[tokio::test]
async fn j1_an_algorithm_that_the_issuer_does_not_use_is_refused() {
    let signer = Signer::ec();
    let world = World::accepting(json!([signer.jwk("k1")]), "[RS256, EdDSA]").await;
    assert!(world.refuses(&signer.token(&header(&signer), &claims())).await);
    assert_eq!(world.server.heads().len(), 0, "nobody was asked for keys");
}

#[tokio::test]
async fn j3_a_header_cannot_say_where_the_key_is() {
    let (ours, theirs) = (Signer::rsa(), Signer::other_rsa());
    let world = World::of(json!([ours.jwk("k1")])).await;
    let evil = Server::start(Answer::ok(json!({ "keys": [theirs.jwk("k1")] }).to_string())).await;
    let url = format!("http://{}/keys", evil.address);
    for (name, value) in [("jku", json!(url)), ("x5u", json!(url)), ("jwk", theirs.jwk("k1")), ("x5c", json!(["MIIB"]))]
    {
        let token = theirs.token(&with(header(&theirs), name, value.clone()), &claims());
        assert!(world.refuses(&token).await, "{name}");
        let ignored = ours.token(&with(header(&ours), name, value), &claims());
        assert!(!world.refuses(&ignored).await, "{name} of a good token is not read");
    }
    assert_eq!(evil.heads().len(), 0);
}

#[tokio::test]
async fn j3_a_key_name_is_required_and_extensions_are_refused() {
    let signer = Signer::ed();
    let world = World::of(json!([signer.jwk("k1")])).await;
    for head in [
        without(header(&signer), "kid"),
        with(header(&signer), "kid", json!("")),
        with(header(&signer), "kid", json!(7)),
        with(header(&signer), "kid", json!("k2")),
        with(header(&signer), "kid", json!("../k1")),
        with(header(&signer), "crit", json!(["exp"])),
        with(header(&signer), "crit", json!([])),
        with(header(&signer), "b64", json!(false)),
        with(header(&signer), "typ", json!("dpop+jwt")),
    ] {
        assert!(world.refuses(&signer.token(&head, &claims())).await, "{head}");
    }
    for typ in ["JWT", "jwt", "at+jwt"] {
        assert!(!world.refuses(&signer.token(&with(header(&signer), "typ", json!(typ)), &claims())).await, "{typ}");
    }
    assert!(!world.refuses(&signer.token(&without(header(&signer), "typ"), &claims())).await);
}

#[tokio::test]
async fn j2_issuer_and_audience_are_exact_and_mandatory() {
    let signer = Signer::ed();
    let world = World::of(json!([signer.jwk("k1")])).await;
    let token = |claims: &Value| signer.token(&header(&signer), claims);
    for iss in [
        json!("https://issuer.example/"),
        json!("HTTPS://issuer.example"),
        json!("https://issuer.exampl"),
        json!(["a", "https://issuer.example"]),
        json!(null),
    ] {
        assert!(world.refuses(&token(&with(claims(), "iss", iss.clone()))).await, "{iss}");
    }
    for aud in [
        json!("Portunus"),
        json!("portunus2"),
        json!(""),
        json!([]),
        json!(["other"]),
        json!({ "portunus": 1 }),
        json!([["portunus"]]),
        json!(null),
    ] {
        assert!(world.refuses(&token(&with(claims(), "aud", aud.clone()))).await, "{aud}");
    }
    for name in ["iss", "aud", "sub", "exp"] {
        assert!(world.refuses(&token(&without(claims(), name))).await, "{name}");
    }
    for aud in [json!(["portunus"]), json!(["other", "portunus"])] {
        assert!(!world.refuses(&token(&with(claims(), "aud", aud.clone()))).await, "{aud}");
    }
}

#[tokio::test]
async fn j2_lifetimes_are_kept_to() {
    let signer = Signer::ed();
    let world = World::of(json!([signer.jwk("k1")])).await;
    let now = NOW.secs();
    for (name, value, passes) in [
        ("exp", json!(now), false),
        ("exp", json!(now + 1), true),
        ("exp", json!(now - 60), false),
        ("exp", json!("9999999999"), false),
        ("exp", json!(-1), false),
        ("exp", json!(1e300), false),
        ("exp", json!(now - 10 + 86_400), true),
        ("exp", json!(now - 9 + 86_400), false),
        ("nbf", json!(now + 60), true),
        ("nbf", json!(now + 61), false),
        ("nbf", json!("0"), false),
        ("iat", json!(now + 60), true),
        ("iat", json!(now + 61), false),
        ("iat", json!(true), false),
    ] {
        let token = signer.token(&header(&signer), &with(claims(), name, value.clone()));
        assert_eq!(!world.refuses(&token).await, passes, "{name} {value}");
    }
    let forever = with(without(claims(), "iat"), "exp", json!(now + 86_401));
    assert!(world.refuses(&signer.token(&header(&signer), &forever)).await);
}

#[tokio::test]
async fn j2_a_huge_token_is_not_looked_at() {
    let signer = Signer::ed();
    let world = World::of(json!([signer.jwk("k1")])).await;
    let padded = |length: usize| signer.token(&header(&signer), &with(claims(), "pad", json!("a".repeat(length))));
    assert!(!world.refuses(&padded(5_000)).await);
    assert!(padded(6_200).len() > 8 << 10 && world.refuses(&padded(6_200)).await);
}

#[tokio::test]
async fn any_change_to_a_token_makes_it_nothing() {
    let signer = Signer::rsa();
    let world = World::of(json!([signer.jwk("k1")])).await;
    let token = signer.token(&header(&signer), &claims());
    assert!(!world.refuses(&token).await);
    for at in (0..token.len()).step_by(7) {
        let mut bytes = token.clone().into_bytes();
        bytes[at] = if bytes[at] == b'A' { b'B' } else { b'A' };
        assert!(world.refuses(&String::from_utf8(bytes).unwrap()).await, "byte {at}");
    }
    for other in [
        format!("{token}."),
        format!(".{token}"),
        format!("{token}=="),
        token.replace('.', "+"),
        String::new(),
        "..".into(),
        "ey.ey.ey".into(),
    ] {
        assert!(world.refuses(&other).await, "{other}");
    }
}

#[tokio::test]
async fn a_name_that_stands_twice_in_header_or_claims_is_refused() {
    let signer = Signer::ed();
    let world = World::of(json!([signer.jwk("k1")])).await;
    let good = claims().to_string();
    let twice = good.replacen('{', "{\"sub\":\"root\",", 1);
    let raw = |head: &str, claims: &str| signer.token_of_text(head, claims);
    let head = header(&signer).to_string();
    assert!(!world.refuses(&raw(&head, &good)).await);
    assert!(world.refuses(&raw(&head, &twice)).await);
    assert!(world.refuses(&raw(&head.replacen('{', "{\"kid\":\"k2\",", 1), &good)).await);
}

#[tokio::test]
async fn two_issuers_do_not_vouch_for_each_others_users() {
    let (ours, theirs) = (Signer::rsa(), Signer::other_rsa());
    let first = Server::start(Answer::ok(json!({ "keys": [ours.jwk("k1")] }).to_string())).await;
    let second = Server::start(Answer::ok(json!({ "keys": [theirs.jwk("k1")] }).to_string())).await;
    let entries =
        issuer(&first, "https://issuer.example", "[RS256]") + &issuer(&second, "https://other.example", "[RS256]");
    let text =
        format!("egress: {{ allow: [\"{}\", \"{}\"] }}\nidentity:\n  jwt:\n{entries}", first.address, second.address);
    let config = load("p.yaml", &text, &ProcessEnv).unwrap();
    let tokens = Tokens::new(&config.identity, &Dialer::new(&config.egress).unwrap());
    let says = |iss: &str| with(claims(), "iss", json!(iss));
    for (signer, iss, passes) in [
        (&ours, "https://issuer.example", true),
        (&theirs, "https://issuer.example", false),
        (&theirs, "https://other.example", true),
        (&ours, "https://other.example", false),
    ] {
        let token = signer.token(&header(signer), &says(iss));
        let found = tokens.verify(&Secret::new(token), NOW).await.unwrap();
        assert_eq!(found.is_some(), passes, "{iss}");
    }
}
