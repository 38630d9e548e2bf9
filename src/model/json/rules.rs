//! `[payload]`: how payloads are read, and the rules for keys (contract/data-model.md 3).

use crate::model::reject::{Reason, Rejection};
use serde::Deserialize;

/// `[payload]`: how payloads are read. See `config.toml`; that file holds the defaults.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Rules {
    /// Deepest nesting of objects and arrays.
    pub max_depth: usize,
    /// Longest key, in characters.
    pub max_key: usize,
    /// Most points of one message.
    pub max_points: usize,
    /// Accept JSON5 habits (`{temperature:25}`) after strict parsing failed.
    pub lenient: bool,
}

impl Rules {
    /// Not blank, at most `max_key` characters, no markup and no `{{..}}`.
    ///
    /// # Errors
    /// `BadKey`, naming the (shortened) key.
    pub fn check_key(&self, key: &str) -> Result<(), Rejection> {
        let problem = if key.trim().is_empty() {
            "is blank".to_string()
        } else if key.len() > self.max_key && key.chars().count() > self.max_key {
            format!("is longer than {} characters", self.max_key)
        } else if holds_markup(key) {
            "holds markup, which is not allowed in keys".to_string()
        } else {
            return Ok(());
        };
        let detail = format!("the key \"{}\" {problem}", shown(key));
        Err(Rejection::new(Reason::BadKey, detail))
    }

    pub(super) fn too_deep(&self) -> Rejection {
        let detail = format!(
            "objects and arrays are nested deeper than {} levels",
            self.max_depth
        );
        Rejection::new(Reason::TooDeep, detail)
    }
}

/// An HTML tag or comment (`<a>`, `</a>`, `<!-- -->`) or a template (`{{..}}`).
fn holds_markup(key: &str) -> bool {
    let opens =
        |pair: &[u8]| matches!(pair, [b'<', b'a'..=b'z' | b'A'..=b'Z' | b'/' | b'!' | b'?']);
    let tag = key.as_bytes().windows(2).position(opens);
    let template = key.as_bytes().windows(2).position(|pair| pair == b"{{");
    closed(key, tag, ">") || closed(key, template, "}}")
}

fn closed(key: &str, opened: Option<usize>, end: &str) -> bool {
    opened
        .and_then(|at| key.get(at..))
        .is_some_and(|rest| rest.contains(end))
}

/// A key as details show it: shortened, control characters escaped, so that a hostile key can
/// neither flood nor forge a log line.
pub(super) fn shown(key: &str) -> String {
    const LONGEST: usize = 40;
    let mut text: String = key
        .chars()
        .take(LONGEST)
        .flat_map(char::escape_debug)
        .collect();
    if key.chars().nth(LONGEST).is_some() {
        text.push('…');
    }
    text
}
