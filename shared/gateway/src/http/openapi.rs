//! The client APIs as OpenAPI 3.1, made from the route table. Bodies are their vendors' own: each path says whose.

use super::route::{ROUTES, Route, Scope, Serves};
use domain::{Dialect, Operation};
use http::Method;
use serde_json::{Map, Value, json};

/// The whole document.
pub fn document() -> Value {
    let mut paths: Map<String, Value> = Map::new();
    for route in ROUTES {
        let path = paths.entry(path(route)).or_insert_with(|| json!({}));
        if let Some(path) = path.as_object_mut() {
            path.insert(route.method.as_str().to_ascii_lowercase(), operation(route));
        }
    }
    json!({
        "openapi": "3.1.0",
        "info": {
            "title": "Portunus",
            "version": env!("CARGO_PKG_VERSION"),
            "description": "Every LLM provider behind the APIs that your SDKs already speak.",
            "license": { "name": "Apache-2.0", "identifier": "Apache-2.0" },
        },
        "paths": paths,
        "components": {
            "schemas": { "OpenAiError": error(), "VendorError": { "type": "object" } },
            "securitySchemes": {
                "virtualKey": { "type": "http", "scheme": "bearer", "description": "A virtual key." },
                "virtualKeyHeader": { "type": "apiKey", "in": "header", "name": "x-api-key" },
            },
        },
    })
}

/// The path of a route as OpenAPI writes it, with names for what its segments hold.
pub fn path(route: &Route) -> String {
    let parts: Vec<String> =
        named(route).into_iter().map(|(part, name)| part.replace("{}", &name).replace("{_}", &name)).collect();
    format!("/{}", parts.join("/"))
}

/// Every segment of a template, and `{name}` for what it holds.
fn named(route: &Route) -> Vec<(&'static str, String)> {
    let held = route.template.iter().filter(|part| part.contains("{}")).count();
    let (mut before, mut seen) = ("", 0);
    let name = |part: &&'static str| {
        seen += usize::from(part.contains("{}"));
        let name = match (*part, before) {
            ("{_}", before) => before.trim_end_matches('s'),
            (part, "responses") if part.contains("{}") => "response_id",
            _ if seen == held => "model",
            _ => "provider",
        };
        before = part;
        (*part, format!("{{{name}}}"))
    };
    route.template.iter().map(name).collect()
}

fn operation(route: &Route) -> Value {
    let parameters: Vec<Value> = named(route)
        .into_iter()
        .filter(|(part, _)| part.contains('{'))
        .map(|(_, name)| json!({ "name": name.trim_matches(['{', '}']), "in": "path", "required": true, "schema": { "type": "string" } }))
        .collect();
    let security = if route.scope == Scope::Public {
        json!([])
    } else {
        json!([{ "virtualKey": [] }, { "virtualKeyHeader": [] }])
    };
    let mut operation = json!({
        "operationId": operation_id(route),
        "summary": summary(route),
        "tags": [format!("{:?}", route.api.dialect())],
        "security": security,
        "parameters": parameters,
        "responses": responses(route),
    });
    if let (&Method::POST, Some(operation)) = (&route.method, operation.as_object_mut()) {
        operation.insert(
            "requestBody".to_owned(),
            json!({ "content": { "application/json": { "schema": { "type": "object" } } } }),
        );
    }
    operation
}

/// The method and the path as one word.
fn operation_id(route: &Route) -> String {
    let words = path(route).to_lowercase();
    let words = words.split(|c: char| !c.is_ascii_alphanumeric()).filter(|word| !word.is_empty());
    words.fold(route.method.as_str().to_ascii_lowercase(), |id, word| id + "_" + word)
}

fn summary(route: &Route) -> String {
    let what = match route.serves {
        Serves::Described => "This description",
        Serves::Health => "Whether it runs",
        Serves::Inference(Operation::CountTokens) => "Count the tokens of a request",
        Serves::Inference(_) => "Ask a model",
        Serves::Models => "Models that the key may use",
        Serves::Response(_) => "A stored response",
        Serves::Service => "Ask a service beside chat",
    };
    format!("{what}, as {} has it", route.api.name())
}

fn responses(route: &Route) -> Value {
    let refusal = match route.api.dialect() {
        Dialect::OpenAi => "OpenAiError",
        _ => "VendorError",
    };
    let refusal = |description: &str| {
        let schema = json!({ "$ref": format!("#/components/schemas/{refusal}") });
        json!({ "description": description, "content": { "application/json": { "schema": schema } } })
    };
    let mut responses = Map::new();
    responses.insert("200".to_owned(), json!({ "description": "Done." }));
    let always = [
        ("400", "Something that was sent is wrong."),
        ("414", "The URL is too long."),
        ("431", "The headers are too large."),
    ];
    let asked = [
        ("401", "No, unknown or expired key."),
        ("402", "The budget is spent."),
        ("403", "The key may not do this."),
        ("404", "There is no such thing."),
        ("408", "The body came too slowly."),
        ("413", "The body is too large."),
        ("415", "The body is of another content type, or compressed."),
        ("422", "The provider cannot do what was asked."),
        ("429", "Too many requests; retry-after says when to come back."),
        ("502", "The provider failed."),
        ("503", "No provider, or the store, is there now."),
        ("504", "The provider took too long."),
    ];
    let asked = asked.iter().filter(|_| route.scope != Scope::Public);
    for (status, description) in always.iter().chain(asked) {
        responses.insert((*status).to_owned(), refusal(description));
    }
    Value::Object(responses)
}

fn error() -> Value {
    json!({
        "type": "object",
        "properties": { "error": {
            "type": "object",
            "properties": {
                "message": { "type": "string" },
                "type": { "type": ["string", "null"] },
                "param": { "type": ["string", "null"] },
                "code": { "type": ["string", "null"] },
            },
            "required": ["message", "type"],
        }},
        "required": ["error"],
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn i10_every_route_is_described_under_a_name_of_its_own() {
        let document = document();
        let paths = document["paths"].as_object().unwrap();
        for route in ROUTES {
            let method = route.method.as_str().to_ascii_lowercase();
            assert!(paths[&path(route)][&method].is_object(), "{method} {}", path(route));
        }
        let operations: Vec<&Value> = paths.values().flat_map(|item| item.as_object().unwrap().values()).collect();
        assert_eq!(operations.len(), ROUTES.len());
        let ids: BTreeSet<&str> =
            operations.iter().map(|operation| operation["operationId"].as_str().unwrap()).collect();
        assert_eq!(ids.len(), ROUTES.len());
    }

    #[test]
    fn segments_are_named_for_what_they_hold() {
        let paths: Vec<String> = ROUTES.iter().map(path).collect();
        for expected in [
            "/v1/models/{provider}/{model}",
            "/v1beta/models/{model}:generateContent",
            "/v1/responses/{response_id}/cancel",
            "/v1/projects/{project}/locations/{location}/publishers/{publisher}/models/{model}:generateContent",
        ] {
            assert!(paths.iter().any(|path| path == expected), "{expected}");
        }
    }
}
