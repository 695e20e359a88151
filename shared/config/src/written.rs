//! Credentials in the text of a configuration: those written out are hidden when it is shown and put back when it
//! returns, and none is sent to another host than before [E3].

use crate::{
    Auth, Config, HostPort, Lookup, Provider,
    providers::AwsCredentials,
    raw::{Read, Reader},
    yaml::{self, Mark},
};
use domain::{ProviderName, Secret};
use sha2::{Digest, Sha256};

/// What stands in place of a credential that was written out: this, and 64 bits of its SHA-256.
const HIDDEN: &str = "hidden-sha256-";

/// A lookup that finds everything, so that a text is read to its end whatever it refers to.
struct Anything;

impl Lookup for Anything {
    fn env(&self, _: &str) -> Option<String> {
        Some("x".to_owned())
    }

    fn secret(&self, _: &str, _: Option<&str>) -> Option<Secret> {
        Some(Secret::new("x"))
    }
}

/// Names a secret without telling it.
pub fn fingerprint(secret: &str) -> String {
    let hash: [u8; 32] = Sha256::digest(secret.as_bytes()).into();
    hash.iter().take(8).map(|byte| format!("{byte:02x}")).collect()
}

/// The text with a fingerprint in place of every credential that is written out; references stay.
pub fn hidden(text: &str) -> String {
    let mut lines: Vec<String> = text.split('\n').map(str::to_owned).collect();
    let mut literals = literals(text);
    // From the end, so that places before it stay right.
    literals.sort_by_key(|(at, _)| std::cmp::Reverse(*at));
    for (at, literal) in literals {
        if let Some(line) = at.line.checked_sub(1).and_then(|line| lines.get_mut(line)) {
            hide(line, at.column, &literal);
        }
    }
    lines.join("\n")
}

/// Hides the value that begins in this column: the literal itself, or if it is written in another way, the line's rest.
fn hide(line: &mut String, column: usize, literal: &str) {
    let mark = format!("{HIDDEN}{}", fingerprint(literal));
    let from = line.char_indices().nth(column.saturating_sub(1)).map_or(line.len(), |(at, _)| at);
    let (before, value) = line.split_at(from);
    let bare = value.trim_start_matches(['"', '\'']);
    let after = match bare.strip_prefix(literal) {
        Some(after) => format!("{}{mark}{after}", value.get(..value.len() - bare.len()).unwrap_or_default()),
        None => mark,
    };
    *line = format!("{before}{after}");
}

/// The text with the credentials of `earlier` in place of their fingerprints.
///
/// # Errors
/// A fingerprint of none of them.
pub fn restored(text: &str, earlier: &str) -> Result<String, String> {
    let known: Vec<(String, String)> = literals(earlier)
        .into_iter()
        .map(|(_, literal)| (format!("{HIDDEN}{}", fingerprint(&literal)), literal))
        .collect();
    let mut restored = text.to_owned();
    for (mark, literal) in &known {
        restored = restored.replace(mark, literal);
    }
    match restored.split_once(HIDDEN) {
        None => Ok(restored),
        Some((_, rest)) => {
            let digits: String = rest.chars().take_while(char::is_ascii_hexdigit).collect();
            Err(format!(
                "{HIDDEN}{digits} stands for no credential of the configuration in force; write the credential"
            ))
        }
    }
}

/// Credentials that are written out, and where.
fn literals(text: &str) -> Vec<(Mark, String)> {
    let mut reader = Reader::new("", &Anything);
    if let Ok(node) = yaml::parse(text, &mut Vec::new()) {
        let _ = crate::check::RawConfig::read(&node, &mut reader);
    }
    reader.literals
}

/// Providers of `after` that would be shown a credential which `before` keeps for another host [E3].
pub fn moved_credentials(before: &Config, after: &Config) -> Vec<ProviderName> {
    let is_moved = |provider: &&Provider| {
        let credential = credential(&provider.auth);
        let mut same =
            before.providers.iter().filter(|known| credential.is_some() && self::credential(&known.auth) == credential);
        let (any, here) =
            same.by_ref().fold((false, false), |(_, here), known| (true, here || host(known) == host(provider)));
        any && !here
    };
    after.providers.iter().filter(is_moved).map(|provider| provider.name.clone()).collect()
}

/// The secret that a provider is shown, if any.
fn credential(auth: &Auth) -> Option<&str> {
    match auth {
        Auth::Bearer(secret) | Auth::Header { value: secret, .. } => Some(secret.expose()),
        Auth::Entra(entra) => Some(entra.client_secret.expose()),
        Auth::Aws(aws) => match &aws.credentials {
            AwsCredentials::Bearer(secret) | AwsCredentials::Keys { secret_access_key: secret, .. } => {
                Some(secret.expose())
            }
            AwsCredentials::Chain => None,
        },
        Auth::None => None,
    }
}

/// Where a provider is: an address that is written, or wherever its kind usually is.
fn host(provider: &Provider) -> Result<HostPort, &str> {
    let url = provider.endpoint_url.as_ref().or(provider.base_url.as_ref());
    url.map(|url| HostPort { host: url.host().to_owned(), port: url.port() }).ok_or(&provider.kind)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ProcessEnv;

    const TEXT: &str = "providers:\n  one: { kind: openai, api_key: sk-first, base_url: \"https://a.example.com\" }\n  two:\n    kind: openai\n    api_key: \"sk-second\" # mine\n  three: { kind: openai, api_key: \"${secret:portunus/x}\" }\n";

    #[test]
    fn x1_credentials_that_are_written_out_are_shown_as_fingerprints() {
        let shown = hidden(TEXT);
        assert!(!shown.contains("sk-first") && !shown.contains("sk-second"), "{shown}");
        assert!(shown.contains("${secret:portunus/x}") && shown.contains("\" # mine"), "{shown}");
        assert_eq!(shown.matches(HIDDEN).count(), 2);
        assert_eq!(hidden("models: []"), "models: []");
    }

    #[test]
    fn a_short_credential_hides_nothing_else() {
        let text = "providers: { one: { kind: openai, api_key: o }, two: { kind: ollama, auth: { none: true } } }";
        let shown = hidden(text);
        assert!(shown.starts_with("providers: { one: { kind: openai, api_key: hidden-sha256-"), "{shown}");
        assert!(shown.ends_with(" }, two: { kind: ollama, auth: { none: true } } }"), "{shown}");
    }

    #[test]
    fn what_was_hidden_comes_back_as_it_was() {
        assert_eq!(restored(&hidden(TEXT), TEXT).unwrap(), TEXT);
        let error = restored("api_key: hidden-sha256-0123456789abcdef", TEXT).unwrap_err();
        assert!(error.starts_with("hidden-sha256-0123456789abcdef stands for no credential"), "{error}");
    }

    #[test]
    fn a_value_over_lines_is_hidden_too() {
        let shown = hidden("providers:\n  one:\n    kind: openai\n    api_key: \"sk-\\x41\"\n");
        assert!(!shown.contains("sk-"), "{shown}");
    }

    fn config(text: &str) -> Config {
        crate::load("portunus.yaml", text, &ProcessEnv).unwrap()
    }

    #[test]
    fn e3_a_credential_stays_with_its_host() {
        let of = |host: &str, key: &str| {
            config(&format!(
                "providers: {{ one: {{ kind: openai, api_key: {key}, base_url: \"https://{host}/v1\" }} }}"
            ))
        };
        let before = of("a.example.com", "sk-a");
        assert_eq!(moved_credentials(&before, &of("b.example.com", "sk-a")), ["one".into()]);
        assert!(moved_credentials(&before, &of("b.example.com", "sk-b")).is_empty());
        assert!(moved_credentials(&before, &of("a.example.com", "sk-a")).is_empty());
        let beside =
            config("providers: { thief: { kind: openai, api_key: sk-a, base_url: \"https://b.example.com\" } }");
        assert_eq!(moved_credentials(&before, &beside), ["thief".into()]);
    }
}
