//! Reranking between services: one trait, and the one table of those that have it.

use crate::{
    json::{Node, write},
    malformed::Malformed,
};
use domain::{
    Service,
    media::Units,
    rerank::{Document, Request, Response},
};

/// A service that ranks, as inbound and as outbound.
pub trait Reranker: Send + Sync {
    /// Inbound: what the caller means.
    fn decode_request(&self, body: &Node<'_>) -> Result<Request, Malformed>;

    /// Outbound: the same in this service's words, and what they could not carry.
    fn encode_request(&self, request: &Request, model: &str) -> (String, Vec<String>);

    /// Outbound: what the provider answered.
    fn decode_response(&self, body: &Node<'_>) -> Result<Response, Malformed>;

    /// Inbound: the same in this service's words. `asked` is the caller's own request.
    fn encode_response(&self, response: &Response, asked: &Request, call_id: &str) -> String;
}

/// Who ranks in this service's words: the one table.
pub fn reranker(service: Service) -> Option<&'static dyn Reranker> {
    Some(match service {
        Service::BedrockRerank => &crate::bedrock::rerank::Rerank,
        Service::CohereRerank => &crate::cohere::rerank::Rerank,
        Service::JinaRerank => &crate::openai::rerank::Jina,
        Service::VoyageRerank => &crate::openai::rerank::Voyage,
        _ => return None,
    })
}

/// Documents of one search unit. Source: <https://docs.cohere.com/docs/rerank-overview>.
const DOCUMENTS_A_SEARCH: u64 = 100;
/// Tokens of the piece of a long document that counts as a document of its own.
const TOKENS_A_PIECE: u64 = 500;

/// The search units of a request: the most it can be billed, and what it probably is.
pub(crate) fn searches(request: &Request) -> (Units, Units) {
    let pieces = |bytes_a_token: u64| -> u64 {
        let tokens = |bytes: usize| (bytes as u64).div_ceil(bytes_a_token);
        let query = tokens(request.query.len());
        request.documents.iter().map(|d| (tokens(d.text().len()) + query).div_ceil(TOKENS_A_PIECE).max(1)).sum()
    };
    let units = |pieces: u64| Units { searches: pieces.div_ceil(DOCUMENTS_A_SEARCH), ..Units::default() };
    (units(pieces(1)), units(pieces(4)))
}

/// Bytes of everything that is read: an upper bound of its tokens. The query is read with every document.
pub(crate) fn text_bytes(request: &Request) -> usize {
    request.documents.iter().map(|d| d.text().len().saturating_add(request.query.len())).sum()
}

/// The fields that most services share: query, documents and how many are wanted.
pub(crate) fn decode(body: &Node<'_>, top_n: &str, known: &[&str]) -> Result<Request, Malformed> {
    let documents = body.required("documents", |node| match node.elements().len() {
        _ if !node.is_array() => Err(node.wrong("an array")),
        0 => Err(Malformed::invalid("at least one document is required").with_code("empty_array")),
        _ => node.each(document),
    })?;
    let shared = ["model", "query", "documents", "return_documents", "max_tokens_per_doc", "truncation"];
    let unknown = |name: &str| !shared.contains(&name) && name != top_n && !known.contains(&name);
    Ok(Request {
        model: body.str_of("model").unwrap_or_default().to_owned(),
        query: body.required("query", Node::text)?,
        documents,
        top_n: body.optional(top_n, Node::integer)?,
        return_documents: body.optional("return_documents", Node::boolean)?,
        max_tokens_per_document: body.optional("max_tokens_per_doc", Node::integer)?,
        truncate: body.optional("truncation", Node::boolean)?,
        unknown: body
            .fields()
            .iter()
            .filter(|(name, value)| unknown(name) && !value.is_null())
            .map(|(name, _)| name.clone().into_owned())
            .collect(),
    })
}

fn document(node: &Node<'_>) -> Result<Document, Malformed> {
    match node.as_str() {
        Some(text) => Ok(Document::Text(text.to_owned())),
        None => {
            let json = node.json_object().map_err(|_| node.wrong("a string or an object"))?;
            Ok(Document::Object { json, text: node.str_of("text").map(str::to_owned) })
        }
    }
}

/// The result's document, in the caller's own words, for services that hand it back.
pub(crate) fn write_document(result: &mut write::Object<'_>, asked: &Request, index: u64) {
    let document = usize::try_from(index).ok().and_then(|at| asked.documents.get(at));
    match document {
        Some(Document::Object { json, .. }) => result.json("document", json),
        Some(Document::Text(text)) => result.object("document", |o| {
            o.string("text", text);
        }),
        None => result,
    };
}
