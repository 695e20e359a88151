//! What is not chat: embeddings, reranking, moderation, images, sounds.

use harness::Portunus;
use mock_upstream::{
    Plan,
    plan::{Answer, Fixed},
};

/// An answer as it is written here.
fn fixed(content_type: &str, text: &str) -> Plan {
    Plan::answering(Answer::Fixed(Fixed {
        text: Some(text.to_owned()),
        headers: vec![("content-type".into(), content_type.into())],
        ..Fixed::default()
    }))
}

#[tokio::test]
async fn embeddings_pass_with_their_numbers_untouched_and_are_charged() {
    let portunus = Portunus::start().await;
    let answer = r#"{"object":"list","data":[{"object":"embedding","index":0,"embedding":[-0.10,1.50e-7,2]}],"model":"text-embedding-3-small","usage":{"prompt_tokens":1000,"total_tokens":1000},"new":1}"#;
    portunus.script(vec![fixed("application/json", answer)]);
    let body = r#"{"input":["a","b"],"model":"up-openai/text-embedding-3-small","dimensions":3,"new":1.50}"#;
    let reply = portunus.post("/v1/embeddings", body).await;
    assert_eq!((reply.status, reply.text().as_str()), (200, answer));
    assert_eq!(reply.header("x-portunus-cost-usd"), "0.00002");
    let seen = &portunus.upstream.requests()[0];
    assert_eq!(String::from_utf8_lossy(&seen.body), body.replace("up-openai/", ""));
    let record = portunus.record(&reply.call()).await;
    assert_eq!((record.wire.as_str(), record.usage.input, record.unpriced), ("openai.embeddings", 1000, false));
}
