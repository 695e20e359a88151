//! Two applications on one port: what begins with `/admin` is the admin plane's, everything else the clients'.

use axum::{Router, extract::Request};
use tower::ServiceExt;

/// Both planes as one application.
pub fn joined(client: Router, admin: Router) -> Router {
    Router::new().fallback(move |request: Request| {
        let path = request.uri().path();
        let is_admin = path == "/admin" || path.starts_with("/admin/");
        let plane = if is_admin { admin.clone() } else { client.clone() };
        async move { plane.oneshot(request).await }
    })
}
