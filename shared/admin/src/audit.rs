//! Who changed what: kept in the store with the change itself, and told on the log target `audit` [A4].

use domain::{Secret, Timestamp};
use sha2::{Digest, Sha256};
use std::borrow::Cow;
use stores::audit::{self, Entry, Trail};

/// Whose change it is.
#[derive(Clone, Debug)]
pub struct Actor {
    pub who: audit::Actor,
    pub request: String,
}

/// What a change did, in the words of its object.
#[derive(Clone, Debug, Default)]
pub struct Change {
    /// As JSON; absent where there was nothing.
    pub before: Option<String>,
    /// As JSON; absent where there is nothing any more.
    pub after: Option<String>,
    /// Of a secret that was made.
    pub fingerprint: Option<String>,
}

impl Actor {
    /// What is kept of a change that this actor makes now.
    pub fn entry(&self, at: Timestamp, action: &str, object: String, change: Change) -> Entry {
        Entry {
            at,
            request: self.request.clone(),
            actor: self.who.clone(),
            action: action.to_owned(),
            object,
            before: change.before,
            after: change.after,
            fingerprint: change.fingerprint,
        }
    }
}

/// The changes of one request to things of one kind.
pub struct Teller<T> {
    pub actor: Actor,
    pub at: Timestamp,
    pub action: Cow<'static, str>,
    /// A thing's kind and id, `key/key_…`, and the thing as answers show it.
    pub shows: fn(&T) -> (String, String),
}

impl<T> Trail<T> for Teller<T> {
    fn entry(&self, before: Option<&T>, after: Option<&T>, secret: Option<&Secret>) -> Entry {
        let (before, after) = (before.map(self.shows), after.map(self.shows));
        let object = before.as_ref().or(after.as_ref()).map(|(object, _)| object.clone()).unwrap_or_default();
        let json = |shown: Option<(String, String)>| shown.map(|(_, json)| json);
        let change = Change { before: json(before), after: json(after), fingerprint: secret.map(fingerprint) };
        self.actor.entry(self.at, &self.action, object, change)
    }

    fn kept(&self, entry: &Entry) {
        tell(entry);
    }
}

/// Tells of a change that was made.
pub fn tell(entry: &Entry) {
    tracing::info!(
        target: "audit",
        action = entry.action,
        actor = entry.actor.kind,
        actor_id = entry.actor.id,
        client_ip = entry.actor.ip,
        request_id = entry.request,
        object = entry.object,
        before = entry.before,
        after = entry.after,
        fingerprint = entry.fingerprint,
        "an admin changed something"
    );
}

/// Names a secret without telling it: 64 bits of its SHA-256.
pub fn fingerprint(secret: &Secret) -> String {
    let hash: [u8; 32] = Sha256::digest(secret.expose().as_bytes()).into();
    let digits: String = hash.iter().take(8).map(|byte| format!("{byte:02x}")).collect();
    format!("sha256:{digits}")
}
