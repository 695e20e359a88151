//! Names → targets: configured models and aliases, `provider/model`, routing patterns.

use crate::target::{ResolvedTarget, TargetHeaders, abilities};
use config::{Config, Prices, Provider, Rates, Retry, Timeout, parameters::Parameters};
use dialects::{bedrock::invoke::needs_invoke, codec::offers};
use domain::{ModelName, ProviderName, Wire};
use http::HeaderValue;
use providers::{Media, Providers};
use std::{
    collections::HashMap,
    sync::{Arc, RwLock},
};

/// How many names outside the configuration are remembered.
const REMEMBERED: usize = 10_000;

/// What a name stands for.
pub struct Named {
    /// The configured name and its aliases; empty for a direct name.
    pub names: Vec<String>,
    pub targets: Vec<Arc<ResolvedTarget>>,
    pub retry: Retry,
    pub timeout: Timeout,
}

/// Every name a client may use.
pub struct Names {
    configured: HashMap<String, Arc<Named>>,
    /// Direct names, as they are first used.
    direct: RwLock<HashMap<String, Arc<Named>>>,
    config: Arc<Config>,
    providers: Arc<Providers>,
    prices: Prices,
}

impl Names {
    pub fn new(config: Arc<Config>, providers: Arc<Providers>, prices: Prices) -> Self {
        let mut names =
            Self { configured: HashMap::new(), direct: RwLock::default(), config: config.clone(), providers, prices };
        for model in &config.models {
            let named = Arc::new(names.configured_model(model));
            for name in std::iter::once(&model.name).chain(&model.aliases) {
                names.configured.insert(name.as_str().to_owned(), named.clone());
            }
        }
        names
    }

    /// Fetches media, where configuration says so.
    pub fn media(&self) -> Option<&Media> {
        self.providers.media()
    }

    /// What a client's word for a model stands for.
    pub fn resolve(&self, name: &str) -> Option<Arc<Named>> {
        if let Some(named) = self.configured.get(name) {
            return Some(named.clone());
        }
        if let Some(named) = self.direct.read().ok().and_then(|direct| direct.get(name).cloned()) {
            return Some(named);
        }
        let named = Arc::new(self.direct_model(name)?);
        if let Ok(mut direct) = self.direct.write() {
            if direct.len() >= REMEMBERED {
                direct.clear();
            }
            direct.insert(name.to_owned(), named.clone());
        }
        Some(named)
    }

    /// The configured models in the file's order.
    pub fn listed(&self) -> impl Iterator<Item = (&str, &Arc<Named>)> {
        let names = self.config.models.iter().map(|model| model.name.as_str());
        names.filter_map(|name| self.configured.get(name).map(|named| (name, named)))
    }

    fn configured_model(&self, model: &config::Model) -> Named {
        let targets = model.targets.iter().filter_map(|target| {
            let provider = self.config.provider(&target.provider)?;
            let rates = self.prices.for_target(provider, target);
            self.target(provider, &target.model, rates, target.parameters)
        });
        Named {
            names: std::iter::once(&model.name).chain(&model.aliases).map(|name| name.as_str().to_owned()).collect(),
            targets: targets.collect(),
            retry: model.retry,
            timeout: model.timeout,
        }
    }

    /// `provider/model` where direct names are on, or a name that a routing pattern sends to a provider.
    fn direct_model(&self, name: &str) -> Option<Named> {
        let (provider, model) =
            self.by_prefix(name).or_else(|| Some((self.config.routing.provider_for(name)?.clone(), name)))?;
        let provider = self.config.provider(&provider)?;
        let model = ModelName::from(model);
        let target =
            self.target(provider, &model, self.prices.for_provider(provider, model.as_str()), Parameters::default())?;
        Some(Named { names: Vec::new(), targets: vec![target], retry: Retry::default(), timeout: Timeout::default() })
    }

    fn by_prefix<'n>(&self, name: &'n str) -> Option<(ProviderName, &'n str)> {
        let (provider, model) = name.split_once('/').filter(|(_, model)| !model.is_empty())?;
        let provider = ProviderName::from(provider);
        (self.config.direct_models && self.config.provider(&provider).is_some()).then_some((provider, model))
    }

    fn target(
        &self,
        provider: &Provider,
        model: &ModelName,
        rates: Option<Rates>,
        said: Parameters,
    ) -> Option<Arc<ResolvedTarget>> {
        let upstream = self.providers.find(&provider.name)?.clone();
        let region = upstream.region().map(str::to_owned).or_else(|| provider.region.clone());
        Some(Arc::new(ResolvedTarget {
            provider: provider.name.clone(),
            model: model.clone(),
            direct_name: format!("{}/{model}", provider.name),
            speaks: spoken(upstream.wires(), model.as_str()),
            services: upstream.services().to_vec(),
            abilities: abilities(model.as_str(), rates.as_ref(), said),
            rates,
            quirks: provider.quirks.clone(),
            headers: TargetHeaders {
                provider: header(provider.name.as_str()),
                model: header(model.as_str()),
                region: region.as_deref().map(header),
            },
            region,
            upstream,
        }))
    }
}

/// The wires a model is asked on: those that its provider offers it on, or all if its name promises none of them.
fn spoken(wires: &[Wire], model: &str) -> Vec<Wire> {
    let only_invoke = wires.contains(&Wire::BedrockInvoke) && needs_invoke(model);
    let asked = |wire: &Wire| offers(*wire, model) && !(only_invoke && *wire == Wire::BedrockConverse);
    let spoken: Vec<Wire> = wires.iter().copied().filter(asked).collect();
    if spoken.is_empty() { wires.to_vec() } else { spoken }
}

/// A name as a header value; what cannot stand in one is replaced.
fn header(name: &str) -> HeaderValue {
    let printable: String = name.chars().map(|c| if c.is_ascii_graphic() || c == ' ' { c } else { '?' }).collect();
    HeaderValue::from_str(&printable).unwrap_or(HeaderValue::from_static("?"))
}
