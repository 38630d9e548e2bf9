//! Layers of settings over the compiled-in defaults; remembers where each override came from.

use super::error::{ConfigError, Place};
use super::load::ENVIRONMENT_PREFIX;
use super::{Config, DEFAULTS};
use std::collections::BTreeMap;
use std::ops::Range;
use std::path::Path;
use toml_edit::{Document, DocumentMut, Item, TableLike, Value};

/// The one key whose value no error may show.
const SECRET: &str = "admin.password";

/// The keys that exist (the defaults' keys) and the values given for them so far.
pub struct Layers {
    merged: DocumentMut,
    /// Dotted key → where it was set last. Absent: the default stands.
    places: BTreeMap<String, Place>,
}

/// One setting of a layer, with the place to name when it does not fit.
struct Override {
    key: String,
    value: Value,
    place: Place,
}

impl Layers {
    /// Only the defaults. They are compiled in and tested, so they parse.
    pub fn of_defaults() -> Self {
        let merged = DEFAULTS.parse().unwrap_or_default();
        Self {
            merged,
            places: BTreeMap::new(),
        }
    }

    /// Puts a file's settings over what is there.
    pub fn add_file(&mut self, file: &Path, text: &str) -> Result<(), ConfigError> {
        let place = |span: Option<Range<usize>>| Place::Line {
            file: file.to_owned(),
            line: line_of(text, span.map_or(0, |span| span.start)),
        };
        let document = Document::parse(text).map_err(|error| ConfigError::Syntax {
            place: place(error.span()),
            why: error.message().to_owned(),
        })?;
        let mut found = Vec::new();
        collect(document.as_table(), "", &place, &mut found);
        found
            .into_iter()
            .try_for_each(|setting| self.apply(setting))
    }

    /// Puts one environment variable over what is there; its text is read as the key's type.
    pub fn add_variable(&mut self, name: &str, text: &str) -> Result<(), ConfigError> {
        let path = name.strip_prefix(ENVIRONMENT_PREFIX).unwrap_or(name);
        let key = path.to_ascii_lowercase().replace("__", ".");
        let place = Place::Environment(name.to_owned());
        let value = match self.get(&key) {
            Some(Value::Boolean(_)) => text.parse::<bool>().ok().map(Value::from),
            Some(Value::Integer(_)) => text.parse::<i64>().ok().map(Value::from),
            _ => Some(Value::from(text)),
        };
        match value {
            Some(value) => self.apply(Override { key, value, place }),
            None => {
                let why = "not a number, or not `true` or `false`, as this key needs".to_owned();
                Err(ConfigError::BadValue { place, key, why })
            }
        }
    }

    /// Where `key` got its value.
    pub fn place_of(&self, key: &str) -> Place {
        self.places.get(key).cloned().unwrap_or(Place::Default)
    }

    /// The typed configuration.
    pub fn decode(&self) -> Result<Config, ConfigError> {
        decode(&self.merged).map_err(|why| ConfigError::Syntax {
            place: Place::Default,
            why,
        })
    }

    /// Sets one key and tries the whole, so that a value of the wrong type is pinned to its place.
    fn apply(&mut self, setting: Override) -> Result<(), ConfigError> {
        let Override { key, value, place } = setting;
        let known = self.get_mut(&key).map(|slot| *slot = value).is_some();
        if !known {
            let nearest = self.nearest(&key);
            return Err(ConfigError::UnknownKey {
                place,
                key,
                nearest,
            });
        }
        if let Err(why) = decode(&self.merged) {
            // The decoder quotes the value, and this one is a secret.
            let why = if key == SECRET {
                "must be a text in quotes".to_owned()
            } else {
                why
            };
            return Err(ConfigError::BadValue { place, key, why });
        }
        self.places.insert(key, place);
        Ok(())
    }

    fn get(&self, key: &str) -> Option<&Value> {
        let mut item = self.merged.as_item();
        for part in key.split('.') {
            item = item.as_table_like()?.get(part)?;
        }
        item.as_value()
    }

    fn get_mut(&mut self, key: &str) -> Option<&mut Value> {
        let mut item = self.merged.as_item_mut();
        for part in key.split('.') {
            item = item.as_table_like_mut()?.get_mut(part)?;
        }
        item.as_value_mut()
    }

    /// The known key closest to a misspelt one; `None` when nothing is close.
    fn nearest(&self, key: &str) -> Option<String> {
        let mut known = Vec::new();
        collect(self.merged.as_table(), "", &|_| Place::Default, &mut known);
        let last = |key: &str| key.rsplit('.').next().unwrap_or_default().to_owned();
        known
            .into_iter()
            .map(|candidate| {
                let whole = strsim::jaro_winkler(&candidate.key, key);
                // The right key in the wrong section is as good a guess as a misspelt one.
                let end = strsim::jaro_winkler(&last(&candidate.key), &last(key));
                (whole.max(end * 0.98), candidate.key)
            })
            .filter(|(score, _)| *score > 0.8)
            .max_by(|a, b| a.0.total_cmp(&b.0))
            .map(|(_, key)| key)
    }
}

fn decode(merged: &DocumentMut) -> Result<Config, String> {
    toml_edit::de::from_document(merged.clone()).map_err(|error| error.message().to_owned())
}

/// All leaf values of a table with their dotted keys and places.
fn collect(
    table: &dyn TableLike,
    prefix: &str,
    place: &impl Fn(Option<Range<usize>>) -> Place,
    found: &mut Vec<Override>,
) {
    for (name, item) in table.iter() {
        let key = if prefix.is_empty() {
            name.to_owned()
        } else {
            format!("{prefix}.{name}")
        };
        let span = table
            .key(name)
            .and_then(|key| key.span())
            .or_else(|| item.span());
        match item {
            Item::Value(value) if !value.is_inline_table() => {
                found.push(Override {
                    key,
                    value: value.clone(),
                    place: place(span),
                });
            }
            item => match item.as_table_like() {
                Some(inner) if !inner.is_empty() => collect(inner, &key, place, found),
                // An empty section is fine when it exists; as a leaf it is checked like a key.
                Some(_) if is_section(&key) => {}
                _ => found.push(Override {
                    key,
                    value: Value::from(""),
                    place: place(span),
                }),
            },
        }
    }
}

fn is_section(key: &str) -> bool {
    DEFAULTS
        .lines()
        .any(|line| line.trim() == format!("[{key}]"))
}

/// 1-based line of a byte offset.
fn line_of(text: &str, offset: usize) -> usize {
    1 + text
        .as_bytes()
        .iter()
        .take(offset)
        .filter(|byte| **byte == b'\n')
        .count()
}
