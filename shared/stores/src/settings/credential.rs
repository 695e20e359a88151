//! Credentials that were handed in, as the configuration carries them along: where each is kept, never what it is.

use crate::table::{Item, Value};
use domain::{Timestamp, outward::Kept};
use std::collections::BTreeMap;

/// A provider's credential.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredCredential {
    pub provider: String,
    /// The address it goes to, and no other [E3].
    pub address: String,
    pub kept: Kept,
    /// Names it without telling it.
    pub fingerprint: String,
    pub put_at: Timestamp,
}

/// As an attribute of the configuration's item.
pub fn value(credentials: &[StoredCredential]) -> Option<Value> {
    let map = |credential: &StoredCredential| {
        let texts = [
            ("provider", &credential.provider),
            ("address", &credential.address),
            ("name", &credential.kept.name),
            ("version", &credential.kept.version),
            ("fingerprint", &credential.fingerprint),
        ];
        let mut map: BTreeMap<String, Value> =
            texts.into_iter().map(|(name, text)| (name.to_owned(), Value::from(text.as_str()))).collect();
        map.insert("put_at".to_owned(), Value::from(credential.put_at));
        Value::M(map)
    };
    (!credentials.is_empty()).then(|| Value::L(credentials.iter().map(map).collect()))
}

/// The credentials of the configuration's item.
pub fn of_item(item: &Item) -> Vec<StoredCredential> {
    let Some(Value::L(values)) = item.value("credentials") else { return Vec::new() };
    values.iter().filter_map(read).collect()
}

fn read(value: &Value) -> Option<StoredCredential> {
    let Value::M(map) = value else { return None };
    let item: Item = map.iter().map(|(name, value)| (name.clone(), value.clone())).collect();
    let text = |name| item.text(name).map(str::to_owned);
    Some(StoredCredential {
        provider: text("provider")?,
        address: text("address")?,
        kept: Kept { name: text("name")?, version: text("version")? },
        fingerprint: text("fingerprint")?,
        put_at: item.moment("put_at")?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_credential_survives_both_ways() {
        let credential = StoredCredential {
            provider: "openai".to_owned(),
            address: "https://api.openai.com:443".to_owned(),
            kept: Kept { name: "portunus/providers/openai".to_owned(), version: "v1".to_owned() },
            fingerprint: "sha256:0123456789abcdef".to_owned(),
            put_at: Timestamp::from_millis(1_700_000_000_123),
        };
        let stored = vec![credential];
        let item = Item::at("a", "b").with("credentials", value(&stored).unwrap());
        assert_eq!(of_item(&item), stored);
        assert_eq!((value(&[]), of_item(&Item::at("a", "b"))), (None, Vec::new()));
    }
}
