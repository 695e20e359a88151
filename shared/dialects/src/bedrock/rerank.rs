//! `bedrock.rerank`: InvokeModel of a reranking model (Amazon's and Cohere's take the same body).

use crate::{
    codec::{Envelope, Will},
    cohere::rerank::{ask, response, said, write_documents, write_results},
    head::copy,
    json::{Node, write},
    malformed::Malformed,
    rerank::{Reranker, decode},
    service::{Ask, Body, Offer, Said},
};
use domain::rerank::{Request, Response};

/// The version of Cohere's body that Bedrock wants. Source: the model parameters page of Cohere Rerank on Bedrock.
const API_VERSION: u64 = 2;

/// The service.
pub struct Rerank;

/// Whether InvokeModel of a model of that name asks for a ranking.
pub fn ranks(model: &str) -> bool {
    model.contains("cohere.rerank") || model.contains("amazon.rerank")
}

impl Offer for Rerank {
    fn ask(&self, body: &Body<'_>, envelope: &Envelope<'_>) -> Result<Ask, Malformed> {
        ask(body, envelope, "top_n")
    }

    /// The model is in the path alone.
    fn pass(&self, body: &Node<'_>, _: &Will<'_>) -> String {
        copy(body, &[])
    }

    fn said(&self, body: &Node<'_>, _: &dyn Fn(&str) -> Option<u64>) -> Result<Said, Malformed> {
        said(body)
    }
}

impl Reranker for Rerank {
    fn decode_request(&self, body: &Node<'_>) -> Result<Request, Malformed> {
        decode(body, "top_n", &["api_version"])
    }

    fn encode_request(&self, request: &Request, model: &str) -> (String, Vec<String>) {
        let cohere = model.contains("cohere");
        let body = write::object(|o| {
            write_documents(o, request);
            o.maybe_number("top_n", request.top_n);
            if cohere {
                o.number("api_version", API_VERSION);
            }
        });
        let lost =
            [request.max_tokens_per_document.map(|_| "max_tokens_per_doc"), request.truncate.map(|_| "truncation")];
        (body, request.unknown.iter().cloned().chain(lost.into_iter().flatten().map(str::to_owned)).collect())
    }

    fn decode_response(&self, body: &Node<'_>) -> Result<Response, Malformed> {
        response(body)
    }

    fn encode_response(&self, response: &Response, asked: &Request, _: &str) -> String {
        write::object(|o| write_results(o, "results", response, asked, false))
    }
}
