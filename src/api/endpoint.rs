//! One row a call: what is mounted and what is documented are the same list, so the OpenAPI
//! document cannot promise a path that does not exist or hide one that does.

use super::error::ApiError;
use actix_web::http::Method;
use actix_web::middleware::from_fn;
use actix_web::{web, FromRequest, Handler, HttpResponse, Responder, Route};

/// One call of the API: where it is, who handles it, what is said about it.
pub struct Endpoint {
    pub method: Method,
    pub path: &'static str,
    pub tag: &'static str,
    pub summary: &'static str,
    /// No operator token needed.
    pub open: bool,
    pub query: Vec<Parameter>,
    /// Schema of the JSON body, when it takes one.
    pub body: Option<&'static str>,
    /// The body is a file instead.
    pub file: bool,
    /// Schema of the 200's JSON body; `None` = empty body.
    pub answer: Option<&'static str>,
    /// Statuses other than 200, 401 (unless open) and what any call may meet (429, 500, 503).
    pub failures: Vec<u16>,
    /// What methods that the path does not have are told; `None` = 405 with `Allow`.
    others: Option<fn() -> ApiError>,
    route: Route,
}

/// A query parameter.
pub struct Parameter {
    pub name: &'static str,
    pub required: bool,
    pub summary: &'static str,
}

impl Endpoint {
    fn new<F, Args>(method: Method, path: &'static str, handler: F) -> Self
    where
        F: Handler<Args>,
        Args: FromRequest + 'static,
        F::Output: Responder + 'static,
    {
        Self {
            route: web::method(method.clone()).to(handler),
            method,
            path,
            tag: "",
            summary: "",
            open: false,
            query: Vec::new(),
            body: None,
            file: false,
            answer: None,
            failures: Vec::new(),
            others: None,
        }
    }

    pub fn says(mut self, summary: &'static str) -> Self {
        self.summary = summary;
        self
    }

    pub fn open(mut self) -> Self {
        self.open = true;
        self
    }

    pub fn asks(mut self, name: &'static str, summary: &'static str) -> Self {
        self.query.push(Parameter {
            name,
            required: false,
            summary,
        });
        self
    }

    pub fn needs(mut self, name: &'static str, summary: &'static str) -> Self {
        self.query.push(Parameter {
            name,
            required: true,
            summary,
        });
        self
    }

    /// The parameters of `paging::request`.
    pub fn paged(self) -> Self {
        self.needs("pageSize", "rows a page, 1 to api.max_page_size")
            .needs("page", "number of the page, from 0")
            .lists()
    }

    /// Paging parameters that only one form of the call needs.
    pub fn lists(self) -> Self {
        self.asks("textSearch", "part of the name, in any case")
            .asks("sortProperty", "createdTime, name, label or type")
            .asks("sortOrder", "ASC or DESC")
    }

    pub fn takes(mut self, schema: &'static str) -> Self {
        self.body = Some(schema);
        self
    }

    pub fn takes_file(mut self) -> Self {
        self.file = true;
        self
    }

    pub fn gives(mut self, schema: &'static str) -> Self {
        self.answer = Some(schema);
        self
    }

    pub fn other_methods(mut self, refusal: fn() -> ApiError) -> Self {
        self.others = Some(refusal);
        self
    }

    pub fn fails(mut self, statuses: &[u16]) -> Self {
        self.failures.extend_from_slice(statuses);
        self
    }
}

pub fn get<F, Args>(path: &'static str, handler: F) -> Endpoint
where
    F: Handler<Args>,
    Args: FromRequest + 'static,
    F::Output: Responder + 'static,
{
    Endpoint::new(Method::GET, path, handler)
}

pub fn post<F, Args>(path: &'static str, handler: F) -> Endpoint
where
    F: Handler<Args>,
    Args: FromRequest + 'static,
    F::Output: Responder + 'static,
{
    Endpoint::new(Method::POST, path, handler)
}

pub fn delete<F, Args>(path: &'static str, handler: F) -> Endpoint
where
    F: Handler<Args>,
    Args: FromRequest + 'static,
    F::Output: Responder + 'static,
{
    Endpoint::new(Method::DELETE, path, handler)
}

/// Gives every endpoint of a resource its tag.
pub fn tagged(tag: &'static str, mut endpoints: Vec<Endpoint>) -> Vec<Endpoint> {
    for endpoint in &mut endpoints {
        endpoint.tag = tag;
    }
    endpoints
}

/// Mounts all, in the order of their first mention: of two paths that fit a request, the one
/// listed first wins. A method that a path does not have is answered with 405 and `Allow`.
pub fn mount(service: &mut web::ServiceConfig, endpoints: Vec<Endpoint>) {
    for (path, group) in by_path(endpoints) {
        let allow = allowed(&group);
        let others = group.iter().find_map(|endpoint| endpoint.others);
        let mut resource = web::resource(path);
        for endpoint in group {
            resource = resource.route(endpoint.route);
        }
        let resource = resource.default_service(web::to(move || {
            let refusal = match others {
                Some(refusal) => refusal(),
                None => ApiError::method_not_allowed(allow.clone()),
            };
            async move { Err::<HttpResponse, ApiError>(refusal) }
        }));
        service.service(resource.wrap(from_fn(super::trace::record)));
    }
}

fn allowed(group: &[Endpoint]) -> String {
    let methods: Vec<&str> = group.iter().map(|e| e.method.as_str()).collect();
    methods.join(", ")
}

fn by_path(endpoints: Vec<Endpoint>) -> Vec<(&'static str, Vec<Endpoint>)> {
    let mut groups: Vec<(&'static str, Vec<Endpoint>)> = Vec::new();
    for endpoint in endpoints {
        match groups.iter_mut().find(|(path, _)| *path == endpoint.path) {
            Some((_, group)) => group.push(endpoint),
            None => groups.push((endpoint.path, vec![endpoint])),
        }
    }
    groups
}
