//! What runs without a file: the model `echo`, and every provider whose usual credential is there.

use domain::Wire;

use crate::{Auth, Config, Lookup, Model, Provider, Quirks};

/// The configuration of a gateway that was told nothing.
pub fn demo(_lookup: &dyn Lookup) -> Config {
    let echo = Provider {
        name: "echo".into(),
        kind: "echo".to_owned(),
        speaks: vec![Wire::OpenAiChat],
        base_url: None,
        auth: Auth::None,
        region: None,
        quirks: Quirks::default(),
        headers: Vec::new(),
        endpoint_url: None,
        built_in: true,
    };
    Config {
        providers: vec![echo],
        models: vec![Model::simple("echo", "echo", "echo")],
        routing: Default::default(),
        limits: Default::default(),
        egress: Default::default(),
        cache: Default::default(),
        guardrails: Vec::new(),
        direct_models: true,
        strict_translation: false,
        response_metadata: Default::default(),
        default_output_cap: 4096,
        budget: Default::default(),
        audit: Default::default(),
        streams: Default::default(),
        media: Default::default(),
        allowed_hosts: Vec::new(),
        warnings: Vec::new(),
    }
}
