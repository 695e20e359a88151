//! The one summary line of a call, in the names of OpenTelemetry's GenAI conventions. Never prompts, answers or keys.

use domain::{Api, call::CallRecord, key::VirtualKey};

/// One line per call, when it is settled.
pub fn log(record: &CallRecord, api: Api, key: &VirtualKey, kept: bool) {
    tracing::info!(
        call.id = %record.call,
        key.id = %key.id,
        gen_ai.operation.name = api.operation(),
        gen_ai.request.model = %record.alias,
        gen_ai.provider.name = %record.provider,
        gen_ai.response.model = %record.model,
        gen_ai.usage.input_tokens = record.usage.prompt(),
        gen_ai.usage.output_tokens = record.usage.output,
        usage.source = record.usage_source.name(),
        cost.usd = record.known_cost().map(tracing::field::display),
        cost.known = !record.unpriced,
        state = record.state.name(),
        status = record.status,
        error.code = record.error.as_deref().unwrap_or(""),
        attempts = record.attempts,
        streamed = record.streamed,
        duration_ms = record.ended_at.millis_since(record.started_at),
        first_byte_ms = record.first_byte_ms.unwrap_or(0),
        recorded = kept,
        "call settled"
    );
}
