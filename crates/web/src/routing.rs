//! A router that can say which routes it has: axum's, with a list beside it.
//!
//! The table of permissions and the description of the API are checked against this list, so no route can
//! be added without both. That is why the routes of this crate are made with the functions of this module
//! and not with those of `axum::routing`.

use std::convert::Infallible;

use app::App;
use axum::extract::Request;
use axum::handler::Handler;
use axum::http::Method;
use axum::response::IntoResponse;
use axum::routing::{self, Route};
use tower::{Layer, Service};

/// A method on an address, with names in braces for what varies.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Endpoint {
    /// Path from the root of the server.
    pub path: String,
    /// `GET` stands for `HEAD` as well.
    pub method: String,
}

/// Routes, and the list of them.
#[derive(Debug, Default)]
pub(crate) struct Router {
    inner: axum::Router<App>,
    endpoints: Vec<Endpoint>,
}

/// What answers the methods of one path.
#[derive(Debug, Default)]
pub(crate) struct MethodRouter {
    inner: routing::MethodRouter<App>,
    methods: Vec<Method>,
}

impl Router {
    pub(crate) fn new() -> Router {
        Router::default()
    }

    /// Adds what answers a path.
    pub(crate) fn route(mut self, path: &str, answer: MethodRouter) -> Router {
        self.inner = self.inner.route(path, answer.inner);
        self.endpoints.extend(answer.methods.iter().map(|method| Endpoint {
            path: path.to_owned(),
            method: method.to_string(),
        }));
        self
    }

    pub(crate) fn merge(mut self, other: Router) -> Router {
        self.inner = self.inner.merge(other.inner);
        self.endpoints.extend(other.endpoints);
        self
    }

    /// Adds routes below a path.
    pub(crate) fn nest(mut self, root: &str, other: Router) -> Router {
        self.inner = self.inner.nest(root, other.inner);
        self.endpoints.extend(other.endpoints.into_iter().map(|below| Endpoint {
            path: format!("{root}{}", below.path),
            ..below
        }));
        self
    }

    /// Wraps the routes that are there already.
    pub(crate) fn layer<L>(mut self, layer: L) -> Router
    where
        L: Layer<Route> + Clone + Send + Sync + 'static,
        L::Service: Service<Request, Error = Infallible> + Clone + Send + Sync + 'static,
        <L::Service as Service<Request>>::Response: IntoResponse + 'static,
        <L::Service as Service<Request>>::Future: Send + 'static,
    {
        self.inner = self.inner.layer(layer);
        self
    }

    /// Returns axum's router, which can no longer say what it has.
    pub(crate) fn into_axum(self) -> axum::Router<App> {
        self.inner
    }

    /// Returns what there is, in the order of addition.
    pub(crate) fn into_endpoints(self) -> Vec<Endpoint> {
        self.endpoints
    }
}

macro_rules! methods {
    ($($name:ident $method:ident)*) => {
        impl MethodRouter {
            $(
                pub(crate) fn $name<H: Handler<T, App>, T: 'static>(mut self, handler: H) -> MethodRouter {
                    self.inner = self.inner.$name(handler);
                    self.methods.push(Method::$method);
                    self
                }
            )*
        }
        $(
            pub(crate) fn $name<H: Handler<T, App>, T: 'static>(handler: H) -> MethodRouter {
                MethodRouter::default().$name(handler)
            }
        )*
    };
}

methods!(get GET post POST put PUT patch PATCH delete DELETE);

impl MethodRouter {
    pub(crate) fn merge(mut self, other: MethodRouter) -> MethodRouter {
        self.inner = self.inner.merge(other.inner);
        self.methods.extend(other.methods);
        self
    }

    /// Wraps the methods that are there already.
    pub(crate) fn layer<L>(mut self, layer: L) -> MethodRouter
    where
        L: Layer<Route> + Clone + Send + Sync + 'static,
        L::Service: Service<Request, Error = Infallible> + Clone + Send + Sync + 'static,
        <L::Service as Service<Request>>::Response: IntoResponse + 'static,
        <L::Service as Service<Request>>::Future: Send + 'static,
    {
        self.inner = self.inner.layer(layer);
        self
    }

    /// Returns axum's.
    pub(crate) fn into_axum(self) -> routing::MethodRouter<App> {
        self.inner
    }
}
