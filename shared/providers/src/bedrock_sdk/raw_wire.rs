//! Our bytes go out, the undecoded answer comes back; the SDK does everything between: endpoint, path, credentials,
//! signature.
//!
//! The orchestrator takes the response deserializer from the config bag, and an interceptor may write the top layer of
//! that bag. Ours reads nothing and reports a marker error, which the SDK wraps with the untouched response.

use aws_smithy_runtime_api::{
    box_error::BoxError,
    client::{
        interceptors::{
            Intercept,
            context::{
                BeforeSerializationInterceptorContextRef, BeforeTransmitInterceptorContextMut,
                BeforeTransmitInterceptorContextRef, Error, Output,
            },
        },
        orchestrator::{HttpResponse, OrchestratorError},
        result::SdkError,
        runtime_components::RuntimeComponents,
        ser_de::{DeserializeResponse, SharedResponseDeserializer},
    },
};
use aws_smithy_types::{body::SdkBody, config_bag::ConfigBag};
use bytes::Bytes;
use std::{
    error::Error as StdError,
    fmt,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

/// Puts one request's own body in the place of the SDK's, and keeps the SDK from reading the answer.
pub struct RawWire {
    pub body: Bytes,
    /// Set when the request is about to leave.
    pub dispatched: Arc<AtomicBool>,
}

impl Intercept for RawWire {
    fn name(&self) -> &'static str {
        "RawWire"
    }

    fn read_before_execution(
        &self,
        _: &BeforeSerializationInterceptorContextRef<'_>,
        cfg: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        cfg.interceptor_state().store_put(SharedResponseDeserializer::new(HandBack));
        Ok(())
    }

    fn modify_before_signing(
        &self,
        context: &mut BeforeTransmitInterceptorContextMut<'_>,
        _: &RuntimeComponents,
        _: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        let request = context.request_mut();
        // The SDK has set the length of its own body; left so, that many bytes would leave.
        request.headers_mut().insert("content-length", self.body.len().to_string());
        *request.body_mut() = SdkBody::from(self.body.clone());
        Ok(())
    }

    fn read_before_transmit(
        &self,
        _: &BeforeTransmitInterceptorContextRef<'_>,
        _: &RuntimeComponents,
        _: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        self.dispatched.store(true, Ordering::Relaxed);
        Ok(())
    }
}

/// Trace logs print interceptors, so never the body.
impl fmt::Debug for RawWire {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "RawWire({} bytes)", self.body.len())
    }
}

#[derive(Debug)]
struct HandBack;

impl DeserializeResponse for HandBack {
    fn deserialize_streaming_with_config(
        &self,
        _: &mut HttpResponse,
        _: &ConfigBag,
    ) -> Option<Result<Output, OrchestratorError<Error>>> {
        // `Some`: nobody reads the body. `other`: not counted as a transient error, which would be retried.
        Some(Err(OrchestratorError::other(Undecoded)))
    }
}

#[derive(Debug)]
struct Undecoded;

impl fmt::Display for Undecoded {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("response handed back undecoded")
    }
}

impl StdError for Undecoded {}

/// The response, whatever its status.
///
/// # Errors
/// There was none; or, in `None`, the SDK decoded it after all: an SDK that no longer asks the bag for the deserializer.
pub fn handed_back<O, E: StdError + 'static>(
    sent: Result<O, SdkError<E, HttpResponse>>,
) -> Result<HttpResponse, Option<Box<SdkError<E, HttpResponse>>>> {
    match sent {
        Err(error) if error.source().is_some_and(|source| source.is::<Undecoded>()) => match error {
            SdkError::ResponseError(error) => Ok(error.into_raw()),
            error => Err(Some(Box::new(error))),
        },
        Err(error) => Err(Some(Box::new(error))),
        Ok(_) => Err(None),
    }
}
