//! The canonical embedding request and answer.

use crate::json::Json;

/// What a caller asks to be embedded, and how.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Request {
    /// The model as the caller named it.
    pub model: String,
    /// In the order the vectors come back; at least one.
    pub inputs: Vec<Input>,
    /// The forms of vectors asked for; empty means floats.
    pub forms: Vec<Form>,
    /// How many numbers a vector has, where the model lets one choose.
    pub dimensions: Option<u64>,
    /// What the vectors are for.
    pub purpose: Option<Purpose>,
    /// What happens to an input that is too long.
    pub truncate: Option<Truncate>,
    /// Fields that have no home here, by name: dropped on every other service.
    pub unknown: Vec<String>,
}

/// One thing to embed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Input {
    /// An image as a `data:` URL or an address.
    Image(String),
    Text(String),
    /// Token ids of the provider's own tokenizer.
    Tokens(Vec<u64>),
}

/// How the numbers of a vector are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Form {
    /// Base64 of 32-bit floats, little endian.
    Base64,
    /// A list of bits packed into signed bytes.
    Binary,
    /// A list of decimal numbers.
    Float,
    /// A list of signed bytes.
    Int8,
    /// A list of bits packed into unsigned bytes.
    Ubinary,
    /// A list of unsigned bytes.
    Uint8,
}

/// What vectors are for: models embed a question otherwise than the text that answers it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Purpose {
    Classification,
    Clustering,
    CodeQuery,
    Document,
    FactVerification,
    Query,
    QuestionAnswering,
    Similarity,
}

/// Which end of an input that is too long is cut off.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Truncate {
    End,
    /// It is refused instead.
    Never,
    Start,
}

/// The vectors.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Response {
    /// The provider's id of the answer.
    pub id: Option<String>,
    /// The model that answered, in the provider's word.
    pub model: Option<String>,
    /// One set for each form, each with one vector for each input: the numbers exactly as the provider wrote them.
    pub sets: Vec<(Form, Vec<Json>)>,
    /// Prompt tokens, if the provider says.
    pub tokens: Option<u64>,
}

impl Response {
    /// The vectors of that form.
    pub fn set(&self, form: Form) -> Option<&[Json]> {
        self.sets.iter().find(|(known, _)| *known == form).map(|(_, vectors)| vectors.as_slice())
    }

    /// Adds the answer to the inputs that follow: vectors behind these, tokens to these.
    #[must_use]
    pub fn followed_by(mut self, next: Response) -> Response {
        for (form, vectors) in next.sets {
            match self.sets.iter_mut().find(|(known, _)| *known == form) {
                Some((_, mine)) => mine.extend(vectors),
                None => self.sets.push((form, vectors)),
            }
        }
        self.tokens = match (self.tokens, next.tokens) {
            (Some(mine), Some(more)) => mine.checked_add(more),
            _ => None,
        };
        self
    }
}
