//! `/openapi.json`: the admin API as OpenAPI 3.1, made from the route table and the tables of fields.

use super::route::{self, Route, Serves};
use axum::response::Response;
use domain::group::GroupKind;
use http::{HeaderValue, Method, StatusCode, header};
use serde_json::{Map, Value, json};

/// What each route takes and answers.
mod operations;
/// The things that are sent and answered.
mod schemas;

use operations::Operation;

/// The whole document.
pub fn document() -> Value {
    let mut paths: Map<String, Value> = Map::new();
    for route in route::routes() {
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
            "description": "The admin API: keys, teams, budgets, usage, configuration and what was changed.",
            "license": { "name": "Apache-2.0", "identifier": "Apache-2.0" },
        },
        "paths": paths,
        "components": {
            "schemas": schemas::all(),
            "securitySchemes": {
                "adminKey": { "type": "http", "scheme": "bearer", "description": "The root admin key." },
                "adminKeyHeader": { "type": "apiKey", "in": "header", "name": "x-api-key" },
            },
        },
    })
}

/// The document as an answer. It is public, and may be kept for a while.
pub fn answer(document: &str) -> Response {
    let mut response = Response::new(document.to_owned().into());
    *response.status_mut() = StatusCode::OK;
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("public, max-age=300"));
    response
}

/// The path of a route as OpenAPI writes it.
pub fn path(route: &Route) -> String {
    format!("/admin/v1/{}", route.template.join("/"))
}

fn operation(route: &Route) -> Value {
    let Operation { id, summary, query, body, answer } = Operation::of(route.serves);
    let mut parameters: Vec<Value> = query.iter().map(|parameter| parameter.json()).collect();
    if route.template.contains(&"{id}") {
        parameters.push(json!({ "name": "id", "in": "path", "required": true, "schema": { "type": "string", "pattern": "^[A-Za-z0-9_-]{1,64}$" } }));
    }
    let mut operation = json!({
        "operationId": id,
        "summary": summary,
        "tags": [tag(route)],
        "security": [{ "adminKey": [] }, { "adminKeyHeader": [] }],
        "parameters": parameters,
        "responses": responses(route, answer),
    });
    if let (Some(operation), Some(body)) = (operation.as_object_mut(), body) {
        operation.insert("requestBody".to_owned(), body);
    }
    operation
}

fn tag(route: &Route) -> &'static str {
    route.template.first().copied().unwrap_or_default()
}

/// Every status that a route answers with.
fn responses(route: &Route, answer: Value) -> Value {
    let success = if route.method == Method::POST && route.template.len() == 1 { "201" } else { "200" };
    let mut responses = Map::new();
    responses.insert(success.to_owned(), json!({ "description": "Done.", "content": answer, "headers": request_id() }));
    let mut refuse = |status: &str, description: &str| {
        responses.insert(status.to_owned(), refusal(description));
    };
    refuse("400", "Something that was sent is wrong; `param` names it.");
    refuse("401", "No or another credential.");
    refuse("403", "A role that does not reach this, or more than one has oneself.");
    refuse("429", "Too many failed logins from this address.");
    refuse("503", "The store did not answer; nothing is known to have changed.");
    if route.template.contains(&"{id}") || matches!(route.serves, Serves::RollConfigBack) {
        refuse("404", "There is no such thing.");
    }
    if route.method != Method::GET {
        refuse("408", "The body came too slowly.");
        refuse("409", "It was changed meanwhile, or is there already.");
        refuse("413", "The body is too large.");
        refuse("415", "The body is of another content type, or compressed.");
    }
    Value::Object(responses)
}

fn refusal(description: &str) -> Value {
    json!({
        "description": description,
        "content": { "application/json": { "schema": { "$ref": "#/components/schemas/Error" } } },
        "headers": request_id(),
    })
}

fn request_id() -> Value {
    json!({ "x-request-id": { "description": "Which request this was.", "schema": { "type": "string" } } })
}

/// The name of a kind of group where types are named: `Team`.
fn type_name(kind: GroupKind) -> &'static str {
    match kind {
        GroupKind::Organization => "Organization",
        GroupKind::Project => "Project",
        GroupKind::Team => "Team",
        GroupKind::User => "User",
    }
}

/// This document joined with one of other paths, for where both are served.
pub fn joined(other: Value) -> Value {
    let mut document = document();
    for part in ["/paths", "/components/schemas", "/components/securitySchemes"] {
        let more = other.pointer(part).and_then(Value::as_object).cloned().unwrap_or_default();
        let Some(part) = document.pointer_mut(part).and_then(Value::as_object_mut) else { continue };
        for (name, value) in more {
            part.entry(name).or_insert(value);
        }
    }
    document
}
