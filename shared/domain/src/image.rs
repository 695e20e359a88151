//! The canonical request for images, made or changed, and the images.

use crate::{media::Units, tokens::UsageUpdate};

/// What a caller wants to see.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Request {
    /// The model as the caller named it.
    pub model: String,
    pub prompt: String,
    /// How many images; at least one.
    pub count: u64,
    /// Width and height in pixels; `None` leaves it to the model.
    pub size: Option<(u64, u64)>,
    /// `low`, `medium`, `high`, `standard`, `hd`; `None` leaves it to the model.
    pub quality: Option<String>,
    /// `png`, `jpeg`, `webp`; `None` leaves it to the model.
    pub format: Option<String>,
    /// What is changed; empty where images are made of words alone.
    pub images: Vec<Image>,
    /// A PNG whose fully transparent pixels say where the first image may change.
    pub mask: Option<Image>,
    /// Fields that have no home here, by name.
    pub unknown: Vec<String>,
}

/// One image.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Image {
    /// `image/png`
    pub media_type: String,
    /// Base64 of the file.
    pub data: String,
}

/// The images, at least one.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Response {
    pub images: Vec<Image>,
    /// Tokens, where the provider counts them.
    pub usage: UsageUpdate,
    pub units: Units,
}
