//! Two applications on one port: what begins with `/admin` is the admin plane's, everything else the clients'.

use axum::{Router, extract::Request, response::Response};
use gateway::http::Edge;
use std::convert::Infallible;
use tower::ServiceExt;

/// Both planes.
#[derive(Clone)]
pub struct Planes {
    pub client: Edge,
    pub admin: Router,
}

impl Planes {
    /// Whether a path is the admin plane's.
    pub fn is_admin(path: &str) -> bool {
        path == "/admin" || path.starts_with("/admin/")
    }

    /// Answers one request.
    pub async fn answer(self, request: Request) -> Result<Response, Infallible> {
        if Self::is_admin(request.uri().path()) {
            return self.admin.oneshot(request).await;
        }
        Ok(self.client.handle(request).await)
    }
}
