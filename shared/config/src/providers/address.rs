//! Where a provider is, by the rules for base URLs [E2].

use domain::ProviderName;

use super::{Provider, RawProvider};
use crate::{
    base_url::{BaseUrl, HostPort},
    catalog::{self, Row, RowAuth},
    check::Scope,
    raw::{At, Reader, Text},
};

impl RawProvider {
    /// The base URL and, for AWS kinds, the endpoint; problems are reported.
    pub(super) fn addresses(
        &self,
        name: &At<String>,
        row: &Row,
        reader: &mut Reader,
        scope: &Scope,
    ) -> (Option<BaseUrl>, Option<BaseUrl>) {
        if matches!(row.auth, RowAuth::Aws(_)) {
            let written = self.endpoint_url.as_ref().or(self.base_url.as_ref());
            return (None, written.and_then(|text| written_url(text, reader, scope)));
        }
        let url = match (&self.base_url, &self.endpoint) {
            (Some(text), _) => written_url(text, reader, scope),
            (None, Some(text)) => written_url(text, reader, scope).and_then(|url| below(&url, row)),
            (None, None) => shipped_url(name, row, reader, scope),
        };
        (url, None)
    }
}

/// Where a provider is, as credentials are bound to it: scheme, host and port; or its kind, where that says it all [E3].
pub fn address(provider: &Provider) -> String {
    bound_to(provider.endpoint_url.as_ref().or(provider.base_url.as_ref()), &provider.kind)
}

/// The same, of a URL.
pub fn bound_address(url: &BaseUrl) -> String {
    let scheme = if url.is_https() { "https" } else { "http" };
    format!("{scheme}://{}", HostPort { host: url.host().to_owned(), port: url.port() })
}

/// The same, of a URL if there is one, and a kind.
pub(super) fn bound_to(url: Option<&BaseUrl>, kind: &str) -> String {
    url.map_or_else(|| kind.to_owned(), bound_address)
}

/// The same, of a kind where it usually is.
pub(crate) fn usual_address(row: &Row) -> String {
    bound_to(row.base_url.as_ref().and_then(|url| url.parse().ok()).as_ref(), &row.name)
}

/// The same, of the kind of that name where it usually is; `None` if there is none, or it is nowhere by itself.
pub fn usual_address_of(kind: &str) -> Option<String> {
    catalog::row(kind).filter(|row| !row.needs_address()).map(usual_address)
}

fn written_url(text: &Text, reader: &mut Reader, scope: &Scope) -> Option<BaseUrl> {
    match text.text.parse::<BaseUrl>() {
        Ok(url) => {
            check_permission(&url, text, reader, scope);
            Some(url)
        }
        Err(wrong) => {
            reader.wrong(text.at, format!("{} is not a base URL: {wrong}", text.shown()));
            None
        }
    }
}

fn check_permission(url: &BaseUrl, text: &Text, reader: &mut Reader, scope: &Scope) {
    if url.needs_permission() && !scope.egress.allows(url.host(), url.port()) {
        let what = text.shown();
        reader.wrong(
            text.at,
            format!(
                "{what} is plain http or not a public address, add its exact host:port to egress.allow or use https"
            ),
        );
    }
}

/// What an operator's endpoint becomes with the row's path behind it.
fn below(url: &BaseUrl, row: &Row) -> Option<BaseUrl> {
    format!("{url}{}", row.endpoint_path.as_deref().unwrap_or_default()).parse().ok()
}

/// The row's own address, if it has one and needs one.
fn shipped_url(name: &At<String>, row: &Row, reader: &mut Reader, scope: &Scope) -> Option<BaseUrl> {
    if row.needs_address() {
        let key = if row.endpoint_path.is_some() { "endpoint" } else { "base_url" };
        reader.wrong(name.at, format!("{key} is missing, the kind {} has no address of its own", row.name));
    }
    let url: BaseUrl = row.base_url.as_ref()?.parse().ok()?;
    if url.needs_permission() && !scope.egress.allows(url.host(), url.port()) {
        let provider = ProviderName::from(name.value.as_str());
        let address = format!("{}:{}", url.host(), url.port());
        reader.wrong(name.at, format!("the provider {provider} is at {address}, add that to egress.allow"));
    }
    Some(url)
}
