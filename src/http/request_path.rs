//! The parts of a request's path that a route leaves open.

use axum::extract::{FromRequestParts, Path as Parts};
use axum::http::StatusCode;
use axum::http::request;
use serde::de::DeserializeOwned;

use super::problem::Problem;

/// What stands in the path where the route has names; refused as all else is that is no address here.
#[derive(Debug)]
pub(super) struct Path<T>(
    /// One text, or as many as there are names.
    pub(super) T,
);

impl<S, T> FromRequestParts<S> for Path<T>
where
    S: Send + Sync,
    T: DeserializeOwned + Send,
{
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut request::Parts, state: &S) -> Result<Self, Problem> {
        let read = Parts::<T>::from_request_parts(parts, state).await;
        read.map(|Parts(value)| Self(value)).map_err(|rejection| {
            let problem = match rejection.status() {
                StatusCode::BAD_REQUEST => Problem::bad_request("a part of the path is no UTF-8"),
                _ => Problem::internal("a route reads other parts of its path than it has"),
            };
            problem.inside(rejection.body_text())
        })
    }
}
