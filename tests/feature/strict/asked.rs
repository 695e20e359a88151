//! What can be asked on each wire, one thing at a time: the cross tests' own lists.

#[path = "../../../shared/dialects/tests/cross/kits/anthropic_messages/features.rs"]
pub mod anthropic_messages;

#[path = "../../../shared/dialects/tests/cross/kits/bedrock_converse/features.rs"]
pub mod bedrock_converse;

#[path = "../../../shared/dialects/tests/cross/kits/cohere_chat/features.rs"]
pub mod cohere_chat;

#[path = "../../../shared/dialects/tests/cross/kits/gemini_generate/features.rs"]
pub mod gemini_generate;

#[path = "../../../shared/dialects/tests/cross/kits/openai_chat/features.rs"]
pub mod openai_chat;

#[path = "../../../shared/dialects/tests/cross/kits/openai_completions/features.rs"]
pub mod openai_completions;

#[path = "../../../shared/dialects/tests/cross/kits/openai_responses/features.rs"]
pub mod openai_responses;
