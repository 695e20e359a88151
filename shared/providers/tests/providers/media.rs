//! Media fetched for providers that take bytes only.

use crate::server::{Received, Server, Then, whole};
use aws_config::{BehaviorVersion, Region, SdkConfig};
use aws_credential_types::{Credentials, provider::SharedCredentialsProvider};
use config::{
    HostPort,
    egress::Egress,
    media::{Fetch, Media as Settings, Origin},
};
use dialects::media::Reference;
use providers::{
    Aws, Dialer, Media,
    media::{Fetched, Unfetched},
};

const PNG: &[u8] = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR\0\0\0\x01\0\0\0\x01";

/// The empty body's SHA-256, as every signed request without a body has it.
const EMPTY: &str = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

fn settings() -> Settings {
    let allow = vec![Origin::Host("127.0.0.1".into()), Origin::Bucket { bucket: "scans".into(), prefix: "in/".into() }];
    Settings { fetch: Fetch::Any, allow, max_bytes: 1000 }
}

async fn media(server: &Server, settings: Settings) -> Media {
    let here = HostPort { host: "127.0.0.1".to_owned(), port: server.address.port() };
    let dialer = Dialer::new(&Egress { allow: vec![here.clone()] }).unwrap();
    let keys = Credentials::new("AKIDEXAMPLE", "wJalrXUtnFEMI", None, None, "test");
    let sdk = SdkConfig::builder()
        .behavior_version(BehaviorVersion::latest())
        .region(Region::new("eu-west-2"))
        .endpoint_url(server.url())
        .credentials_provider(SharedCredentialsProvider::new(keys))
        .build();
    let aws = Aws::of(sdk, dialer.for_credentials([here]).unwrap());
    Media::build(&settings, &dialer, &aws).await.unwrap()
}

async fn fetch(media: &Media, reference: Reference<'_>) -> Result<Fetched, Unfetched> {
    media.fetch(reference, None).await
}

fn png() -> Vec<u8> {
    whole("200 OK", "content-type: text/html\r\n", PNG)
}

#[tokio::test]
async fn e5_a_url_is_fetched_without_credentials_and_told_by_its_bytes() {
    let server = Server::answering(png(), Then::KeepAlive).await;
    let media = media(&server, settings()).await;
    let fetched = fetch(&media, Reference::Url(&format!("{}/a.png?x=1", server.url()))).await.unwrap();
    assert_eq!((fetched.media_type.as_str(), &fetched.bytes[..]), ("image/png", PNG));
    let request = &server.requests()[0];
    assert_eq!((&*request.method, &*request.target), ("GET", "/a.png?x=1"));
    for absent in ["authorization", "cookie", "referer"] {
        assert_eq!(request.header(absent), None);
    }
}

#[tokio::test]
async fn e5_places_that_are_not_named_are_not_asked() {
    let server = Server::answering(png(), Then::KeepAlive).await;
    let only_s3 = Settings { allow: settings().allow[1..].to_vec(), ..settings() };
    let media = media(&server, only_s3).await;
    let here = format!("{}/a.png", server.url());
    for (reference, why) in [
        (Reference::Url(&here), Unfetched::NotAllowed),
        (Reference::Url("https://user@127.0.0.1/a"), Unfetched::BadAddress),
        (Reference::Url("https://127.0.0.1:8443/a"), Unfetched::BadAddress),
        (Reference::Url("file:///etc/passwd"), Unfetched::BadAddress),
        (Reference::S3 { uri: "s3://scans/out/a", owner: None }, Unfetched::NotAllowed),
        (Reference::S3 { uri: "s3://other/in/a", owner: None }, Unfetched::NotAllowed),
        (Reference::S3 { uri: "s3://scans/in/../out/a", owner: None }, Unfetched::BadAddress),
    ] {
        assert_eq!(fetch(&media, reference).await.unwrap_err(), why);
    }
    assert_eq!(server.connections(), 0);
}

#[tokio::test]
async fn e4_e5_an_allowed_name_at_a_private_address_is_not_reached() {
    let server = Server::answering(png(), Then::KeepAlive).await;
    let all = Settings { allow: vec![Origin::AnyHost], ..settings() };
    let media = media(&server, all).await;
    for url in ["https://127.0.0.1/a", "https://169.254.169.254/latest/meta-data", "https://[::1]/a"] {
        assert_eq!(fetch(&media, Reference::Url(url)).await.unwrap_err(), Unfetched::Unreachable, "{url}");
    }
}

#[tokio::test]
async fn e5_three_redirects_are_followed_and_each_is_judged() {
    let hops = |to: usize| {
        Server::scripted(move |request: &Received| {
            let at: usize = request.target.trim_start_matches('/').parse().unwrap();
            if at == to {
                return (png(), Then::KeepAlive);
            }
            (whole("302 Found", &format!("location: /{}\r\n", at + 1), b""), Then::KeepAlive)
        })
    };
    for (to, fetched) in [(3, true), (4, false)] {
        let server = hops(to).await;
        let media = media(&server, settings()).await;
        let got = fetch(&media, Reference::Url(&format!("{}/0", server.url()))).await;
        assert_eq!(got.is_ok(), fetched, "{got:?}");
        assert!(fetched || got == Err(Unfetched::TooManyRedirects));
    }
    let server =
        Server::answering(whole("302 Found", "location: http://169.254.169.254/\r\n", b""), Then::KeepAlive).await;
    let media = media(&server, settings()).await;
    let got = fetch(&media, Reference::Url(&format!("{}/0", server.url()))).await;
    assert_eq!(got.unwrap_err(), Unfetched::BadAddress);
}

#[tokio::test]
async fn e5_what_is_too_large_or_of_another_kind_is_refused() {
    for (answer, why) in [
        (whole("200 OK", "", &[PNG, &[0; 1000]].concat()), Unfetched::TooLarge(1000)),
        (whole("200 OK", "content-type: image/png\r\n", b"<html>"), Unfetched::UnknownKind),
        (whole("404 Not Found", "", PNG), Unfetched::Refused(404)),
    ] {
        let server = Server::answering(answer, Then::KeepAlive).await;
        let media = media(&server, settings()).await;
        let got = fetch(&media, Reference::Url(&format!("{}/a.png", server.url()))).await;
        assert_eq!(got.unwrap_err(), why);
    }
}

#[tokio::test]
async fn an_object_in_s3_is_asked_for_with_one_signed_request() {
    let server = Server::answering(png(), Then::KeepAlive).await;
    let media = media(&server, settings()).await;
    let reference = Reference::S3 { uri: "s3://scans/in/a b.png", owner: Some("123456789012") };
    assert_eq!(fetch(&media, reference).await.unwrap().bytes, PNG);
    let request = &server.requests()[0];
    assert_eq!((&*request.method, &*request.target), ("GET", "/scans/in/a%20b.png"));
    assert_eq!(request.header("x-amz-expected-bucket-owner"), Some("123456789012"));
    assert_eq!(request.header("x-amz-content-sha256"), Some(EMPTY));
    let authorization = request.header("authorization").unwrap();
    assert!(authorization.starts_with("AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/"), "{authorization}");
    assert!(authorization.contains("/eu-west-2/s3/aws4_request"), "{authorization}");
    assert!(authorization.contains("x-amz-expected-bucket-owner"), "{authorization}");
}

#[tokio::test]
async fn a_bucket_elsewhere_is_asked_for_where_it_is() {
    let server = Server::scripted(|request: &Received| {
        let there = request.header("authorization").unwrap().contains("/us-west-1/s3/");
        let moved = whole("301 Moved Permanently", "x-amz-bucket-region: us-west-1\r\n", b"");
        (if there { png() } else { moved }, Then::KeepAlive)
    })
    .await;
    let media = media(&server, settings()).await;
    let fetched = fetch(&media, Reference::S3 { uri: "s3://scans/in/a.png", owner: None }).await;
    assert_eq!(fetched.unwrap().media_type, "image/png");
    assert_eq!(server.requests().len(), 2);
}
