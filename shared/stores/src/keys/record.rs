//! A key as it is stored: one item found by its id, a copy for the list, and a copy per secret that its owner brought.

use super::main_key;
use crate::{
    policy,
    table::{Item, Key, Value, labels},
};
use domain::{Json, KeyId, Timestamp, key::VirtualKey};
use std::collections::BTreeMap;

/// The partition that lists all keys, by time of creation. Keys are made by people; it is never hot.
pub const LIST: &str = "KEYS";

/// One secret that opens the key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Live {
    /// The pepper's version.
    pub version: u32,
    pub hash: String,
    /// Brought by its owner, so found by its hash.
    pub brought: bool,
    /// The end of its grace period, once it has been rotated out.
    pub until: Option<Timestamp>,
}

/// A key and what opens it.
#[derive(Clone, Debug, PartialEq)]
pub struct KeyRecord {
    pub key: VirtualKey,
    pub live: Vec<Live>,
}

pub fn hash_key(version: u32, hash: &str) -> Key {
    Key::new(format!("HASH#{version}#{hash}"), "KEY")
}

impl KeyRecord {
    /// The item that authentication reads.
    pub fn main_item(&self) -> Item {
        self.item(main_key(&self.key.id))
    }

    /// The copy in the list; it opens nothing.
    pub fn listed_item(&self) -> Item {
        self.item(self.listed_key()).without("live")
    }

    pub fn listed_key(&self) -> Key {
        Key::new(LIST, format!("{:014}#{}", self.key.created_at.millis(), self.key.id))
    }

    /// Copies under brought secrets.
    pub fn hash_items(&self) -> Vec<Item> {
        self.hash_keys().into_iter().map(|key| self.item(key)).collect()
    }

    pub fn hash_keys(&self) -> Vec<Key> {
        self.live.iter().filter(|live| live.brought).map(|live| hash_key(live.version, &live.hash)).collect()
    }

    fn item(&self, place: Key) -> Item {
        let key = &self.key;
        let item = Item::at(place.pk, place.sk)
            .with("id", key.id.as_str())
            .with("name", key.name.as_str())
            .with("prefix", key.prefix.as_str())
            .with_some("team_id", key.team_id.as_deref())
            .with_some("user_id", key.user_id.as_deref())
            .with_some("organization_id", key.organization_id.as_deref())
            .with_some("project_id", key.project_id.as_deref())
            .with_some("expires_at", key.expires_at)
            .with_some("blocked", key.blocked.then_some(true))
            .with_some("tags", labels(&key.tags))
            .with_some("metadata", key.metadata.as_ref().map(Json::as_str))
            .with("created_at", key.created_at)
            .with_some("last_used_at", key.last_used_at)
            .with("lanes", key.lanes)
            .with("v", key.version)
            .with("live", Value::L(self.live.iter().map(live_value).collect()));
        policy::onto(item, &key.allowed, &key.limits)
    }

    /// Reads any of the copies; `None` if it is something else.
    pub fn from_item(item: &Item) -> Option<Self> {
        let text = |name| item.text(name).map(str::to_owned);
        let small = |name| item.count(name).and_then(|count| u32::try_from(count).ok());
        let key = VirtualKey {
            id: KeyId::from(item.text("id")?),
            name: text("name")?,
            prefix: text("prefix")?,
            team_id: text("team_id"),
            user_id: text("user_id"),
            organization_id: text("organization_id"),
            project_id: text("project_id"),
            allowed: policy::allowed(item)?,
            limits: policy::limits(item)?,
            expires_at: item.moment("expires_at"),
            blocked: item.flag("blocked"),
            tags: item.labels("tags"),
            metadata: text("metadata").map(Json::verbatim),
            created_at: item.moment("created_at")?,
            last_used_at: item.moment("last_used_at"),
            lanes: small("lanes")?.max(1),
            version: item.count("v")?,
        };
        let live = match item.value("live") {
            Some(Value::L(values)) => values.iter().map(live_from).collect::<Option<_>>()?,
            _ => Vec::new(),
        };
        Some(Self { key, live })
    }
}

fn live_value(live: &Live) -> Value {
    let mut map = BTreeMap::from([
        ("pepper".to_owned(), Value::from(live.version)),
        ("hash".to_owned(), Value::from(live.hash.as_str())),
        ("brought".to_owned(), Value::from(live.brought)),
    ]);
    if let Some(until) = live.until {
        map.insert("until".to_owned(), Value::from(until));
    }
    Value::M(map)
}

fn live_from(value: &Value) -> Option<Live> {
    let Value::M(map) = value else { return None };
    let item: Item = map.iter().map(|(name, value)| (name.clone(), value.clone())).collect();
    Some(Live {
        version: item.count("pepper")?.try_into().ok()?,
        hash: item.text("hash")?.to_owned(),
        brought: item.flag("brought"),
        until: item.moment("until"),
    })
}
