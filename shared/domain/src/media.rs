//! What services use beside plain tokens: images, audio, characters, searches.

/// Counts of one call. Tokens that are part of a class of [`crate::Usage`] are said to be.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Units {
    /// Images made.
    pub images: u64,
    /// Characters spoken.
    pub characters: u64,
    /// Milliseconds of audio heard or spoken.
    pub audio_ms: u64,
    /// Search units of a reranker: a query over up to a hundred documents. Of a chat: searches of the web by the provider.
    pub searches: u64,
    /// The part of the prompt tokens that was images.
    pub input_image_tokens: u64,
    /// The part of the prompt tokens that was audio.
    pub input_audio_tokens: u64,
    /// The part of the output tokens that was images.
    pub output_image_tokens: u64,
    /// The part of the output tokens that was audio.
    pub output_audio_tokens: u64,
    /// What a guardrail checked; `None`: nobody said, or there was none.
    pub guarded: Option<Guarded>,
    /// Nobody said what the guardrail checked: `guarded` is what is charged for it.
    pub guarded_estimated: bool,
}

impl Units {
    /// Nothing but tokens was used.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

/// What a provider's guardrail checked, prompt and answer together: text units of up to a thousand characters for each
/// kind of policy, and images.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Guarded {
    /// For topics that are denied.
    pub topics: u64,
    /// For harmful content.
    pub content: u64,
    /// For sensitive information, but for what is found by patterns, which costs nothing.
    pub sensitive: u64,
    /// For contextual grounding.
    pub grounding: u64,
    /// By automated reasoning.
    pub reasoning: u64,
    /// Images, for harmful content.
    pub images: u64,
}

impl Guarded {
    /// Both together.
    #[must_use]
    pub fn plus(self, other: &Guarded) -> Guarded {
        Guarded {
            topics: self.topics.saturating_add(other.topics),
            content: self.content.saturating_add(other.content),
            sensitive: self.sensitive.saturating_add(other.sensitive),
            grounding: self.grounding.saturating_add(other.grounding),
            reasoning: self.reasoning.saturating_add(other.reasoning),
            images: self.images.saturating_add(other.images),
        }
    }
}

/// The quality and the size of images to be made, as far as the request says: what they are priced by.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Picture {
    /// `low`, `medium`, `high`, `standard`, `hd`; `None` leaves it to the model.
    pub quality: Option<String>,
    /// `1024x1024`; `None` leaves it to the model.
    pub size: Option<String>,
}
