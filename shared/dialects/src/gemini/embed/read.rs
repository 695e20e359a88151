//! What embedding requests of Gemini say. Fields are accepted in camel and in snake case, as protobuf's JSON is.

use super::words;
use crate::{json::Node, malformed::Malformed};
use domain::embedding::{Input, Request};

/// Fields with a home in the canonical request.
const KNOWN: [&str; 6] = ["model", "content", "taskType", "task_type", "outputDimensionality", "output_dimensionality"];

/// One request: its input, and how it is to be embedded. The model is the path's affair.
pub fn one(body: &Node<'_>) -> Result<Request, Malformed> {
    let unknown = body.object()?.fields().iter().filter(|(name, value)| !KNOWN.contains(&&**name) && !value.is_null());
    let either = |camel, snake| body.get(camel).map(|node| (camel, node)).or(body.get(snake).map(|node| (snake, node)));
    let dimensions = either("outputDimensionality", "output_dimensionality");
    let task = either("taskType", "task_type");
    Ok(Request {
        inputs: vec![body.required("content", input)?],
        dimensions: dimensions.map(|(key, node)| node.integer().map_err(|e| e.under(key))).transpose()?,
        purpose: task.and_then(|(_, node)| node.as_str()).and_then(words::task_named),
        unknown: unknown.map(|(name, _)| name.clone().into_owned()).collect(),
        ..Request::default()
    })
}

/// `parts`: texts, which are one input together, or one image.
fn input(content: &Node<'_>) -> Result<Input, Malformed> {
    let parts = content.required("parts", |parts| match parts.is_object() {
        true => Ok(vec![part(parts)?]),
        false => parts.each(part),
    })?;
    let mut text = String::new();
    for part in &parts {
        match (part, parts.len()) {
            (Input::Image(_), 1) => return Ok(part.clone()),
            (Input::Text(more), _) => text.push_str(more),
            _ => {
                return Err(
                    Malformed::invalid("texts and images together are not taken; send them apart").under("parts")
                );
            }
        }
    }
    Ok(Input::Text(text))
}

fn part(node: &Node<'_>) -> Result<Input, Malformed> {
    if let Some(data) = node.get("inlineData").or(node.get("inline_data")) {
        let kind = data.str_of("mimeType").or(data.str_of("mime_type")).unwrap_or("image/png");
        return Ok(Input::Image(format!("data:{kind};base64,{}", data.required("data", Node::text)?)));
    }
    node.required("text", Node::text).map(Input::Text)
}

/// Bytes of the texts, and how many parts are something else.
pub fn size(body: &Node<'_>) -> Result<(usize, u64), Malformed> {
    body.object()?.required("content", |content| {
        content.required("parts", |parts| {
            let list = if parts.is_object() { std::slice::from_ref(parts) } else { parts.elements() };
            let weigh = |part: &Node<'_>| part.str_of("text").map_or((0, 1), |text| (text.len(), 0));
            Ok(list.iter().map(weigh).fold((0, 0), |(t, i), (text, images)| (t + text, i + images)))
        })
    })
}
