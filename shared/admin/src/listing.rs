//! The list of calls, kept from the stream of call records. Repeated and re-split batches change nothing.

use crate::outbox::{Failures, Record};
use stores::{TableError, calls::CallImage, requests::Requests};

/// Lists the calls of one batch. If the store does not take them now, the whole batch comes again; if it will never take
/// one, that one is of no use [L5].
pub async fn take(requests: &Requests, batch: &[Record], failures: &mut Failures) {
    let readable = |record: &Record| Some((record.id.clone(), record.content.as_ref().ok()?.as_ref()?.1.clone()));
    let (ids, images): (Vec<String>, Vec<CallImage>) = batch.iter().filter_map(readable).unzip();
    match requests.put_batch(&images).await {
        Ok(()) => {}
        Err(error) if error.is_passing() => again(&ids, &error, failures),
        Err(_) => one_by_one(requests, &ids, &images, failures).await,
    }
}

async fn one_by_one(requests: &Requests, ids: &[String], images: &[CallImage], failures: &mut Failures) {
    for (id, image) in ids.iter().zip(images) {
        match requests.put_batch(std::slice::from_ref(image)).await {
            Ok(()) => {}
            Err(error) if error.is_passing() => again(std::slice::from_ref(id), &error, failures),
            Err(error) => failures.bury(id, &error),
        }
    }
}

fn again(ids: &[String], error: &TableError, failures: &mut Failures) {
    tracing::error!(%error, "a batch of call records was not listed");
    ids.iter().for_each(|id| failures.add(id));
}
