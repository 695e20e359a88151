//! `identity.jwt`: issuers of JSON Web Tokens, and what their claims mean here.

use domain::role::Role;

use super::{address, label, patterns, role};
use crate::{
    base_url::BaseUrl,
    check::Scope,
    raw::{Named, Reader, Text, raw, words},
};

/// One issuer.
#[derive(Clone, Debug, PartialEq)]
pub struct Issuer {
    /// `iss`, exactly [J2].
    pub issuer: String,
    /// The one `aud` that means this gateway [J2].
    pub audience: String,
    /// Where its public keys are; nothing else is ever asked [J4].
    pub jwks_url: BaseUrl,
    /// At least one.
    pub algorithms: Vec<Algorithm>,
    pub claims: Claims,
    /// Values of the roles claim, and the role each means; others mean nothing [J5].
    pub roles: Vec<(String, Role)>,
    /// What its users may call, as on a key. Empty: only those of a known team, user, organization or project may call
    /// anything, and these are what limits them.
    pub models: Vec<String>,
    pub providers: Vec<String>,
}

/// How signatures are made [J1].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Algorithm {
    EdDsa,
    Es256,
    Rs256,
}

impl Algorithm {
    /// As the header of a token says it.
    pub const fn name(self) -> &'static str {
        match self {
            Algorithm::EdDsa => "EdDSA",
            Algorithm::Es256 => "ES256",
            Algorithm::Rs256 => "RS256",
        }
    }
}

/// Which claim says what. A name with dots is a path if no claim has that whole name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Claims {
    pub user: String,
    pub team: Option<String>,
    pub organization: Option<String>,
    pub project: Option<String>,
    pub roles: Option<String>,
}

raw! {
    /// One issuer of JSON Web Tokens.
    struct RawIssuer {
        /// The iss of its tokens, exactly.
        issuer: Text,
        /// The aud that means this gateway, exactly.
        audience: Text,
        /// Where its public keys are (a JSON Web Key Set), over https.
        jwks_url: Text,
        /// How its signatures are made; RS256 if not given.
        algorithms: Vec<Algorithm>,
        /// Which claims say who the user is.
        claims: RawClaims,
        /// Values of the roles claim, and the role each of them means; others mean nothing.
        roles: Named<Text>,
        /// Models its users may call, as names or patterns ending in *. Without any, only users of a team, organization,
        /// project or user that exists here may call models.
        models: Vec<Text>,
        /// Providers its users may reach; all if not given.
        providers: Vec<Text>,
    }
}

raw! {
    /// Which claims say who the user is. A name with dots is a path if no claim has that whole name.
    struct RawClaims {
        /// The user's id; sub if not given.
        user: Text,
        /// The team's id.
        team: Text,
        /// The organization's id.
        organization: Text,
        /// The project's id.
        project: Text,
        /// The user's roles or groups: text, or a list of texts.
        roles: Text,
    }
}

words!(Algorithm { "RS256" => Algorithm::Rs256, "ES256" => Algorithm::Es256, "EdDSA" => Algorithm::EdDsa, });

impl RawIssuer {
    /// Issuer, audience and address must be there [J2].
    pub(super) fn check(self, reader: &mut Reader, scope: &Scope) -> Option<Issuer> {
        let issuer = reader.required(self.at, "issuer", self.issuer);
        let audience = reader.required(self.at, "audience", self.audience);
        let jwks_url = reader.required(self.at, "jwks_url", self.jwks_url);
        let algorithms = self.algorithms.unwrap_or_else(|| vec![Algorithm::Rs256]);
        if algorithms.is_empty() {
            reader.wrong(self.at, "algorithms is empty, allowed: RS256, ES256, EdDSA");
        }
        let claims = self.claims.map(|claims| claims.check(reader)).unwrap_or_default();
        let written = self.roles.map(|named| named.0).unwrap_or_default();
        if let (Some((value, _)), None) = (written.first(), &claims.roles) {
            reader.wrong(value.at, "roles are mapped, but claims.roles does not say which claim holds them");
        }
        let roles = written.into_iter().filter_map(|(value, name)| Some((value.value, role(&name, reader)?))).collect();
        let (models, providers) = (patterns(self.models, reader), patterns(self.providers, reader));
        let jwks_url = jwks_url.and_then(|text| address(&text, reader, scope));
        let (issuer, audience) = (issuer?.text, audience?.text);
        Some(Issuer { issuer, audience, jwks_url: jwks_url?, algorithms, claims, roles, models, providers })
    }
}

impl Default for Claims {
    fn default() -> Self {
        Self { user: "sub".to_owned(), team: None, organization: None, project: None, roles: None }
    }
}

impl RawClaims {
    fn check(self, reader: &mut Reader) -> Claims {
        Claims {
            user: label(self.user, reader).unwrap_or_else(|| Claims::default().user),
            team: label(self.team, reader),
            organization: label(self.organization, reader),
            project: label(self.project, reader),
            roles: label(self.roles, reader),
        }
    }
}
