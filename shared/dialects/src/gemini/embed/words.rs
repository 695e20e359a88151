//! Gemini's words for what vectors are for.

use domain::embedding::Purpose;

const TASKS: [(Purpose, &str); 8] = [
    (Purpose::Classification, "CLASSIFICATION"),
    (Purpose::Clustering, "CLUSTERING"),
    (Purpose::CodeQuery, "CODE_RETRIEVAL_QUERY"),
    (Purpose::Document, "RETRIEVAL_DOCUMENT"),
    (Purpose::FactVerification, "FACT_VERIFICATION"),
    (Purpose::Query, "RETRIEVAL_QUERY"),
    (Purpose::QuestionAnswering, "QUESTION_ANSWERING"),
    (Purpose::Similarity, "SEMANTIC_SIMILARITY"),
];

/// `taskType`
pub fn task(purpose: Purpose) -> &'static str {
    TASKS.iter().find(|(known, _)| *known == purpose).map_or("TASK_TYPE_UNSPECIFIED", |(_, name)| name)
}

/// The purpose of that name.
pub fn task_named(name: &str) -> Option<Purpose> {
    TASKS.iter().find(|(_, known)| *known == name).map(|(purpose, _)| *purpose)
}
