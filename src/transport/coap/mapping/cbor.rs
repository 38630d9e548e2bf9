//! CBOR (RFC 8949) to JSON text and back, so that one reader knows the rules of payloads.
//!
//! Numbers keep their type: integers stay integers, floats get a fraction; a single-precision
//! float is written with the digits that name it, not with those of its widening.

use crate::model::json;
use crate::model::reject::{Reason, Rejection};
use crate::model::value::Value;
use minicbor::data::Type;
use minicbor::decode::Error;
use minicbor::{Decoder, Encoder};
use serde_json::Value as Json;

/// # Errors
/// `BadJson` (not well formed, empty), `BadShape` (what JSON cannot hold), `BadKey`, `BadValue`,
/// `TooDeep`, `TooLarge`.
pub fn to_json(body: &[u8], max_depth: usize) -> Result<String, Rejection> {
    if body.is_empty() {
        return Err(Rejection::new(Reason::BadJson, "the payload is empty"));
    }
    let mut reader = Reader {
        decoder: Decoder::new(body),
        out: String::with_capacity(body.len() * 2),
        // Doubles such as 1e300 have many digits; a body of them is no body of a device.
        most: body.len().saturating_mul(4).saturating_add(4096),
        max_depth,
    };
    reader.value(0)?;
    if reader.decoder.position() < body.len() {
        return Err(Rejection::new(
            Reason::BadJson,
            "bytes behind the CBOR value",
        ));
    }
    Ok(reader.out)
}

struct Reader<'b> {
    decoder: Decoder<'b>,
    out: String,
    most: usize,
    max_depth: usize,
}

type Read = Result<(), Rejection>;

impl Reader<'_> {
    fn value(&mut self, depth: usize) -> Read {
        if self.out.len() > self.most {
            let what = "numbers of too many digits";
            return Err(Rejection::new(Reason::TooLarge, what));
        }
        match self.decoder.datatype().map_err(|e| malformed(&e))? {
            Type::Bool => {
                let value = self.decoder.bool().map_err(|e| malformed(&e))?;
                self.write(&Value::Bool(value));
            }
            Type::Null => {
                self.decoder.null().map_err(|e| malformed(&e))?;
                self.out.push_str("null");
            }
            Type::Undefined => {
                self.decoder.undefined().map_err(|e| malformed(&e))?;
                self.out.push_str("null");
            }
            Type::U8
            | Type::U16
            | Type::U32
            | Type::U64
            | Type::I8
            | Type::I16
            | Type::I32
            | Type::I64
            | Type::Int => {
                let number = self.decoder.int().map_err(|e| malformed(&e))?;
                self.out.push_str(&i128::from(number).to_string());
            }
            Type::F16 => {
                let number = self.decoder.f16().map_err(|e| malformed(&e))?;
                self.single(number)?;
            }
            Type::F32 => {
                let number = self.decoder.f32().map_err(|e| malformed(&e))?;
                self.single(number)?;
            }
            Type::F64 => {
                let number = self.decoder.f64().map_err(|e| malformed(&e))?;
                self.double(number)?;
            }
            Type::String | Type::StringIndef => self.text()?,
            Type::Array | Type::ArrayIndef => self.array(depth + 1)?,
            Type::Map | Type::MapIndef => self.map(depth + 1)?,
            Type::Tag => {
                // Times and the like: what is tagged counts.
                self.check_depth(depth + 1)?;
                self.decoder.tag().map_err(|e| malformed(&e))?;
                self.value(depth + 1)?;
            }
            other => {
                let what = format!("CBOR {other} has no place in JSON");
                return Err(Rejection::new(Reason::BadShape, what));
            }
        }
        Ok(())
    }

    fn write(&mut self, value: &Value) {
        json::write_value(value, &mut self.out);
    }

    fn single(&mut self, number: f32) -> Read {
        // The shortest digits that name it, read as a double.
        let digits = number.to_string();
        self.double(digits.parse().unwrap_or(f64::from(number)))
    }

    fn double(&mut self, number: f64) -> Read {
        if !number.is_finite() {
            let what = "a number is not finite";
            return Err(Rejection::new(Reason::BadValue, what));
        }
        self.write(&Value::Double(number));
        Ok(())
    }

    fn text(&mut self) -> Read {
        let parts = self.decoder.str_iter().map_err(|e| malformed(&e))?;
        let mut whole = String::new();
        for part in parts {
            whole.push_str(part.map_err(|e| malformed(&e))?);
        }
        json::write_string(&whole, &mut self.out);
        Ok(())
    }

    fn check_depth(&self, depth: usize) -> Read {
        if depth <= self.max_depth {
            return Ok(());
        }
        let what = format!(
            "maps and arrays are nested deeper than {} levels",
            self.max_depth
        );
        Err(Rejection::new(Reason::TooDeep, what))
    }

    /// True: the array or map of this many (`None`: indefinite) has no more after `done`.
    fn at_end(&mut self, count: Option<u64>, done: u64) -> Result<bool, Rejection> {
        match count {
            Some(count) => Ok(done >= count),
            None => {
                let next = self.decoder.datatype().map_err(|e| malformed(&e))?;
                if next == Type::Break {
                    self.decoder.skip().map_err(|e| malformed(&e))?;
                }
                Ok(next == Type::Break)
            }
        }
    }

    fn array(&mut self, depth: usize) -> Read {
        self.check_depth(depth)?;
        let count = self.decoder.array().map_err(|e| malformed(&e))?;
        self.out.push('[');
        let mut done = 0;
        while !self.at_end(count, done)? {
            if done > 0 {
                self.out.push(',');
            }
            self.value(depth)?;
            done += 1;
        }
        self.out.push(']');
        Ok(())
    }

    fn map(&mut self, depth: usize) -> Read {
        self.check_depth(depth)?;
        let count = self.decoder.map().map_err(|e| malformed(&e))?;
        self.out.push('{');
        let mut done = 0;
        while !self.at_end(count, done)? {
            if done > 0 {
                self.out.push(',');
            }
            match self.decoder.datatype().map_err(|e| malformed(&e))? {
                Type::String | Type::StringIndef => self.text()?,
                _ => return Err(Rejection::new(Reason::BadKey, "a key of a map is no text")),
            }
            self.out.push(':');
            self.value(depth)?;
            done += 1;
        }
        self.out.push('}');
        Ok(())
    }
}

fn malformed(error: &Error) -> Rejection {
    let at = error
        .position()
        .map_or(String::new(), |at| format!(" at byte {}", at + 1));
    Rejection::new(Reason::BadJson, format!("not valid CBOR{at}"))
}

/// JSON text of ours as CBOR; `None` if it is no JSON.
pub fn from_json(text: &str) -> Option<Vec<u8>> {
    let value: Json = serde_json::from_str(text).ok()?;
    let mut encoder = Encoder::new(Vec::with_capacity(text.len()));
    write(&value, &mut encoder)?;
    Some(encoder.into_writer())
}

fn write(value: &Json, out: &mut Encoder<Vec<u8>>) -> Option<()> {
    match value {
        Json::Null => out.null().map(|_| ()),
        Json::Bool(value) => out.bool(*value).map(|_| ()),
        Json::Number(number) => return write_number(number, out),
        Json::String(text) => out.str(text).map(|_| ()),
        Json::Array(items) => {
            out.array(items.len() as u64).ok()?;
            for item in items {
                write(item, out)?;
            }
            return Some(());
        }
        Json::Object(members) => {
            out.map(members.len() as u64).ok()?;
            for (key, member) in members {
                out.str(key).ok()?;
                write(member, out)?;
            }
            return Some(());
        }
    }
    .ok()
}

fn write_number(number: &serde_json::Number, out: &mut Encoder<Vec<u8>>) -> Option<()> {
    if let Some(number) = number.as_i64() {
        return out.i64(number).map(|_| ()).ok();
    }
    if let Some(number) = number.as_u64() {
        return out.u64(number).map(|_| ()).ok();
    }
    let number = number.as_f64()?;
    let single = number as f32;
    match f64::from(single).to_bits() == number.to_bits() {
        true => out.f32(single).map(|_| ()).ok(),
        false => out.f64(number).map(|_| ()).ok(),
    }
}
