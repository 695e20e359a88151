//! `providers`: who answers. A provider is a row of data; the rows we ship are in `catalog/`.

use domain::{Api, ProviderName, Secret, Service, Wire};

use crate::{
    base_url::BaseUrl,
    catalog::{self, Row},
    check::Scope,
    raw::{At, Named, Read, Reader, Text, did_you_mean, raw, word},
    substitute::Lookup,
    yaml::Node,
};

pub(crate) mod address;
mod credential;

pub use address::{address, bound_address, usual_address_of};
pub(crate) use credential::RawAuth;

/// One provider, ready to be spoken to.
#[derive(Clone, Debug)]
pub struct Provider {
    /// As the file names it.
    pub name: ProviderName,
    /// Its row in the catalogue: `openai`, `bedrock`, `echo`, `openai_compatible`. Prices are found by it.
    pub kind: String,
    /// Its chat wires in order of preference; the first is used unless the caller's own is here.
    pub speaks: Vec<Wire>,
    /// What it offers beside chat, in order of preference.
    pub services: Vec<Service>,
    /// Without a slash at the end. OpenAI's includes `/v1`, Anthropic's does not. `None` for `echo` and
    /// `bedrock`, whose address the AWS endpoint rules derive.
    pub base_url: Option<BaseUrl>,
    pub auth: Auth,
    /// Where its credential comes from.
    pub credential: CredentialFrom,
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

/// Where a provider's credential comes from; what is written comes first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CredentialFrom {
    /// Handed in over the admin API.
    HandedIn,
    /// It is sent none.
    Nowhere,
    /// Usual of its kind: a variable of the environment, or the AWS chain.
    Usual,
    /// The configuration.
    Written,
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

/// Where a provider departs from its wire: edits to top-level fields of the request body, and betas.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Quirks {
    /// Betas of Claude it takes; no other is sent [H1].
    pub betas: Vec<String>,
    /// Fields it refuses; they are left out.
    pub drop: Vec<String>,
    /// Fields it calls otherwise: `(the wire's name, its name)`.
    pub rename: Vec<(String, String)>,
}

raw! {
    /// Someone who answers.
    struct RawProvider {
        /// Its row in the catalogue; the provider's own name if not given.
        kind: Text,
        /// The credential, shown the way the kind wants it.
        api_key: Secret,
        /// Where it is, over the catalogue's.
        base_url: Text,
        /// azure_openai: the resource, such as https://r.openai.azure.com.
        endpoint: Text,
        /// azure_openai: read for compatibility, the v1 API needs none.
        api_version: Text,
        /// bedrock: an interface endpoint or a test server.
        endpoint_url: Text,
        /// bedrock: the AWS region.
        region: Text,
        /// The chat wires and the services it speaks, in order of preference, over the catalogue's.
        speaks: Vec<At<Api>>,
        /// Another way to show who is calling.
        auth: RawAuth,
        /// Sent with every request.
        headers: Named<Text>,
        /// Where it departs from its wire, beside what the catalogue knows.
        quirks: RawQuirks,
    }
}

raw! {
    /// Where a provider departs from its wire: edits to top-level fields of the request body.
    struct RawQuirks {
        /// Betas of Claude it takes; no other is sent.
        betas: Vec<Text>,
        /// Fields it refuses; they are left out.
        drop: Vec<Text>,
        /// Fields it calls otherwise: the wire's name, and its name.
        rename: Named<Text>,
    }
}

/// Chat wires and services by their names.
impl Read for Api {
    fn read(node: &Node, reader: &mut Reader) -> Option<Self> {
        let words: Vec<(&str, Api)> = Api::all().map(|api| (api.name(), api)).collect();
        word(node, reader, &words)
    }

    fn schema() -> serde_json::Value {
        serde_json::json!({ "enum": Api::all().map(Api::name).collect::<Vec<_>>() })
    }
}

/// The chat wires and the services of a list, each in its order.
pub(crate) fn split(speaks: &[At<Api>]) -> (Vec<Wire>, Vec<Service>) {
    let apis = || speaks.iter().map(|api| api.value);
    (apis().filter_map(Api::wire).collect(), apis().filter_map(Api::service).collect())
}

impl RawQuirks {
    pub(crate) fn check(self) -> Quirks {
        let rename = self.rename.map(|named| named.0).unwrap_or_default();
        Quirks {
            betas: self.betas.unwrap_or_default().into_iter().map(|beta| beta.text).collect(),
            drop: self.drop.unwrap_or_default().into_iter().map(|field| field.text).collect(),
            rename: rename.into_iter().map(|(from, to)| (from.value, to.text)).collect(),
        }
    }
}

impl Quirks {
    /// These, and then those.
    fn and(mut self, more: Quirks) -> Quirks {
        self.betas.extend(more.betas);
        self.drop.extend(more.drop);
        self.rename.extend(more.rename);
        self
    }
}

/// A name that can stand in a model name before the slash.
fn is_provider_name(name: &str) -> bool {
    let plain = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-' || b == b'_';
    (1..=64).contains(&name.len()) && name.bytes().all(plain)
}

impl RawProvider {
    pub(crate) fn check(self, name: &At<String>, reader: &mut Reader, scope: &Scope) -> Option<Provider> {
        if !is_provider_name(&name.value) {
            reader.wrong(name.at, format!("{:?} is not a provider name, allowed: a-z, 0-9, - and _", name.value));
        }
        let row = self.row(name, reader)?;
        self.refuse_misplaced(row, reader);
        let (base_url, endpoint_url) = self.addresses(name, row, reader, scope);
        let region = self.checked_region(reader).or_else(|| default_region(row, reader.lookup));
        let shown = self.credential(name, row, reader, base_url.as_ref().or(endpoint_url.as_ref()));
        let (auth, credential) = shown?;
        let (speaks, services) = match self.speaks.as_deref() {
            None | Some([]) => (row.speaks.clone(), row.services.clone()),
            Some(written) => split(written),
        };
        Some(Provider {
            name: name.value.as_str().into(),
            kind: row.name.clone(),
            speaks,
            services,
            base_url,
            auth,
            credential,
            region,
            headers: headers(row, self.headers, reader),
            quirks: row.quirks.clone().and(self.quirks.map(RawQuirks::check).unwrap_or_default()),
            endpoint_url,
            built_in: false,
        })
    }

    fn row(&self, name: &At<String>, reader: &mut Reader) -> Option<&'static Row> {
        let kind = self.kind.as_ref().map_or(name.value.as_str(), |kind| kind.text.as_str());
        let row = catalog::row(kind);
        if row.is_none() {
            let known = || catalog::rows().iter().map(|row| row.name.as_str());
            let (at, shown) = match &self.kind {
                Some(kind) => (kind.at, format!("kind {}", kind.shown())),
                None => (name.at, "kind is missing and the name".to_owned()),
            };
            let hint = did_you_mean(kind, known());
            let allowed = known().collect::<Vec<_>>().join(", ");
            reader.wrong(at, format!("{shown} is not in the catalogue{hint}, allowed: {allowed}"));
        }
        row
    }

    /// Keys that belong to another kind.
    fn refuse_misplaced(&self, row: &Row, reader: &mut Reader) {
        let aws = matches!(row.auth, catalog::RowAuth::Aws(_));
        let azure = row.endpoint_path.is_some();
        let misplaced = [
            ("endpoint", &self.endpoint, azure),
            ("api_version", &self.api_version, azure),
            ("endpoint_url", &self.endpoint_url, aws),
            ("region", &self.region, aws),
        ];
        for (key, text, fits) in misplaced {
            if let (Some(text), false) = (text, fits) {
                reader.wrong(text.at, format!("{key} has no meaning for the kind {}, leave it out", row.name));
            }
        }
        if let Some(version) = self.api_version.as_ref().filter(|_| azure) {
            reader.warn(version.at, "api_version is not sent: the v1 API of Azure OpenAI needs none");
        }
    }

    fn checked_region(&self, reader: &mut Reader) -> Option<String> {
        let region = self.region.as_ref()?;
        let plain = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-';
        if !(1..=32).contains(&region.text.len()) || !region.text.bytes().all(plain) {
            reader.wrong(region.at, format!("{} is not an AWS region, such as eu-west-2", region.shown()));
        }
        Some(region.text.clone())
    }
}

/// The region of the environment, for kinds that have one.
fn default_region(row: &Row, lookup: &dyn Lookup) -> Option<String> {
    let aws = matches!(row.auth, catalog::RowAuth::Aws(_));
    aws.then(|| lookup.env("AWS_REGION").or_else(|| lookup.env("AWS_DEFAULT_REGION"))).flatten()
}

/// The row's headers and the operator's over them.
fn headers(row: &Row, written: Option<Named<Text>>, reader: &mut Reader) -> Vec<(String, String)> {
    let mut headers = row.headers.clone();
    for (name, value) in written.map(|named| named.0).unwrap_or_default() {
        let lower = name.value.to_ascii_lowercase();
        if let Some(wrong) = wrong_header(&lower, &value.text) {
            reader.wrong(name.at, format!("the header {:?} {wrong}", name.value));
        }
        headers.retain(|(known, _)| *known != lower);
        headers.push((lower, value.text));
    }
    headers
}

fn wrong_header(name: &str, value: &str) -> Option<&'static str> {
    const OURS: [&str; 8] =
        ["connection", "content-length", "content-type", "cookie", "host", "te", "transfer-encoding", "upgrade"];
    const CREDENTIALS: [&str; 5] = ["api-key", "authorization", "proxy-authorization", "x-api-key", "x-goog-api-key"];
    let token = |b: u8| b.is_ascii_alphanumeric() || b == b'-' || b == b'_';
    match () {
        () if name.is_empty() || !name.bytes().all(token) => Some("is not a header name"),
        () if CREDENTIALS.contains(&name) => Some("carries a credential, give it as api_key or under auth"),
        () if OURS.contains(&name) => Some("is set by the gateway, leave it out"),
        () if !value.bytes().all(|b| (0x20..0x7f).contains(&b)) => Some("has a value that a header cannot carry"),
        () => None,
    }
}

/// The providers that are on without being configured, except those whose names are taken.
pub(crate) fn built_in(lookup: &dyn Lookup, taken: &[ProviderName]) -> Vec<Provider> {
    let free = |row: &&Row| !taken.iter().any(|name| name.as_str() == row.name);
    let on = catalog::rows().iter().filter(|row| row.is_on(lookup)).filter(free);
    on.filter_map(|row| as_shipped(row, lookup)).collect()
}

/// A row with its usual credential.
fn as_shipped(row: &Row, lookup: &dyn Lookup) -> Option<Provider> {
    let (auth, credential) = credential::shipped(row, lookup)?;
    Some(Provider {
        name: row.name.as_str().into(),
        kind: row.name.clone(),
        speaks: row.speaks.clone(),
        services: row.services.clone(),
        base_url: row.base_url.as_ref().and_then(|url| url.parse().ok()),
        auth,
        credential,
        region: default_region(row, lookup),
        quirks: row.quirks.clone(),
        headers: row.headers.clone(),
        endpoint_url: None,
        built_in: true,
    })
}
