//! What leaves this crate and what comes back, byte by byte, against a server that sends exactly what it is told.

mod bedrock;
mod dialer;
mod echo;
mod http;
mod server;
mod signature;
