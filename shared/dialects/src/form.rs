//! Forms (`multipart/form-data`): their fields in order, and how they are written. Reading is the edge's affair.

use crate::malformed::Malformed;
use bytes::Bytes;

/// A form as it came in.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Form {
    /// In the order sent; names may repeat where they end in `[]`.
    pub parts: Vec<Part>,
}

/// One field or file of a form.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Part {
    pub name: String,
    /// It is a file, and this is what the caller calls it.
    pub file_name: Option<String>,
    pub content_type: Option<String>,
    pub data: Bytes,
}

impl Form {
    /// The text of a field; `None` if there is none. A file of that name is no text.
    pub fn text(&self, name: &str) -> Result<Option<&str>, Malformed> {
        let Some(part) = self.parts.iter().find(|part| part.name == name) else { return Ok(None) };
        if part.file_name.is_some() {
            return Err(Malformed::invalid("expected text, found a file").under(name));
        }
        std::str::from_utf8(&part.data).map(Some).map_err(|_| Malformed::invalid("is not valid UTF-8").under(name))
    }

    /// Files under that name, or under the name with `[]` behind it.
    pub fn files(&self, name: &str) -> impl Iterator<Item = &Part> {
        self.parts.iter().filter(move |part| part.name.strip_suffix("[]").unwrap_or(&part.name) == name)
    }

    /// The form with another model in it, which is put first if there was none.
    #[must_use]
    pub fn with_model(&self, model: &str) -> Form {
        let mut form = self.clone();
        let data = Bytes::copy_from_slice(model.as_bytes());
        match form.parts.iter_mut().find(|part| part.name == "model") {
            Some(part) => part.data = data,
            None => {
                let model = Part { name: "model".to_owned(), file_name: None, content_type: None, data };
                form.parts.insert(0, model);
            }
        }
        form
    }

    /// The form without these fields, and with others under their other names.
    #[must_use]
    pub fn departing(mut self, drop: &[String], rename: &[(String, String)]) -> Form {
        self.parts.retain(|part| !drop.contains(&part.name));
        for part in &mut self.parts {
            if let Some((_, to)) = rename.iter().find(|(from, _)| *from == part.name) {
                part.name.clone_from(to);
            }
        }
        self
    }

    /// The form as bytes, its parts divided by `boundary`, which none of them contains.
    pub fn written(&self, boundary: &str) -> Vec<u8> {
        let size: usize = self.parts.iter().map(|part| part.data.len() + boundary.len() + 256).sum();
        let mut out = Vec::with_capacity(size);
        for part in &self.parts {
            out.extend_from_slice(part.head(boundary).as_bytes());
            out.extend_from_slice(&part.data);
            out.extend_from_slice(b"\r\n");
        }
        out.extend_from_slice(format!("--{boundary}--\r\n").as_bytes());
        out
    }
}

impl Part {
    fn head(&self, boundary: &str) -> String {
        let mut head = format!("--{boundary}\r\ncontent-disposition: form-data; name=\"{}\"", escaped(&self.name));
        if let Some(file) = &self.file_name {
            head.push_str(&format!("; filename=\"{}\"", escaped(file)));
        }
        if let Some(kind) = self.content_type.as_deref().filter(|kind| kind.bytes().all(|b| (0x20..0x7f).contains(&b)))
        {
            head.push_str("\r\ncontent-type: ");
            head.push_str(kind);
        }
        head.push_str("\r\n\r\n");
        head
    }
}

/// A name within quotes, as browsers write it. Source: <https://html.spec.whatwg.org/multipage/form-control-infrastructure.html#multipart-form-data>.
fn escaped(name: &str) -> String {
    let clean: String = name.chars().filter(|c| !c.is_control() || matches!(c, '\r' | '\n')).collect();
    clean.replace('\r', "%0D").replace('\n', "%0A").replace('"', "%22")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn part(name: &str, data: &str) -> Part {
        Part { name: name.into(), file_name: None, content_type: None, data: Bytes::copy_from_slice(data.as_bytes()) }
    }

    #[test]
    fn the_model_is_replaced_in_its_place() {
        let form = Form { parts: vec![part("language", "en"), part("model", "alias"), part("include[]", "logprobs")] };
        let sent = String::from_utf8(form.with_model("whisper-1").written("XX")).unwrap();
        assert_eq!(
            sent,
            "--XX\r\ncontent-disposition: form-data; name=\"language\"\r\n\r\nen\r\n\
             --XX\r\ncontent-disposition: form-data; name=\"model\"\r\n\r\nwhisper-1\r\n\
             --XX\r\ncontent-disposition: form-data; name=\"include[]\"\r\n\r\nlogprobs\r\n--XX--\r\n"
        );
    }

    #[test]
    fn h3_names_cannot_break_out_of_their_header() {
        let mut file = part("file", "x");
        file.file_name = Some("a\"\r\nx: y\u{0}.mp3".into());
        file.content_type = Some("audio/mpeg\r\nx: y".into());
        let sent = String::from_utf8(Form { parts: vec![file] }.written("B")).unwrap();
        assert!(sent.contains("filename=\"a%22%0D%0Ax: y.mp3\"\r\n\r\n"), "{sent}");
    }
}
