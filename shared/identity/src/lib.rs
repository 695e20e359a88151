//! Who holds a token that we did not issue: JSON Web Tokens of configured issuers, and roles and users of AWS.
//!
//! A token proves an [`Identity`], which looks like a virtual key to the rest: with limits of its groups, and a stable
//! id that its spending is counted under. Virtual keys themselves are the store's affair. An error on the way is an
//! error, never a default identity [R3].

/// Claims: a JSON object, read strictly.
mod claims;
/// Small answers over the dialer, within limits.
mod fetch;
/// Presigned requests to AWS's token service.
pub mod iam;
/// JSON Web Tokens.
pub mod jwt;
/// Who somebody is here.
mod mapping;
/// Failed credentials, per address.
pub mod throttle;

pub use mapping::Identity;

use config::{Config, identity::Identity as Settings};
use domain::{Secret, Timestamp};
use iam::Iam;
use jwt::Issuer;
use providers::Dialer;

/// Judges tokens.
#[derive(Default)]
pub struct Tokens {
    issuers: Vec<Issuer>,
    iam: Option<Iam>,
}

/// The service that could say who it is did not answer; the token may be good.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Unavailable;

impl Tokens {
    /// Over the dialer for providers: public addresses, and what `egress.allow` names.
    pub fn new(settings: &Settings, dialer: &Dialer) -> Self {
        let issuers = settings.jwt.iter().map(|issuer| Issuer::new(issuer.clone(), dialer.clone())).collect();
        Self { issuers, iam: settings.iam.clone().map(|iam| Iam::new(iam, dialer.clone())) }
    }

    /// Under a configuration, over a dialer of its own. Where none can be made, nobody's token is good.
    pub fn under(config: &Config) -> Self {
        match Dialer::new(&config.egress) {
            Ok(dialer) => Self::new(&config.identity, &dialer),
            Err(problem) => {
                tracing::error!(%problem, "tokens cannot be judged");
                Self::default()
            }
        }
    }

    /// Whether this looks like a token of any kind.
    pub fn could_take(credential: &Secret) -> bool {
        let text = credential.expose();
        text.starts_with(iam::PREFIX) || jwt::looks_like_one(text)
    }

    /// Whether this is to be judged here: it looks like a token of a kind that is configured.
    pub fn takes(&self, credential: &Secret) -> bool {
        let text = credential.expose();
        self.iam.is_some() && text.starts_with(iam::PREFIX) || !self.issuers.is_empty() && jwt::looks_like_one(text)
    }

    /// Who holds the token; `None` if it proves nothing.
    ///
    /// # Errors
    /// Nobody can say at the moment.
    pub async fn verify(&self, token: &Secret, now: Timestamp) -> Result<Option<Identity>, Unavailable> {
        let text = token.expose();
        if let (Some(iam), Some(signed)) = (&self.iam, text.strip_prefix(iam::PREFIX)) {
            return iam.verify(signed, now).await;
        }
        let Some(token) = jwt::Token::read(text) else { return Ok(None) };
        let Some(issuer) = self.issuers.iter().find(|issuer| issuer.issued(&token)) else { return Ok(None) };
        issuer.verify(&token, now).await
    }
}
