//! Answers, both ways.
use crate::{codec::Reply, json::Node, malformed::Malformed};
use domain::chat::Response;

pub fn decode(_: &Node<'_>) -> Result<Response, Malformed> {
    Err(Malformed::invalid("not spoken yet"))
}

pub fn encode(_: &Response, _: &Reply<'_>) -> String {
    String::new()
}
