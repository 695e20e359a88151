//! Who answers: a row of configuration made able to speak.
//!
//! Everything that leaves this process leaves through [`dialer::Dialer`]. Nothing here knows who asked, what it
//! may cost, or when to try again: retries belong to the gateway's `relay`.

/// Showing a provider who is calling.
pub mod auth;
/// One AWS SDK configuration over the shared dialer.
pub mod aws;
/// Bedrock, through the AWS SDK, losslessly.
pub mod bedrock_sdk;
/// A bucket of S3 as a place for objects.
pub mod bucket;
/// The only HTTP client: addresses checked at connect.
pub mod dialer;
/// The provider that needs no network.
pub mod echo;
/// The URLs of a wire's operations.
pub mod endpoint;
/// Why there was no answer, or no end of one.
pub mod failure;
/// Providers spoken to over plain HTTP.
pub mod http_upstream;
/// Media that requests only name.
pub mod media;
/// Posts to webhooks.
mod post;
/// S3, one signed request at a time.
mod s3;
/// Named secrets, cached and refreshed by one caller at a time.
pub mod secrets;
/// The trait every provider is called through, and all of them by name.
pub mod upstream;
/// Credentials handed in, kept in Secrets Manager.
pub mod vault;

pub use aws::Aws;
pub use bucket::Bucket;
pub use dialer::Dialer;
pub use failure::{Broken, Failure, Fault};
pub use media::Media;
pub use secrets::Secrets;
pub use upstream::{Answer, Attempt, Limits, Listing, Providers, ServiceAttempt, Unusable, Upstream};
