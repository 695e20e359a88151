//! Ids of function calls. Gemini may give none and matches results to calls by name and order; everybody else matches
//! them by id, so calls without one are given one, and lose it again on the way back.

/// What ids made here begin with.
const MADE: &str = "call_gm_";
/// What the id of a result without a call begins with; the function's name follows.
const ORPHAN: &str = "call_gm_of_";

/// The calls of a conversation, or of one answer, so far.
#[derive(Debug, Default)]
pub struct Calls {
    /// Makes ids unique beyond this one answer.
    prefix: String,
    known: Vec<Known>,
}

#[derive(Debug)]
struct Known {
    id: String,
    name: String,
    answered: bool,
}

impl Calls {
    /// The calls of one answer, which the provider gave this id.
    pub fn of_answer(id: Option<&str>) -> Self {
        let plain = |c: &char| c.is_ascii_alphanumeric() || *c == '-' || *c == '_';
        let id: String = id.unwrap_or("").chars().filter(plain).take(40).collect();
        Self { prefix: if id.is_empty() { id } else { id + "_" }, known: Vec::new() }
    }

    /// The id of the next call.
    pub fn called(&mut self, id: Option<&str>, name: &str) -> String {
        let id = match id {
            Some(id) if !id.is_empty() => id.to_owned(),
            _ => format!("{MADE}{}{}", self.prefix, self.known.len()),
        };
        self.known.push(Known { id: id.clone(), name: name.to_owned(), answered: false });
        id
    }

    /// The id of the call that a result answers: the one it names, or the first of that function without a result.
    pub fn answered(&mut self, id: Option<&str>, name: &str) -> String {
        let named = id.and_then(|id| self.known.iter_mut().rfind(|call| call.id == id));
        let call = match named {
            Some(call) => Some(call),
            None => self.known.iter_mut().find(|call| !call.answered && call.name == name),
        };
        match call {
            Some(call) => {
                call.answered = true;
                call.id.clone()
            }
            None => format!("{ORPHAN}{name}"),
        }
    }
}

/// The id as the provider gave it; `None` for one that was made here.
pub fn given(id: &str) -> Option<&str> {
    (!id.starts_with(MADE)).then_some(id)
}

/// The function whose result has no call.
pub fn orphan(id: &str) -> Option<&str> {
    id.strip_prefix(ORPHAN)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn results_find_their_calls_by_id_or_by_name_and_order() {
        let mut calls = Calls::default();
        let (first, second, third) = (calls.called(None, "f"), calls.called(None, "f"), calls.called(Some("x"), "g"));
        assert_eq!((first.as_str(), second.as_str(), third.as_str()), ("call_gm_0", "call_gm_1", "x"));
        assert_eq!(calls.answered(None, "f"), first);
        assert_eq!(calls.answered(Some("x"), "g"), third);
        assert_eq!(calls.answered(None, "f"), second);
        assert_eq!(orphan(&calls.answered(None, "f")), Some("f"));
    }

    #[test]
    fn ids_made_here_are_unique_by_answer_and_go_no_further() {
        let made = Calls::of_answer(Some("QU/Va=dT")).called(None, "f");
        assert_eq!((made.as_str(), given(&made), given("toolu_1")), ("call_gm_QUVadT_0", None, Some("toolu_1")));
        assert_eq!(Calls::of_answer(Some("QUVadT")).called(None, "f"), made);
    }
}
