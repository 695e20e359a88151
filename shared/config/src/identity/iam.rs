//! `identity.iam`: roles and users of AWS, and who each of them is here.

use domain::role::Role;

use super::{address, label, patterns, role};
use crate::{
    base_url::BaseUrl,
    check::Scope,
    raw::{Reader, Text, raw},
};

/// Callers that show who they are by a presigned `sts:GetCallerIdentity`.
#[derive(Clone, Debug, PartialEq)]
pub struct Iam {
    /// What the header `x-gw-audience` must hold, so that a token for another service is none for this one.
    pub audience: String,
    /// Where STS is, if not at its public addresses: an interface endpoint.
    pub sts_endpoint: Option<BaseUrl>,
    /// The first that matches decides; who matches none is nobody.
    pub principals: Vec<Principal>,
}

/// Who some roles or users of AWS are here.
#[derive(Clone, Debug, PartialEq)]
pub struct Principal {
    /// An ARN, or its beginning and a star: `arn:aws:iam::123456789012:role/app-*`.
    pub arn: String,
    pub user: Option<String>,
    pub team: Option<String>,
    pub organization: Option<String>,
    pub project: Option<String>,
    pub role: Option<Role>,
    /// What they may call, as on a key. Empty: only what their team, user, organization or project allows, if it exists.
    pub models: Vec<String>,
    pub providers: Vec<String>,
}

raw! {
    /// Roles and users of AWS, shown by a presigned sts:GetCallerIdentity.
    struct RawIam {
        /// What the signed header x-gw-audience must hold: a name of this gateway that no other has.
        audience: Text,
        /// Where STS is, if not at its public addresses: an interface endpoint.
        sts_endpoint: Text,
        /// Who may come; the first that matches decides.
        principals: Vec<RawPrincipal>,
    }
}

raw! {
    /// Who some roles or users of AWS are here.
    struct RawPrincipal {
        /// The ARN of a role, a user or a session, or its beginning and a star, such as
        /// arn:aws:iam::123456789012:role/app-*; the account must be written out.
        arn: Text,
        /// The user's id here; the ARN if not given.
        user: Text,
        /// The team's id.
        team: Text,
        /// The organization's id.
        organization: Text,
        /// The project's id.
        project: Text,
        /// What they may do on the admin plane; nothing if not given.
        role: Text,
        /// Models they may call, as names or patterns ending in *. Without any, only principals of a team, organization,
        /// project or user that exists here may call models.
        models: Vec<Text>,
        /// Providers they may reach; all if not given.
        providers: Vec<Text>,
    }
}

impl RawIam {
    pub(super) fn check(self, reader: &mut Reader, scope: &Scope) -> Option<Iam> {
        let audience = reader.required(self.at, "audience", self.audience).filter(|text| fits(text, reader));
        let sts_endpoint = self.sts_endpoint.and_then(|text| address(&text, reader, scope));
        let principals: Vec<_> =
            self.principals.unwrap_or_default().into_iter().filter_map(|raw| raw.check(reader)).collect();
        if principals.is_empty() {
            reader.wrong(self.at, "principals names nobody, so nobody could come; name at least one ARN");
        }
        Some(Iam { audience: audience?.text, sts_endpoint, principals })
    }
}

/// An audience travels in a header that is signed.
fn fits(audience: &Text, reader: &mut Reader) -> bool {
    let fits =
        audience.text.len() <= 128 && audience.text.bytes().all(|b| b.is_ascii_alphanumeric() || b"-._:/".contains(&b));
    if !fits {
        reader.wrong(audience.at, "audience has at most 128 letters, digits and - . _ : /");
    }
    fits
}

impl RawPrincipal {
    fn check(self, reader: &mut Reader) -> Option<Principal> {
        let arn = reader.required(self.at, "arn", self.arn).filter(|arn| {
            let names_account = names_account(&arn.text);
            if !names_account {
                let what = arn.shown();
                reader.wrong(
                    arn.at,
                    format!(
                        "{what} is no ARN with its account written out, such as arn:aws:iam::123456789012:role/app-*"
                    ),
                );
            }
            names_account
        });
        let principal = Principal {
            arn: String::new(),
            user: label(self.user, reader),
            team: label(self.team, reader),
            organization: label(self.organization, reader),
            project: label(self.project, reader),
            role: self.role.and_then(|text| role(&text, reader)),
            models: patterns(self.models, reader),
            providers: patterns(self.providers, reader),
        };
        Some(Principal { arn: arn?.text, ..principal })
    }
}

/// `arn:<partition>:iam|sts::<12 digits>:<something>`, with a star at the end at most.
fn names_account(arn: &str) -> bool {
    let mut parts = arn.splitn(6, ':');
    let mut next = || parts.next().unwrap_or_default();
    let (scheme, partition, service, region, account, resource) = (next(), next(), next(), next(), next(), next());
    let is_account = account.len() == 12 && account.bytes().all(|b| b.is_ascii_digit());
    let before_star = resource.strip_suffix('*').unwrap_or(resource);
    scheme == "arn"
        && ["aws", "aws-cn", "aws-us-gov"].contains(&partition)
        && ["iam", "sts"].contains(&service)
        && region.is_empty()
        && is_account
        && !before_star.is_empty()
        && before_star.bytes().all(|b| b.is_ascii_graphic() && b != b'*')
}
