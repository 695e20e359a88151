//! `egress`: upstreams at addresses that are refused otherwise [E2, E4].

use crate::base_url::HostPort;

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
