//! Whole files: what is right, and every way to be wrong.

use std::time::Duration;

use domain::{Secret, Usd};
use proptest::prelude::*;

use crate::{
    Auth, Config, Lookup, Prices, demo, load,
    models::Strategy,
    providers::AwsCredentials,
    resolved_table, schema,
    yaml::{self, Node, Value},
};

const EXAMPLE: &str = include_str!("example.yaml");

/// An environment of the given variables; every secret is there if `secrets`.
struct Env {
    variables: &'static [(&'static str, &'static str)],
    secrets: bool,
}

impl Lookup for Env {
    fn env(&self, name: &str) -> Option<String> {
        self.variables.iter().find(|(known, _)| *known == name).map(|(_, value)| (*value).to_owned())
    }

    fn secret(&self, name: &str, field: Option<&str>) -> Option<Secret> {
        self.secrets.then(|| Secret::new(format!("secret of {name} {}", field.unwrap_or("whole"))))
    }
}

const EMPTY: Env = Env { variables: &[], secrets: false };
const FULL: Env = Env { variables: &[("OPENAI_API_KEY", "sk-live-value")], secrets: true };

fn problems(text: &str) -> Vec<String> {
    match load("p.yaml", text, &FULL) {
        Ok(_) => Vec::new(),
        Err(problems) => problems.iter().map(ToString::to_string).collect(),
    }
}

/// The only problem of a text.
fn problem(text: &str) -> String {
    let found = problems(text);
    assert_eq!(found.len(), 1, "{found:#?}");
    found.into_iter().next().unwrap()
}

fn good(text: &str) -> Config {
    load("p.yaml", text, &FULL).unwrap_or_else(|problems| panic!("{problems:#?}"))
}

#[test]
fn the_contracts_example_loads() {
    let config = good(EXAMPLE);
    let names: Vec<&str> = config.providers.iter().map(|provider| provider.name.as_str()).collect();
    assert_eq!(names, ["openai", "claude", "aws", "azure", "echo"]);
    let model = config.model("claude-sonnet-4-5").unwrap();
    assert_eq!((model.name.as_str(), model.strategy, model.targets.len()), ("claude-sonnet", Strategy::Priority, 2));
    assert_eq!(model.timeout.json_first_byte, Duration::from_secs(280));
    assert_eq!(model.targets[0].price.as_ref().unwrap().input, Usd::from_pico(3_000_000));
    assert_eq!(config.routing.provider_for("gpt-4o").unwrap().as_str(), "openai");
    assert_eq!(config.routing.provider_for("a-gpt-4o"), None);
    assert!(config.egress.allows("127.0.0.1", 11434) && !config.egress.allows("127.0.0.1", 11435));
    let claude = config.provider(&"claude".into()).unwrap();
    assert!(matches!(&claude.auth, Auth::Header { name, value }
        if name == "x-api-key" && value.expose() == "secret of portunus/anthropic api_key"));
    let azure = config.provider(&"azure".into()).unwrap();
    assert_eq!(azure.base_url.as_ref().unwrap().as_str(), "https://r.openai.azure.com/openai/v1");
    assert!(matches!(&azure.auth, Auth::Entra(_)));
}

#[test]
fn the_contracts_example_fits_its_schema_and_strangers_do_not() {
    let schema: serde_json::Value = serde_json::from_str(&schema()).unwrap();
    let json = |text: &str| json_of(&yaml::parse(text, &mut Vec::new()).unwrap());
    assert_eq!(misfit(&json(EXAMPLE), &schema), None);
    assert!(misfit(&json("modles: []"), &schema).is_some());
    assert!(misfit(&json("models: [{ name: x, strategy: best }]"), &schema).is_some());
    assert!(misfit(&json("limits: { max_body_bytes: much }"), &schema).is_some());
    assert!(misfit(&json("limits: { max_body_bytes: '${env:BYTES}' }"), &schema).is_none());
}

#[test]
fn every_key_of_the_schema_is_described() {
    fn walk(schema: &serde_json::Value, path: &str) {
        for (key, property) in schema["properties"].as_object().into_iter().flatten() {
            assert!(property["description"].as_str().is_some_and(|text| text.len() > 5), "{path}.{key}");
            walk(property, &format!("{path}.{key}"));
            walk(&property["items"], &format!("{path}.{key}[]"));
            walk(&property["additionalProperties"], &format!("{path}.{key}.*"));
        }
    }
    walk(&serde_json::from_str(&schema()).unwrap(), "");
}

#[test]
fn all_problems_are_reported_with_their_places() {
    let found = problems("modles: []\nlimits: { max_body_bytes: lots }\naudit: { mode: clsed }\nbudget: [1]\n");
    assert_eq!(
        found,
        [
            "p.yaml:1:1: unknown key \"modles\" (did you mean \"models\"?), allowed: providers, models, routing, limits, \
             egress, cache, guardrails, direct_models, strict_translation, response_metadata, default_output_cap, budget, \
             audit, alerts, streams, media, identity, allowed_hosts",
            "p.yaml:2:27: \"lots\" where a whole number (0 or more) is expected",
            "p.yaml:3:16: \"clsed\" is not known here (did you mean \"closed\"?), allowed: closed, open",
            "p.yaml:4:9: budget: a list where a map of keys and values is expected",
        ]
    );
}

#[test]
fn duplicate_keys_are_refused() {
    let found = problem("direct_models: true\ndirect_models: false\n");
    assert_eq!(found, "p.yaml:2:1: the key \"direct_models\" appears twice (first on line 1), once is allowed");
}

#[test]
fn what_is_not_plain_yaml_is_refused() {
    for text in ["a: [", "a: *b", "a: &x 1", "a: !!str 1", "? [a]\n: 1", "{}\n---\n{}", "- 1", "a\0b", "\"x\""] {
        assert!(!problems(text).is_empty(), "{text:?}");
    }
    for deep in ["[".repeat(40), "- ".repeat(40), "{a: ".repeat(40)] {
        assert!(problem(&format!("models:\n  {deep}")).contains("nested too deeply"), "{deep}");
    }
    for deep in ["[".repeat(100_000), "- ".repeat(100_000), "{a: ".repeat(100_000), "? ".repeat(100_000)] {
        assert!(!problems(&deep).is_empty());
    }
}

#[test]
fn an_empty_file_is_a_configuration() {
    for text in ["", "# nothing\n", "{}", "---\n", "null"] {
        assert!(good(text).provider(&"echo".into()).is_some(), "{text:?}");
    }
}

#[test]
fn references_to_unknown_providers_are_refused() {
    let found = problem("models: [{ name: m, targets: [{ provider: opnai, model: x }] }]");
    let place = "p.yaml:1:43: there is no provider \"opnai\" (did you mean \"openai\"?)";
    assert!(found.starts_with(place), "{found}");
    let found = problem("routing: { patterns: [{ match: '^x', provider: nobody }] }");
    assert!(found.contains("there is no provider \"nobody\""), "{found}");
}

#[test]
fn two_models_cannot_share_a_name_or_an_alias() {
    let target = "targets: [{ provider: echo, model: echo }]";
    let text = format!("models:\n  - {{ name: a, aliases: [b], {target} }}\n  - {{ name: b, {target} }}\n");
    assert!(problem(&text).starts_with("p.yaml:3:13: a second model called \"b\" (first on line 2)"));
}

#[test]
fn a_fallback_to_nowhere_is_a_warning() {
    let warned = |name: &str| {
        let text = format!(
            "models: [{{ name: m, targets: [{{ provider: echo, model: e }}], fallbacks: {{ error: [{name}] }} }}]"
        );
        good(&text).warnings.len()
    };
    assert_eq!((warned("nowhere"), warned("m"), warned("echo/any")), (1, 0, 0));
}

#[test]
fn an_unset_substitution_names_the_key_path_and_never_a_value() {
    let found = problem("providers: { openai: { api_key: '${env:OPENAI_KEY}' } }");
    let expected = "p.yaml:1:33: providers.openai.api_key: the environment variable OPENAI_KEY is not set, \
                    set it or write the value";
    assert_eq!(found, expected);
    let missing =
        load("p.yaml", "providers: { c: { kind: anthropic, api_key: '${secret:a/b#k}' } }", &EMPTY).unwrap_err();
    let text = missing[0].to_string();
    assert!(text.contains("providers.c.api_key: the secret a/b was not found, or has no text field k"), "{text}");
    assert!(problem("audit: { mode: '${file:/x}' }").contains("audit.mode: not a substitution"));
    assert!(problem("audit: { mode: '${secret:x}' }").contains("a secret cannot stand here"));
}

#[test]
fn x1_substituted_values_do_not_show_in_problems() {
    let places = [
        "audit: { mode: '${env:OPENAI_API_KEY}' }",
        "limits: { max_body_bytes: '${env:OPENAI_API_KEY}' }",
        "providers: { openai: { base_url: '${env:OPENAI_API_KEY}' } }",
        "egress: { allow: ['${env:OPENAI_API_KEY}'] }",
        "models: [{ name: m, targets: [{ provider: '${env:OPENAI_API_KEY}', model: x }] }]",
        "routing: { patterns: [{ match: '(${env:OPENAI_API_KEY}', provider: echo }] }",
        "default_output_cap: '${env:OPENAI_API_KEY}'",
    ];
    for text in places {
        let found = problem(text);
        assert!(!found.contains("sk-live-value"), "{found}");
    }
}

#[test]
fn x1_a_configuration_does_not_print_its_secrets() {
    let printed = format!("{:?}", good(EXAMPLE));
    assert!(!printed.contains("sk-live-value") && !printed.contains("secret of"), "{printed}");
}

#[test]
fn e2_base_urls_follow_the_rules() {
    let at = |url: &str| problems(&format!("providers: {{ p: {{ kind: openai_compatible, base_url: '{url}' }} }}"));
    assert_eq!(at("https://gpu.example.com/v1"), Vec::<String>::new());
    for url in ["http://gpu.example.com/v1", "https://10.0.0.1", "https://localhost/v1"] {
        assert!(at(url)[0].contains("add its exact host:port to egress.allow"), "{url}");
    }
    for url in ["https://u:p@gpu.example.com", "https://gpu.example.com?x=1", "https://GPU.example.com"] {
        assert!(at(url)[0].contains("is not a base URL"), "{url}");
    }
    let allowed = "egress: { allow: ['127.0.0.1:8000'] }\nproviders: { vllm: {} }";
    assert_eq!(good(allowed).provider(&"vllm".into()).unwrap().base_url.as_ref().unwrap().port(), 8000);
    assert!(problem("providers: { vllm: {} }").contains("add that to egress.allow"));
}

#[test]
fn e3_a_usual_credential_is_not_sent_to_another_host() {
    let config = good("providers: { openai: { base_url: 'https://evil.example.com/v1' } }");
    assert!(matches!(config.provider(&"openai".into()).unwrap().auth, Auth::None));
    assert_eq!(config.warnings.len(), 1);
    let config = good("providers: { openai: { base_url: 'https://evil-api.openai.com.example.com/v1' } }");
    assert!(matches!(config.provider(&"openai".into()).unwrap().auth, Auth::None));
    let config = good("providers: { openai: { base_url: 'https://eu.api.openai.com/v1' } }");
    assert!(matches!(config.provider(&"openai".into()).unwrap().auth, Auth::Bearer(_)));
}

#[test]
fn m14_prices_refuse_what_is_not_an_amount() {
    for price in ["-1", ".nan", ".inf", "1e3", "0.0000000000001", "1000000001", "much", "[1]"] {
        let text = format!(
            "models: [{{ name: m, targets: [{{ provider: echo, model: e, price: {{ input: {price}, output: 1 }} }}] }}]"
        );
        assert!(!problems(&text).is_empty(), "{price}");
    }
    let price = |price: &str| {
        problems(&format!("models: [{{ name: m, targets: [{{ provider: echo, model: e, price: {price} }}] }}]"))
    };
    assert!(price("{ input: 1 }")[0].contains("a price needs input and output"));
    assert!(price("{ free: true, input: 1 }")[0].contains("a price beside free: true"));
    assert!(price("{ free: true }").is_empty() && price("{ input: 0, output: 0.05 }").is_empty());
}

#[test]
fn credentials_in_headers_are_refused() {
    let found = problem("providers: { openai: { headers: { Authorization: x } } }");
    assert!(found.contains("carries a credential"), "{found}");
}

#[test]
fn a_provider_without_its_credential_says_what_to_set() {
    let found = problem("providers: { groq: {} }");
    assert_eq!(found, "p.yaml:1:14: no credential for groq, set GROQ_API_KEY or give api_key");
    assert!(problem("providers: { oops: {} }").contains("kind is missing and the name is not in the catalogue"));
}

#[test]
fn a_guardrail_that_would_not_be_obeyed_is_refused() {
    assert!(problem("guardrails: [{ name: pii }]").contains("not available"));
}

#[test]
fn a_provider_whose_usual_credential_exists_is_on_by_itself() {
    let on = |variables| {
        let config = demo(&Env { variables, secrets: false });
        config.providers.iter().map(|provider| provider.name.to_string()).collect::<Vec<_>>()
    };
    assert_eq!(on(&[]), ["echo"]);
    assert_eq!(on(&[("OPENAI_API_KEY", "k"), ("ANTHROPIC_API_KEY", "k")]), ["anthropic", "echo", "openai"]);
    assert_eq!(on(&[("AWS_PROFILE", "p")]), ["bedrock", "echo"]);
    assert_eq!(on(&[("AWS_BEARER_TOKEN_BEDROCK", "b")]), ["bedrock", "echo"]);
}

#[test]
fn the_demo_sends_a_providers_own_models_to_it() {
    let config = demo(&FULL);
    assert_eq!(config.routing.provider_for("gpt-4o").unwrap().as_str(), "openai");
    assert_eq!(config.routing.provider_for("claude-sonnet-4-5"), None);
    assert!(config.model("echo").is_some() && config.direct_models);
}

#[test]
fn aws_credentials_may_be_given() {
    let aws = |text: &str| match &good(&format!("providers: {{ aws: {{ kind: bedrock, {text} }} }}")).providers[0].auth
    {
        Auth::Aws(aws) => aws.clone(),
        other => panic!("{other:?}"),
    };
    assert!(matches!(aws("region: eu-west-2").credentials, AwsCredentials::Chain));
    assert!(matches!(aws("api_key: b").credentials, AwsCredentials::Bearer(_)));
    let given = aws("auth: { aws: { access_key_id: a, secret_access_key: b, role_arn: 'arn:aws:iam::1:role/x' } }");
    assert!(matches!(given.credentials, AwsCredentials::Keys { .. }) && given.role_arn.is_some());
    let half = problem("providers: { aws: { kind: bedrock, auth: { aws: { access_key_id: a } } } }");
    assert!(half.contains("access_key_id with secret_access_key"), "{half}");
}

#[test]
fn the_table_shows_where_models_go_and_what_they_cost() {
    let rows: Vec<String> =
        resolved_table(&good(EXAMPLE), &Prices::builtin()).iter().map(ToString::to_string).collect();
    assert_eq!(
        rows,
        [
            "claude-sonnet → aws/global.anthropic.claude-sonnet-4-5-20250929-v1:0 (bedrock.converse) \
             $3 in, $15 out per million tokens",
            "claude-sonnet → claude/claude-sonnet-4-5-20250929 (anthropic.messages) $3 in, $15 out per million tokens",
        ]
    );
}

#[test]
fn an_own_price_keeps_what_the_table_knows_of_the_model() {
    let config = good(EXAMPLE);
    let target = &config.models[0].targets[0];
    let provider = config.provider(&target.provider).unwrap();
    assert_eq!(Prices::builtin().for_target(provider, target).unwrap().max_output, Some(64_000));
}

#[test]
fn m4_an_own_price_of_nothing_says_that_it_is_free_and_a_half_of_one_does_not() {
    let free = |price: &str| {
        let text = format!("models: [{{ name: a, targets: [{{ provider: echo, model: echo, price: {price} }}] }}]\n");
        good(&format!("providers: {{ echo: {{ kind: echo }} }}\n{text}")).models[0].targets[0]
            .price
            .clone()
            .unwrap()
            .free
    };
    assert!(free("{ input: 0, output: 0 }") && free("{ input: 0.00, output: \"0\" }") && free("{ free: true }"));
    assert!(!free("{ input: 0, output: 0.01 }") && !free("{ input: 0, output: 0, per_request: 0.01 }"));
}

#[test]
fn secret_names_come_once_each_in_order() {
    assert_eq!(crate::secret_names(EXAMPLE), ["portunus/anthropic", "portunus/entra"]);
    assert_eq!(crate::secret_names("a ${secret:} ${secret:x} ${secret:x#y} ${secret:broken"), ["x", "broken"]);
    assert_eq!(crate::secret_names("  # ${secret:absent}\na: ${secret:x} # ${secret:y}"), ["x", "y"]);
}

proptest! {
    #[test]
    fn no_text_panics(text in any::<String>()) {
        let _ = load("p.yaml", &text, &FULL);
    }

    #[test]
    fn no_text_of_yaml_signs_panics(text in "[-a-z:{}\\[\\],\"'#&*!|>%@` \n\t$?]{0,80}") {
        let _ = load("p.yaml", &text, &FULL);
    }

    #[test]
    fn no_change_to_the_example_panics(at in 0..EXAMPLE.len(), cut in 0..20_usize, put in "\\PC{0,6}") {
        let mut text = EXAMPLE.as_bytes().to_vec();
        let end = (at + cut).min(text.len());
        text.splice(at..end, put.bytes());
        let _ = load("p.yaml", &String::from_utf8_lossy(&text), &FULL);
    }
}

/// A tree as JSON, plain scalars by the core rules of YAML.
fn json_of(node: &Node) -> serde_json::Value {
    match &node.value {
        Value::List(items) => items.iter().map(json_of).collect(),
        Value::Map(entries) => entries.iter().map(|entry| (entry.key.clone(), json_of(&entry.value))).collect(),
        Value::Scalar { text, plain: true } => serde_json::from_str(text).unwrap_or_else(|_| text.as_str().into()),
        Value::Scalar { text, .. } => text.as_str().into(),
    }
}

/// Where a value does not fit a schema; knows the keywords that `schema()` uses.
fn misfit(value: &serde_json::Value, schema: &serde_json::Value) -> Option<String> {
    if let Some(options) = schema["anyOf"].as_array() {
        return options.iter().all(|option| misfit(value, option).is_some()).then(|| format!("{value} fits no option"));
    }
    let fits = match schema["type"].as_str() {
        Some("object") => value.is_object(),
        Some("array") => value.is_array(),
        Some("string") => value.is_string(),
        Some("boolean") => value.is_boolean(),
        Some("integer") => value.is_u64(),
        Some("number") => value.is_number(),
        Some(other) => panic!("{other}"),
        None => schema["enum"].as_array().is_none_or(|words| words.contains(value)),
    };
    let pattern = schema["pattern"].as_str().map(|pattern| regex_lite::Regex::new(pattern).unwrap());
    if schema == false || !fits || pattern.is_some_and(|p| !value.as_str().is_some_and(|text| p.is_match(text))) {
        return Some(format!("{value} does not fit {schema}"));
    }
    let items = value.as_array().into_iter().flatten().find_map(|item| misfit(item, &schema["items"]));
    let of_key = |key: &str| schema["properties"].get(key).unwrap_or(&schema["additionalProperties"]);
    let fields = value.as_object().into_iter().flatten().find_map(|(key, value)| misfit(value, of_key(key)));
    items.or(fields)
}
