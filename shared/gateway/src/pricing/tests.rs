//! Services billed in their own units.

use super::*;
use config::{Prices, prices::UnitRates};
use dialects::service::Ask;

fn rates(kind: &str, model: &str) -> Rates {
    Prices::builtin().find(kind, model).unwrap()
}

fn usd(text: &str) -> Usd {
    text.parse().unwrap()
}

fn asked(service: Service, ask: Ask) -> Asked {
    Asked { service, ask, form: None }
}

fn input(tokens: u64) -> Usage {
    Usage { input: tokens, ..Usage::default() }
}

fn spent(kind: &str, model: &str, service: Service, usage: Usage, units: Units) -> Usd {
    cost(&rates(kind, model), service, usage, units, &Picture::default()).unwrap()
}

#[test]
fn every_service_is_billed_in_its_own_units() {
    let none = Usage::default();
    let units = Units::default();
    let embedded = spent("openai", "text-embedding-3-small", Service::OpenAiEmbeddings, input(1_000_000), units);
    assert_eq!(embedded, usd("0.02"));
    let searches = Units { searches: 3, ..units };
    assert_eq!(spent("cohere", "rerank-v3.5", Service::CohereRerank, none, searches), usd("0.006"));
    let spoken = Units { characters: 1_000, ..units };
    assert_eq!(spent("openai", "tts-1", Service::OpenAiSpeech, none, spoken), usd("0.015"));
    let heard = Units { audio_ms: 36_710, ..units };
    assert_eq!(spent("openai", "whisper-1", Service::OpenAiTranscriptions, none, heard), usd("0.003671"));
    let images = Units { images: 2, ..units };
    assert_eq!(spent("xai", "grok-imagine-image", Service::OpenAiImages, none, images), usd("0.04"));
    assert_eq!(spent("openai", "omni-moderation-latest", Service::OpenAiModerations, input(9), units), Usd::ZERO);
}

#[test]
fn tokens_of_images_cost_what_images_do() {
    let usage = Usage { input: 60, output: 1_056, ..Usage::default() };
    let units = Units { images: 1, input_image_tokens: 10, output_image_tokens: 1_056, ..Units::default() };
    // 50 × $5/M + 10 × $10/M + 1056 × $40/M
    assert_eq!(spent("openai", "gpt-image-1", Service::OpenAiImages, usage, units), usd("0.04259"));
}

#[test]
fn m3_the_worst_case_covers_every_way_of_billing() {
    let image = |quality: Option<&str>| Ask {
        most: Units { images: 2, ..Units::default() },
        picture: Picture { quality: quality.map(str::to_owned), size: None },
        ..Ask::default()
    };
    let gpt = rates("openai", "gpt-image-1");
    let bound = |ask: Ask| most(&gpt, &asked(Service::OpenAiImages, ask), 600).unwrap();
    assert!(bound(image(Some("low"))) >= usd("1.31"), "two images of any number of tokens");
    let xai = most(&rates("xai", "grok-imagine-image"), &asked(Service::OpenAiImages, image(None)), 600).unwrap();
    assert_eq!(xai, usd("0.04"));
    let heard = Ask { most: Units { audio_ms: 60_000, ..Units::default() }, ..Ask::default() };
    let bound =
        most(&rates("openai", "gpt-4o-transcribe"), &asked(Service::OpenAiTranscriptions, heard), 8_000).unwrap();
    assert_eq!(bound, usd("0.04"), "8,000 tokens at $2.5 and 2,000 at $10 a million");
}

#[test]
fn m4_what_has_no_price_by_its_own_unit_has_no_bound() {
    let ask = Ask {
        most: Units { images: 1, characters: 5, audio_ms: 9, searches: 1, ..Units::default() },
        ..Ask::default()
    };
    let empty = Rates { units: UnitRates::default(), ..Rates::default() };
    for service in [Service::OpenAiImages, Service::OpenAiSpeech, Service::OpenAiTranscriptions, Service::JinaRerank] {
        assert_eq!(most(&empty, &asked(service, ask.clone()), 100), None, "{service}");
    }
    let chat = Rates { input: Usd::from_pico(1), output: Usd::from_pico(1), ..Rates::default() };
    assert_eq!(most(&chat, &asked(Service::OpenAiSpeech, ask.clone()), 100), None);
    let endless = Ask { most: Units { audio_ms: u64::MAX, ..Units::default() }, ..ask };
    assert_eq!(input_bound(&chat, &asked(Service::OpenAiTranscriptions, endless)), None);
}

#[test]
fn m13_a_model_that_speaks_tokens_is_never_free_whatever_its_price_is_called() {
    let usage = Usage { input: 1_000, output: 1_000, ..Usage::default() };
    let sound = Units { audio_ms: 40_000, output_audio_tokens: 1_000, ..Units::default() };
    for (kind, model, price) in [
        ("gemini", "gemini-2.5-pro-preview-tts", "0.021"),
        ("vertex_ai", "gemini-2.5-pro-preview-tts", "0.021"),
        ("vertex_ai", "gemini-2.5-pro-tts", "0.021"),
        ("gemini", "gemini-2.5-flash-preview-tts", "0.0105"),
    ] {
        assert_eq!(spent(kind, model, Service::GeminiSpeech, usage, sound), usd(price), "{model}");
        let asked = asked(Service::GeminiSpeech, Ask { text_bytes: 100, ..Ask::default() });
        assert!(most(&rates(kind, model), &asked, 1_000).unwrap() > Usd::ZERO, "{model}");
    }
}
