//! Every class of tokens at its price, and never more than was held.

use config::{Prices, Rates, prices::Tier};
use domain::{Usage, Usd, media::Units};
use gateway::{
    call::Metered,
    pricing::chat::{Most, cost, most},
};
use harness::{Portunus, message};
use mock_upstream::{
    Plan,
    plan::{Answer, Fixed},
};
use serde_json::json;

fn rates(kind: &str, model: &str) -> Rates {
    Prices::builtin().find(kind, model).unwrap()
}

fn cost_of(rates: &Rates, usage: Usage, tier: Option<&str>, units: Units) -> String {
    let tier = tier.map(Tier::named);
    cost(rates, &Metered { usage, tier, units: Some(units), ..Metered::default() }).to_string()
}

#[test]
fn every_class_of_tokens_has_its_own_price() {
    let usage = Usage { input: 10, cache_read: 1000, cache_write: 100, cache_write_1h: 10, output: 20, reasoning: 5 };
    // 10 × $3 + 1000 × $0.30 + 100 × $3.75 + 10 × $6 + 20 × $15 a million
    let sonnet = rates("anthropic", "claude-sonnet-4-5");
    assert_eq!(cost_of(&sonnet, usage, None, Units::default()), "0.001065");
}

#[test]
fn a_tier_is_billed_at_its_price_and_a_long_prompt_at_that_of_long_ones() {
    let usage = Usage { input: 1_000, output: 100, ..Usage::default() };
    let gpt = rates("azure_ai", "gpt-5.4");
    let tiers = [None, Some("default"), Some("priority"), Some("unheard-of")];
    let costs = tiers.map(|tier| cost_of(&gpt, usage, tier, Units::default()));
    assert_eq!(costs, ["0.004", "0.004", "0.008", "0.004"]);
    let long = Usage { input: 272_001, output: 100, ..Usage::default() };
    // Every token of it, not only those past the edge: 272,001 × $5 + 100 × $22.50 a million.
    assert_eq!(cost_of(&gpt, long, None, Units::default()), "1.362255");
    let both = cost_of(&gpt, long, Some("priority"), Units::default());
    assert_eq!(both, "2.72451", "272,001 × $10 + 100 × $45 a million");
}

#[test]
fn a_regional_profile_costs_more_than_the_global_one() {
    let usage = Usage { input: 1_000_000, output: 0, ..Usage::default() };
    let of = |model: &str| cost_of(&rates("bedrock", model), usage, None, Units::default());
    let model = "anthropic.claude-haiku-4-5-20251001-v1:0";
    assert_eq!(of(&format!("global.{model}")), "1");
    assert_eq!(of(&format!("eu.{model}")), "1.1");
}

#[test]
fn searches_of_the_web_are_billed_each_or_once_an_answer() {
    let usage = Usage { input: 1_000, ..Usage::default() };
    let three = Units { searches: 3, ..Units::default() };
    let of = |kind: &str, model: &str, units: Units| cost_of(&rates(kind, model), usage, None, units);
    assert_eq!(of("anthropic", "claude-sonnet-4-5", Units::default()), "0.003");
    assert_eq!(of("anthropic", "claude-sonnet-4-5", three), "0.033", "three at $10 a thousand");
    assert_eq!(of("gemini", "gemini-2.5-flash", three), "0.0353", "$35 a thousand answers that searched");
    assert_eq!(of("gemini", "gemini-3-flash-preview", three), "0.0425", "three at $14 a thousand");
}

#[test]
fn sounds_cost_what_sounds_do() {
    let usage = Usage { input: 1_000, output: 0, ..Usage::default() };
    let heard = Units { input_audio_tokens: 400, ..Units::default() };
    let flash = rates("gemini", "gemini-2.5-flash");
    // 600 × $0.30 + 400 × $1 a million
    assert_eq!(cost_of(&flash, usage, None, heard), "0.00058");
    let usage = Usage { output: 100, ..usage };
    let spoken = Units { output_audio_tokens: 60, ..heard };
    // 600 × $2.50 + 400 × $40 + 40 × $10 + 60 × $80 a million
    assert_eq!(cost_of(&rates("azure_openai", "gpt-4o-audio-preview-2024-12-17"), usage, None, spoken), "0.0227");
}

/// SplitMix64.
struct Random(u64);

impl Random {
    fn below(&mut self, most: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (z ^ (z >> 31)) % most.max(1)
    }

    /// Tokens of a class out of what is left.
    fn share(&mut self, left: &mut u64) -> u64 {
        let taken = self.below(*left + 1);
        *left -= taken;
        taken
    }

    /// Whatever a provider may report within the bounds.
    fn usage(&mut self, bound: Most) -> Metered {
        let tiers = [None, Some(Tier::Flex), Some(Tier::Priority), Some(Tier::Standard)];
        let mut prompt = self.below(bound.input + 1);
        let output = self.below(bound.output + 1);
        let usage = Usage {
            cache_read: self.share(&mut prompt),
            cache_write: self.share(&mut prompt),
            cache_write_1h: self.share(&mut prompt),
            input: prompt,
            output,
            // A provider may say that more was thought than said.
            reasoning: self.below(output * 2 + 1),
        };
        let heard = if bound.media { self.below(prompt + 1) } else { 0 };
        let spoken = self.below(output + 1);
        let tier = tiers[self.below(tiers.len() as u64) as usize];
        let units = Units { input_audio_tokens: heard, output_audio_tokens: spoken, ..Units::default() };
        Metered { usage, tier, units: Some(units), ..Metered::default() }
    }
}

/// Every model of the table, with its prices.
fn table() -> impl Iterator<Item = (&'static str, Rates)> {
    let lines = include_str!("../../shared/config/catalog/prices.tsv").lines();
    lines.filter_map(|line| {
        let key = line.split('\t').next()?;
        let (kind, model) = key.split_once('/')?;
        Some((key, Prices::builtin().find(kind, model)?))
    })
}

#[test]
fn m3_no_usage_within_the_bounds_costs_more_than_was_held_for_any_model_at_any_tier() {
    let mut random = Random(20_261_121);
    let mut cases = 0_u32;
    for (key, rates) in table().filter(|(_, rates)| rates.price_chat()) {
        for _ in 0..40 {
            let scale = 10_u64.pow(random.below(7) as u32 + 1);
            let media = random.below(3) == 0;
            let bound = Most { input: random.below(scale), output: random.below(scale), media, guarded: None };
            let (held, metered) = (most(&rates, bound), random.usage(bound));
            let spent = cost(&rates, &metered);
            assert!(spent <= held, "{key}: {spent} > {held} with {metered:?} of {bound:?}");
            cases += 1;
        }
    }
    assert!(cases > 40_000, "{cases} cases");
}

#[test]
fn m13_searches_are_the_one_thing_that_no_hold_covers() {
    let bound = Most { input: 10, output: 10, ..Most::default() };
    let sonnet = rates("anthropic", "claude-sonnet-4-5");
    let usage = Usage { input: 10, output: 10, ..Usage::default() };
    let units = Units { searches: 1, ..Units::default() };
    assert!(cost(&sonnet, &Metered { usage, units: Some(units), ..Metered::default() }) > most(&sonnet, bound));
}

fn fixed(content_type: &str, text: String) -> Plan {
    Plan::answering(Answer::Fixed(Fixed {
        text: Some(text),
        headers: vec![("content-type".into(), content_type.into())],
        ..Fixed::default()
    }))
}

/// What Anthropic answers when it searched the web twice, whole or in a stream.
fn searched(stream: bool) -> Plan {
    let usage = json!({ "input_tokens": 1000, "output_tokens": 100, "server_tool_use": { "web_search_requests": 2 } });
    let mut answer = json!({ "id": "msg_1", "type": "message", "role": "assistant", "model": "claude-sonnet-4-5",
        "content": [{ "type": "text", "text": "hi" }], "stop_reason": "end_turn", "stop_sequence": null, "usage": usage });
    if !stream {
        return fixed("application/json", answer.to_string());
    }
    answer["content"] = json!([]);
    answer["stop_reason"] = json!(null);
    answer["usage"] = json!({ "input_tokens": 1000, "output_tokens": 1 });
    let events = [
        json!({ "type": "message_start", "message": answer }),
        json!({ "type": "content_block_start", "index": 0, "content_block": { "type": "text", "text": "" } }),
        json!({ "type": "content_block_delta", "index": 0, "delta": { "type": "text_delta", "text": "hi" } }),
        json!({ "type": "content_block_stop", "index": 0 }),
        json!({ "type": "message_delta", "delta": { "stop_reason": "end_turn" }, "usage": usage }),
        json!({ "type": "message_stop" }),
    ];
    let line = |event: &serde_json::Value| format!("event: {}\ndata: {event}\n\n", event["type"].as_str().unwrap());
    fixed("text/event-stream", events.iter().map(line).collect())
}

#[tokio::test]
async fn m10_searches_that_a_provider_made_are_charged_and_recorded_passed_or_translated_whole_or_streamed() {
    // 1,000 × $3 and 100 × $15 a million, and two searches at $10 a thousand.
    let expected: Usd = "0.0245".parse().unwrap();
    for stream in [false, true] {
        for path in ["/v1/messages", "/v1/chat/completions"] {
            let portunus = Portunus::start().await;
            portunus.script(vec![searched(stream)]);
            let model = "up-anthropic/claude-sonnet-4-5";
            let body = match path {
                "/v1/messages" => message(model, "hi", stream),
                _ => harness::chat(model, "hi", stream),
            };
            let reply = portunus.post(path, &body).await;
            assert_eq!(reply.status, 200, "{}", reply.text());
            let record = portunus.record(&reply.call()).await;
            assert_eq!((record.cost, record.units.searches), (expected, 2), "{path} streamed: {stream}");
            assert!(stream || reply.header("x-portunus-cost-usd") == "0.0245");
        }
    }
}

/// What Anthropic's stream says, with the count of the output before or after it says that it is done.
fn counted_late(late: bool) -> Plan {
    let start = json!({ "type": "message_start", "message": { "id": "msg_1", "type": "message", "role": "assistant",
        "model": "claude-sonnet-4-5", "content": [], "stop_reason": null, "usage": { "input_tokens": 10, "output_tokens": 1 } } });
    let mut events = vec![
        start,
        json!({ "type": "content_block_start", "index": 0, "content_block": { "type": "text", "text": "" } }),
        json!({ "type": "content_block_delta", "index": 0, "delta": { "type": "text_delta", "text": "hi" } }),
        json!({ "type": "content_block_stop", "index": 0 }),
        json!({ "type": "message_stop" }),
    ];
    let usage =
        json!({ "type": "message_delta", "delta": { "stop_reason": "end_turn" }, "usage": { "output_tokens": 100 } });
    events.insert(if late { 5 } else { 4 }, usage);
    let line = |event: &serde_json::Value| format!("event: {}\ndata: {event}\n\n", event["type"].as_str().unwrap());
    fixed("text/event-stream", events.iter().map(line).collect())
}

#[tokio::test]
async fn s6_a_count_that_comes_after_the_end_is_the_one_that_is_charged() {
    for late in [false, true] {
        for path in ["/v1/messages", "/v1/chat/completions"] {
            let portunus = Portunus::start().await;
            portunus.script(vec![counted_late(late)]);
            let model = "up-anthropic/claude-sonnet-4-5";
            let body =
                if path == "/v1/messages" { message(model, "hi", true) } else { harness::chat(model, "hi", true) };
            let reply = portunus.post(path, &body).await;
            let text = reply.text();
            assert!(text.contains("message_stop") || text.contains("[DONE]"), "{text}");
            assert!(!late || !text.contains("message_delta"), "what follows the end is not passed on: {text}");
            let usage = portunus.record(&reply.call()).await.usage;
            assert_eq!((usage.input, usage.output), (10, 100), "{path}, late: {late}");
        }
    }
}

#[tokio::test]
async fn m13_more_searches_than_anybody_makes_are_not_believed() {
    let portunus = Portunus::start().await;
    let usage =
        json!({ "input_tokens": 10, "output_tokens": 1, "server_tool_use": { "web_search_requests": 9_000_000 } });
    let answer = json!({ "id": "msg_1", "type": "message", "role": "assistant", "model": "claude-sonnet-4-5",
        "content": [{ "type": "text", "text": "hi" }], "stop_reason": "end_turn", "stop_sequence": null, "usage": usage });
    portunus.script(vec![fixed("application/json", answer.to_string())]);
    let reply = portunus.post("/v1/messages", &message("up-anthropic/claude-sonnet-4-5", "hi", false)).await;
    let record = portunus.record(&reply.call()).await;
    assert!(record.cost < "11".parse().unwrap() && record.units.searches <= 1_000, "{record:?}");
}
