//! Every line of the price table, and how models are found in it.

use domain::Usd;

use super::{Prices, Rates, Tier, row};

fn per_million(text: &str) -> Usd {
    Usd::per_token(text.parse().unwrap())
}

fn find(kind: &str, model: &str) -> Rates {
    Prices::builtin().find(kind, model).unwrap_or_else(|| panic!("{kind}/{model} is unpriced"))
}

#[test]
fn every_line_of_the_table_reads_and_finds_itself() {
    let prices = Prices::builtin();
    let mut last = "";
    for line in prices.rows.lines() {
        let (key, facts) = line.split_once('\t').unwrap();
        assert!(last.as_bytes() < key.as_bytes(), "{key} is out of order");
        last = key;
        let rates = row::read(facts).unwrap_or_else(|| panic!("{line}"));
        let tokens = rates.input > Usd::ZERO || rates.output > Usd::ZERO;
        assert!(rates.free || tokens || !rates.units.is_empty(), "{key}: zero is not a price");
        assert!(rates.input <= Usd::per_token(Usd::MAX_SETTING), "{key}");
        let (kind, model) = key.split_once('/').unwrap();
        assert_eq!(prices.row(kind, model), Some(rates), "{key}");
    }
    assert!(prices.rows.lines().count() > 1_900);
}

#[test]
fn a_price_is_exact_picodollars() {
    let sonnet = find("anthropic", "claude-sonnet-4-5-20250929");
    assert_eq!(sonnet.input, per_million("3"));
    assert_eq!(sonnet.output, per_million("15"));
    assert_eq!(sonnet.cache_read, Some(per_million("0.3")));
    assert_eq!(sonnet.cache_write, Some(per_million("3.75")));
    assert_eq!(sonnet.cache_write_1h, Some(per_million("6")));
    assert_eq!((sonnet.context_window, sonnet.max_output), (Some(200_000), Some(64_000)));
    assert!(sonnet.supports.reasoning && sonnet.supports.prompt_caching);
}

#[test]
fn a_provider_prefix_may_be_written_or_not() {
    assert_eq!(find("openai", "openai/gpt-4o"), find("openai", "gpt-4o"));
    assert_eq!(find("groq", "groq/openai/gpt-oss-120b"), find("groq", "openai/gpt-oss-120b"));
    assert_eq!(find("bedrock_converse", "amazon.nova-lite-v1:0"), find("bedrock", "amazon.nova-lite-v1:0"));
}

#[test]
fn m4_what_is_not_in_the_table_is_unpriced_and_not_free() {
    let prices = Prices::builtin();
    assert_eq!(prices.find("openai", "gpt-unheard-of"), None);
    assert_eq!(prices.find("openai", ""), None);
    assert_eq!(prices.find("", "~~~~"), None);
    assert!(prices.find("echo", "anything").unwrap().free);
}

#[test]
fn a_bedrock_profile_has_its_own_price() {
    let base = "anthropic.claude-sonnet-4-5-20250929-v1:0";
    assert_eq!(find("bedrock", &format!("global.{base}")).input, per_million("3"));
    assert_eq!(find("bedrock", &format!("us.{base}")).input, per_million("3.3"));
}

#[test]
fn a_bedrock_profile_without_a_row_is_never_cheaper_than_its_regional_siblings() {
    let base = "anthropic.claude-sonnet-4-5-20250929-v1:0";
    let prices = Prices::builtin();
    assert_eq!(prices.row("bedrock", &format!("ca.{base}")), None);
    assert_eq!(find("bedrock", &format!("ca.{base}")).input, per_million("3.3"));
    assert_eq!(find("bedrock", "global.amazon.nova-micro-v1:0"), find("bedrock", "amazon.nova-micro-v1:0"));
}

#[test]
fn an_arn_is_priced_by_the_model_inside_it() {
    let profile = "arn:aws:bedrock:us-east-1:123456789012:inference-profile/us.amazon.nova-lite-v1:0";
    assert_eq!(find("bedrock", profile), find("bedrock", "us.amazon.nova-lite-v1:0"));
    let model = "arn:aws:bedrock:us-east-1::foundation-model/amazon.nova-lite-v1:0";
    assert_eq!(find("bedrock", model), find("bedrock", "amazon.nova-lite-v1:0"));
    let opaque = "arn:aws:bedrock:us-east-1:123456789012:application-inference-profile/abc";
    assert_eq!(Prices::builtin().find("bedrock", opaque), None);
}

#[test]
fn a_region_with_its_own_price_goes_first() {
    let model = "anthropic.claude-sonnet-4-5-20250929-v1:0";
    let prices = Prices::builtin();
    let gov = prices.find_in_region("bedrock", Some("us-gov-west-1"), model).unwrap();
    assert_eq!(gov.input, per_million("3.6"));
    assert_eq!(prices.find_in_region("bedrock", Some("eu-west-2"), model), prices.find("bedrock", model));
}

#[test]
fn m3_a_long_prompt_is_billed_at_the_long_context_price() {
    let rates = find("bedrock", "anthropic.claude-sonnet-4-5-20250929-v1:0");
    assert_eq!(rates.for_prompt(200_000).input, per_million("3"));
    assert_eq!(rates.for_prompt(200_001).input, per_million("6"));
    assert_eq!(rates.for_prompt(200_001).output, per_million("22.5"));
    assert_eq!(rates.for_prompt(200_001).cache_write_1h, per_million("12"));
    assert_eq!(rates.dearest(200_000, Tier::Standard).dearest_input(), per_million("6"));
    assert_eq!(rates.dearest(200_001, Tier::Standard).dearest_input(), per_million("12"));
}

#[test]
fn m3_the_priority_tier_enters_the_worst_case() {
    let rates = find("openai", "gpt-5.5");
    assert_eq!(rates.for_call(10, Tier::Standard).output, per_million("30"));
    assert_eq!(rates.for_call(10, Tier::Priority).output, per_million("75"));
    assert_eq!(rates.for_call(10, Tier::Flex).output, per_million("15"));
    assert_eq!(rates.for_call(300_000, Tier::Flex).output, per_million("22.5"));
    assert_eq!(rates.dearest(10, Tier::Priority).output, per_million("75"));
    assert_eq!(rates.dearest(10, Tier::Flex).output, per_million("30"));
}

#[test]
fn a_class_without_a_price_is_not_free() {
    let rates = Rates { input: per_million("3"), output: per_million("15"), ..Rates::default() };
    let prices = rates.for_prompt(1);
    assert_eq!((prices.cache_read, prices.cache_write), (rates.input, rates.input));
    assert_eq!(prices.reasoning_output, rates.output);
    let cached = Rates { cache_write: Some(per_million("3.75")), ..rates };
    assert_eq!(cached.for_prompt(1).cache_write_1h, per_million("6"));
}

#[test]
fn a_regional_uplift_raises_every_price() {
    let rates = find("openai", "gpt-5.5");
    let raised = rates.clone().with_regional_uplift();
    assert_eq!(raised.input, per_million("5.5"));
    assert_eq!(raised.for_prompt(300_000).output, per_million("49.5"));
    assert_eq!(raised.for_call(1, Tier::Priority).output, per_million("82.5"));
}

#[test]
fn what_is_billed_by_the_piece_has_a_price_by_the_piece() {
    assert_eq!(find("cohere", "rerank-v3.5").units.search, Some("0.002".parse().unwrap()));
    assert_eq!(find("bedrock", "cohere.rerank-v3-5:0").units.search, Some("0.002".parse().unwrap()));
    assert_eq!(find("openai", "tts-1").units.character, Some(per_million("15")));
    assert_eq!(find("openai", "whisper-1").units.second_in, Some("0.0001".parse().unwrap()));
    let image = find("openai", "gpt-image-1").units;
    assert_eq!((image.image_token_in, image.image_token_out), (Some(per_million("10")), Some(per_million("40"))));
    let picture = domain::media::Picture { quality: Some("high".into()), size: Some("1024x1536".into()) };
    assert_eq!(image.dearest_image(&picture), Some("0.25".parse().unwrap()));
    assert_eq!(image.dearest_image(&domain::media::Picture::default()), Some("0.25".parse().unwrap()));
    assert_eq!(find("xai", "grok-imagine-image").units.image, Some("0.02".parse().unwrap()));
}
