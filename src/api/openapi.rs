//! `/api/openapi.json`: the document of this API, made from the list that also makes its routes.

use super::endpoint::{get, tagged, Endpoint, Parameter};
use super::error::Answer;
use super::permissions::{self, Need};
use super::schemas;
use crate::model::operator::Role;
use actix_web::HttpResponse;
use serde_json::Value;
use utoipa::openapi::path::{
    HttpMethod, Operation, OperationBuilder, ParameterBuilder, ParameterIn, PathsBuilder,
};
use utoipa::openapi::request_body::RequestBodyBuilder;
use utoipa::openapi::response::{Response, ResponseBuilder};
use utoipa::openapi::schema::{
    empty, AdditionalProperties, ArrayBuilder, ComponentsBuilder, ObjectBuilder, Ref, Schema,
    SchemaType, Type,
};
use utoipa::openapi::security::{
    ApiKey, ApiKeyValue, Http, HttpAuthScheme, SecurityRequirement, SecurityScheme,
};
use utoipa::openapi::{
    ContentBuilder, InfoBuilder, OpenApi, OpenApiBuilder, PathItem, RefOr, Required,
};

/// Bodies and answers whose keys are the caller's own.
const FREE_FORM: [&str; 3] = ["Telemetry", "AttributeValues", "Timeseries"];

/// Members that hold any JSON.
const FREE_MEMBERS: [&str; 4] = ["additionalInfo", "params", "response", "value"];

pub fn endpoints() -> Vec<Endpoint> {
    tagged(
        "document",
        vec![get("/api/openapi.json", serve)
            .says("This document")
            .open()
            .gives("OpenApi")],
    )
}

async fn serve() -> Answer {
    Ok(HttpResponse::Ok().json(document()))
}

/// The whole document.
pub fn document() -> OpenApi {
    let mut paths = PathsBuilder::new();
    for endpoint in super::endpoints() {
        let item = PathItem::new(method(&endpoint), operation(&endpoint));
        paths = paths.path(endpoint.path, item);
    }
    let info = InfoBuilder::new()
        .title("IndustryOS IoT operator API")
        .description(Some(
            "Values of time series are strings unless useStrictDataTypes=true. Every error has the shape Error.",
        ))
        .version(env!("CARGO_PKG_VERSION"))
        .build();
    OpenApiBuilder::new()
        .info(info)
        .paths(paths.build())
        .components(Some(components()))
        .build()
}

fn components() -> utoipa::openapi::Components {
    let mut components = ComponentsBuilder::new().security_scheme(
        "bearer",
        SecurityScheme::Http(
            Http::builder()
                .scheme(HttpAuthScheme::Bearer)
                .bearer_format("JWT")
                .build(),
        ),
    );
    let key = ApiKeyValue::with_description("X-Authorization", "ApiKey VALUE");
    components = components.security_scheme("apiKey", SecurityScheme::ApiKey(ApiKey::Header(key)));
    for (name, sample) in schemas::samples() {
        let schema = match FREE_FORM.contains(&name) {
            true => free_form(sample),
            false => shape(&sample),
        };
        components = components.schema(name, schema);
    }
    components.schema("OpenApi", empty()).build()
}

fn method(endpoint: &Endpoint) -> HttpMethod {
    match endpoint.method.as_str() {
        "POST" => HttpMethod::Post,
        "DELETE" => HttpMethod::Delete,
        _ => HttpMethod::Get,
    }
}

fn operation(endpoint: &Endpoint) -> Operation {
    let mut operation = OperationBuilder::new()
        .tag(endpoint.tag)
        .summary(Some(endpoint.summary))
        .description(need(endpoint).map(Need::words))
        .operation_id(Some(operation_id(endpoint)));
    for name in path_parameters(endpoint.path) {
        operation = operation.parameter(
            ParameterBuilder::new()
                .name(name)
                .parameter_in(ParameterIn::Path)
                .required(Required::True)
                .schema(Some(ObjectBuilder::new().schema_type(Type::String))),
        );
    }
    for parameter in &endpoint.query {
        operation = operation.parameter(query_parameter(parameter));
    }
    if let Some(name) = endpoint.body {
        operation = operation.request_body(Some(
            RequestBodyBuilder::new()
                .description(Some("JSON, whatever the Content-Type says"))
                .required(Some(Required::True))
                .content(
                    "application/json",
                    ContentBuilder::new().schema(Some(reference(name))).build(),
                )
                .build(),
        ));
    }
    if endpoint.file {
        operation = operation.request_body(Some(
            RequestBodyBuilder::new()
                .description(Some("The file, whatever the Content-Type says"))
                .required(Some(Required::True))
                .content(
                    "application/octet-stream",
                    ContentBuilder::new().schema(Some(empty())).build(),
                )
                .build(),
        ));
    }
    operation = operation.response("200", success(endpoint));
    for status in statuses(endpoint) {
        operation = operation.response(status.to_string(), error(reason(status)));
    }
    operation = operation.response(
        "default",
        error("Anything else: 429 too much, 500 our fault, 503 not now (disk full, stopping)"),
    );
    if !endpoint.open {
        operation = operation
            .security(SecurityRequirement::new("bearer", Vec::<String>::new()))
            .security(SecurityRequirement::new("apiKey", Vec::<String>::new()));
    }
    operation.build()
}

/// What the call asks of its caller.
fn need(endpoint: &Endpoint) -> Option<Need> {
    permissions::of(&endpoint.method, endpoint.path).flatten()
}

fn operation_id(endpoint: &Endpoint) -> String {
    let mut id = endpoint.method.as_str().to_lowercase();
    for part in endpoint.path.trim_start_matches("/api").split(['/', '.']) {
        let part = part.trim_matches(['{', '}']);
        let mut letters = part.chars();
        if let Some(first) = letters.next() {
            id.extend(first.to_uppercase());
            id.extend(letters.filter(|c| c.is_alphanumeric()));
        }
    }
    id
}

fn path_parameters(path: &str) -> impl Iterator<Item = &str> {
    path.split('/')
        .filter_map(|part| part.strip_prefix('{')?.strip_suffix('}'))
}

fn query_parameter(parameter: &Parameter) -> ParameterBuilder {
    ParameterBuilder::new()
        .name(parameter.name)
        .parameter_in(ParameterIn::Query)
        .required(match parameter.required {
            true => Required::True,
            false => Required::False,
        })
        .description(Some(parameter.summary))
        .schema(Some(ObjectBuilder::new().schema_type(Type::String)))
}

/// Statuses of failure that are this call's own.
fn statuses(endpoint: &Endpoint) -> Vec<u16> {
    let mut statuses = endpoint.failures.clone();
    if !endpoint.open {
        statuses.push(401);
    }
    if need(endpoint).is_some_and(|need| need.role > Role::Viewer || need.changes) {
        statuses.push(403);
    }
    statuses.sort_unstable();
    statuses.dedup();
    statuses
}

fn reason(status: u16) -> &'static str {
    match status {
        400 => "Something in the request is wrong; the message says what",
        401 => "No valid token (code 10), or an expired one (code 11)",
        403 => "Your role or your key does not allow it (code 20), or there are too many (code 41)",
        404 => "There is no such thing",
        406 => "The device's reply is not JSON",
        408 => "The device did not answer in time",
        409 => "Changed by somebody else meanwhile, or (RPC) not connected",
        413 => "The body is too large",
        429 => "Too many attempts; Retry-After says when to come back",
        504 => "Not connected, or no answer in time",
        _ => "Refused",
    }
}

fn success(endpoint: &Endpoint) -> Response {
    let response = ResponseBuilder::new();
    match endpoint.answer {
        None => response.description("Done; the body is empty").build(),
        Some(name) => response
            .description("Done")
            .content(
                "application/json",
                ContentBuilder::new().schema(Some(reference(name))).build(),
            )
            .build(),
    }
}

fn error(description: &str) -> Response {
    ResponseBuilder::new()
        .description(description)
        .content(
            "application/json",
            ContentBuilder::new()
                .schema(Some(reference("Error")))
                .build(),
        )
        .build()
}

fn reference(name: &str) -> RefOr<Schema> {
    RefOr::Ref(Ref::from_schema_name(name))
}

/// Any object; the sample shows one.
fn free_form(sample: Value) -> Schema {
    ObjectBuilder::new()
        .schema_type(SchemaType::AnyValue)
        .additional_properties(Some(AdditionalProperties::FreeForm(true)))
        .examples([sample])
        .build()
        .into()
}

/// The shape of a sample; `null` stands for anything.
fn shape(sample: &Value) -> Schema {
    match sample {
        Value::Null => empty(),
        Value::Bool(_) => ObjectBuilder::new()
            .schema_type(Type::Boolean)
            .build()
            .into(),
        Value::Number(number) if number.is_i64() => ObjectBuilder::new()
            .schema_type(Type::Integer)
            .build()
            .into(),
        Value::Number(_) => ObjectBuilder::new()
            .schema_type(Type::Number)
            .build()
            .into(),
        Value::String(_) => ObjectBuilder::new()
            .schema_type(Type::String)
            .build()
            .into(),
        Value::Array(items) => {
            let item = items.first().map_or_else(empty, shape);
            ArrayBuilder::new().items(RefOr::T(item)).build().into()
        }
        Value::Object(members) => {
            let mut object = ObjectBuilder::new().schema_type(Type::Object);
            for (name, member) in members {
                let member = match FREE_MEMBERS.contains(&name.as_str()) {
                    true => empty(),
                    false => shape(member),
                };
                object = object.property(name, member);
            }
            object.build().into()
        }
    }
}
