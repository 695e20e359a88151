//! The fields of a virtual key: how an admin writes them, and how answers show them.

use super::{
    fields::{Field, Fields, optional},
    limits,
};
use domain::{Error, Json, Secret, Timestamp, key::VirtualKey};
use serde::{Serialize, Serializer, ser::SerializeMap};
use serde_json::value::RawValue;
use stores::ledger::Spend;

/// Fields that an admin may write at any time, beside the limits.
pub const WRITABLE: [&str; 8] =
    ["name", "user_id", "organization_id", "project_id", "expires_at", "blocked", "tags", "metadata"];

pub const MOST_NAME: usize = 200;

/// Writes the fields of a creating request into a new key. `key` is the caller's own affair: see [`own_secret`].
///
/// # Errors
/// 400 naming the field.
pub fn create(key: &mut VirtualKey, fields: &Fields<'_>, now: Timestamp) -> Result<(), Error> {
    for field in fields.iter() {
        match field.name.as_str() {
            "key" | "key_hash" => {}
            "team_id" => key.team_id = optional(field, |field| field.text(MOST_NAME))?,
            _ => write(key, field)?,
        }
    }
    if key.expires_at.is_some_and(|at| at <= now) {
        return Err(Error::invalid("expires_at", "expires_at lies in the past; such a key could never be used"));
    }
    limits::consistent(&key.limits)
}

/// Writes the fields of a changing request; what was not sent stays, null clears. `version` is the caller's affair.
///
/// # Errors
/// 400 naming the field.
pub fn change(key: &mut VirtualKey, fields: &Fields<'_>) -> Result<(), Error> {
    for field in fields.iter().filter(|field| field.name != "version") {
        if field.name == "team_id" {
            return Err(field.wrong("can be set only when a key is created"));
        }
        write(key, field)?;
    }
    limits::consistent(&key.limits)
}

/// The secret a caller brings along: at least 32 visible characters, and not in the shape of ours.
///
/// # Errors
/// 400 naming the field.
pub fn own_secret(fields: &Fields<'_>) -> Result<Option<Secret>, Error> {
    let Some(field) = fields.find("key") else { return Ok(None) };
    let secret = Secret::new(field.text(256).map_err(|_| unfit(field))?);
    let visible = secret.expose().bytes().all(|b| b.is_ascii_graphic());
    if secret.expose().len() < 32 || !visible || secret.expose().starts_with("sk-ptn-") {
        return Err(unfit(field));
    }
    Ok(Some(secret))
}

/// The SHA-256 of a secret that only its holder knows: `sha256:` and 64 digits.
///
/// # Errors
/// 400 naming the field.
pub fn imported(fields: &Fields<'_>) -> Result<Option<[u8; 32]>, Error> {
    let Some(field) = fields.find("key_hash") else { return Ok(None) };
    if fields.find("key").is_some() {
        return Err(field.wrong("cannot go together with key; send one of them"));
    }
    let wrong = || field.wrong("must be sha256: and the 64 hexadecimal digits of the secret's SHA-256");
    let text = field.text(71).map_err(|_| wrong())?;
    let digits =
        text.strip_prefix("sha256:").filter(|digits| digits.len() == 64 && digits.is_ascii()).ok_or_else(wrong)?;
    let mut hash = [0; 32];
    for (byte, at) in hash.iter_mut().zip((0..64).step_by(2)) {
        let pair = digits.get(at..at + 2).filter(|pair| pair.bytes().all(|b| b.is_ascii_hexdigit()));
        *byte = pair.and_then(|pair| u8::from_str_radix(pair, 16).ok()).ok_or_else(wrong)?;
    }
    Ok(Some(hash))
}

fn unfit(field: &Field<'_>) -> Error {
    field.wrong("must be 32 to 256 visible ASCII characters, and must not begin with sk-ptn-")
}

fn write(key: &mut VirtualKey, field: &Field<'_>) -> Result<(), Error> {
    let label = |field: &Field<'_>| field.text(MOST_NAME);
    match field.name.as_str() {
        "name" => key.name = optional(field, label)?.unwrap_or_default(),
        "user_id" => key.user_id = optional(field, label)?,
        "organization_id" => key.organization_id = optional(field, label)?,
        "project_id" => key.project_id = optional(field, label)?,
        "expires_at" => key.expires_at = optional(field, Field::instant)?,
        "blocked" => key.blocked = optional(field, Field::flag)?.unwrap_or_default(),
        "tags" => key.tags = optional(field, Field::labels)?.unwrap_or_default(),
        "metadata" => key.metadata = optional(field, Field::object)?,
        _ if limits::write(&mut key.allowed, &mut key.limits, field)? => {}
        _ => return Err(field.unknown(&[WRITABLE.as_slice(), &limits::WRITABLE].concat())),
    }
    Ok(())
}

/// What is counted of a key.
pub struct Use {
    pub spend: Spend,
    /// To the hour.
    pub last: Option<Timestamp>,
}

/// A key as answers show it.
#[derive(Serialize)]
pub struct Shown<'k> {
    id: &'k str,
    /// The id, of a key without a name.
    name: &'k str,
    /// The secret itself: in the creating and the rotating answer, never again.
    #[serde(skip_serializing_if = "Option::is_none")]
    key: Option<&'k str>,
    prefix: &'k str,
    team_id: Option<&'k str>,
    user_id: Option<&'k str>,
    organization_id: Option<&'k str>,
    project_id: Option<&'k str>,
    #[serde(flatten)]
    limits: limits::Shown<'k>,
    expires_at: Option<String>,
    blocked: bool,
    tags: Labels<'k>,
    metadata: Box<RawValue>,
    created_at: String,
    last_used_at: Option<String>,
    /// Settled in the current budget window.
    #[serde(skip_serializing_if = "Option::is_none")]
    spend_usd: Option<String>,
    /// Held by calls in flight.
    #[serde(skip_serializing_if = "Option::is_none")]
    reserved_usd: Option<String>,
    version: u64,
}

impl<'k> Shown<'k> {
    /// A key's policy alone.
    pub fn policy(key: &'k VirtualKey) -> Self {
        Self {
            id: key.id.as_str(),
            name: if key.name.is_empty() { key.id.as_str() } else { &key.name },
            key: None,
            prefix: &key.prefix,
            team_id: key.team_id.as_deref(),
            user_id: key.user_id.as_deref(),
            organization_id: key.organization_id.as_deref(),
            project_id: key.project_id.as_deref(),
            limits: limits::Shown::of(&key.allowed, &key.limits),
            expires_at: key.expires_at.map(Timestamp::rfc3339),
            blocked: key.blocked,
            tags: Labels(&key.tags),
            metadata: metadata(key.metadata.as_ref()),
            created_at: key.created_at.rfc3339(),
            last_used_at: key.last_used_at.map(Timestamp::rfc3339),
            spend_usd: None,
            reserved_usd: None,
            version: key.version,
        }
    }

    /// With what it spent.
    #[must_use]
    pub fn with_spend(mut self, spend: Spend) -> Self {
        self.spend_usd = Some(spend.settled.to_string());
        self.reserved_usd = Some(spend.reserved.to_string());
        self
    }

    /// With what it spent, and when it was last used.
    #[must_use]
    pub fn with_use(mut self, used: Use) -> Self {
        self.last_used_at = used.last.map(Timestamp::rfc3339);
        self.with_spend(used.spend)
    }

    /// With its secret, this once.
    #[must_use]
    pub fn with_secret(mut self, secret: &'k Secret) -> Self {
        self.key = Some(secret.expose());
        self
    }
}

/// An admin's own object, as it was written.
pub fn metadata(metadata: Option<&Json>) -> Box<RawValue> {
    let written = metadata.map_or("{}", |json| json.as_str());
    RawValue::from_string(written.to_owned()).unwrap_or_default()
}

/// Labels as an object, in their order.
pub struct Labels<'k>(pub &'k [(String, String)]);

impl Serialize for Labels<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(self.0.len()))?;
        for (name, value) in self.0 {
            map.serialize_entry(name, value)?;
        }
        map.end()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use domain::Usd;

    fn key() -> VirtualKey {
        VirtualKey::named("key_a".into(), "a", Timestamp::from_secs(1_000))
    }

    fn changed(body: &str) -> Result<VirtualKey, Error> {
        let mut key = key();
        change(&mut key, &Fields::of(body).unwrap()).map(|()| key)
    }

    #[test]
    fn r9_what_the_gateway_counts_cannot_be_written() {
        for name in
            ["spend_usd", "reserved_usd", "created_at", "last_used_at", "id", "prefix", "lanes", "owner", "role"]
        {
            let error = changed(&format!(r#"{{"{name}": "1"}}"#)).unwrap_err();
            assert_eq!((error.code(), error.param.as_deref()), ("unknown_field", Some(name)));
        }
    }

    #[test]
    fn r9_a_team_is_given_at_creation_only() {
        let body = Fields::of(r#"{"team_id": "t1"}"#).unwrap();
        let mut new = key();
        create(&mut new, &body, Timestamp::from_secs(1_000)).unwrap();
        assert_eq!(new.team_id.as_deref(), Some("t1"));
        assert_eq!(changed(r#"{"team_id": "t2"}"#).unwrap_err().param.as_deref(), Some("team_id"));
    }

    #[test]
    fn limits_that_nothing_keeps_to_yet_are_refused_unless_they_ask_for_nothing() {
        for name in limits::NOT_SUPPORTED {
            let error = changed(&format!(r#"{{"{name}": ["pii"]}}"#)).unwrap_err();
            assert_eq!((error.code(), error.param.as_deref()), ("not_supported", Some(name)));
            assert!(changed(&format!(r#"{{"{name}": null}}"#)).is_ok());
            assert!(changed(&format!(r#"{{"{name}": []}}"#)).is_ok());
        }
    }

    #[test]
    fn only_what_was_sent_changes_and_null_clears() {
        let mut key = key();
        key.limits.max_budget = Some(Usd::setting("5").unwrap());
        key.user_id = Some("ann".to_owned());
        change(&mut key, &Fields::of(r#"{"user_id": null, "models": ["gpt-*"]}"#).unwrap()).unwrap();
        assert_eq!(
            (key.user_id, key.allowed.models, key.limits.max_budget.is_some()),
            (None, vec!["gpt-*".to_owned()], true)
        );
    }

    #[test]
    fn metadata_is_shown_as_it_was_written() {
        let key = changed(r#"{"metadata": {"b":1.00,"a":[1e2]}}"#).unwrap();
        let shown = serde_json::to_string(&Shown::policy(&key)).unwrap();
        assert!(shown.contains(r#""metadata":{"b":1.00,"a":[1e2]}"#), "{shown}");
    }

    #[test]
    fn a_brought_secret_is_long_and_not_in_our_shape() {
        let secret = |text: &str| own_secret(&Fields::of(&format!(r#"{{"key": "{text}"}}"#)).unwrap());
        assert!(secret(&"a".repeat(32)).unwrap().is_some());
        for bad in
            ["a".repeat(31), "a".repeat(257), "é".repeat(40), format!("sk-ptn-{}", "a".repeat(40)), "a ".repeat(20)]
        {
            let error = secret(&bad).unwrap_err();
            assert!(error.param.as_deref() == Some("key") && !error.message.contains(&bad));
        }
    }

    #[test]
    fn an_imported_hash_is_a_whole_sha_256_and_stands_alone() {
        let read = |body: &str| imported(&Fields::of(body).unwrap());
        let digits = "0f".repeat(32);
        assert_eq!(read(&format!(r#"{{"key_hash": "sha256:{digits}"}}"#)).unwrap(), Some([15; 32]));
        assert_eq!(read("{}").unwrap(), None);
        for wrong in [
            digits.clone(),
            format!("sha256:{}", &digits[2..]),
            format!("sha256:{digits}0"),
            format!("sha256:+{}", &digits[1..]),
            format!("md5:{digits}"),
        ] {
            assert_eq!(
                read(&format!(r#"{{"key_hash": "{wrong}"}}"#)).unwrap_err().param.as_deref(),
                Some("key_hash"),
                "{wrong}"
            );
        }
        assert!(read(&format!(r#"{{"key_hash": "sha256:{digits}", "key": "a"}}"#)).is_err());
    }

    #[test]
    fn a_soft_budget_above_the_hard_one_is_refused() {
        let error = changed(r#"{"max_budget_usd": 5, "soft_budget_usd": "5.01"}"#).unwrap_err();
        assert_eq!(error.param.as_deref(), Some("soft_budget_usd"));
    }
}
