//! Alerts as the configuration in force has them: which shares of a budget are told of, and to whom.

use crate::configuration::{Failure, Reading};
use admin::{
    alerts::Alerts,
    notify::{Place, Written, delivery::Delivery, sns::Topic, webhook::Hook},
};
use config::Config;
use domain::outward::Post;
use providers::{Aws, Dialer};
use std::{sync::Arc, time::Duration};
use stores::{
    Names, Table,
    groups::Groups,
    keys::{Keys, Peppers},
    ledger::Ledger,
    settings::{Following, Settings, StoredConfig},
};

/// How often it is looked for another configuration.
const LOOK_EVERY: Duration = Duration::from_secs(2);

/// The two jobs under one configuration.
pub struct Telling {
    pub alerts: Alerts,
    pub delivery: Delivery,
}

/// Makes them, anew for each configuration.
pub struct Tellings {
    reading: Arc<Reading>,
    table: Arc<dyn Table>,
    names: Names,
    keys: Arc<Keys>,
    groups: Groups,
    ledger: Arc<Ledger>,
    following: Following<Telling>,
}

impl Tellings {
    /// Over the tables that the server works on.
    pub fn new(
        reading: Arc<Reading>,
        (table, names): (Arc<dyn Table>, Names),
        (keys, peppers): (Arc<Keys>, Peppers),
        ledger: Arc<Ledger>,
    ) -> Self {
        let groups = Groups::new(table.clone(), names.clone(), peppers);
        let following = Following::new(Settings::new(table.clone(), names.clone()), LOOK_EVERY);
        Self { reading, table, names, keys, groups, ledger, following }
    }

    /// The jobs under the configuration in force.
    ///
    /// # Errors
    /// It could never be read yet.
    pub async fn current(&self) -> Result<Arc<Telling>, Failure> {
        self.following.current(|stored| self.make(stored)).await
    }

    async fn make(&self, stored: Option<StoredConfig>) -> Result<Telling, Failure> {
        let config = self.reading.in_force(stored.as_ref()).await?.config;
        let (table, clock) = (&self.table, &self.reading.clock);
        let places = places(&config, &self.reading.aws).await?;
        let delivery = Delivery::new(places, table.clone(), &self.names, clock.clone());
        let (keys, groups, ledger) = (self.keys.clone(), self.groups.clone(), self.ledger.clone());
        let shares = config.alerts.thresholds;
        let alerts =
            Alerts::new(table.clone(), &self.names, keys, groups, ledger, Arc::new(Written), shares, clock.clone());
        let alerts = alerts.watching(config.budget.scopes, config.version);
        Ok(Telling { alerts, delivery })
    }
}

/// Where alerts go: AWS is asked for its region and credentials only if there is a topic.
async fn places(config: &Config, aws: &Aws) -> Result<Vec<Box<dyn Place>>, Failure> {
    let post: Arc<dyn Post> = Arc::new(Dialer::new(&config.egress)?);
    let hooks = config.alerts.webhooks.iter();
    let mut places: Vec<Box<dyn Place>> =
        hooks.map(|webhook| Box::new(Hook::new(webhook.clone(), post.clone())) as Box<dyn Place>).collect();
    if let Some(topic) = &config.alerts.sns_topic {
        places.push(Box::new(Topic::new(aws_sdk_sns::Client::new(aws.sdk().await), topic)));
    }
    Ok(places)
}
