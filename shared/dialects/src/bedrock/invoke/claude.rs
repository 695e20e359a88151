//! Claude: Anthropic's Messages without `model` and `stream`, with `anthropic_version`, and betas in the body.

use crate::{
    anthropic::{betas::FIELD as BETAS, messages::Messages},
    codec::{Codec, Decoder, Encoded, Encoder, Envelope, Glance, Reply, Target, Will},
    framing::{Frame, Framing},
    head::{Edit, Head, copy},
    json::{Node, parse, write},
    malformed::Malformed,
};
use domain::{
    Error, Wire,
    chat::{Request, Response},
};

/// The only version there is.
const VERSION: &str = r#""bedrock-2023-05-31""#;
/// Fields that Bedrock's form has beside Anthropic's.
const VERSION_FIELD: &str = "anthropic_version";
/// Fields that the path takes the place of.
const IN_PATH: [&str; 2] = ["model", "stream"];
/// Fields that Anthropic alone serves: Bedrock refuses them; a tier is a header of this operation.
const ANTHROPICS: [&str; 6] = ["cache_control", "container", "inference_geo", "mcp_servers", "service_tier", "speed"];

/// The form.
pub struct Claude;

impl Codec for Claude {
    fn framing(&self) -> Framing {
        Messages.framing()
    }

    fn head(&self, body: &Node<'_>, envelope: &Envelope<'_>) -> Result<Head, Malformed> {
        Messages.head(body, envelope)
    }

    fn edits(&self, body: &Node<'_>, will: &Will<'_>) -> Vec<Edit> {
        let edits = Messages.edits(body, will).into_iter().filter(|edit| !in_path(edit));
        edits.chain(IN_PATH.map(Edit::remove)).collect()
    }

    /// Betas are Bedrock's here: elsewhere they are a header.
    fn decode_request(&self, body: &Node<'_>, envelope: &Envelope<'_>) -> Result<Request, Malformed> {
        let mut request = Messages.decode_request(body, envelope)?;
        let fields = &mut request.extensions.0;
        fields.retain(|(_, field, _)| field != VERSION_FIELD);
        fields.iter_mut().filter(|(_, field, _)| field == BETAS).for_each(|(wire, ..)| *wire = Wire::BedrockInvoke);
        Ok(request)
    }

    fn encode_request(&self, request: &Request, target: &Target<'_>) -> Result<Encoded, Error> {
        let Encoded { body, mut dropped } = Messages.encode_request(request, target)?;
        let node = parse(body.as_bytes()).map_err(Error::from)?;
        let mut edits = vec![Edit::set(&[VERSION_FIELD], VERSION)];
        edits.extend(IN_PATH.map(Edit::remove));
        for field in ANTHROPICS.iter().filter(|field| node.get(field).is_some()) {
            edits.push(Edit::remove(field));
            dropped.push((*field).to_owned());
        }
        if let Some((_, betas)) = request.extensions.of(Wire::BedrockInvoke).find(|(field, _)| *field == BETAS) {
            edits.push(Edit::set(&[BETAS], betas.as_str()));
            dropped.retain(|field| field != BETAS);
        } else if !target.betas.is_empty() {
            let list = write::array(|out| target.betas.iter().for_each(|beta| out.string(beta)));
            edits.push(Edit::set(&[BETAS], list));
        }
        Ok(Encoded { body: copy(&node, &edits), dropped })
    }

    fn decode_response(&self, body: &Node<'_>) -> Result<Response, Malformed> {
        Messages.decode_response(body)
    }

    fn encode_response(&self, response: &Response, reply: &Reply<'_>) -> String {
        Messages.encode_response(response, reply)
    }

    fn decoder(&self) -> Box<dyn Decoder> {
        Messages.decoder()
    }

    fn encoder(&self, reply: &Reply<'_>) -> Box<dyn Encoder> {
        Messages.encoder(reply)
    }

    fn glance(&self, frame: &Frame) -> Result<Glance, Malformed> {
        Messages.glance(frame)
    }

    fn glance_response(&self, body: &Node<'_>) -> Result<Glance, Malformed> {
        Messages.glance_response(body)
    }
}

fn in_path(edit: &Edit) -> bool {
    matches!(edit.path.as_slice(), [field] if IN_PATH.contains(&field.as_str()))
}

#[cfg(test)]
mod tests {
    use super::*;

    const ENVELOPE: Envelope<'static> =
        Envelope { model: Some("anthropic.claude-3-haiku-20240307-v1:0"), stream: None };
    const BODY: &str = r#"{"anthropic_version":"bedrock-2023-05-31","anthropic_beta":["interleaved-thinking-2025-05-14"],"max_tokens":9,"messages":[{"role":"user","content":"hi"}]}"#;

    #[test]
    fn betas_come_back_on_this_form_and_are_named_elsewhere() {
        let request = Claude.decode_request(&parse(BODY.as_bytes()).unwrap(), &ENVELOPE).unwrap();
        let encoded = Claude.encode_request(&request, &Target { model: "m", ..Target::default() }).unwrap();
        let sent = parse(encoded.body.as_bytes()).unwrap();
        assert_eq!(sent.get(BETAS).unwrap().raw, r#"["interleaved-thinking-2025-05-14"]"#);
        assert_eq!(sent.get(VERSION_FIELD).unwrap().raw, VERSION);
        assert!(sent.get("model").is_none() && sent.get("stream").is_none() && encoded.dropped.is_empty());
        let elsewhere = Messages.encode_request(&request, &Target { model: "m", ..Target::default() }).unwrap();
        assert!(!elsewhere.body.contains("bedrock-2023") && elsewhere.dropped == [BETAS]);
    }

    #[test]
    fn betas_that_a_header_asked_for_go_into_the_body() {
        let request = Request { messages: vec![], ..Request::default() };
        let target = Target { model: "m", betas: &["a", "b"], ..Target::default() };
        let encoded = Claude.encode_request(&request, &target).unwrap();
        assert!(encoded.body.contains(r#""anthropic_beta":["a","b"]"#), "{}", encoded.body);
    }

    #[test]
    fn what_passes_loses_only_what_the_path_says() {
        let body = r#"{"model":"x","zeta":1.50,"max_tokens":9,"messages":[],"stream":true}"#;
        let node = parse(body.as_bytes()).unwrap();
        let copied = copy(&node, &Claude.edits(&node, &Will { model: "m", output_cap: Some(5), ..Will::default() }));
        assert_eq!(copied, r#"{"zeta":1.50,"max_tokens":5,"messages":[]}"#);
    }
}
