//! `cohere.rerank`: `POST /v2/rerank`.

use crate::{
    codec::Envelope,
    json::{Node, write},
    malformed::Malformed,
    rerank::{Reranker, decode, searches, text_bytes, write_document},
    service::{Ask, Body, Offer, Said, failure, model_of},
};
use domain::{
    media::Units,
    rerank::{Ranked, Request, Response},
    tokens::UsageUpdate,
};

/// The service.
pub struct Rerank;

impl Offer for Rerank {
    fn ask(&self, body: &Body<'_>, envelope: &Envelope<'_>) -> Result<Ask, Malformed> {
        ask(body, envelope, "top_n")
    }

    fn said(&self, body: &Node<'_>, _: &dyn Fn(&str) -> Option<u64>) -> Result<Said, Malformed> {
        said(body)
    }
}

/// What the gateway must know of any rerank request.
pub(crate) fn ask(body: &Body<'_>, envelope: &Envelope<'_>, top_n: &str) -> Result<Ask, Malformed> {
    let model = model_of(body, envelope, None)?;
    let request = decode(body.json()?, top_n, &[])?;
    let (most, likely) = searches(&request);
    Ok(Ask { model, most, likely, text_bytes: text_bytes(&request), ..Ask::default() })
}

/// What any rerank answer says: results, and usage in tokens or search units.
pub(crate) fn said(body: &Node<'_>) -> Result<Said, Malformed> {
    if let Some(error) = failure(body) {
        return Ok(Said { error: Some(error), ..Said::default() });
    }
    results(body)?;
    let billed = body.get("meta").and_then(|meta| meta.get("billed_units"));
    let searches = billed.and_then(|billed| billed.get("search_units")).and_then(Node::as_integer);
    let mut usage = crate::openai::embeddings::tokens(body);
    if let Some(tokens) = billed.and_then(|billed| billed.get("input_tokens")).and_then(Node::as_integer) {
        usage = UsageUpdate { input: Some(tokens), output: Some(0), ..UsageUpdate::default() };
    } else if searches.is_some() && usage.is_empty() {
        // Billed by searches alone: no tokens is what it says.
        usage = UsageUpdate { input: Some(0), output: Some(0), ..UsageUpdate::default() };
    }
    Ok(Said { usage, units: Units { searches: searches.unwrap_or(0), ..Units::default() }, error: None })
}

/// `results`, or `data` at Voyage: places and scores.
pub(crate) fn results(body: &Node<'_>) -> Result<Vec<Ranked>, Malformed> {
    let key = if body.get("data").is_some() { "data" } else { "results" };
    body.required(key, |list| {
        list.each(|one| {
            let score = one.required("relevance_score", Node::number)?;
            Ok(Ranked { index: one.required("index", Node::integer)?, score })
        })
    })
}

/// The answer, wherever its parts stand.
pub(crate) fn response(body: &Node<'_>) -> Result<Response, Malformed> {
    let said = said(body)?;
    Ok(Response {
        id: body.str_of("id").map(str::to_owned),
        model: body.str_of("model").map(str::to_owned),
        results: results(body)?,
        tokens: said.usage.input.filter(|tokens| *tokens > 0),
        searches: Some(said.units.searches).filter(|searches| *searches > 0),
    })
}

/// A list of results in Cohere's form.
pub(crate) fn write_results(o: &mut write::Object<'_>, key: &str, response: &Response, asked: &Request, default: bool) {
    let with_documents = asked.return_documents.unwrap_or(default);
    o.array(key, |results| {
        for ranked in &response.results {
            results.object(|o| {
                o.number("index", ranked.index).json("relevance_score", &ranked.score);
                if with_documents {
                    write_document(o, asked, ranked.index);
                }
            });
        }
    });
}

/// `documents`, all as text: the newest services take nothing else.
pub(crate) fn write_documents(o: &mut write::Object<'_>, request: &Request) {
    o.string("query", &request.query);
    o.array("documents", |array| request.documents.iter().for_each(|document| array.string(document.text())));
}

impl Reranker for Rerank {
    fn decode_request(&self, body: &Node<'_>) -> Result<Request, Malformed> {
        decode(body, "top_n", &["priority"])
    }

    fn encode_request(&self, request: &Request, model: &str) -> (String, Vec<String>) {
        let body = write::object(|o| {
            o.string("model", model);
            write_documents(o, request);
            o.maybe_number("top_n", request.top_n).maybe_number("max_tokens_per_doc", request.max_tokens_per_document);
        });
        let cut = request.truncate.map(|_| "truncation".to_owned());
        (body, request.unknown.iter().cloned().chain(cut).collect())
    }

    fn decode_response(&self, body: &Node<'_>) -> Result<Response, Malformed> {
        response(body)
    }

    fn encode_response(&self, response: &Response, asked: &Request, call_id: &str) -> String {
        write::object(|o| {
            o.string("id", call_id);
            write_results(o, "results", response, asked, false);
            o.object("meta", |o| {
                o.object("api_version", |o| {
                    o.string("version", "2");
                });
                o.object("billed_units", |o| {
                    o.maybe_number("search_units", response.searches).maybe_number("input_tokens", response.tokens);
                });
            });
        })
    }
}
