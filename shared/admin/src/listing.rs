//! The list of calls, kept from the stream of call records. Repeated and re-split batches change nothing.

use crate::outbox::{Failures, Record};
use stores::{calls::CallImage, requests::Requests};

/// Lists the calls of one batch; if the store does not take them, the whole batch comes again [L5].
pub async fn take(requests: &Requests, batch: &[Record], failures: &mut Failures) {
    let readable = batch.iter().filter_map(|record| record.content.as_ref().ok());
    let images: Vec<CallImage> = readable.flatten().map(|(_, image)| image.clone()).collect();
    if let Err(error) = requests.put_batch(&images).await {
        tracing::error!(%error, "a batch of call records was not listed");
        batch.iter().for_each(|record| failures.add(&record.id));
    }
}
