//! Finding a Bedrock model's price from any of the names it may be called by.

use super::{Prices, Rates};

/// Prefixes of cross-region inference profiles.
const PROFILES: [&str; 9] = ["apac.", "au.", "ca.", "eu.", "global.", "jp.", "us.", "us-gov.", "in."];

/// Profiles that route within a group of regions, where prices carry an uplift.
const REGIONAL: [&str; 5] = ["us.", "eu.", "apac.", "jp.", "au."];

/// The price of a model id, an inference profile, or an ARN with one of them inside. Profiles and
/// models whose ARN holds an opaque id are not found.
pub fn find(prices: &Prices, region: Option<&str>, model: &str) -> Option<Rates> {
    let model = model.strip_prefix("bedrock/").unwrap_or(model);
    let (region, model) = match model.strip_prefix("arn:") {
        Some(arn) => inside_arn(arn)?,
        None => (region, model),
    };
    region
        .and_then(|region| prices.row("bedrock", &format!("{region}/{model}")))
        .or_else(|| prices.row("bedrock", model))
        .or_else(|| of_profile(prices, model))
}

/// The region and the model id of `aws:bedrock:REGION:ACCOUNT:KIND/ID`.
fn inside_arn(arn: &str) -> Option<(Option<&str>, &str)> {
    let mut parts = arn.splitn(5, ':');
    let (_partition, service, region) = (parts.next()?, parts.next()?, parts.next()?);
    let (kind, id) = parts.nth(1)?.split_once('/')?;
    let named = service == "bedrock" && matches!(kind, "foundation-model" | "inference-profile");
    named.then_some((Some(region).filter(|region| !region.is_empty()), id))
}

/// A profile without a row of its own: its base model's price for a global one, else the dearest of
/// the base model and its other regional profiles, so that a regional uplift is never missed.
fn of_profile(prices: &Prices, model: &str) -> Option<Rates> {
    let (profile, base) = PROFILES.iter().find_map(|profile| Some((*profile, model.strip_prefix(profile)?)))?;
    let of_base = prices.row("bedrock", base);
    if profile == "global." {
        return of_base;
    }
    let siblings = REGIONAL.iter().filter_map(|sibling| prices.row("bedrock", &format!("{sibling}{base}")));
    of_base.into_iter().chain(siblings).max_by_key(|rates| (rates.input, rates.output))
}
