//! `identity`: who is known beside the holders of virtual keys [J1-J5].

use domain::role::Role;

use crate::{
    base_url::BaseUrl,
    check::Scope,
    raw::{Reader, Text, raw},
};
use iam::{Iam, RawIam};
use jwt::{Issuer, RawIssuer};

/// Callers that show who they are on AWS.
pub mod iam;
/// Callers with tokens of an identity provider.
pub mod jwt;

/// Who is known beside the holders of virtual keys.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Identity {
    /// No two have the same issuer and audience.
    pub jwt: Vec<Issuer>,
    pub iam: Option<Iam>,
}

raw! {
    /// Who is known beside the holders of virtual keys.
    struct RawIdentity {
        /// Issuers of JSON Web Tokens.
        jwt: Vec<RawIssuer>,
        /// Roles and users of AWS, shown by a presigned sts:GetCallerIdentity.
        iam: RawIam,
    }
}

impl RawIdentity {
    pub(crate) fn check(self, reader: &mut Reader, scope: &Scope) -> Identity {
        let mut identity = Identity::default();
        for raw in self.jwt.unwrap_or_default() {
            let at = raw.at;
            let Some(issuer) = raw.check(reader, scope) else { continue };
            let same = |known: &Issuer| known.issuer == issuer.issuer && known.audience == issuer.audience;
            if identity.jwt.iter().any(same) {
                reader.wrong(at, "a second entry for this issuer and audience, once is allowed");
            }
            identity.jwt.push(issuer);
        }
        identity.iam = self.iam.and_then(|iam| iam.check(reader, scope));
        identity
    }
}

/// A role by its name.
fn role(text: &Text, reader: &mut Reader) -> Option<Role> {
    let role = Role::named(&text.text);
    if role.is_none() {
        let allowed = Role::ALL.map(Role::name).join(", ");
        reader.wrong(text.at, format!("{} is not a role, allowed: {allowed}", text.shown()));
    }
    role
}

/// An address of a service that says who somebody is: https, or exactly what `egress.allow` names.
fn address(text: &Text, reader: &mut Reader, scope: &Scope) -> Option<BaseUrl> {
    let url = match text.text.parse::<BaseUrl>() {
        Ok(url) => url,
        Err(_) => {
            let what = text.shown();
            reader.wrong(
                text.at,
                format!("{what} is not an address: https://host[:port]/path without query is expected"),
            );
            return None;
        }
    };
    if url.needs_permission() && !scope.egress.allows(url.host(), url.port()) {
        let what = text.shown();
        reader.wrong(
            text.at,
            format!(
                "{what} is plain http or not a public address, use https or add its exact host:port to egress.allow"
            ),
        );
    }
    Some(url)
}

/// A label such as a team's id: 1 to 200 characters, none of them a control character.
fn label(text: Option<Text>, reader: &mut Reader) -> Option<String> {
    let text = text?;
    if (1..=200).contains(&text.text.chars().count()) && !text.text.chars().any(char::is_control) {
        return Some(text.text);
    }
    reader.wrong(text.at, "a name of 1 to 200 characters without control characters is expected");
    None
}

/// Patterns of names, as keys have them: a star stands at the end only.
fn patterns(texts: Option<Vec<Text>>, reader: &mut Reader) -> Vec<String> {
    let mut patterns = Vec::new();
    for text in texts.unwrap_or_default() {
        let before_star = text.text.strip_suffix('*').unwrap_or(&text.text);
        let plain = before_star.bytes().all(|b| b.is_ascii_graphic() && b != b'*') && !text.text.is_empty();
        if plain {
            patterns.push(text.text);
        } else {
            reader.wrong(text.at, format!("{} is not a name or a pattern ending in *", text.shown()));
        }
    }
    patterns
}

#[cfg(test)]
mod tests;
