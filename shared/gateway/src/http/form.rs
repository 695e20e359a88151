//! Forms (`multipart/form-data`), read with limits: what callers upload.

use bytes::Bytes;
use dialects::{
    Malformed,
    form::{Form, Part},
    head::FORBIDDEN,
};
use domain::{Error, Kind};
use multer::{Constraints, Multipart, SizeLimit};
use std::convert::Infallible;

/// The most parts of a form, and the longest name of one.
const MAX_PARTS: usize = 64;
const MAX_NAME: usize = 256;

/// What divides the parts, by the content type.
pub fn boundary(content_type: &str) -> Result<String, Error> {
    multer::parse_boundary(content_type).map_err(|_| {
        Error::caller(Kind::UnsupportedMediaType, "the content type multipart/form-data must name a boundary")
    })
}

/// Reads a form. The body's own limit has been kept already.
pub async fn read(body: &Bytes, boundary: &str) -> Result<Form, Error> {
    let whole = futures::stream::iter([Ok::<Bytes, Infallible>(body.clone())]);
    let limits = Constraints::new().size_limit(SizeLimit::new().whole_stream(body.len() as u64));
    let mut parts = Multipart::with_constraints(whole, boundary, limits);
    let mut form = Form::default();
    while let Some(field) = parts.next_field().await.map_err(|_| broken())? {
        if form.parts.len() == MAX_PARTS {
            return Err(Malformed::invalid(format!("the form has more than {MAX_PARTS} parts")).into());
        }
        let part = Part {
            name: field.name().unwrap_or_default().to_owned(),
            file_name: field.file_name().map(str::to_owned),
            content_type: field.content_type().map(ToString::to_string),
            data: Bytes::new(),
        };
        check(&form, &part)?;
        let data = field.bytes().await.map_err(|_| broken())?;
        form.parts.push(Part { data, ..part });
    }
    if form.parts.is_empty() { Err(broken()) } else { Ok(form) }
}

/// A part has a name, which no other has unless it is a list's [I4], and does not steer the gateway itself [E1].
fn check(form: &Form, part: &Part) -> Result<(), Malformed> {
    let name = part.name.as_str();
    let list = name.ends_with("[]") || name == "image";
    match () {
        () if name.is_empty() || name.len() > MAX_NAME => {
            Err(Malformed::invalid("a part of the form has no usable name"))
        }
        () if FORBIDDEN.contains(&name) => {
            Err(Malformed::invalid("requests cannot set this; it belongs to the gateway's configuration")
                .with_code("forbidden_parameter")
                .under(name))
        }
        () if !list && form.parts.iter().any(|known| known.name == name) => {
            Err(Malformed::invalid("this field is there twice").with_code("duplicate_key").under(name))
        }
        () => Ok(()),
    }
}

fn broken() -> Error {
    Malformed::invalid("the form cannot be read: it is cut short, or its parts are not divided by the boundary").into()
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn form(body: &str) -> Result<Form, Error> {
        read(&Bytes::copy_from_slice(body.as_bytes()), "B").await
    }

    fn field(name: &str, value: &str) -> String {
        format!("--B\r\ncontent-disposition: form-data; name=\"{name}\"\r\n\r\n{value}\r\n")
    }

    #[tokio::test]
    async fn what_is_written_is_read_again() {
        let file = Part {
            name: "file".into(),
            file_name: Some("a \"b\".mp3".into()),
            content_type: Some("audio/mpeg".into()),
            data: Bytes::from_static(b"\r\n--C\0\xff"),
        };
        let form =
            Form { parts: vec![file.clone(), Part { name: "n".into(), file_name: None, content_type: None, ..file }] };
        let back = read(&form.written("B").into(), "B").await.unwrap();
        assert_eq!(back.parts[0].data, form.parts[0].data);
        assert_eq!((back.parts[0].content_type.as_deref(), back.parts.len()), (Some("audio/mpeg"), 2));
    }

    #[tokio::test]
    async fn i4_a_field_that_is_there_twice_is_refused_and_a_list_is_not() {
        let twice = form(&format!("{}{}--B--\r\n", field("model", "a"), field("model", "b"))).await.unwrap_err();
        assert_eq!((twice.code(), twice.param.as_deref()), ("duplicate_key", Some("model")));
        let list = format!("{}{}--B--\r\n", field("include[]", "a"), field("include[]", "b"));
        assert_eq!(form(&list).await.unwrap().parts.len(), 2);
    }

    #[tokio::test]
    async fn e1_a_form_cannot_steer_the_gateway_either() {
        let error = form(&format!("{}--B--\r\n", field("api_base", "https://evil"))).await.unwrap_err();
        assert_eq!(error.code(), "forbidden_parameter");
    }

    #[tokio::test]
    async fn i1_broken_and_endless_forms_are_refused() {
        for body in [String::new(), "--B--\r\n".to_owned(), field("a", "x"), "nonsense".to_owned()] {
            assert_eq!(form(&body).await.unwrap_err().status(), 400, "{body}");
        }
        let many: String = (0..65).map(|n| field(&format!("f{n}"), "x")).collect();
        assert_eq!(form(&format!("{many}--B--\r\n")).await.unwrap_err().status(), 400);
    }
}
