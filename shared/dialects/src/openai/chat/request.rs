//! Requests, both ways.
use crate::{
    codec::{Encoded, Target},
    json::Node,
    malformed::Malformed,
};
use domain::{Error, chat::Request};

pub fn decode(_: &Node<'_>) -> Result<Request, Malformed> {
    Err(Malformed::invalid("not spoken yet"))
}

pub fn encode(_: &Request, _: &Target<'_>) -> Result<Encoded, Error> {
    Err(Malformed::invalid("not spoken yet").into())
}
