//! `egress`: upstreams at addresses that are refused otherwise [E2, E4].

use crate::{
    base_url::HostPort,
    raw::{Reader, Text, raw},
};

/// Exceptions to "https to public addresses only".
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Egress {
    /// Exact hosts and ports that may be plain http, private or loopback.
    pub allow: Vec<HostPort>,
}

impl Egress {
    /// Whether exactly this host and port is allowed; `host` as in a URL, IPv6 in brackets or not.
    pub fn allows(&self, host: &str, port: u16) -> bool {
        let host = host.trim_start_matches('[').trim_end_matches(']');
        self.allow.iter().any(|allowed| allowed.port == port && allowed.host == host)
    }
}

raw! {
    /// Exceptions to "https to public addresses only".
    struct RawEgress {
        /// Exact host:port pairs that may be plain http, private or loopback, such as 127.0.0.1:11434.
        allow: Vec<Text>,
    }
}

impl RawEgress {
    pub(crate) fn check(self, reader: &mut Reader) -> Egress {
        let mut egress = Egress::default();
        for text in self.allow.unwrap_or_default() {
            match text.text.parse() {
                Ok(allowed) => egress.allow.push(allowed),
                Err(expected) => reader.wrong(text.at, format!("{} is not an address: {expected}", text.shown())),
            }
        }
        egress
    }
}
