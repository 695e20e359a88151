//! Why something could not be read.

use domain::{Error, Kind};

/// A body, event or field that is not what its wire says it must be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Malformed {
    pub message: String,
    /// Where: `messages.1.content`. `None` for the body as a whole.
    pub param: Option<String>,
    /// A code more precise than `invalid_request_error`.
    pub code: Option<&'static str>,
}

impl Malformed {
    pub fn invalid(message: impl Into<String>) -> Self {
        Self { message: message.into(), param: None, code: None }
    }

    /// A required field is not there.
    pub fn missing(key: &str) -> Self {
        let problem = Self::invalid("this field is required").under(key);
        problem.with_code("missing_required_parameter")
    }

    #[must_use]
    pub fn with_code(mut self, code: &'static str) -> Self {
        self.code = Some(code);
        self
    }

    /// The same problem, seen from the object or array that holds it.
    #[must_use]
    pub fn under(mut self, segment: &str) -> Self {
        self.param = Some(match self.param {
            Some(path) => format!("{segment}.{path}"),
            None => segment.to_owned(),
        });
        self
    }
}

/// A caller's malformed request is a 400 that names the field.
impl From<Malformed> for Error {
    fn from(problem: Malformed) -> Self {
        let message = match &problem.param {
            Some(param) => format!("`{param}`: {}", problem.message),
            None => problem.message,
        };
        let mut error = Error::caller(Kind::InvalidRequest, message);
        error.param = problem.param;
        error.code = problem.code.map(str::to_owned);
        error
    }
}
