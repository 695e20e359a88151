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
}

impl Units {
    /// Nothing but tokens was used.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
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
