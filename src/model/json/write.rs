//! Typed values back to JSON text, compact (contract/data-model.md 1).

use crate::model::attributes::AttributeReply;
use crate::model::value::{Key, Value};
use std::fmt::Write;

/// `{"client":{..},"shared":{..}}`, sections without a hit left out.
pub fn write_attribute_reply(reply: &AttributeReply, out: &mut String) {
    let sections = [("client", &reply.client), ("shared", &reply.shared)];
    let hits = sections
        .into_iter()
        .filter(|(_, entries)| !entries.is_empty());
    braced('{', '}', hits, out, |(name, entries), out| {
        write_string(name, out);
        out.push(':');
        write_object(entries, out);
    });
}

/// `{"k":v,...}`.
pub fn write_object(entries: &[(Key, Value)], out: &mut String) {
    braced('{', '}', entries, out, |(key, value), out| {
        write_string(key, out);
        out.push(':');
        write_value(value, out);
    });
}

/// `{"deleted":["k",...]}`.
pub fn write_deleted(keys: &[Key], out: &mut String) {
    out.push_str("{\"deleted\":");
    braced('[', ']', keys, out, |key, out| write_string(key, out));
    out.push('}');
}

/// A server-side RPC: `{"method":..,"params":..}`, led by `"id":..` where the body carries it
/// (contract/mqtt.md 8, contract/http.md 5). `params` is JSON text and goes out as it is.
pub fn write_rpc(id: Option<i32>, method: &str, params: &str, out: &mut String) {
    out.push('{');
    if let Some(id) = id {
        push_display(format_args!("\"id\":{id},"), out);
    }
    out.push_str("\"method\":");
    write_string(method, out);
    out.push_str(",\"params\":");
    out.push_str(params);
    out.push('}');
}

/// One value as JSON: doubles in shortest form with at least one fraction digit.
pub fn write_value(value: &Value, out: &mut String) {
    match value {
        Value::Bool(value) => out.push_str(if *value { "true" } else { "false" }),
        Value::Long(value) => push_display(format_args!("{value}"), out),
        Value::Double(value) => write_double(*value, out),
        Value::Text(value) => write_string(value, out),
        Value::Json(value) => out.push_str(value),
    }
}

/// Shortest digits that read back as the same double, and as a DOUBLE: plain with a fraction,
/// because an integral number in exponent form would be read as a LONG (data-model.md 2). Only
/// tiny ones, which are never integral, use an exponent.
fn write_double(value: f64, out: &mut String) {
    let start = out.len();
    if value != 0.0 && value.abs() < 1e-5 {
        push_display(format_args!("{value:e}"), out);
    } else {
        push_display(format_args!("{value}"), out);
    }
    let written = out.get(start..).unwrap_or_default();
    if written.contains('.') {
        return;
    }
    let at = written.find('e').map_or(out.len(), |at| start + at);
    out.insert_str(at, ".0");
}

/// A JSON string with its quotes.
pub fn write_string(text: &str, out: &mut String) {
    out.push('"');
    let mut rest = text;
    while let Some(at) = rest.find(|c: char| c < ' ' || c == '"' || c == '\\') {
        let (plain, tail) = rest.split_at(at);
        out.push_str(plain);
        let mut chars = tail.chars();
        if let Some(special) = chars.next() {
            escape(special, out);
        }
        rest = chars.as_str();
    }
    out.push_str(rest);
    out.push('"');
}

fn escape(special: char, out: &mut String) {
    match special {
        '\n' => out.push_str("\\n"),
        '\r' => out.push_str("\\r"),
        '\t' => out.push_str("\\t"),
        '"' | '\\' => {
            out.push('\\');
            out.push(special);
        }
        _ => push_display(format_args!("\\u{:04x}", u32::from(special)), out),
    }
}

fn braced<T>(
    open: char,
    close: char,
    items: impl IntoIterator<Item = T>,
    out: &mut String,
    write: impl Fn(T, &mut String),
) {
    out.push(open);
    for (index, item) in items.into_iter().enumerate() {
        if index > 0 {
            out.push(',');
        }
        write(item, out);
    }
    out.push(close);
}

fn push_display(text: std::fmt::Arguments<'_>, out: &mut String) {
    // Writing into a String cannot fail.
    let _ = out.write_fmt(text);
}
