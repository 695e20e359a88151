//! Roles and users of AWS, shown by a presigned `sts:GetCallerIdentity`.
//!
//! Nobody but AWS can check its signatures, so the caller signs a question to AWS's token service and we ask it. The
//! question is made anew from its parts: host, path and action are ours, never what the caller wrote [E1]. A header that
//! is signed along names this gateway, so that what was signed for another service proves nothing here.

use crate::{
    Unavailable,
    mapping::{Identity, Who},
};
use config::identity::iam::{Iam as Settings, Principal};
use domain::Timestamp;
use presigned::Presigned;
use providers::Dialer;
use sts::Sts;

/// Names of roles and users.
mod arn;
/// A presigned question, taken apart and judged.
mod presigned;
/// Asking it.
mod sts;
/// What was proved, until it expires.
mod verified;

use arn::Arn;

/// What such tokens begin with; what follows is the presigned URL in base64url.
pub const PREFIX: &str = "gwiam.";
/// The signed header that names this gateway.
pub const AUDIENCE_HEADER: &str = "x-gw-audience";

/// Who may come, and where to ask.
pub struct Iam {
    settings: Settings,
    sts: Sts,
    verified: verified::Verified,
}

impl Iam {
    pub fn new(settings: Settings, dialer: Dialer) -> Self {
        let sts = Sts::new(settings.sts_endpoint.clone(), settings.audience.clone(), dialer);
        Self { settings, sts, verified: verified::Verified::default() }
    }

    /// Who signed the question; `None` if nobody did, or nobody who may come.
    ///
    /// # Errors
    /// The token service did not answer.
    pub async fn verify(&self, signed: &str, now: Timestamp) -> Result<Option<Identity>, Unavailable> {
        let Some(presigned) = Presigned::read(signed) else { return Ok(None) };
        let Some(until) = presigned.good_until(now) else { return Ok(None) };
        let print = verified::fingerprint(signed);
        let arn = match self.verified.find(&print, now) {
            Some(arn) => arn,
            None => match self.sts.who(&presigned).await? {
                Some(arn) => {
                    self.verified.remember(print, arn.clone(), until, now);
                    arn
                }
                None => return Ok(None),
            },
        };
        Ok(self.identity(&arn, until))
    }

    /// Who the ARN is here. Who matches no entry is nobody.
    fn identity(&self, arn: &Arn, until: Timestamp) -> Option<Identity> {
        let principal = self.settings.principals.iter().find(|principal| arn.is_one_of(&principal.arn))?;
        let Principal { user, team, organization, project, role, models, providers, .. } = principal;
        let who = Who {
            kind: "iam",
            unique: &[arn.holder()],
            user: user.clone().or_else(|| Some(arn.holder().to_owned())),
            team: team.clone(),
            organization: organization.clone(),
            project: project.clone(),
            roles: role.iter().copied().collect(),
            models,
            providers,
            until,
        };
        Some(who.identity())
    }
}
