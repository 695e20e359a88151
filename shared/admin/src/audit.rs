//! Who changed what: one structured line per change, on the log target `audit` [A4].

use std::borrow::Cow;

/// One change, as it is written down. Secrets appear as fingerprints only.
#[derive(Clone, Debug)]
pub struct Change<'c> {
    /// `key.create`, `key.update`, `key.rotate`, `key.block`, `key.unblock`, `key.revoke`; `team.create` and the like.
    pub action: Cow<'static, str>,
    /// What was changed.
    pub id: &'c str,
    /// The policy before, as JSON; absent where there was none.
    pub before: Option<&'c str>,
    /// The policy after, as JSON; absent where there is none any more.
    pub after: Option<&'c str>,
    /// What names the secret that was made, without telling it.
    pub fingerprint: Option<&'c str>,
}

/// Whose change it is.
#[derive(Clone, Debug)]
pub struct Actor {
    /// The trusted edge's word, if it has one [H4].
    pub ip: Option<String>,
    pub request: String,
}

/// Writes the record.
pub fn record(actor: &Actor, change: &Change<'_>) {
    tracing::info!(
        target: "audit",
        action = &*change.action,
        actor = "root_admin_key",
        client_ip = actor.ip.as_deref(),
        request_id = actor.request,
        id = change.id,
        before = change.before,
        after = change.after,
        fingerprint = change.fingerprint,
        "an admin changed something"
    );
}
