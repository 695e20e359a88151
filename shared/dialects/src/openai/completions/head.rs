//! The fast path of requests: what the gateway needs to know, and what it changes.

use super::prompt;
use crate::{
    codec::{Envelope, Will},
    head::{Edit, Head, refuse_forbidden},
    json::{Node, write},
    malformed::Malformed,
    openai::chat::head::{cap, model_name, n, rename, stream_usage},
};

/// The most completions generated to choose the best from.
const MAX_BEST_OF: u64 = 20;

pub fn head(body: &Node<'_>, envelope: &Envelope<'_>) -> Result<Head, Malformed> {
    refuse_forbidden(body.object()?)?;
    let prompts = prompt::count(body)?;
    Ok(Head {
        model: model_name(body, envelope)?,
        stream: body.optional("stream", Node::boolean)?.unwrap_or(false),
        stream_usage: stream_usage(body)?,
        output_cap: body.optional("max_tokens", cap)?,
        n: n(body)?.unwrap_or(1).max(best_of(body)?.unwrap_or(1)).saturating_mul(prompts),
        metadata: Vec::new(),
        media: false,
    })
}

/// `best_of`: all of them are generated and paid for.
pub fn best_of(body: &Node<'_>) -> Result<Option<u64>, Malformed> {
    body.optional("best_of", |node| match node.integer()? {
        count @ 1..=MAX_BEST_OF => Ok(count),
        _ => Err(Malformed::invalid(format!("must be 1 to {MAX_BEST_OF}"))),
    })
}

pub fn edits(body: &Node<'_>, will: &Will<'_>) -> Vec<Edit> {
    let mut edits = vec![Edit::set(&["model"], write::quoted(will.model))];
    if will.stream_usage {
        edits.push(Edit::set(&["stream_options", "include_usage"], "true"));
    }
    edits.extend(will.drop.iter().map(|key| Edit::remove(key)));
    edits.extend(will.rename.iter().filter_map(|(from, to)| rename(body, from, to)));
    edits.extend(will.output_cap.map(|cap| Edit::set(&["max_tokens"], cap.to_string())));
    edits
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{head::copy, json::parse};

    fn read(fields: &str) -> Result<Head, Malformed> {
        head(&parse(format!(r#"{{"model":"m",{fields}}}"#).as_bytes()).unwrap(), &Envelope::default())
    }

    #[test]
    fn m2_every_answer_of_every_prompt_is_counted() {
        for (fields, n) in [
            (r#""prompt":"a""#, 1),
            (r#""prompt":[1,2,3],"n":2"#, 2),
            (r#""prompt":["a","b"],"n":2"#, 4),
            (r#""prompt":[[1],[2],[3]]"#, 3),
            (r#""prompt":"a","n":2,"best_of":5"#, 5),
        ] {
            assert_eq!(read(fields).unwrap().n, n, "{fields}");
        }
    }

    #[test]
    fn i5_what_is_out_of_bounds_is_refused_by_name() {
        for (fields, param) in [
            (r#""n":1"#, "prompt"),
            (r#""prompt":[]"#, "prompt"),
            (r#""prompt":["a",1]"#, "prompt.1"),
            (r#""prompt":{}"#, "prompt"),
            (r#""prompt":"a","n":17"#, "n"),
            (r#""prompt":"a","best_of":0"#, "best_of"),
            (r#""prompt":"a","max_tokens":-1"#, "max_tokens"),
        ] {
            assert_eq!(read(fields).unwrap_err().param.as_deref(), Some(param), "{fields}");
        }
    }

    #[test]
    fn m3_the_cap_is_enforced_and_usage_asked_for() {
        let body = r#"{"model":"a","prompt":"p","max_tokens":100,"stream":true}"#;
        let will = Will { model: "b", output_cap: Some(7), stream_usage: true, ..Will::default() };
        let body = parse(body.as_bytes()).unwrap();
        assert_eq!(
            copy(&body, &edits(&body, &will)),
            r#"{"model":"b","prompt":"p","max_tokens":7,"stream":true,"stream_options":{"include_usage":true}}"#
        );
    }
}
