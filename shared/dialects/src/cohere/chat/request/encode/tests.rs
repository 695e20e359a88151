//! Requests, as sentences.

use super::*;
use crate::{
    codec::{Abilities, Envelope, codec},
    json::parse,
};

fn target(model: &str) -> Target<'_> {
    Target { model, ..Target::default() }
}

fn from(wire: Wire, body: &str) -> Request {
    codec(wire).decode_request(&parse(body.as_bytes()).unwrap(), &Envelope::default()).unwrap()
}

fn openai(fields: &str) -> Request {
    from(Wire::OpenAiChat, &format!(r#"{{"model":"m","messages":[{{"role":"user","content":"hi"}}],{fields}}}"#))
}

fn encoded(request: &Request) -> Encoded {
    encode(request, &target("command-a-reasoning-08-2025")).unwrap()
}

#[test]
fn a_conversation_with_tools_is_told_in_coheres_words() {
    let request = from(
        Wire::OpenAiChat,
        r#"{"model":"m","messages":[
            {"role":"system","content":"Be brief."},
            {"role":"user","content":"Weather?"},
            {"role":"assistant","content":"I will look.","tool_calls":[
                {"id":"a","type":"function","function":{"name":"f","arguments":""}},
                {"id":"b","type":"function","function":{"name":"f","arguments":"{\"x\":1}"}}]},
            {"role":"tool","tool_call_id":"a","content":"{\"t\": 20}"},
            {"role":"user","content":"And?"}],
          "tools":[{"type":"function","function":{"name":"f"}}]}"#,
    );
    let encoded = encoded(&request);
    assert_eq!(
        encoded.body,
        concat!(
            r#"{"model":"command-a-reasoning-08-2025","stream":false,"messages":["#,
            r#"{"role":"system","content":"Be brief."},{"role":"user","content":"Weather?"},"#,
            r#"{"role":"assistant","tool_plan":"I will look.","tool_calls":["#,
            r#"{"id":"a","type":"function","function":{"name":"f","arguments":"{}"}},"#,
            r#"{"id":"b","type":"function","function":{"name":"f","arguments":"{\"x\":1}"}}]},"#,
            r#"{"role":"tool","tool_call_id":"a","content":[{"type":"document","document":{"data":{"t": 20}}}]},"#,
            r#"{"role":"tool","tool_call_id":"b","content":"No result was given."},"#,
            r#"{"role":"user","content":"And?"}],"#,
            r#""tools":[{"type":"function","function":{"name":"f","parameters":{"type":"object","properties":{}}}}]}"#,
        )
    );
    assert!(encoded.dropped.is_empty());
}

#[test]
fn documents_of_text_stand_beside_the_messages() {
    let request = from(
        Wire::AnthropicMessages,
        r#"{"model":"m","max_tokens":9,"messages":[{"role":"user","content":[
            {"type":"document","source":{"type":"text","media_type":"text/plain","data":"Ruby."},"title":"T","citations":{"enabled":true}}]}]}"#,
    );
    let body = encoded(&request).body;
    assert!(body.contains(r#""messages":[{"role":"user","content":"The document is attached."}]"#), "{body}");
    assert!(body.contains(r#""documents":[{"data":{"title":"T","text":"Ruby."}}]"#), "{body}");
    assert!(!body.contains("citation_options"), "{body}");
}

#[test]
fn beside_tools_documents_are_told_in_words() {
    let request = from(
        Wire::AnthropicMessages,
        r#"{"model":"m","max_tokens":9,"tools":[{"name":"f","input_schema":{"type":"object"}}],"messages":[{"role":"user","content":[
            {"type":"document","source":{"type":"text","media_type":"text/plain","data":"Ruby."},"title":"T","citations":{"enabled":true}},{"type":"text","text":"Who?"}]}]}"#,
    );
    let encoded = encoded(&request);
    assert!(encoded.body.contains(r##"{"type":"text","text":"# T\n\nRuby."},{"type":"text","text":"Who?"}"##));
    assert_eq!(encoded.dropped, ["messages.0.content.0.citations"]);
}

#[test]
fn a_document_that_is_no_text_is_refused() {
    let request = from(
        Wire::AnthropicMessages,
        r#"{"model":"m","max_tokens":9,"messages":[{"role":"user","content":[
            {"type":"document","source":{"type":"base64","media_type":"application/pdf","data":"JVBERi0="}}]}]}"#,
    );
    let error = encode(&request, &target("m")).unwrap_err();
    assert_eq!((error.status(), error.param.as_deref()), (400, Some("messages.0.content.0")));
}

#[test]
fn one_tool_is_chosen_by_offering_no_other() {
    let tools = r#""tools":[{"type":"function","function":{"name":"f","strict":true}},{"type":"function","function":{"name":"g"}}]"#;
    let choice = r#""tool_choice":{"type":"function","function":{"name":"g"}}"#;
    let body = encoded(&openai(&format!("{tools},{choice}"))).body;
    assert!(body.contains(r#""name":"g""#) && !body.contains(r#""name":"f""#), "{body}");
    assert!(body.ends_with(r#""tool_choice":"REQUIRED"}"#), "{body}");
    let all = encoded(&openai(&format!(r#"{tools},"tool_choice":"none","parallel_tool_calls":false"#)));
    assert!(all.body.contains(r#""tool_choice":"NONE""#));
    assert_eq!(all.dropped, ["tools.0.strict", "parallel_tool_calls"]);
}

#[test]
fn efforts_become_budgets_where_the_model_thinks() {
    let high = openai(r#""reasoning_effort":"high""#);
    assert!(encoded(&high).body.contains(r#""thinking":{"type":"enabled","token_budget":4096}"#));
    let off = openai(r#""reasoning_effort":"none""#);
    assert!(encoded(&off).body.contains(r#""thinking":{"type":"disabled"}"#));
    for model in ["command-r-plus", "command-a-03-2025", "cohere/command-a-vision-07-2025", "command"] {
        assert_eq!(encode(&high, &target(model)).unwrap().dropped, ["reasoning"], "{model}");
        let quiet = encode(&off, &target(model)).unwrap();
        assert!(quiet.dropped.is_empty() && !quiet.body.contains("thinking"), "{model}");
    }
}

#[test]
fn a_schema_goes_with_the_format_or_in_words() {
    let asked = openai(
        r#""response_format":{"type":"json_schema","json_schema":{"name":"n","schema":{"type":"object"},"strict":true}}"#,
    );
    let body = encoded(&asked).body;
    assert!(body.ends_with(r#""response_format":{"type":"json_object","json_schema":{"type":"object"}}}"#), "{body}");
    let abilities = Abilities { response_schema: false, ..Abilities::default() };
    let body = encode(&asked, &Target { model: "m", abilities, ..Target::default() }).unwrap().body;
    assert!(body.contains("Answer with one JSON object") && !body.contains("json_schema"), "{body}");
}

#[test]
fn what_the_wire_lacks_is_named_and_several_answers_are_refused() {
    let encoded = encoded(&openai(
        r#""logit_bias":{"5":1},"top_logprobs":2,"logprobs":true,"user":"u","service_tier":"flex","store":true"#,
    ));
    assert_eq!(encoded.dropped, ["top_logprobs", "logit_bias", "store", "user", "service_tier"]);
    let error = encode(&openai(r#""n":2"#), &target("m")).unwrap_err();
    assert_eq!((error.status(), error.param.as_deref()), (400, Some("n")));
}

#[test]
fn m3_the_enforced_cap_wins() {
    let request = openai(r#""max_tokens":500"#);
    let capped = Target { model: "m", output_cap: Some(7), max_output: Some(100), ..Target::default() };
    assert!(encode(&request, &capped).unwrap().body.contains(r#""max_tokens":7"#));
    let limited = Target { model: "m", max_output: Some(100), ..Target::default() };
    assert!(encode(&request, &limited).unwrap().body.contains(r#""max_tokens":100"#));
}

#[test]
fn everything_cohere_asks_for_comes_back_on_its_own_wire() {
    let body = r#"{"model":"m","stream":true,"messages":[{"role":"user","content":"q"},{"role":"assistant","content":[{"type":"thinking","thinking":"t"},{"type":"text","text":"a"}],"citations":[{"start":0,"end":1}]},{"role":"user","content":[{"type":"text","text":"b"},{"type":"image_url","image_url":{"url":"data:image/png;base64,AA==","detail":"low"}}]}],"documents":[{"data":{"title":"T","text":"d"}}],"max_tokens":5,"temperature":0.3,"p":0.75,"k":3,"frequency_penalty":0.1,"presence_penalty":0.2,"seed":4,"logprobs":true,"stop_sequences":["x"],"thinking":{"type":"enabled","token_budget":9},"citation_options":{"mode":"FAST"},"safety_mode":"STRICT","raw_prompting":true,"priority":3}"#;
    let request = from(Wire::CohereChat, body);
    let encoded = encode(&request, &target("m")).unwrap();
    assert_eq!((encoded.body.as_str(), encoded.dropped.as_slice()), (body, [].as_slice()));
}
