//! The providers of the catalogue.

use crate::{
    dialer::allowing,
    http::{provider, read},
    server::{Server, Then, whole},
};
use aws_config::{BehaviorVersion, Region, SdkConfig};
use aws_credential_types::{Credentials, provider::SharedCredentialsProvider};
use bytes::Bytes;
use config::{Auth, Config, Lookup};
use domain::{ModelName, Operation, Secret, Wire};
use providers::{Attempt, Aws, Dialer, Failure, Fault, Limits, Listing, Providers};

/// An environment with nothing in it.
struct Bare;

impl Lookup for Bare {
    fn env(&self, _: &str) -> Option<String> {
        None
    }

    fn secret(&self, _: &str, _: Option<&str>) -> Option<Secret> {
        None
    }
}

/// AWS settings with a key and no region unless one is given.
fn aws(dialer: &Dialer, region: Option<&'static str>) -> Aws {
    let credentials = dialer.for_credentials([]).unwrap();
    let key = Credentials::new("AKIDEXAMPLE", "wJalrXUtnFEMI", None, None, "test");
    let sdk = SdkConfig::builder()
        .behavior_version(BehaviorVersion::latest())
        .http_client(credentials.clone())
        .region(region.map(Region::new))
        .credentials_provider(SharedCredentialsProvider::new(key))
        .build();
    Aws::of(sdk, credentials)
}

fn with(row: config::Provider) -> Config {
    let mut config = config::demo(&Bare);
    config.providers.push(row);
    config
}

async fn ask(providers: &Providers, name: &str, wire: Wire) -> Result<providers::Answer, Failure> {
    let (model, body) = (ModelName::from("m"), Bytes::from_static(b"{}"));
    let (operation, limits) = (Operation::Chat, Limits::default());
    let attempt = Attempt { wire, operation, model: &model, stream: false, body, headers: &[], limits };
    providers.find(&name.into()).unwrap().send(attempt).await
}

#[tokio::test]
async fn the_providers_of_a_configuration_are_listed_and_found_by_name() {
    let server = Server::answering(whole("200 OK", "", b"{}"), Then::KeepAlive).await;
    let port = server.address.port();
    let text = format!(
        "providers:\n  local: {{ kind: openai_compatible, base_url: \"http://127.0.0.1:{port}/v1\", api_key: sk-local }}\n\
         egress: {{ allow: [\"127.0.0.1:{port}\"] }}\n"
    );
    let config = config::load("portunus.yaml", &text, &Bare).unwrap();
    let dialer = Dialer::new(&config.egress).unwrap();
    let providers = Providers::build(&config, &dialer, &aws(&dialer, None)).await.unwrap();
    let (kind, wires) = ("openai_compatible".to_owned(), vec![Wire::OpenAiChat]);
    assert_eq!(
        providers.list()[0],
        Listing { name: "local".into(), kind, wires, services: providers.list()[0].services.clone(), region: None }
    );
    assert!(providers.list().iter().any(|listing| listing.name.as_str() == "echo" && listing.wires.len() == 5));
    assert!(providers.find(&"nobody".into()).is_none());
    assert_eq!(read(ask(&providers, "local", Wire::OpenAiChat).await.unwrap()).await, b"{}");
    assert_eq!(server.requests()[0].header("authorization"), Some("Bearer sk-local"));
}

#[tokio::test]
async fn a_provider_that_cannot_be_used_is_named_and_its_credential_is_not() {
    let dialer = allowing(&[]);
    let key = Auth::Bearer(Secret::new("sk-\nsecret"));
    let mut keyed = provider("keyed", Wire::OpenAiChat, key);
    keyed.base_url = "https://api.example.com".parse().ok();
    for (row, why) in [
        (keyed, "cannot be sent"),
        (provider("homeless", Wire::OpenAiChat, Auth::None), "base_url is missing"),
        (provider("cloud", Wire::BedrockConverse, Auth::Aws(Box::default())), "region is missing"),
    ] {
        let name = row.name.clone();
        let unusable = Providers::build(&with(row), &dialer, &aws(&dialer, None)).await.err().unwrap();
        assert_eq!(unusable.provider, name);
        assert!(unusable.to_string().contains(why) && !unusable.to_string().contains("secret"), "{unusable}");
    }
}

#[tokio::test]
async fn e4_a_host_of_the_aws_rules_that_leads_home_is_refused() {
    // Here every name is this machine: a resolver that lies about amazonaws.com.
    let dialer = allowing(&[]);
    let row = provider("cloud", Wire::BedrockConverse, Auth::Aws(Box::default()));
    let providers = Providers::build(&with(row), &dialer, &aws(&dialer, Some("eu-west-2"))).await.unwrap();
    let failure = ask(&providers, "cloud", Wire::BedrockConverse).await.unwrap_err();
    assert_eq!(failure, Failure::before(Fault::Refused));
}
