//! A request in the words of the older API.

use super::super::{
    model::only_completes,
    prompt::{self, NEXT_TURN},
};
use crate::{
    codec::{Encoded, Target},
    json::{
        parse_answer,
        write::{self, Object},
    },
    openai::chat::model::is_openais,
};
use domain::{
    Error, Json, Wire,
    chat::{Reasoning, Request, Sampling},
};

/// The most stop sequences OpenAI takes.
const STOPS: usize = 4;
/// The most alternatives to each token.
const MOST_LOGPROBS: u32 = 5;

pub fn encode(request: &Request, target: &Target<'_>) -> Result<Encoded, Error> {
    let mut dropped = Vec::new();
    let prompt = prompt::write(&request.messages, &mut dropped)?;
    let body = write::object(|o| {
        o.string("model", target.model).string("prompt", &prompt.text);
        let cap = target.output_cap.or(request.max_output_tokens);
        // Whoever names no cap gets 16 tokens here.
        let cap = cap.or(target.max_output).unwrap_or(target.default_output_cap);
        o.maybe_number("max_tokens", Some(cap.min(target.max_output.unwrap_or(u64::MAX))).filter(|cap| *cap > 0));
        write_sampling(o, &request.sampling, target, &mut dropped);
        let most = target.abilities.stop_sequences.unwrap_or(STOPS);
        write_stop(o, &request.sampling.stop, most, prompt.transcript, &mut dropped);
        o.maybe_number("n", request.n.map(u64::from)).maybe_string("user", request.user.as_deref());
        write_stream(o, request);
        for (key, value) in request.extensions.of(Wire::OpenAiCompletions).filter(|(key, _)| *key != "stream_options") {
            o.json(key, value);
        }
    });
    dropped.extend(lost(request));
    Ok(Encoded { body, dropped })
}

fn write_sampling(o: &mut Object<'_>, sampling: &Sampling, target: &Target<'_>, dropped: &mut Vec<String>) {
    let taken = target.abilities.sampling;
    let logprobs = sampling.logprobs.filter(|asked| *asked).map(|_| sampling.top_logprobs.unwrap_or(0));
    if logprobs.is_some_and(|count| count > MOST_LOGPROBS) {
        dropped.push("top_logprobs".to_owned());
    }
    let logprobs = logprobs.map(|count| Json::verbatim(count.min(MOST_LOGPROBS).to_string()));
    for (key, value, taken) in [
        ("temperature", &sampling.temperature, taken),
        ("top_p", &sampling.top_p, taken),
        ("top_k", &sampling.top_k, taken && !is_openais(target.model) && !only_completes(target.model)),
        ("seed", &sampling.seed, true),
        ("frequency_penalty", &sampling.frequency_penalty, taken),
        ("presence_penalty", &sampling.presence_penalty, taken),
        ("logprobs", &logprobs, true),
        ("logit_bias", &sampling.logit_bias, taken),
    ] {
        match value {
            Some(value) if taken => drop(o.json(key, value)),
            Some(_) => dropped.push(key.to_owned()),
            None => {}
        }
    }
}

/// A transcript ends before its next turn, if there is room to say so.
fn write_stop(o: &mut Object<'_>, stop: &[String], most: usize, transcript: bool, dropped: &mut Vec<String>) {
    if stop.len() > most {
        dropped.push("stop".to_owned());
    }
    let mut stop: Vec<String> = stop.iter().take(most).cloned().collect();
    if transcript && stop.len() < most {
        stop.push(NEXT_TURN.to_owned());
    }
    o.maybe_strings("stop", &stop);
}

/// Usage is always asked for; whether the caller sees it is decided on the way back [S6].
fn write_stream(o: &mut Object<'_>, request: &Request) {
    if !request.stream {
        return;
    }
    let more = request.extensions.of(Wire::OpenAiCompletions).find(|(key, _)| *key == "stream_options");
    let more = more.and_then(|(_, value)| parse_answer(value.as_str().as_bytes()).ok());
    o.bool("stream", true).object("stream_options", |o| {
        for (key, value) in more.iter().flat_map(|more| more.fields()).filter(|(key, _)| key != "include_usage") {
            o.raw(key, value.raw);
        }
        o.bool("include_usage", true);
    });
}

/// What the wire has no place for.
fn lost(request: &Request) -> Vec<String> {
    let usual = ["auto", "default", "standard", "standard_only"];
    let thinks = request.reasoning.as_ref().is_some_and(|reasoning| *reasoning != Reasoning::Disabled);
    let mut lost: Vec<String> = (0..request.tools.len()).map(|at| format!("tools.{at}")).collect();
    for (name, asked) in [
        ("tool_choice", request.tool_choice.is_some() && !request.tools.is_empty()),
        ("response_format", request.output_format.is_some()),
        ("reasoning", thinks),
        ("service_tier", request.service_tier.as_deref().is_some_and(|tier| !usual.contains(&tier))),
    ] {
        if asked {
            lost.push(name.to_owned());
        }
    }
    lost.extend(request.extensions.foreign_to(Wire::OpenAiCompletions).map(str::to_owned));
    lost
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        codec::{Envelope, codec},
        json::parse,
    };

    fn from(wire: Wire, body: &str) -> Request {
        codec(wire).decode_request(&parse(body.as_bytes()).unwrap(), &Envelope::default()).unwrap()
    }

    fn target(model: &str) -> Target<'_> {
        Target { model, default_output_cap: 4096, ..Target::default() }
    }

    #[test]
    fn a_prompt_asks_a_model_that_chats() {
        let request = from(
            Wire::OpenAiCompletions,
            r#"{"model":"m","prompt":["Hi"],"logprobs":2,"stop":"x","echo":false,"best_of":1,"suffix":null,"max_tokens":9}"#,
        );
        let chat = codec(Wire::OpenAiChat).encode_request(&request, &target("gpt-4o")).unwrap();
        assert_eq!(
            chat.body,
            r#"{"model":"gpt-4o","messages":[{"role":"user","content":"Hi"}],"max_tokens":9,"logprobs":true,"top_logprobs":2,"stop":["x"]}"#
        );
        assert!(chat.dropped.is_empty());
    }

    #[test]
    fn what_only_completions_can_do_is_named() {
        let request =
            from(Wire::OpenAiCompletions, r#"{"model":"m","prompt":"a","suffix":"b","echo":true,"best_of":3}"#);
        let chat = codec(Wire::OpenAiChat).encode_request(&request, &target("gpt-4o")).unwrap();
        assert_eq!(chat.dropped, ["suffix", "echo", "best_of"]);
    }

    #[test]
    fn several_prompts_and_token_ids_are_refused_to_models_that_chat() {
        for prompt in [r#"["a","b"]"#, "[1,2]", "[[1],[2]]"] {
            let body = format!(r#"{{"model":"m","prompt":{prompt}}}"#);
            let refused =
                codec(Wire::OpenAiCompletions).decode_request(&parse(body.as_bytes()).unwrap(), &Envelope::default());
            assert_eq!(refused.unwrap_err().param.as_deref(), Some("prompt"), "{prompt}");
        }
    }

    #[test]
    fn a_conversation_is_told_as_a_transcript() {
        let request = from(
            Wire::OpenAiChat,
            r#"{"model":"m","messages":[{"role":"system","content":"Be brief."},{"role":"user","content":"Hi"},
                {"role":"assistant","content":"Hello"},{"role":"user","content":"Bye"}],"tools":[{"type":"function","function":{"name":"f"}}]}"#,
        );
        let encoded = encode(&request, &target("davinci-002")).unwrap();
        assert_eq!(
            encoded.body,
            r#"{"model":"davinci-002","prompt":"Be brief.\n\nUser: Hi\n\nAssistant: Hello\n\nUser: Bye\n\nAssistant:","max_tokens":4096,"stop":["\nUser:"]}"#
        );
        assert_eq!(encoded.dropped, ["tools.0"]);
    }

    #[test]
    fn one_question_is_the_prompt_and_images_are_refused() {
        let request =
            from(Wire::OpenAiChat, r#"{"model":"m","messages":[{"role":"user","content":"Hi"}],"stream":true}"#);
        assert_eq!(
            encode(&request, &target("m")).unwrap().body,
            r#"{"model":"m","prompt":"Hi","max_tokens":4096,"stream":true,"stream_options":{"include_usage":true}}"#
        );
        let image = from(
            Wire::OpenAiChat,
            r#"{"model":"m","messages":[{"role":"user","content":[{"type":"image_url","image_url":{"url":"https://a/b.png"}}]}]}"#,
        );
        let error = encode(&image, &target("m")).unwrap_err();
        assert_eq!((error.status(), error.param.as_deref()), (400, Some("messages.0.content.0")));
    }
}
