//! Addresses of providers [E2]: canonical, so that what was checked is what is dialled.

use std::{
    fmt,
    net::{Ipv4Addr, Ipv6Addr},
    str::FromStr,
};

/// `https://host[:port][/path]` without a slash at the end, in one spelling only: lower-case ASCII host,
/// no user, query, fragment, percent sign or dot segment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BaseUrl {
    text: String,
    https: bool,
    host: String,
    port: u16,
}

impl BaseUrl {
    /// The URL as written, without a slash at the end.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// The host; an IPv6 address without its brackets.
    pub fn host(&self) -> &str {
        &self.host
    }

    /// The port, 443 or 80 if none was written.
    pub fn port(&self) -> u16 {
        self.port
    }

    pub fn is_https(&self) -> bool {
        self.https
    }

    /// Plain http, or an address that is by its spelling not a public one: dialled only if exactly
    /// this host and port is in `egress.allow`.
    pub fn needs_permission(&self) -> bool {
        !self.https || is_local(&self.host)
    }
}

impl fmt::Display for BaseUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

/// Says what is wrong with the text, without repeating it.
impl FromStr for BaseUrl {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (https, rest) = match (text.strip_prefix("https://"), text.strip_prefix("http://")) {
            (Some(rest), _) => (true, rest),
            (_, Some(rest)) => (false, rest),
            _ => return Err("a base URL begins with https://"),
        };
        let (authority, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
        if authority.contains('@') {
            return Err("a base URL has no user or password in it");
        }
        let (host, port) = split_port(authority).ok_or("a port is a number from 1 to 65535")?;
        let path = checked_path(path)?;
        let text = format!("{}{path}", text.get(..text.len() - rest.len() + authority.len()).unwrap_or_default());
        let port = port.unwrap_or(if https { 443 } else { 80 });
        Ok(BaseUrl { text, https, host: canonical_host(host)?, port })
    }
}

/// The path without slashes at its end.
fn checked_path(path: &str) -> Result<&str, &'static str> {
    if path.contains(['?', '#']) {
        return Err("a base URL has no query and no fragment");
    }
    let path = path.trim_end_matches('/');
    let plain = |b: u8| b.is_ascii_alphanumeric() || b"/-._~:@!$&'()*+,;=".contains(&b);
    if !path.bytes().all(plain) || path.split('/').any(|part| part == "." || part == "..") || path.contains("//") {
        return Err("the path of a base URL is plain: letters, digits and - . _ ~ between single slashes");
    }
    Ok(path)
}

/// `host` and the port after it; `None` if there is something else than a port.
fn split_port(authority: &str) -> Option<(&str, Option<u16>)> {
    let end_of_host = authority.rfind(']').unwrap_or(0);
    match authority.get(end_of_host..)?.find(':') {
        None => Some((authority, None)),
        Some(colon) => {
            let (host, port) = authority.split_at_checked(end_of_host + colon)?;
            let port = port.strip_prefix(':')?;
            let digits = !port.is_empty() && !port.starts_with('0') && port.bytes().all(|b| b.is_ascii_digit());
            if digits { port.parse().ok().map(|port| (host, Some(port))) } else { None }
        }
    }
}

/// The host in its one allowed spelling; an IPv6 address without its brackets.
fn canonical_host(host: &str) -> Result<String, &'static str> {
    const WRONG: &str = "a host is lower-case ASCII: a DNS name, a dotted IPv4 address, or an IPv6 address in brackets";
    if let Some(inside) = host.strip_prefix('[') {
        let text = inside.strip_suffix(']').ok_or(WRONG)?;
        let address: Ipv6Addr = text.parse().map_err(|_| WRONG)?;
        return if address.to_string() == text { Ok(text.to_owned()) } else { Err(WRONG) };
    }
    let last = host.rsplit('.').next().unwrap_or_default();
    let numeric = last.starts_with(|c: char| c.is_ascii_digit());
    let right = if numeric { host.parse::<Ipv4Addr>().is_ok() } else { is_dns_name(host) };
    if right { Ok(host.to_owned()) } else { Err(WRONG) }
}

fn is_dns_name(host: &str) -> bool {
    let label = |label: &str| {
        (1..=63).contains(&label.len())
            && !label.starts_with('-')
            && !label.ends_with('-')
            && label.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-' || b == b'_')
    };
    host.len() <= 253 && host.split('.').all(label)
}

/// Whether a host is by its spelling not on the public internet. What a name resolves to is judged
/// when it is dialled.
fn is_local(host: &str) -> bool {
    if host == "localhost" || host.ends_with(".localhost") {
        return true;
    }
    if let Ok(v4) = host.parse::<Ipv4Addr>() {
        return is_local_v4(v4);
    }
    host.parse::<Ipv6Addr>().is_ok_and(|v6| match v6.to_ipv4() {
        Some(v4) => is_local_v4(v4),
        None => v6.is_unspecified() || v6.is_multicast() || v6.is_unique_local() || v6.is_unicast_link_local(),
    })
}

fn is_local_v4(v4: Ipv4Addr) -> bool {
    let [first, second, ..] = v4.octets();
    first == 0
        || v4.is_private()
        || v4.is_loopback()
        || v4.is_link_local()
        || v4.is_multicast()
        || v4.is_broadcast()
        || v4.is_documentation()
        || (first == 100 && (64..128).contains(&second))
        || (first == 198 && (18..20).contains(&second))
        || first >= 240
}

/// One exact host and port.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct HostPort {
    /// Lower case; an IPv6 address without its brackets.
    pub host: String,
    pub port: u16,
}

/// `127.0.0.1:11434`, `gpu.internal:8000`, `[::1]:8000`.
impl FromStr for HostPort {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match split_port(text) {
            Some((host, Some(port))) => Ok(HostPort { host: canonical_host(host)?, port }),
            _ => Err("one exact host:port is expected, such as 127.0.0.1:11434"),
        }
    }
}

impl fmt::Display for HostPort {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.host.contains(':') {
            write!(f, "[{}]:{}", self.host, self.port)
        } else {
            write!(f, "{}:{}", self.host, self.port)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn e2_a_base_url_has_one_spelling() {
        let url: BaseUrl = "https://api.openai.com/v1/".parse().unwrap();
        assert_eq!((url.as_str(), url.host(), url.port()), ("https://api.openai.com/v1", "api.openai.com", 443));
        let url: BaseUrl = "http://[::1]:8000".parse().unwrap();
        assert_eq!((url.as_str(), url.host(), url.port()), ("http://[::1]:8000", "::1", 8000));
    }

    #[test]
    fn e2_other_spellings_and_parts_are_refused() {
        let wrong = [
            "ftp://api.openai.com",
            "https://",
            "https://user@host.com",
            "https://a:b@host.com",
            "https://API.openai.com",
            "https://host.com?x=1",
            "https://host.com/v1#f",
            "https://host.com/../v1",
            "https://host.com/a//b",
            "https://host.com/%2e",
            "https://höst.com",
            "https://0x7f.1",
            "https://2130706433",
            "https://127.1",
            "https://127.0.0.01",
            "https://[::ffff:7f00:1]",
            "https://host.com:0",
            "https://host.com:70000",
            "https://host.com:",
            "https://host..com",
            "https://host.com.",
            "https://[::1",
            "https:// host.com",
        ];
        for text in wrong {
            assert!(text.parse::<BaseUrl>().is_err(), "{text}");
        }
    }

    #[test]
    fn e2_http_and_local_addresses_need_permission() {
        for text in [
            "http://api.openai.com",
            "https://127.0.0.1",
            "https://10.1.2.3",
            "https://169.254.169.254",
            "https://localhost",
            "https://[::1]",
            "https://[fd00::1]",
            "https://[::ffff:10.0.0.1]",
            "https://100.64.0.1",
            "https://0.0.0.0",
        ] {
            assert!(text.parse::<BaseUrl>().unwrap().needs_permission(), "{text}");
        }
        for text in ["https://api.openai.com", "https://8.8.8.8", "https://[2606:4700::1]"] {
            assert!(!text.parse::<BaseUrl>().unwrap().needs_permission(), "{text}");
        }
    }
}
