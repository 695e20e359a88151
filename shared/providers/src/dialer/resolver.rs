//! Names to addresses, every time a connection is made, and every address judged [E4].

use super::guard::{Forbidden, Reach};
pub use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use std::{net::SocketAddr, sync::Arc};

/// The machine's own resolver.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemResolver;

impl Resolve for SystemResolver {
    fn resolve(&self, name: Name) -> Resolving {
        Box::pin(async move {
            let addresses: Vec<SocketAddr> = tokio::net::lookup_host((name.as_str(), 0)).await?.collect();
            Ok(Box::new(addresses.into_iter()) as Addrs)
        })
    }
}

/// Passes on the addresses that may be dialled, and fails if there are none.
#[derive(Clone)]
pub(super) struct Checked {
    inner: Arc<dyn Resolve>,
    reach: Reach,
}

impl Checked {
    pub(super) fn new(inner: Arc<dyn Resolve>, reach: Reach) -> Self {
        Self { inner, reach }
    }
}

impl Resolve for Checked {
    fn resolve(&self, name: Name) -> Resolving {
        let (resolving, reach) = (self.inner.resolve(name), self.reach);
        Box::pin(async move {
            let mut addresses = resolving.await?.filter(move |address| reach.passes(address.ip())).peekable();
            if addresses.peek().is_none() {
                return Err(Forbidden.into());
            }
            Ok(Box::new(addresses) as Addrs)
        })
    }
}
