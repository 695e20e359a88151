//! `alerts`: when and where people are told about budgets.

use crate::{
    base_url::BaseUrl,
    check::Scope,
    raw::{At, Reader, Text, raw, words},
};
use domain::Secret;

/// The shares of a budget that are told of unless configuration says otherwise, in per cent.
const THRESHOLDS: [u32; 4] = [50, 80, 90, 100];
/// The most that may be configured.
const MOST: usize = 10;

/// Who is told what.
#[derive(Clone, Debug)]
pub struct Alerts {
    /// Shares of a budget in per cent, in ascending order, each once.
    pub thresholds: Vec<u32>,
    pub webhooks: Vec<Webhook>,
    /// An SNS topic, by its ARN. On AWS the stack has one of its own.
    pub sns_topic: Option<String>,
}

/// An address that alerts are posted to.
#[derive(Clone, Debug)]
pub struct Webhook {
    /// Part of it may be a credential, so it is never shown.
    pub url: Secret,
    /// What messages are signed with; none: they are not.
    pub secret: Option<Secret>,
    pub format: Format,
}

/// What a message looks like.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Format {
    /// The alert as an object.
    #[default]
    Json,
    /// `{"text": …}`, as Slack and others of its kind take it.
    Slack,
}

impl Default for Alerts {
    fn default() -> Self {
        Self { thresholds: THRESHOLDS.to_vec(), webhooks: Vec::new(), sns_topic: None }
    }
}

raw! {
    /// When and where people are told about budgets.
    struct RawAlerts {
        /// Shares of a budget in per cent, 1 to 100; 50, 80, 90 and 100 if not written.
        thresholds: Vec<At<u64>>,
        /// Addresses that alerts are posted to.
        webhooks: Vec<RawWebhook>,
        /// The ARN of an SNS topic that is told, too.
        sns_topic: Text,
    }
}

raw! {
    /// An address that alerts are posted to.
    struct RawWebhook {
        /// https, or what egress.allow names.
        url: Secret,
        /// Signs every message (HMAC-SHA256, header x-portunus-signature).
        secret: Secret,
        /// json: the alert as an object. slack: a message in Slack's form.
        format: Format,
    }
}

words!(Format { "json" => Format::Json, "slack" => Format::Slack, });

impl RawAlerts {
    pub(crate) fn check(self, reader: &mut Reader, scope: &Scope<'_>) -> Alerts {
        let mut alerts = Alerts::default();
        if let Some(thresholds) = self.thresholds {
            alerts.thresholds = checked(thresholds, reader);
        }
        for webhook in self.webhooks.unwrap_or_default() {
            alerts.webhooks.extend(webhook.check(reader, scope));
        }
        if alerts.webhooks.len() > MOST {
            reader.wrong(self.at, format!("alerts.webhooks has more than {MOST} entries"));
        }
        alerts.sns_topic = self.sns_topic.and_then(|topic| {
            let sound = topic.text.starts_with("arn:") && topic.text.split(':').count() == 6;
            if !sound {
                reader.wrong(
                    topic.at,
                    "alerts.sns_topic is the ARN of a topic, such as arn:aws:sns:eu-west-2:123456789012:alerts",
                );
            }
            sound.then_some(topic.text)
        });
        alerts
    }
}

fn checked(thresholds: Vec<At<u64>>, reader: &mut Reader) -> Vec<u32> {
    let mut shares = Vec::new();
    for threshold in thresholds {
        match u32::try_from(threshold.value) {
            Ok(share @ 1..=100) if shares.len() < MOST => shares.push(share),
            Ok(1..=100) => reader.wrong(threshold.at, format!("alerts.thresholds has more than {MOST} entries")),
            _ => reader.wrong(threshold.at, "a threshold is a share of a budget from 1 to 100 per cent"),
        }
    }
    shares.sort_unstable();
    shares.dedup();
    shares
}

impl RawWebhook {
    fn check(self, reader: &mut Reader, scope: &Scope<'_>) -> Option<Webhook> {
        let Some(url) = self.url else {
            reader.wrong(self.at, "url is missing, give it a value");
            return None;
        };
        match url.expose().parse::<BaseUrl>() {
            Err(reason) => reader.wrong(self.at, format!("the url of a webhook is not one: {reason}")),
            Ok(base) if base.needs_permission() && !scope.egress.allows(base.host(), base.port()) => {
                reader.wrong(
                    self.at,
                    "the url of a webhook is plain http or no public host: name its host:port in egress.allow",
                );
            }
            Ok(_) => {}
        }
        Some(Webhook { url, secret: self.secret, format: self.format.unwrap_or_default() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{ProcessEnv, load};

    fn alerts(text: &str) -> Result<Alerts, Vec<String>> {
        let loaded = load("p.yaml", text, &ProcessEnv);
        loaded.map(|config| config.alerts).map_err(|problems| problems.iter().map(ToString::to_string).collect())
    }

    #[test]
    fn thresholds_are_shares_in_order() {
        assert_eq!(alerts("").unwrap().thresholds, [50, 80, 90, 100]);
        assert_eq!(alerts("alerts: { thresholds: [95, 25, 95] }").unwrap().thresholds, [25, 95]);
        assert!(alerts("alerts: { thresholds: [0] }").is_err());
        assert!(alerts("alerts: { thresholds: [101] }").is_err());
    }

    #[test]
    fn e7_a_webhook_is_public_https_or_allowed_by_name_and_never_shown() {
        let hooks =
            alerts("alerts: { webhooks: [{ url: https://hooks.example.com/T1/c4nary, secret: s, format: slack }] }");
        let hooks = hooks.unwrap().webhooks;
        assert_eq!((hooks[0].format, format!("{hooks:?}").contains("c4nary")), (Format::Slack, false));
        for (url, allowed) in
            [("http://127.0.0.1:9000/x", false), ("https://10.0.0.1/c4nary", false), ("nonsense", false)]
        {
            let told = alerts(&format!("alerts: {{ webhooks: [{{ url: \"{url}\" }}] }}"));
            assert_eq!(told.is_ok(), allowed, "{url}");
            assert!(!told.unwrap_err().concat().contains("c4nary"));
        }
        assert!(
            alerts(
                "egress: { allow: [\"127.0.0.1:9000\"] }\nalerts: { webhooks: [{ url: \"http://127.0.0.1:9000/x\" }] }"
            )
            .is_ok()
        );
        assert!(alerts("alerts: { webhooks: [{ secret: s }], sns_topic: mine }").unwrap_err().len() == 2);
    }
}
