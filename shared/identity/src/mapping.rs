//! Who somebody is here: a synthetic virtual key with a stable id, and the roles they have.

use domain::{
    KeyId, Timestamp,
    group::Group,
    key::{Allowed, VirtualKey},
    role::Role,
};
use sha2::{Digest, Sha256};
use std::sync::Arc;

/// Letters of ids, as in the public part of a key.
const LETTERS: &[u8; 32] = b"abcdefghijkmnpqrstuvwxyz23456789";
/// How many of them: 120 bits.
const LENGTH: usize = 24;

/// The kind of tokens that issuers sign for persons.
pub const JWT: &str = "jwt";

/// What a token proved.
#[derive(Clone, Debug, PartialEq)]
pub struct Identity {
    /// Stands for the holder wherever a virtual key would: it has no secret and is in no table. It expires with the token.
    pub key: Arc<VirtualKey>,
    /// On the admin plane; none: none.
    pub roles: Vec<Role>,
    /// Whether configuration itself lets the holder call models. If not, only a group that exists here does [J5].
    pub is_mapped: bool,
}

impl Identity {
    /// May the holder be who the token names? A service account is nobody's whom an issuer calls by its name; a role of
    /// AWS is one where configuration says so.
    pub fn may_be(&self, groups: &[Group]) -> bool {
        self.key.prefix != JWT || !groups.iter().any(|group| group.is_service_account)
    }
}

/// What configuration says of the holder.
pub struct Who<'w> {
    /// Of what kind the token is: `jwt`, `iam`.
    pub kind: &'static str,
    /// What tells the holder from all others: the issuer and the subject, or the ARN.
    pub unique: &'w [&'w str],
    pub user: Option<String>,
    pub team: Option<String>,
    pub organization: Option<String>,
    pub project: Option<String>,
    pub roles: Vec<Role>,
    pub models: &'w [String],
    pub providers: &'w [String],
    pub until: Timestamp,
}

impl Who<'_> {
    /// The identity, as the rest of the gateway knows it.
    pub fn identity(self) -> Identity {
        let name = self.user.clone().unwrap_or_default();
        let mut key = VirtualKey::named(self.id(), name, Timestamp::default());
        key.prefix = self.kind.to_owned();
        key.user_id = self.user;
        key.team_id = self.team;
        key.organization_id = self.organization;
        key.project_id = self.project;
        key.allowed =
            Allowed { models: self.models.to_vec(), providers: self.providers.to_vec(), ..Allowed::default() };
        key.expires_at = Some(self.until);
        Identity { key: Arc::new(key), roles: self.roles, is_mapped: !self.models.is_empty() }
    }

    /// The same for the same holder for ever: spending is counted under it.
    fn id(&self) -> KeyId {
        let mut hash = Sha256::new();
        for part in self.unique {
            hash.update((part.len() as u64).to_be_bytes());
            hash.update(part.as_bytes());
        }
        let letters = hash
            .finalize()
            .iter()
            .take(LENGTH)
            .filter_map(|byte| LETTERS.get(usize::from(byte & 31)).copied())
            .map(char::from)
            .collect::<String>();
        KeyId::from(format!("{}_{letters}", self.kind))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use domain::group::GroupKind;

    fn who<'w>(kind: &'static str, unique: &'w [&'w str]) -> Who<'w> {
        Who {
            kind,
            unique,
            user: None,
            team: None,
            organization: None,
            project: None,
            roles: vec![],
            models: &[],
            providers: &[],
            until: Timestamp::default(),
        }
    }

    #[test]
    fn a_holder_has_one_id_and_shares_it_with_nobody() {
        let id = |kind, unique: &[&str]| who(kind, unique).identity().key.id.clone();
        assert_eq!(id("jwt", &["https://a", "ann"]), id("jwt", &["https://a", "ann"]));
        assert!(
            id("jwt", &["https://a", "ann"]).as_str().starts_with("jwt_")
                && id("jwt", &["a", "b"]).as_str().len() == 28
        );
        assert_ne!(id("jwt", &["https://a", "ann"]), id("jwt", &["https://aa", "nn"]));
        assert_ne!(id("jwt", &["https://a", "ann"]), id("jwt", &["https://b", "ann"]));
        assert_ne!(id("jwt", &["a"]), id("iam", &["a"]));
    }

    #[test]
    fn j5_a_holder_may_call_what_configuration_says_and_nothing_else() {
        let (models, providers) = (["gpt-4o".to_owned()], ["openai".to_owned()]);
        let mapped = Who { models: &models, providers: &providers, ..who("jwt", &["ann"]) }.identity();
        assert!(mapped.is_mapped);
        assert_eq!((&mapped.key.allowed.models[..], &mapped.key.allowed.providers[..]), (&models[..], &providers[..]));
        assert!(!who("jwt", &["ann"]).identity().is_mapped);
    }

    #[test]
    fn a_service_account_is_nobodys_whom_an_issuer_calls_by_its_name() {
        let group = |is_service_account| Group {
            is_service_account,
            ..Group::named(GroupKind::User, "ann", "Ann", Timestamp::default())
        };
        let may_be = |kind, groups: &[Group]| who(kind, &["ann"]).identity().may_be(groups);
        assert!(may_be("jwt", &[]) && may_be("jwt", &[group(false)]) && !may_be("jwt", &[group(false), group(true)]));
        assert!(may_be("iam", &[]) && may_be("iam", &[group(true)]));
    }
}
