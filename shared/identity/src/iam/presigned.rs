//! A presigned question, taken apart and judged: only its parts go on, each of them checked.

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use domain::Timestamp;
use reqwest::Url;
use std::collections::BTreeMap;

/// The largest token that is looked at.
const LONGEST: usize = 8 << 10;
/// The longest that a question may be good for.
const LONGEST_LIFE_SECS: u64 = 900;
/// How far clocks may differ.
const LEEWAY_SECS: u64 = 60;
/// Headers that must be signed, and no others: these are what we send.
const SIGNED_HEADERS: &str = "host;x-gw-audience";

/// The parts of the question that are the signer's.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Presigned {
    /// The token service that it was signed for: `sts.eu-west-2.amazonaws.com`.
    pub host: String,
    credential: String,
    date: String,
    expires: u64,
    security_token: Option<String>,
    signature: String,
}

impl Presigned {
    /// Reads a URL in base64url; `None` for anything else than a question of the one form.
    pub fn read(encoded: &str) -> Option<Self> {
        if encoded.len() > LONGEST {
            return None;
        }
        let text = String::from_utf8(URL_SAFE_NO_PAD.decode(encoded.trim_end_matches('=')).ok()?).ok()?;
        let url: Url = text.parse().ok()?;
        let plain = url.scheme() == "https" && url.username().is_empty() && url.password().is_none();
        if !plain || url.port().is_some() || url.path() != "/" || url.fragment().is_some() {
            return None;
        }
        Self::of(url.host_str()?, parameters(&url)?)
    }

    fn of(host: &str, mut parameters: BTreeMap<String, String>) -> Option<Self> {
        let mut take = |name: &str| parameters.remove(name);
        let fixed = [
            ("Action", "GetCallerIdentity"),
            ("Version", "2011-06-15"),
            ("X-Amz-Algorithm", "AWS4-HMAC-SHA256"),
            ("X-Amz-SignedHeaders", SIGNED_HEADERS),
        ];
        if !fixed.into_iter().all(|(name, value)| take(name).as_deref() == Some(value)) {
            return None;
        }
        let presigned = Self {
            host: host.to_owned(),
            credential: take("X-Amz-Credential")?,
            date: take("X-Amz-Date")?,
            expires: take("X-Amz-Expires")?.parse().ok()?,
            security_token: take("X-Amz-Security-Token"),
            signature: take("X-Amz-Signature")?,
        };
        (parameters.is_empty() && presigned.is_sound()).then_some(presigned)
    }

    /// Host and scope agree on one region, and every part has its shape.
    fn is_sound(&self) -> bool {
        let Some(region) = region_of(&self.host) else { return false };
        let scope: Vec<&str> = self.credential.split('/').collect();
        let [id, day, scoped, service, end] = scope.as_slice() else { return false };
        let graphic = |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_graphic());
        (16..=128).contains(&id.len())
            && id.bytes().all(|b| b.is_ascii_alphanumeric())
            && self.date.starts_with(day)
            && day.len() == 8
            && (*scoped, *service, *end) == (region, "sts", "aws4_request")
            && (1..=LONGEST_LIFE_SECS).contains(&self.expires)
            && self.signature.len() == 64
            && self.signature.bytes().all(|b| b.is_ascii_hexdigit())
            && self.security_token.as_deref().is_none_or(graphic)
    }

    /// The end of a question that is good now.
    pub fn good_until(&self, now: Timestamp) -> Option<Timestamp> {
        let signed = moment(&self.date)?;
        let until = signed.plus_secs(self.expires);
        (signed <= now.plus_secs(LEEWAY_SECS) && now < until).then_some(until)
    }

    /// The question in full, put together anew, below `origin`.
    pub fn url(&self, origin: &str) -> Option<Url> {
        let mut url: Url = origin.parse().ok()?;
        url.query_pairs_mut()
            .append_pair("Action", "GetCallerIdentity")
            .append_pair("Version", "2011-06-15")
            .append_pair("X-Amz-Algorithm", "AWS4-HMAC-SHA256")
            .append_pair("X-Amz-Credential", &self.credential)
            .append_pair("X-Amz-Date", &self.date)
            .append_pair("X-Amz-Expires", &self.expires.to_string())
            .extend_pairs(self.security_token.iter().map(|token| ("X-Amz-Security-Token", token)))
            .append_pair("X-Amz-SignedHeaders", SIGNED_HEADERS)
            .append_pair("X-Amz-Signature", &self.signature);
        Some(url)
    }
}

/// The query's parameters, none of them twice.
fn parameters(url: &Url) -> Option<BTreeMap<String, String>> {
    let mut parameters = BTreeMap::new();
    for (name, value) in url.query_pairs() {
        if parameters.insert(name.into_owned(), value.into_owned()).is_some() {
            return None;
        }
    }
    Some(parameters)
}

/// The region of one of STS's own hosts; the global one signs as us-east-1.
fn region_of(host: &str) -> Option<&str> {
    if host == "sts.amazonaws.com" {
        return Some("us-east-1");
    }
    let rest = host.strip_prefix("sts.")?;
    let region = rest.strip_suffix(".amazonaws.com").or_else(|| rest.strip_suffix(".amazonaws.com.cn"))?;
    let word = |part: &str| !part.is_empty() && part.bytes().all(|b| b.is_ascii_lowercase());
    let parts: Vec<&str> = region.split('-').collect();
    let (number, words) = parts.split_last()?;
    let numbered = number.len() == 1 && number.bytes().all(|b| b.is_ascii_digit());
    (numbered && (2..=3).contains(&words.len()) && words.iter().all(|part| word(part))).then_some(region)
}

/// `20261121T100000Z`
fn moment(text: &str) -> Option<Timestamp> {
    let part = |range: std::ops::Range<usize>| text.get(range).unwrap_or_default();
    let digits = [part(0..8), part(9..15)].into_iter().all(|digits| digits.bytes().all(|b| b.is_ascii_digit()));
    if text.len() != 16 || !digits || part(8..9) != "T" || part(15..16) != "Z" {
        return None;
    }
    let (date, time) = ((part(0..4), part(4..6), part(6..8)), (part(9..11), part(11..13), part(13..15)));
    Timestamp::parse_rfc3339(&format!("{}-{}-{}T{}:{}:{}Z", date.0, date.1, date.2, time.0, time.1, time.2))
}

#[cfg(test)]
mod tests;
