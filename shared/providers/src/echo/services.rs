//! Vectors and rankings without a model: texts that share words are near each other.

use dialects::{
    Malformed,
    codec::{Envelope, estimate_tokens},
    embedding::embedder,
    json,
    json::write,
    rerank::reranker,
};
use domain::{
    Json, Service,
    embedding::{Form, Input, Response},
    rerank::{self, Ranked},
};

/// Numbers in a vector unless the request asks for another count.
const DIMENSIONS: u64 = 64;
/// The most numbers in a vector.
const MOST_DIMENSIONS: u64 = 4_096;

/// The vectors of a request for embeddings.
pub fn embedded(body: &[u8]) -> Result<String, Malformed> {
    let embedder = embedder(Service::OpenAiEmbeddings).ok_or_else(absent)?;
    let asked = embedder.decode_request(&json::parse(body)?, &Envelope::default())?;
    let dimensions = asked.dimensions.unwrap_or(DIMENSIONS).clamp(1, MOST_DIMENSIONS);
    let texts: Vec<String> = asked.inputs.iter().map(text).collect();
    let response = Response {
        sets: vec![(Form::Float, texts.iter().map(|text| vector(text, dimensions)).collect())],
        tokens: Some(texts.iter().map(|text| estimate_tokens(text.len())).sum()),
        ..Response::default()
    };
    embedder.encode_response(&response, &asked, "echo")
}

/// The documents of a request for ranking, those that share most words with the query first.
pub fn ranked(body: &[u8]) -> Result<String, Malformed> {
    let reranker = reranker(Service::JinaRerank).ok_or_else(absent)?;
    let asked = reranker.decode_request(&json::parse(body)?)?;
    let query = words(&asked.query);
    let shared = |text: &str| words(text).iter().filter(|word| query.contains(word)).count();
    let mut places: Vec<(usize, usize)> = asked.documents.iter().map(|one| shared(one.text())).enumerate().collect();
    places.sort_by_key(|(at, shared)| (std::cmp::Reverse(*shared), *at));
    places.truncate(asked.top_n.and_then(|most| usize::try_from(most).ok()).unwrap_or(usize::MAX));
    let score =
        |shared: usize| Json::verbatim((shared.min(query.len()) as f32 / query.len().max(1) as f32).to_string());
    let response = rerank::Response {
        results: places.into_iter().map(|(at, shared)| Ranked { index: at as u64, score: score(shared) }).collect(),
        tokens: Some(asked.documents.iter().map(|one| estimate_tokens(one.text().len())).sum()),
        ..rerank::Response::default()
    };
    Ok(reranker.encode_response(&response, &asked, "echo"))
}

fn absent() -> Malformed {
    Malformed::invalid("this service is not offered")
}

fn text(input: &Input) -> String {
    match input {
        Input::Image(text) | Input::Text(text) => text.clone(),
        Input::Tokens(tokens) => tokens.iter().map(u64::to_string).collect::<Vec<_>>().join(" "),
    }
}

/// Every word counts in one place of the vector, which has length one.
fn vector(text: &str, dimensions: u64) -> Json {
    let mut counts = vec![0.0f32; usize::try_from(dimensions).unwrap_or(1)];
    let words = words(text);
    for word in &words {
        let place = usize::try_from(hash(word) % dimensions).unwrap_or(0);
        if let Some(count) = counts.get_mut(place) {
            *count += 1.0;
        }
    }
    let length = counts.iter().map(|count| count * count).sum::<f32>().sqrt().max(1.0);
    Json::verbatim(write::array(|array| counts.iter().for_each(|count| array.raw(&(count / length).to_string()))))
}

fn words(text: &str) -> Vec<String> {
    text.split(|c: char| !c.is_alphanumeric()).filter(|word| !word.is_empty()).map(str::to_lowercase).collect()
}

/// FNV-1a: the same on every machine.
fn hash(word: &str) -> u64 {
    word.bytes().fold(0xcbf2_9ce4_8422_2325, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_that_share_words_are_near_each_other() {
        let near = |a: &str, b: &str| -> f32 {
            let numbers = |text: &str| -> Vec<f32> {
                let list = vector(text, 64);
                json::parse(list.as_str().as_bytes())
                    .unwrap()
                    .elements()
                    .iter()
                    .map(|n| n.raw.parse().unwrap())
                    .collect()
            };
            numbers(a).iter().zip(numbers(b)).map(|(a, b)| a * b).sum()
        };
        assert!(near("the cat sat", "The cat, sitting") > near("the cat sat", "budgets reset weekly"));
        assert!((near("same words", "same words") - 1.0).abs() < 1e-6);
    }

    #[test]
    fn the_document_with_the_querys_words_comes_first() {
        let body = br#"{"model":"echo","query":"red fox","documents":["a blue whale","the red fox"],"top_n":1}"#;
        let told = ranked(body).unwrap();
        assert!(told.contains(r#""results":[{"index":1,"relevance_score":1}]"#), "{told}");
    }
}
