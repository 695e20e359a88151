//! Names to addresses, every time a connection is made, and every address judged [E4].

use super::guard::{Forbidden, Reach};
use hyper_util::client::legacy::connect::dns;
pub use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use std::{
    error::Error as StdError,
    net::SocketAddr,
    sync::Arc,
    task::{Context, Poll},
};
use tower::Service;

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

/// The same for the connector of a [line](super::line).
impl Service<dns::Name> for Checked {
    type Response = Addrs;
    type Error = Box<dyn StdError + Send + Sync>;
    type Future = Resolving;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, name: dns::Name) -> Resolving {
        match name.as_str().parse() {
            Ok(name) => self.resolve(name),
            Err(_) => Box::pin(async { Err(Forbidden.into()) }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::{
        net::IpAddr,
        sync::atomic::{AtomicUsize, Ordering},
    };

    /// Answers a name differently each time it is asked.
    struct Rebinding(Vec<Vec<&'static str>>, AtomicUsize);

    impl Resolve for Rebinding {
        fn resolve(&self, _: Name) -> Resolving {
            let answer = self.0[self.1.fetch_add(1, Ordering::SeqCst)].clone();
            let addresses = answer.into_iter().map(|text| SocketAddr::new(text.parse().unwrap(), 0));
            Box::pin(async move { Ok(Box::new(addresses) as Addrs) })
        }
    }

    async fn ask(checked: &Checked) -> Option<Vec<IpAddr>> {
        let resolved = checked.resolve("rebind.test".parse().unwrap()).await;
        resolved.map(|addresses| addresses.map(|address| address.ip()).collect()).ok()
    }

    #[tokio::test]
    async fn e4_a_name_that_turns_to_loopback_is_refused_the_second_time() {
        let rebinding = Rebinding(vec![vec!["8.8.8.8"], vec!["127.0.0.1"]], AtomicUsize::new(0));
        let checked = Checked::new(Arc::new(rebinding), Reach::Public);
        assert_eq!(ask(&checked).await, Some(vec!["8.8.8.8".parse().unwrap()]));
        assert_eq!(ask(&checked).await, None);
    }

    #[tokio::test]
    async fn e4_of_several_addresses_only_public_ones_are_left_to_dial() {
        let mixed = vec!["127.0.0.1", "8.8.8.8", "::ffff:10.0.0.1", "169.254.169.254", "2600::1"];
        let rebinding = Rebinding(vec![mixed, vec![]], AtomicUsize::new(0));
        let checked = Checked::new(Arc::new(rebinding), Reach::Public);
        assert_eq!(ask(&checked).await, Some(vec!["8.8.8.8".parse().unwrap(), "2600::1".parse().unwrap()]));
        assert_eq!(ask(&checked).await, None, "a name without addresses");
    }
}
