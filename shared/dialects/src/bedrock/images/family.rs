//! Families of models that make images, by the name of the model.

/// Whose body a model takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Family {
    /// Nova Canvas and Titan Image.
    Amazon,
    Stability(Stability),
}

/// What a model of Stability's does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stability {
    /// Makes images of words.
    Words,
    /// Makes images of words, or of words and an image.
    WordsOrImage,
    /// Changes an image by words.
    ImageAndWords,
    /// Changes what a mask says by words.
    Inpaint,
    /// Changes what a mask says, without words.
    Erase,
    /// Changes an image without words.
    Image,
    /// Wants what OpenAI's words cannot say; a body of its own passes.
    Own,
}

/// Stability's models, by a piece of the name.
const STABILITY: [(&str, Stability); 16] = [
    ("stability.sd3", Stability::WordsOrImage),
    ("stability.stable-image-core", Stability::Words),
    ("stability.stable-image-ultra", Stability::Words),
    ("stability.stable-image-inpaint", Stability::Inpaint),
    ("stability.stable-image-erase-object", Stability::Erase),
    ("stability.stable-image-remove-background", Stability::Image),
    ("stability.stable-image-control-sketch", Stability::ImageAndWords),
    ("stability.stable-image-control-structure", Stability::ImageAndWords),
    ("stability.stable-image-style-guide", Stability::ImageAndWords),
    ("stability.stable-conservative-upscale", Stability::ImageAndWords),
    ("stability.stable-creative-upscale", Stability::ImageAndWords),
    ("stability.stable-fast-upscale", Stability::Image),
    ("stability.stable-image-search-recolor", Stability::Own),
    ("stability.stable-image-search-replace", Stability::Own),
    ("stability.stable-outpaint", Stability::Own),
    ("stability.stable-style-transfer", Stability::Own),
];

impl Family {
    /// The family of a model id, an inference profile's id or an ARN.
    pub fn of(model: &str) -> Option<Family> {
        if ["amazon.nova-canvas", "amazon.titan-image"].iter().any(|piece| model.contains(piece)) {
            return Some(Family::Amazon);
        }
        STABILITY.iter().find(|(piece, _)| model.contains(piece)).map(|(_, kind)| Family::Stability(*kind))
    }

    /// Makes images of words alone.
    pub fn generates(self) -> bool {
        matches!(self, Family::Amazon | Family::Stability(Stability::Words | Stability::WordsOrImage))
    }

    /// Changes images, when asked in OpenAI's words.
    pub fn edits(self) -> bool {
        !matches!(self, Family::Stability(Stability::Words | Stability::Own))
    }
}
