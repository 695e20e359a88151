//! plan(): the model's name → where the call may go, in order, and the most it could cost.
//!
//! Pure but for a cache of resolved names. Permission is judged on resolved targets [R5], before any money is held.

use crate::budgets::Budgets;
use crate::call::{Call, Caller, Plan, Request};
use crate::target::ResolvedTarget;
use config::Config;
use domain::{Api, Error, Kind};
use std::sync::Arc;

/// Names → targets.
pub mod names;
/// The worst a service could cost.
mod service;
/// The worst a call could cost.
pub mod worst_case;

pub use names::Names;

/// The places a call may go, permitted, in order.
pub fn plan(
    names: &Names,
    config: &Config,
    call: &Call,
    caller: &Caller,
    request: &Request<'_>,
) -> Result<Plan, Error> {
    let route = names.resolve(&request.head.model).ok_or_else(|| unknown_model(&request.head.model))?;
    let permitted = permitted(&route, caller, &request.head.model)?;
    let targets = pinned(permitted, call.extras.provider.as_deref())?;
    let targets = able(targets, call.api(), &request.head.model)?;
    let budgets = Budgets::of(config, call, caller, request, &route.names);
    let bounds = match &request.asked {
        None => worst_case::bounds(&targets, config, caller, &budgets, request)?,
        Some(asked) => service::bounds(&targets, caller, &budgets, asked)?,
    };
    Ok(Plan {
        targets,
        budgets,
        retry: route.retry,
        timeout: route.timeout,
        worst_case: bounds.worst_case,
        ambiguous: bounds.ambiguous,
        input_bound: bounds.input,
        output_cap: bounds.enforced_cap,
        output_bound: bounds.output,
        guarded: request.guarded_bytes(),
    })
}

/// The targets of the route that the key may use; 403 if none is left [R5].
pub fn permitted(route: &names::Named, caller: &Caller, asked: &str) -> Result<Vec<Arc<ResolvedTarget>>, Error> {
    let may = |target: &&Arc<ResolvedTarget>| {
        let names: Vec<&str> = route.names.iter().map(String::as_str).chain([target.direct_name.as_str()]).collect();
        caller.may(&names, target.provider.as_str())
    };
    let targets: Vec<_> = route.targets.iter().filter(may).cloned().collect();
    if targets.is_empty() {
        let message =
            format!("this key may not use the model `{}`; ask its administrator, or see GET /v1/models", shown(asked));
        return Err(Error::caller(Kind::Forbidden, message).with_code("model_not_allowed").with_param("model"));
    }
    Ok(targets)
}

/// The targets whose providers offer what is asked for.
fn able(targets: Vec<Arc<ResolvedTarget>>, api: Api, asked: &str) -> Result<Vec<Arc<ResolvedTarget>>, Error> {
    let able: Vec<_> = targets.into_iter().filter(|target| target.offers(api)).collect();
    if able.is_empty() {
        let message =
            format!("no provider of the model `{}` offers this operation ({})", shown(asked), api.operation());
        return Err(Error::invalid("model", message).with_code("unsupported_operation"));
    }
    Ok(able)
}

/// `x-portunus-provider` keeps one provider's targets only.
fn pinned(targets: Vec<Arc<ResolvedTarget>>, provider: Option<&str>) -> Result<Vec<Arc<ResolvedTarget>>, Error> {
    let Some(provider) = provider else { return Ok(targets) };
    let kept: Vec<_> = targets.into_iter().filter(|target| target.provider.as_str() == provider).collect();
    if kept.is_empty() {
        let message = format!(
            "no target of this model is served by the provider `{}` named in x-portunus-provider",
            shown(provider)
        );
        return Err(Error::invalid("x-portunus-provider", message));
    }
    Ok(kept)
}

pub fn unknown_model(name: &str) -> Error {
    let message = format!("the model `{}` does not exist here; GET /v1/models lists those that do", shown(name));
    Error::caller(Kind::NotFound, message).with_code("model_not_found").with_param("model")
}

/// A client's text, short enough to repeat.
fn shown(text: &str) -> String {
    text.chars().filter(|c| !c.is_control()).take(100).collect()
}
