//! Every family, both ways.

use super::{template::Said, *};
use crate::{
    head::copy,
    json::{parse, parse_answer},
};
use domain::{
    Kind,
    chat::{Block, Content, FinishReason, Message, Role, Source},
};

fn decoded(prompt: &Prompt, body: &str, model: &str) -> Request {
    let envelope = Envelope { model: Some(model), stream: None };
    prompt.decode_request(&parse(body.as_bytes()).unwrap(), &envelope).unwrap()
}

fn said(request: &Request) -> Vec<Said> {
    let text = |message: &Message| match &message.content[0].content {
        Content::Text { text, .. } => text.clone(),
        content => panic!("{content:?}"),
    };
    request.messages.iter().map(|message| (message.role, text(message))).collect()
}

fn conversation() -> Vec<Said> {
    [(Role::System, "Be brief."), (Role::User, "Hi"), (Role::Assistant, "Hello."), (Role::User, "And you?")]
        .map(|(role, text)| (role, text.to_owned()))
        .to_vec()
}

fn asking(turns: &[Said]) -> Request {
    let message = |(role, text): &Said| Message { role: *role, content: vec![Block::text(text.as_str())], name: None };
    Request { messages: turns.iter().map(message).collect(), max_output_tokens: Some(9), ..Request::default() }
}

const FAMILIES: [(&Prompt, &str); 9] = [
    (&CLAUDE, "anthropic.claude-instant-v1"),
    (&COMMAND, "cohere.command-text-v14"),
    (&COMMAND_R, "cohere.command-r-v1:0"),
    (&DEEPSEEK, "deepseek.r1-v1:0"),
    (&JURASSIC, "ai21.j2-ultra-v1"),
    (&LLAMA, "meta.llama2-13b-chat-v1"),
    (&LLAMA, "meta.llama3-70b-instruct-v1:0"),
    (&MISTRAL, "mistral.mistral-7b-instruct-v0:2"),
    (&TITAN, "amazon.titan-text-express-v1"),
];

#[test]
fn every_familys_conversation_reads_back_turn_by_turn() {
    for (family, model) in FAMILIES {
        for turns in [conversation(), conversation()[..2].to_vec(), conversation()[1..].to_vec()] {
            let target = Target { model, ..Target::default() };
            let encoded = family.encode_request(&asking(&turns), &target).unwrap();
            assert_eq!(said(&decoded(family, &encoded.body, model)), turns, "{model}: {}", encoded.body);
            assert_eq!(encoded.dropped, Vec::<String>::new());
        }
    }
}

#[test]
fn the_marks_of_each_family_are_its_own() {
    let written = |family: &Prompt, model| {
        let target = Target { model, ..Target::default() };
        family.encode_request(&asking(&conversation()), &target).unwrap().body
    };
    assert_eq!(
        written(&LLAMA, "meta.llama3-8b"),
        r#"{"prompt":"<|begin_of_text|><|start_header_id|>system<|end_header_id|>\n\nBe brief.<|eot_id|><|start_header_id|>user<|end_header_id|>\n\nHi<|eot_id|><|start_header_id|>assistant<|end_header_id|>\n\nHello.<|eot_id|><|start_header_id|>user<|end_header_id|>\n\nAnd you?<|eot_id|><|start_header_id|>assistant<|end_header_id|>\n\n","max_gen_len":9}"#
    );
    assert_eq!(
        written(&MISTRAL, "mistral.mistral-7b"),
        r#"{"prompt":"<s>[INST] <<SYS>>\nBe brief.\n<</SYS>>\n\nHi [/INST]Hello.</s>[INST] And you? [/INST]","max_tokens":9}"#
    );
    assert_eq!(
        written(&CLAUDE, "anthropic.claude-v2"),
        r#"{"prompt":"Be brief.\n\nHuman: Hi\n\nAssistant: Hello.\n\nHuman: And you?\n\nAssistant:","max_tokens_to_sample":9}"#
    );
    assert_eq!(
        written(&TITAN, "amazon.titan-text-lite-v1"),
        r#"{"inputText":"Be brief.\n\nUser: Hi\nBot: Hello.\nUser: And you?\nBot:","textGenerationConfig":{"maxTokenCount":9}}"#
    );
    assert_eq!(
        written(&COMMAND_R, "cohere.command-r-v1:0"),
        r#"{"message":"And you?","preamble":"Be brief.","chat_history":[{"role":"USER","message":"Hi"},{"role":"CHATBOT","message":"Hello."}],"max_tokens":9}"#
    );
}

#[test]
fn a_text_without_marks_is_the_users_as_it_is() {
    let request = decoded(&TITAN, r#"{"inputText":" Say this\n"}"#, "amazon.titan-text-lite-v1");
    assert_eq!(said(&request), [(Role::User, " Say this\n".to_owned())]);
    let encoded = TITAN.encode_request(&request, &Target { model: "amazon.titan-text-lite-v1", ..Target::default() });
    assert_eq!(encoded.unwrap().body, r#"{"inputText":" Say this\n"}"#);
}

#[test]
fn what_one_text_cannot_hold_is_refused_and_what_it_can_lack_is_named() {
    let target = Target { model: "amazon.titan-text-lite-v1", ..Target::default() };
    let mut request = asking(&conversation());
    request.user = Some("u".into());
    request.sampling.seed = Some(domain::Json::verbatim("7"));
    request.extensions.push(domain::Wire::OpenAiChat, "store", domain::Json::verbatim("true"));
    assert_eq!(TITAN.encode_request(&request, &target).unwrap().dropped, ["user", "seed", "store"]);
    let source = Source::Url { url: "https://example.com/a.png".into() };
    request.messages[1].content.push(Content::Image { source, detail: None }.into());
    let error = TITAN.encode_request(&request, &target).unwrap_err();
    assert_eq!((error.kind, error.param.as_deref()), (Kind::InvalidRequest, Some("messages.1.content")));
}

#[test]
fn own_fields_come_back_on_their_own_family_only() {
    let body = r#"{"prompt":"hi","max_tokens":5,"return_likelihoods":"NONE"}"#;
    let request = decoded(&COMMAND, body, "cohere.command-text-v14");
    let sent = COMMAND.encode_request(&request, &Target { model: "cohere.command-text-v14", ..Target::default() });
    assert_eq!(sent.unwrap().body, body);
    let sent = TITAN.encode_request(&request, &Target { model: "amazon.titan-text-lite-v1", ..Target::default() });
    assert_eq!(sent.unwrap().dropped, ["return_likelihoods"]);
}

#[test]
fn m3_the_cap_is_written_where_the_family_keeps_it() {
    let will = Will { output_cap: Some(5), ..Will::default() };
    for (family, body, copied) in [
        (&TITAN, r#"{"inputText":"x"}"#, r#"{"inputText":"x","textGenerationConfig":{"maxTokenCount":5}}"#),
        (&LLAMA, r#"{"prompt":"x","max_gen_len":9}"#, r#"{"prompt":"x","max_gen_len":5}"#),
    ] {
        let node = parse(body.as_bytes()).unwrap();
        assert_eq!(copy(&node, &family.edits(&node, &will)), copied);
    }
}

#[test]
fn i5_more_than_one_answer_is_refused() {
    let envelope = Envelope::default();
    let body = parse(br#"{"prompt":"x","num_generations":3}"#).unwrap();
    assert_eq!(COMMAND.head(&body, &envelope).unwrap_err().param.as_deref(), Some("num_generations"));
    let body = parse(br#"{"prompt":"x","num_generations":1,"max_tokens":7}"#).unwrap();
    assert_eq!(COMMAND.head(&body, &envelope).unwrap().output_cap, Some(7));
}

#[test]
fn u6_an_answer_without_text_is_none() {
    for (family, body) in [(&TITAN, "{}"), (&TITAN, r#"{"embedding":[1]}"#), (&MISTRAL, r#"{"outputs":[]}"#)] {
        let body = parse_answer(body.as_bytes()).unwrap();
        assert!(family.glance_response(&body).is_err() && family.decode_response(&body).is_err());
    }
}

#[test]
fn the_nearest_word_is_written_for_an_end_the_family_does_not_know() {
    assert_eq!(words::LLAMA.word(&FinishReason::StopSequence), "stop");
    assert_eq!(words::LLAMA.word(&FinishReason::ContextWindow), "length");
    assert_eq!(words::TITAN.word(&FinishReason::Guardrail), "CONTENT_FILTERED");
    assert_eq!(words::CLAUDE.word(&FinishReason::Stop), "stop_sequence");
    assert_eq!(words::TITAN.meaning("OF_TOMORROW"), FinishReason::Other("OF_TOMORROW".into()));
}
