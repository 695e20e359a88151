//! How a provider is shown who is calling. A usual credential goes to the usual host only [E3].

use domain::Secret;

use super::{
    Auth, Aws, AwsCredentials, CredentialFrom, Entra, RawProvider,
    address::{bound_to, usual_address},
};
use crate::{
    base_url::BaseUrl,
    catalog::{Row, RowAuth, first_set},
    raw::{At, Named, Reader, Text, raw},
    substitute::Lookup,
    yaml::Mark,
};

raw! {
    /// One way to show who is calling.
    struct RawAuth {
        /// Sent as Authorization: Bearer.
        bearer: Secret,
        /// One header of its own and its value.
        header: Named<Secret>,
        /// AWS credentials in place of what the AWS chain finds.
        aws: RawAws,
        /// Microsoft Entra client credentials.
        entra: RawEntra,
        /// true: no credential is sent.
        none: bool,
    }
}

raw! {
    /// AWS credentials in place of what the AWS chain finds.
    struct RawAws {
        /// With secret_access_key.
        access_key_id: Secret,
        /// With access_key_id.
        secret_access_key: Secret,
        /// Of temporary credentials.
        session_token: Secret,
        /// A Bedrock API key.
        bearer_token: Secret,
        /// A role to assume.
        role_arn: Text,
    }
}

raw! {
    /// Microsoft Entra client credentials.
    struct RawEntra {
        /// The directory.
        tenant_id: Text,
        /// The application.
        client_id: Text,
        /// Its secret.
        client_secret: Secret,
    }
}

/// The credential of a kind that is nowhere written: one that was handed in, or else the usual one.
pub fn shipped(row: &Row, lookup: &dyn Lookup) -> Option<(Auth, CredentialFrom)> {
    match lookup.credential(&row.name, &usual_address(row)) {
        Some(secret) => Some((show(row, secret), CredentialFrom::HandedIn)),
        None => usual(row, lookup).map(unwritten),
    }
}

/// With its source, if none of it was written or handed in.
fn unwritten(auth: Auth) -> (Auth, CredentialFrom) {
    let from = if matches!(auth, Auth::None) { CredentialFrom::Nowhere } else { CredentialFrom::Usual };
    (auth, from)
}

fn written(auth: Auth) -> (Auth, CredentialFrom) {
    let from = if matches!(auth, Auth::None) { CredentialFrom::Nowhere } else { CredentialFrom::Written };
    (auth, from)
}

/// A row's usual credential, if it is there.
fn usual(row: &Row, lookup: &dyn Lookup) -> Option<Auth> {
    match &row.auth {
        RowAuth::None => Some(Auth::None),
        RowAuth::Aws(_) => Some(Auth::Aws(Box::new(Aws { credentials: usual_aws(lookup), role_arn: None }))),
        RowAuth::Bearer { env, .. } if env.is_empty() => None,
        RowAuth::Bearer { env, .. } | RowAuth::Header { env, .. } => {
            Some(show(row, Secret::new(first_set(env, lookup)?)))
        }
    }
}

fn usual_aws(lookup: &dyn Lookup) -> AwsCredentials {
    let token = lookup.env("AWS_BEARER_TOKEN_BEDROCK");
    token.map_or(AwsCredentials::Chain, |token| AwsCredentials::Bearer(Secret::new(token)))
}

/// A credential shown the way the kind wants it.
fn show(row: &Row, secret: Secret) -> Auth {
    match &row.auth {
        RowAuth::Aws(_) => Auth::Aws(Box::new(Aws { credentials: AwsCredentials::Bearer(secret), role_arn: None })),
        RowAuth::Header { name, .. } => Auth::Header { name: name.clone(), value: secret },
        RowAuth::Bearer { .. } | RowAuth::None => Auth::Bearer(secret),
    }
}

impl RawProvider {
    /// What is written, else what was handed in for this address, else the usual credential if the provider is where it
    /// usually is.
    pub(super) fn credential(
        &self,
        name: &At<String>,
        row: &Row,
        reader: &mut Reader,
        url: Option<&BaseUrl>,
    ) -> Option<(Auth, CredentialFrom)> {
        let handed_in = reader.lookup.credential(&name.value, &bound_to(url, &row.name));
        if handed_in.is_some() && (self.api_key.is_some() || self.auth.is_some()) {
            let shadowed = format!("a credential was handed in for {}, but the one written here is used", name.value);
            reader.warn(name.at, shadowed);
        }
        match (&self.auth, &self.api_key, handed_in) {
            (Some(auth), Some(_), _) => {
                reader.wrong(auth.at, "auth beside api_key, give one or the other");
                None
            }
            (Some(auth), None, _) => auth.check(row, reader).map(written),
            (None, Some(key), _) => Some(written(show(row, key.clone()))),
            (None, None, Some(secret)) => Some((show(row, secret), CredentialFrom::HandedIn)),
            (None, None, None) => self.unwritten(name, row, reader, url).map(unwritten),
        }
    }

    fn unwritten(&self, name: &At<String>, row: &Row, reader: &mut Reader, url: Option<&BaseUrl>) -> Option<Auth> {
        let usual = usual(row, reader.lookup);
        if is_elsewhere(row, url) {
            if matches!(usual, Some(Auth::Bearer(_) | Auth::Header { .. })) {
                let kind = &row.name;
                reader
                    .warn(name.at, format!("the usual credential of {kind} is not sent to another host, give api_key"));
            }
            return Some(without_credential(row));
        }
        match (&row.auth, usual) {
            (_, Some(auth)) => Some(auth),
            (RowAuth::Bearer { optional: true, .. }, None) => Some(Auth::None),
            (RowAuth::Bearer { env, .. } | RowAuth::Header { env, .. }, None) => {
                reader.wrong(name.at, format!("no credential for {}, set {env} or give api_key", name.value));
                None
            }
            (RowAuth::Aws(_) | RowAuth::None, None) => Some(without_credential(row)),
        }
    }
}

/// Whether a provider is at another host than its kind usually is.
fn is_elsewhere(row: &Row, url: Option<&BaseUrl>) -> bool {
    let Some(url) = url else { return false };
    if matches!(row.auth, RowAuth::Aws(_)) {
        return ![".amazonaws.com", ".amazonaws.com.cn", ".api.aws"].iter().any(|domain| url.host().ends_with(domain));
    }
    let usual = row.base_url.as_ref().and_then(|usual| usual.parse::<BaseUrl>().ok());
    // A subdomain of the usual host is the usual vendor: eu.api.openai.com.
    usual.is_some_and(|usual| {
        let below = url.host().strip_suffix(usual.host());
        !url.is_https()
            || url.port() != usual.port()
            || !below.is_some_and(|below| below.is_empty() || below.ends_with('.'))
    })
}

fn without_credential(row: &Row) -> Auth {
    if matches!(row.auth, RowAuth::Aws(_)) { Auth::Aws(Box::default()) } else { Auth::None }
}

impl RawAuth {
    fn check(&self, row: &Row, reader: &mut Reader) -> Option<Auth> {
        let none = self.none.filter(|none| *none).map(|_| Auth::None);
        let aws = self.aws.as_ref().and_then(|aws| aws.check(row, reader));
        let entra = self.entra.as_ref().and_then(|entra| entra.check(reader));
        let header = self.header.as_ref().and_then(|header| header_of(header, self.at, reader));
        let bearer = self.bearer.clone().map(Auth::Bearer);
        let mut ways = [none, aws, entra, header, bearer].into_iter().flatten();
        let way = ways.next();
        if ways.next().is_some() {
            reader.wrong(self.at, "more than one way under auth, give one");
        }
        // A way that was written and did not read is a problem already.
        if way.is_none() && reader.problems.is_empty() {
            reader.wrong(self.at, "auth is empty, allowed: bearer, header, aws, entra, none");
        }
        way
    }
}

fn header_of(header: &Named<Secret>, at: Mark, reader: &mut Reader) -> Option<Auth> {
    match header.0.as_slice() {
        [(name, value)] if !name.value.is_empty() && name.value.bytes().all(is_token) => {
            Some(Auth::Header { name: name.value.to_ascii_lowercase(), value: value.clone() })
        }
        _ => {
            reader.wrong(at, "header takes one header name and its value");
            None
        }
    }
}

fn is_token(b: u8) -> bool {
    b.is_ascii_alphanumeric() || b == b'-' || b == b'_'
}

impl RawAws {
    fn check(&self, row: &Row, reader: &mut Reader) -> Option<Auth> {
        if !matches!(row.auth, RowAuth::Aws(_)) {
            reader.wrong(self.at, format!("auth.aws has no meaning for the kind {}, leave it out", row.name));
            return None;
        }
        let keys = (self.access_key_id.clone(), self.secret_access_key.clone());
        let credentials = match (keys, self.bearer_token.clone()) {
            ((None, None), Some(token)) => AwsCredentials::Bearer(token),
            ((Some(access_key_id), Some(secret_access_key)), None) => {
                AwsCredentials::Keys { access_key_id, secret_access_key, session_token: self.session_token.clone() }
            }
            ((None, None), None) => AwsCredentials::Chain,
            _ => {
                reader
                    .wrong(self.at, "auth.aws takes access_key_id with secret_access_key, or bearer_token, or neither");
                return None;
            }
        };
        let role_arn = self.role_arn.as_ref().map(|arn| arn.text.clone());
        Some(Auth::Aws(Box::new(Aws { credentials, role_arn })))
    }
}

impl RawEntra {
    fn check(&self, reader: &mut Reader) -> Option<Auth> {
        let tenant_id = reader.required(self.at, "tenant_id", self.tenant_id.clone());
        let client_id = reader.required(self.at, "client_id", self.client_id.clone());
        if self.client_secret.is_none() {
            reader.wrong(self.at, "client_secret is missing, give it a value");
        }
        Some(Auth::Entra(Box::new(Entra {
            tenant_id: tenant_id?.text,
            client_id: client_id?.text,
            client_secret: self.client_secret.clone()?,
        })))
    }
}
