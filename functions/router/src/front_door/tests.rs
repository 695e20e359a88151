//! Every event of `events/`, through the front door.

use std::{collections::BTreeMap, fs, path::Path};

use lambda_http::{Context, LambdaEvent, RequestExt, http::HeaderValue};

use super::*;

/// Every event of `events/` that a front door can have sent, by file name.
fn events() -> BTreeMap<String, LambdaRequest> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../events");
    fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter_map(|path| {
            let event = serde_json::from_slice(&fs::read(&path).unwrap()).ok()?;
            Some((path.file_name().unwrap().to_str().unwrap().to_owned(), event))
        })
        .collect()
}

fn event(name: &str) -> LambdaRequest {
    events().remove(name).unwrap_or_else(|| panic!("no event {name}"))
}

fn request(event: LambdaRequest) -> Request {
    let context = Context::default();
    let event = edge::with_host_of_the_edge(LambdaEvent::new(event, context));
    Request::from(event.payload)
}

#[test]
fn every_front_door_gets_the_transfer_it_expects() {
    let transfers: BTreeMap<_, _> = events().iter().map(|(name, event)| (name.clone(), transfer(event))).collect();
    let expected = [
        ("admin-create-key.json", Transfer::Buffered),
        ("function-url-chat.json", Transfer::Streamed),
        ("function-url-stream.json", Transfer::Streamed),
        ("http-api-chat.json", Transfer::Buffered),
        ("rest-buffered.json", Transfer::Buffered),
        ("rest-converse-stream.json", Transfer::Streamed),
        ("rest-stream.json", Transfer::Streamed),
    ];
    assert_eq!(transfers, BTreeMap::from(expected.map(|(name, transfer)| (name.to_owned(), transfer))));
}

#[test]
fn events_that_are_not_requests_are_not_taken_for_one() {
    let names: Vec<_> = events().into_keys().collect();
    assert!(!names.iter().any(|name| name.starts_with("table-stream") || name.starts_with("schedule")), "{names:?}");
}

#[test]
fn a_rest_stage_that_does_not_stream_is_answered_buffered() {
    let LambdaRequest::ApiGatewayV1(mut rest) = event("rest-stream.json") else { panic!("not a REST event") };
    rest.stage_variables.clear();
    assert_eq!(transfer(&LambdaRequest::ApiGatewayV1(rest)), Transfer::Buffered);
}

#[test]
fn the_method_counts_as_much_as_the_path() {
    let LambdaRequest::ApiGatewayV1(mut rest) = event("rest-stream.json") else { panic!("not a REST event") };
    rest.http_method = "GET".parse().unwrap();
    assert_eq!(transfer(&LambdaRequest::ApiGatewayV1(rest)), Transfer::Buffered);
}

#[test]
fn only_two_words_override_the_choice() {
    assert_eq!("stream".parse(), Ok(Transfer::Streamed));
    assert_eq!("buffered".parse(), Ok(Transfer::Buffered));
    assert!("Stream".parse::<Transfer>().unwrap_err().contains("RESPONSE_MODE"));
}

#[test]
fn h4_the_client_address_is_the_edge_s_and_not_a_header_s() {
    for (name, mut event) in events() {
        let forged = HeaderValue::from_static("203.0.113.9");
        match &mut event {
            LambdaRequest::ApiGatewayV1(event) => event.headers.insert("x-forwarded-for", forged),
            LambdaRequest::ApiGatewayV2(event) => event.headers.insert("x-forwarded-for", forged),
            _ => panic!("{name} is of another kind"),
        };
        let introduced = introduce(request(event));
        assert_eq!(introduced.extensions().get::<ClientIp>().unwrap().0, "198.51.100.23", "{name}");
    }
}

#[test]
fn l2_the_application_learns_when_the_invocation_ends() {
    let mut context = Context::default();
    context.deadline = 1_795_230_305_000;
    let introduced = introduce(request(event("rest-stream.json")).with_lambda_context(context));
    assert_eq!(introduced.extensions().get::<Deadline>().unwrap().0, Timestamp::from_millis(1_795_230_305_000));
}
