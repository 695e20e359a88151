//! Families of embedding models, by the name of the model.

/// Whose body a model takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Family {
    Cohere,
    Nova,
    /// Titan of images and texts.
    TitanImage,
    /// Titan of texts, first version: nothing can be set.
    TitanText,
    /// Titan of texts, second version.
    TitanText2,
}

impl Family {
    /// The family of a model id, an inference profile's id or an ARN.
    pub fn of(model: &str) -> Option<Family> {
        let has = |piece: &str| model.contains(piece);
        Some(match () {
            () if has("cohere.embed") => Family::Cohere,
            () if has("nova") && has("embed") => Family::Nova,
            () if has("titan-embed-image") => Family::TitanImage,
            () if has("titan-embed-text-v2") => Family::TitanText2,
            () if has("titan-embed") => Family::TitanText,
            () => return None,
        })
    }
}
