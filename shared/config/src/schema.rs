//! The JSON Schema of a configuration, from the same structs that read it: editors complete from it.

/// `portunus.yaml` described as JSON Schema (draft 2020-12), as indented text.
pub fn schema() -> String {
    let mut schema = crate::check::schema();
    if let Some(object) = schema.as_object_mut() {
        object.insert("$schema".to_owned(), "https://json-schema.org/draft/2020-12/schema".into());
        object.insert("title".to_owned(), "portunus.yaml".into());
    }
    format!("{schema:#}")
}
