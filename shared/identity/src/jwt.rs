//! JSON Web Tokens of one issuer [J1-J5].
//!
//! What a token says of how to check it is believed only where configuration says the same: the algorithm is one of the
//! issuer's, the key is one of the issuer's, and everything in the header that points elsewhere is not read [J3].

use crate::{
    Unavailable,
    claims::Claims,
    mapping::{Identity, JWT, Who},
};
use config::identity::jwt::Issuer as Settings;
use domain::{Timestamp, role::Role};
use jwks::{Found, Jwks};
use providers::Dialer;

/// The issuer's public keys, fetched and kept.
mod jwks;
/// One public key.
mod key;
/// A token, taken apart.
mod token;

pub use token::{Token, looks_like_one};

/// How far clocks may differ [J2].
const LEEWAY_SECS: u64 = 60;
/// The longest a token may be good for [J2].
const LONGEST_LIFE_SECS: u64 = 86_400;

/// One issuer: what configuration says, and its keys.
pub struct Issuer {
    settings: Settings,
    jwks: Jwks,
}

impl Issuer {
    pub fn new(settings: Settings, dialer: Dialer) -> Self {
        let jwks = Jwks::new(settings.jwks_url.clone(), dialer);
        Self { settings, jwks }
    }

    /// Whether the token says that it is for us and of this issuer. Nothing is proved by that.
    pub fn issued(&self, token: &Token<'_>) -> bool {
        token.claims.id("iss").is_some_and(|iss| iss == self.settings.issuer)
            && is_for(&token.claims, &self.settings.audience)
    }

    /// Who holds the token; `None` if it proves nothing.
    ///
    /// # Errors
    /// The issuer's keys cannot be had at the moment.
    pub async fn verify(&self, token: &Token<'_>, now: Timestamp) -> Result<Option<Identity>, Unavailable> {
        let algorithm = self.settings.algorithms.iter().find(|known| known.name() == token.header.alg);
        // What could not pass in any case asks nobody for keys.
        let (Some(algorithm), Some(until)) = (algorithm, lives_until(&token.claims, now)) else { return Ok(None) };
        let key = match self.jwks.find(&token.header.kid, now).await? {
            Found::Key(key) => key,
            Found::Nothing => return Ok(None),
        };
        if !key.verifies(*algorithm, token.signed, &token.signature) {
            return Ok(None);
        }
        Ok(self.identity(&token.claims, until))
    }

    /// What the claims mean here. A token without a user is nobody's.
    fn identity(&self, claims: &Claims, until: Timestamp) -> Option<Identity> {
        let names = &self.settings.claims;
        let user = claims.id(&names.user)?;
        let subject = claims.id("sub").unwrap_or_else(|| user.clone());
        let optional = |name: &Option<String>| name.as_deref().and_then(|name| claims.id(name));
        let who = Who {
            kind: JWT,
            unique: &[&self.settings.issuer, &subject],
            user: Some(user),
            team: optional(&names.team),
            organization: optional(&names.organization),
            project: optional(&names.project),
            roles: self.roles(claims),
            models: &self.settings.models,
            providers: &self.settings.providers,
            until,
        };
        Some(who.identity())
    }

    /// Roles come from the mapped claim alone [J5].
    fn roles(&self, claims: &Claims) -> Vec<Role> {
        let Some(name) = &self.settings.claims.roles else { return Vec::new() };
        let held = claims.texts(name);
        let mut roles: Vec<Role> = self
            .settings
            .roles
            .iter()
            .filter(|(value, _)| held.contains(&value.as_str()))
            .map(|(_, role)| *role)
            .collect();
        roles.sort();
        roles.dedup();
        roles
    }
}

/// `aud` is exactly the audience, or a list of texts with it among them.
fn is_for(claims: &Claims, audience: &str) -> bool {
    claims.texts("aud").contains(&audience)
}

/// The end of a token that is good now: `exp` is mandatory, `nbf` and `iat` are kept to, and none lives too long [J2].
fn lives_until(claims: &Claims, now: Timestamp) -> Option<Timestamp> {
    let moment = |name| claims.seconds(name);
    let (exp, nbf, iat) = (moment("exp").ok()??, moment("nbf").ok()?, moment("iat").ok()?);
    let latest_start = now.secs().saturating_add(LEEWAY_SECS);
    let begun = [nbf, iat].into_iter().flatten().all(|start| start <= latest_start);
    // Without a beginning it has lived since now at the latest.
    let life = exp.saturating_sub(iat.unwrap_or(now.secs()));
    (begun && now.secs() < exp && life <= LONGEST_LIFE_SECS).then(|| Timestamp::from_millis(exp.saturating_mul(1000)))
}
