//! Where an issuer's keys come from, how often, and what happens when they do not come.

use crate::{
    jwt::{NOW, World, claims, configured, header, issuer},
    server::{Answer, Server},
    signer::{Signer, encode},
};
use domain::{Secret, Timestamp};
use identity::{Tokens, Unavailable};
use ring::signature::RsaKeyPair;
use serde_json::{Value, json};
use std::time::{Duration, Instant};

fn later(secs: u64) -> Timestamp {
    NOW.plus_secs(secs)
}

fn keys(list: Value) -> Answer {
    Answer::ok(json!({ "keys": list }).to_string())
}

/// A token that lives for the hours these tests take.
fn token(signer: &Signer, kid: &str) -> Secret {
    let mut said = claims();
    said["exp"] = json!(NOW.secs() + 80_000);
    let mut head = header(signer);
    head["kid"] = json!(kid);
    Secret::new(signer.token(&head, &said))
}

async fn passes(tokens: &Tokens, token: &Secret, now: Timestamp) -> Result<bool, Unavailable> {
    tokens.verify(token, now).await.map(|found| found.is_some())
}

#[tokio::test]
async fn j4_keys_are_fetched_once_by_one_caller_for_all() {
    let signer = Signer::ed();
    let world = World::of(json!([signer.jwk("k1")])).await;
    let token = token(&signer, "k1");
    let all = (0..50).map(|_| passes(&world.tokens, &token, NOW));
    assert!(futures::future::join_all(all).await.into_iter().all(|passed| passed == Ok(true)));
    assert_eq!(world.server.heads().len(), 1);
    assert!(world.server.heads()[0].starts_with("GET /keys HTTP/1.1\r\n"));
}

#[tokio::test]
async fn j4_an_unknown_name_fetches_at_most_once_in_thirty_seconds() {
    let (old, new) = (Signer::ed(), Signer::ed());
    let world = World::of(json!([old.jwk("k1")])).await;
    assert_eq!(passes(&world.tokens, &token(&old, "k1"), NOW).await, Ok(true));
    for n in 0..20 {
        assert_eq!(passes(&world.tokens, &token(&new, &format!("x{n}")), later(29)).await, Ok(false));
    }
    assert_eq!(world.server.heads().len(), 1);
    world.server.answers(keys(json!([old.jwk("k1"), new.jwk("k2")])));
    assert_eq!(passes(&world.tokens, &token(&new, "k2"), later(29)).await, Ok(false));
    assert_eq!(passes(&world.tokens, &token(&new, "k2"), later(30)).await, Ok(true));
    assert_eq!(passes(&world.tokens, &token(&old, "k1"), later(31)).await, Ok(true));
    assert_eq!(world.server.heads().len(), 2);
}

#[tokio::test]
async fn j4_a_key_that_was_taken_out_is_gone_with_the_next_fetch() {
    let (old, new) = (Signer::ed(), Signer::ed());
    let world = World::of(json!([old.jwk("k1")])).await;
    assert_eq!(passes(&world.tokens, &token(&old, "k1"), NOW).await, Ok(true));
    world.server.answers(keys(json!([new.jwk("k2")])));
    assert_eq!(passes(&world.tokens, &token(&old, "k1"), later(599)).await, Ok(true));
    assert_eq!(passes(&world.tokens, &token(&old, "k1"), later(600)).await, Ok(false));
}

#[tokio::test]
async fn j4_keys_outlive_a_silent_issuer_by_an_hour() {
    let signer = Signer::ed();
    let world = World::of(json!([signer.jwk("k1")])).await;
    let token = token(&signer, "k1");
    assert_eq!(passes(&world.tokens, &token, NOW).await, Ok(true));
    world.server.answers(Answer::status(500));
    assert_eq!(passes(&world.tokens, &token, later(3_599)).await, Ok(true));
    assert_eq!(passes(&world.tokens, &token, later(3_600)).await, Err(Unavailable));
    assert_eq!(passes(&world.tokens, &token, later(3_629)).await, Err(Unavailable));
    world.server.answers(keys(json!([signer.jwk("k1")])));
    assert_eq!(passes(&world.tokens, &token, later(3_659)).await, Ok(true));
}

#[tokio::test]
async fn j4_old_keys_serve_while_somebody_fetches_new_ones() {
    let signer = Signer::ed();
    let world = World::of(json!([signer.jwk("k1")])).await;
    let token = token(&signer, "k1");
    assert_eq!(passes(&world.tokens, &token, NOW).await, Ok(true));
    world.server.answers(Answer { after: Duration::from_millis(500), ..keys(json!([signer.jwk("k1")])) });
    let ended = std::sync::Mutex::new(Vec::new());
    let call = async |name: &'static str| {
        assert_eq!(passes(&world.tokens, &token, later(600)).await, Ok(true));
        ended.lock().unwrap().push(name);
    };
    futures::future::join(call("fetches"), call("does not wait")).await;
    assert_eq!(*ended.lock().unwrap(), ["does not wait", "fetches"]);
    assert_eq!(world.server.heads().len(), 2);
}

#[tokio::test]
async fn j4_the_largest_set_has_sixty_four_keys_and_256_kibibytes() {
    let signer = Signer::ed();
    let list: Vec<Value> = (0..64).map(|n| signer.jwk(&n.to_string())).collect();
    let padded = |bytes: usize| {
        let text = json!({ "keys": list }).to_string();
        Answer::ok(format!("{text}{}", " ".repeat(bytes - text.len())))
    };
    for (bytes, outcome) in [(256 << 10, Ok(true)), ((256 << 10) + 1, Err(Unavailable))] {
        let server = Server::start(padded(bytes)).await;
        let tokens = configured(&server, &issuer(&server, "https://issuer.example", "[EdDSA]"));
        assert_eq!(passes(&tokens, &token(&signer, "63"), NOW).await, outcome, "{bytes}");
    }
}

#[tokio::test]
async fn r3_an_issuer_that_never_answered_is_an_error_and_no_identity() {
    let signer = Signer::ed();
    for answer in [
        Answer::status(500),
        Answer::status(302),
        Answer::status(404),
        Answer::ok("no keys"),
        Answer::ok("{}"),
        Answer::ok(format!("{{\"keys\": [], \"pad\": \"{}\"}}", "a".repeat(256 << 10))),
        keys(json!((0..65).map(|n| signer.jwk(&n.to_string())).collect::<Vec<_>>())),
    ] {
        let server = Server::start(answer).await;
        let tokens = configured(&server, &issuer(&server, "https://issuer.example", "[EdDSA]"));
        assert_eq!(passes(&tokens, &token(&signer, "k1"), NOW).await, Err(Unavailable));
    }
}

#[tokio::test]
async fn j4_a_slow_issuer_is_not_waited_for_longer_than_three_seconds() {
    let signer = Signer::ed();
    let slow = Answer { after: Duration::from_secs(20), ..keys(json!([signer.jwk("k1")])) };
    let server = Server::start(slow).await;
    let tokens = configured(&server, &issuer(&server, "https://issuer.example", "[EdDSA]"));
    let began = Instant::now();
    assert_eq!(passes(&tokens, &token(&signer, "k1"), NOW).await, Err(Unavailable));
    assert!(began.elapsed() < Duration::from_secs(6));
}

#[tokio::test]
async fn e4_an_address_that_nobody_allowed_is_not_dialled() {
    let signer = Signer::ed();
    let server = Server::start(keys(json!([signer.jwk("k1")]))).await;
    let text = format!(
        "egress: {{ allow: [\"{}\"] }}\nidentity:\n  jwt:\n{}",
        server.address,
        issuer(&server, "https://issuer.example", "[EdDSA]")
    );
    let config = config::load("p.yaml", &text, &config::ProcessEnv).unwrap();
    let strict = providers::Dialer::new(&config::egress::Egress::default()).unwrap();
    let tokens = Tokens::new(&config.identity, &strict);
    assert_eq!(passes(&tokens, &token(&signer, "k1"), NOW).await, Err(Unavailable));
    assert_eq!(server.heads().len(), 0);
}

#[tokio::test]
async fn a_name_that_two_keys_share_names_neither() {
    let (one, two) = (Signer::ed(), Signer::ed());
    let world = World::of(json!([one.jwk("k1"), two.jwk("k1")])).await;
    assert_eq!(passes(&world.tokens, &token(&one, "k1"), NOW).await, Ok(false));
    assert_eq!(passes(&world.tokens, &token(&two, "k1"), NOW).await, Ok(false));
}

#[tokio::test]
async fn j1_short_rsa_keys_and_keys_for_other_purposes_are_not_used() {
    let signer = Signer::rsa();
    let short = RsaKeyPair::from_der(include_bytes!("keys/rsa1024.der"));
    assert!(short.is_err(), "not even the signer takes it");
    let good = signer.jwk("k1");
    let with = |name: &str, value: Value| {
        let mut jwk = good.clone();
        jwk[name] = value;
        jwk
    };
    let bytes = |jwk: &Value| {
        base64::Engine::decode(&base64::engine::general_purpose::URL_SAFE_NO_PAD, jwk["n"].as_str().unwrap()).unwrap()
    };
    let half = encode(&bytes(&good)[..128]);
    let padded = encode([vec![0; 128], bytes(&good)[..128].to_vec()].concat());
    for jwk in [
        with("use", json!("enc")),
        with("alg", json!("RS512")),
        with("kty", json!("oct")),
        with("n", json!(half)),
        with("n", json!(padded)),
        with("n", json!("")),
        with("e", json!("AQ")),
    ] {
        let world = World::of(json!([jwk])).await;
        assert_eq!(passes(&world.tokens, &token(&signer, "k1"), NOW).await, Ok(false), "{jwk}");
    }
    let unnamed = json!({ "kty": good["kty"], "n": good["n"], "e": good["e"] });
    let world = World::of(json!([unnamed, good])).await;
    assert_eq!(passes(&world.tokens, &token(&signer, "k1"), NOW).await, Ok(true), "strange neighbours do no harm");
}
