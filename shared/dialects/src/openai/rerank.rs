//! `jina.rerank` (`/v1/rerank`, as Jina, Together, OpenRouter and vLLM have it) and `voyage.rerank`.

use crate::{
    codec::Envelope,
    cohere::rerank::{ask, response, said, write_documents, write_results},
    json::{Node, write},
    malformed::Malformed,
    rerank::{Reranker, decode},
    service::{Ask, Body, Offer, Said},
};
use domain::rerank::{Request, Response};

/// Jina's form.
pub struct Jina;

/// Voyage's: `top_k`, and results under `data`.
pub struct Voyage;

impl Offer for Jina {
    fn ask(&self, body: &Body<'_>, envelope: &Envelope<'_>) -> Result<Ask, Malformed> {
        ask(body, envelope, "top_n")
    }

    fn said(&self, body: &Node<'_>, _: &dyn Fn(&str) -> Option<u64>) -> Result<Said, Malformed> {
        said(body)
    }
}

impl Offer for Voyage {
    fn ask(&self, body: &Body<'_>, envelope: &Envelope<'_>) -> Result<Ask, Malformed> {
        ask(body, envelope, "top_k")
    }

    fn said(&self, body: &Node<'_>, _: &dyn Fn(&str) -> Option<u64>) -> Result<Said, Malformed> {
        said(body)
    }
}

impl Reranker for Jina {
    fn decode_request(&self, body: &Node<'_>) -> Result<Request, Malformed> {
        decode(body, "top_n", &[])
    }

    fn encode_request(&self, request: &Request, model: &str) -> (String, Vec<String>) {
        let body = write::object(|o| {
            o.string("model", model);
            write_documents(o, request);
            o.maybe_number("top_n", request.top_n).maybe_bool("return_documents", Some(false));
        });
        (body, lost(request, request.truncate.is_some().then_some("truncation")))
    }

    fn decode_response(&self, body: &Node<'_>) -> Result<Response, Malformed> {
        response(body)
    }

    /// A caller of this path may be Cohere's first version or Jina's: usage is where both look for it.
    fn encode_response(&self, response: &Response, asked: &Request, call_id: &str) -> String {
        write::object(|o| {
            o.string("id", call_id).string("object", "list").string("model", &asked.model);
            write_results(o, "results", response, asked, false);
            o.object("usage", |o| {
                o.number("total_tokens", response.tokens.unwrap_or(0));
            });
            o.object("meta", |o| {
                o.object("billed_units", |o| {
                    o.maybe_number("search_units", response.searches);
                });
            });
        })
    }
}

impl Reranker for Voyage {
    fn decode_request(&self, body: &Node<'_>) -> Result<Request, Malformed> {
        decode(body, "top_k", &[])
    }

    fn encode_request(&self, request: &Request, model: &str) -> (String, Vec<String>) {
        let body = write::object(|o| {
            o.string("model", model);
            write_documents(o, request);
            o.maybe_number("top_k", request.top_n).maybe_bool("truncation", request.truncate);
        });
        (body, lost(request, None))
    }

    fn decode_response(&self, body: &Node<'_>) -> Result<Response, Malformed> {
        response(body)
    }

    fn encode_response(&self, response: &Response, asked: &Request, _: &str) -> String {
        write::object(|o| {
            o.string("object", "list");
            write_results(o, "data", response, asked, false);
            o.string("model", &asked.model).object("usage", |o| {
                o.number("total_tokens", response.tokens.unwrap_or(0));
            });
        })
    }
}

/// What neither of them takes.
fn lost(request: &Request, more: Option<&str>) -> Vec<String> {
    let cap = request.max_tokens_per_document.map(|_| "max_tokens_per_doc");
    request.unknown.iter().cloned().chain(cap.into_iter().chain(more).map(str::to_owned)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{cohere::rerank::Rerank, json::parse};

    #[test]
    fn a_question_to_jina_is_put_to_voyage_and_its_answer_comes_back() {
        let body = r#"{"model":"m","query":"q","documents":["a",{"text":"b","n":1.50}],"top_n":1,"return_documents":true,"rank_fields":["text"]}"#;
        let asked = Jina.decode_request(&parse(body.as_bytes()).unwrap()).unwrap();
        let (sent, dropped) = Voyage.encode_request(&asked, "rerank-2");
        assert_eq!(sent, r#"{"model":"rerank-2","query":"q","documents":["a","b"],"top_k":1}"#);
        assert_eq!(dropped, ["rank_fields"]);
        let answer = br#"{"object":"list","data":[{"relevance_score":0.50,"index":1}],"model":"rerank-2","usage":{"total_tokens":7}}"#;
        let response = Voyage.decode_response(&parse(answer).unwrap()).unwrap();
        let told = Jina.encode_response(&response, &asked, "call_1");
        assert!(told.contains(r#"{"index":1,"relevance_score":0.50,"document":{"text":"b","n":1.50}}"#), "{told}");
        assert!(told.contains(r#""usage":{"total_tokens":7}"#), "{told}");
        let told = Rerank.encode_response(&response, &asked, "call_1");
        assert!(told.contains(r#""billed_units":{"input_tokens":7}"#), "{told}");
    }

    #[test]
    fn m3_a_hundred_documents_are_a_search_and_long_ones_count_more() {
        let ask = |documents: Vec<String>| {
            let body = write::object(|o| {
                o.string("model", "m").string("query", "q");
                o.array("documents", |a| documents.iter().for_each(|d| a.string(d)));
            });
            let node = parse(body.as_bytes()).unwrap();
            Rerank.ask(&Body::Json(&node), &Envelope::default()).unwrap()
        };
        assert_eq!(ask(vec!["d".into(); 100]).most.searches, 1);
        assert_eq!(ask(vec!["d".into(); 101]).most.searches, 2);
        let long = ask(vec!["d".repeat(2_000); 100]);
        assert_eq!((long.most.searches, long.likely.searches), (5, 2));
    }

    #[test]
    fn u6_an_answer_without_results_is_no_answer() {
        for body in [r#"{"object":"list"}"#, r#"{"results":7}"#, r#"{"results":[{"index":0}]}"#] {
            assert!(said(&parse(body.as_bytes()).unwrap()).is_err(), "{body}");
        }
    }
}
