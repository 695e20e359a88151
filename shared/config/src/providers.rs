//! `providers`: who answers. A provider is a row of data; the rows we ship are in `catalog/`.

use domain::{ProviderName, Secret, Wire};

use crate::base_url::BaseUrl;

/// One provider, ready to be spoken to.
#[derive(Clone, Debug)]
pub struct Provider {
    /// As the file names it.
    pub name: ProviderName,
    /// Its row in the catalogue: `openai`, `bedrock`, `echo`, `openai_compatible`. Prices are found by it.
    pub kind: String,
    /// In order of preference; the first that serves the operation is used unless the caller's own is here.
    pub speaks: Vec<Wire>,
    /// Without a slash at the end. OpenAI's includes `/v1`, Anthropic's does not. `None` for `echo` and
    /// `bedrock`, whose address the AWS endpoint rules derive.
    pub base_url: Option<BaseUrl>,
    pub auth: Auth,
    /// AWS region, where there is one.
    pub region: Option<String>,
    pub quirks: Quirks,
    /// Sent with every request; names are lower case.
    pub headers: Vec<(String, String)>,
    /// Bedrock only: an interface endpoint or a test server, over what the AWS rules derive.
    pub endpoint_url: Option<BaseUrl>,
    /// On by itself: not in the file.
    pub built_in: bool,
}

/// How a provider wants to be shown who is calling.
#[derive(Clone, Debug)]
pub enum Auth {
    /// The AWS credential chain, or what was given in its place.
    Aws(Box<Aws>),
    /// `Authorization: Bearer …`
    Bearer(Secret),
    /// Microsoft Entra client credentials.
    Entra(Box<Entra>),
    /// A header of its own. `name` is lower case.
    Header {
        name: String,
        value: Secret,
    },
    None,
}

/// How an AWS provider is called.
#[derive(Clone, Debug, Default)]
pub struct Aws {
    pub credentials: AwsCredentials,
    /// A role to assume with those credentials.
    pub role_arn: Option<String>,
}

/// Whose AWS credentials are used.
#[derive(Clone, Debug, Default)]
pub enum AwsCredentials {
    /// A Bedrock API key, sent as a bearer token; nothing is signed.
    Bearer(Secret),
    /// What the SDK's chain finds: environment, profile, web identity, container, instance.
    #[default]
    Chain,
    Keys {
        access_key_id: Secret,
        secret_access_key: Secret,
        session_token: Option<Secret>,
    },
}

/// Microsoft Entra client credentials.
#[derive(Clone, Debug)]
pub struct Entra {
    pub tenant_id: String,
    pub client_id: String,
    pub client_secret: Secret,
}

/// Where a provider departs from its wire: edits to top-level fields of the request body.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Quirks {
    /// Fields it refuses; they are left out.
    pub drop: Vec<String>,
    /// Fields it calls otherwise: `(the wire's name, its name)`.
    pub rename: Vec<(String, String)>,
}
