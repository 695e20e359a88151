//! Alerts to somebody's URL: signed, through the one dialer, and never with the URL in a log [E4, E7].
//!
//! `x-portunus-signature: t=<seconds since 1970>,v1=<hex>`, where `v1` is the HMAC-SHA256 of `<t>.<body>` under the
//! webhook's secret. Every delivery is signed anew; whoever verifies refuses a `t` more than five minutes off.

use super::Place;
use crate::alerts::Alert;
use async_trait::async_trait;
use config::alerts::{Format, Webhook};
use domain::{Secret, Timestamp, outward::Post};
use hmac::{Hmac, Mac};
use serde_json::json;
use sha2::Sha256;
use std::sync::Arc;

/// How far a signature's moment may be off when it is verified.
pub const TOLERANCE_SECS: u64 = 300;

/// One webhook.
pub struct Hook {
    webhook: Webhook,
    post: Arc<dyn Post>,
}

impl Hook {
    pub fn new(webhook: Webhook, post: Arc<dyn Post>) -> Self {
        Self { webhook, post }
    }
}

#[async_trait]
impl Place for Hook {
    fn name(&self) -> String {
        let hash = crate::archive::sha256(self.webhook.url.expose().as_bytes());
        format!("webhook-{}", hash.get(..16).unwrap_or_default())
    }

    async fn deliver(&self, alert: &Alert, now: Timestamp) -> Result<(), String> {
        let body = body(self.webhook.format, alert);
        let mut headers = vec![
            ("content-type", "application/json".to_owned()),
            ("x-portunus-alert", alert.id.clone()),
            ("x-portunus-event", alert.event.clone()),
        ];
        if let Some(secret) = &self.webhook.secret {
            headers.push(("x-portunus-signature", signature(secret, now, body.as_bytes())));
        }
        match self.post.post(self.webhook.url.expose(), &headers, body.into_bytes()).await {
            Ok(200..=299) => Ok(()),
            Ok(status) => Err(format!("{} answered {status}", self.name())),
            Err(problem) => Err(format!("{}: {problem}", self.name())),
        }
    }
}

/// The header's value for a body that is sent now.
pub fn signature(secret: &Secret, now: Timestamp, body: &[u8]) -> String {
    format!("t={},v1={}", now.secs(), hex(&mac(secret, now.secs(), body)))
}

/// Whether a header's value fits the body and is not older, or newer, than five minutes.
pub fn verifies(secret: &Secret, header: &str, body: &[u8], now: Timestamp) -> bool {
    let parts = || header.strip_prefix("t=")?.split_once(",v1=");
    let Some((at, sum)) = parts() else { return false };
    let Ok(at) = at.parse::<u64>() else { return false };
    let expected = hex(&mac(secret, at, body));
    at.abs_diff(now.secs()) <= TOLERANCE_SECS
        && bool::from(subtle::ConstantTimeEq::ct_eq(expected.as_bytes(), sum.as_bytes()))
}

fn mac(secret: &Secret, at: u64, body: &[u8]) -> Vec<u8> {
    // A key of any length will do.
    let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(secret.expose().as_bytes()) else { return Vec::new() };
    mac.update(format!("{at}.").as_bytes());
    mac.update(body);
    mac.finalize().into_bytes().to_vec()
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn body(format: Format, alert: &Alert) -> String {
    match format {
        Format::Json => serde_json::to_string(alert).unwrap_or_default(),
        Format::Slack => json!({ "text": sentence(alert) }).to_string(),
    }
}

/// What happened, for people. `&`, `<` and `>` have a meaning in Slack's text.
fn sentence(alert: &Alert) -> String {
    let plain = |text: &str| text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;");
    let name = if alert.scope_name.is_empty() { &alert.scope_id } else { &alert.scope_name };
    let who = format!("*{} {}*", alert.event_group, plain(name));
    let window = plain(&alert.window);
    match (&alert.projected_exhaustion, alert.event.as_str()) {
        (Some(at), _) => format!(
            "{who} has spent ${} in {window} and will have spent its budget of ${} by {at} if it goes on like this.",
            alert.spend, alert.threshold_usd
        ),
        (None, "soft_budget_crossed") => {
            format!(
                "{who} has spent ${} in {window}: more than its soft budget of ${}.",
                alert.spend, alert.threshold_usd
            )
        }
        (None, _) => format!(
            "{who} has spent ${} in {window}: {} of its budget of ${}.",
            alert.spend,
            plain(&alert.threshold),
            alert.max_budget.as_deref().unwrap_or("0")
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn e7_a_signature_holds_for_its_body_its_secret_and_five_minutes() {
        let (secret, now) = (Secret::new("shh"), Timestamp::from_secs(1_800_000_000));
        let header = signature(&secret, now, b"{}");
        assert!(verifies(&secret, &header, b"{}", now.plus_secs(300)));
        assert!(!verifies(&secret, &header, b"{}", now.plus_secs(301)));
        assert!(!verifies(&secret, &header, b"{ }", now));
        assert!(!verifies(&Secret::new("shhh"), &header, b"{}", now));
        assert!(!verifies(&secret, &header.replace("t=1800000000", "t=1800000001"), b"{}", now));
        assert!(!verifies(&secret, "v1=", b"{}", now));
    }
}
