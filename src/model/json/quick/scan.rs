//! The tokens of plain JSON. `None` means: not plain, let serde_json see it.

use super::super::number::typed;
use crate::model::value::Value;

/// Deeper nesting is not plain: reading it descends once a level.
const DEEPEST: usize = 16;

/// Powers of ten that a double holds exactly; so does it hold every whole number up to 2^53, and
/// the quotient of two exact numbers is rounded once: to the double that is nearest to the decimal,
/// which is also what parsing its text gives.
const POWERS: [f64; 19] = [
    1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15, 1e16,
    1e17, 1e18,
];
/// That many digits fit 64 bits.
const DIGITS: usize = 18;
/// Whole numbers up to here are doubles without a loss.
const EXACT: u64 = 1 << 53;

/// A value as it stands in the text.
#[derive(Clone, Copy)]
pub(super) enum Raw<'t> {
    Null,
    Bool(bool),
    Long(i64),
    Double(f64),
    /// A string's characters.
    Text(&'t str),
    /// An object or array without white space between its tokens.
    Json(&'t str),
    /// One with white space.
    Spaced(&'t str),
}

/// A place in a text.
pub(super) struct Cursor<'t> {
    text: &'t str,
    at: usize,
    /// White space between tokens so far.
    spaces: usize,
}

impl<'t> Cursor<'t> {
    pub fn new(text: &'t str) -> Self {
        Self {
            text,
            at: 0,
            spaces: 0,
        }
    }

    fn peek(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    /// Goes to the next token and says how it begins.
    #[inline(always)]
    pub fn token(&mut self) -> Option<u8> {
        loop {
            match self.peek()? {
                b' ' | b'\n' | b'\r' | b'\t' => {
                    self.at += 1;
                    self.spaces += 1;
                }
                byte => return Some(byte),
            }
        }
    }

    /// Takes the next token if it is this one.
    #[inline(always)]
    pub fn take(&mut self, byte: u8) -> Option<()> {
        (self.token()? == byte).then(|| self.at += 1)
    }

    /// Nothing but white space may be left.
    pub fn end(&mut self) -> Option<()> {
        self.token().is_none().then_some(())
    }

    /// The value that comes next. `room`: how many levels an object or array may have.
    #[inline(always)]
    pub fn value(&mut self, room: usize) -> Option<Raw<'t>> {
        match self.token()? {
            b'"' => self.string().map(Raw::Text),
            b'{' | b'[' => self.nested(room),
            b't' => self.word("true").map(|()| Raw::Bool(true)),
            b'f' => self.word("false").map(|()| Raw::Bool(false)),
            b'n' => self.word("null").map(|()| Raw::Null),
            _ => self.number(),
        }
    }

    /// This word must stand here.
    #[inline(always)]
    fn word(&mut self, word: &str) -> Option<()> {
        let rest = self.text.as_bytes().get(self.at..)?;
        rest.starts_with(word.as_bytes())
            .then(|| self.at += word.len())
    }

    /// The characters of the string that begins here.
    #[inline(always)]
    pub fn string(&mut self) -> Option<&'t str> {
        let bytes = self.text.as_bytes();
        if bytes.get(self.at) != Some(&b'"') {
            return None;
        }
        let from = self.at + 1;
        let end = string_end(bytes, from)?;
        self.at = end + 1;
        self.text.get(from..end)
    }

    /// The characters of the string that begins here, and whether they are visible ASCII that
    /// opens no markup: a name that needs no closer look.
    #[inline(always)]
    pub fn name(&mut self) -> Option<(&'t str, bool)> {
        let bytes = self.text.as_bytes();
        if bytes.get(self.at) != Some(&b'"') {
            return None;
        }
        let from = self.at + 1;
        let (mut end, mut odd) = (from, 0);
        // Eight at a time.
        while let Some(word) = bytes.get(end..).and_then(<[u8]>::first_chunk::<8>) {
            let word = u64::from_le_bytes(*word);
            let found = ends(word);
            if found == 0 {
                odd |= unusual(word);
                end += 8;
                continue;
            }
            let place = found.trailing_zeros() / 8;
            // What stands before it.
            odd |= unusual(word) & ((1 << (8 * place)) - 1);
            end += place as usize;
            if bytes.get(end) != Some(&b'"') {
                return None;
            }
            self.at = end + 1;
            return Some((self.text.get(from..end)?, odd == 0));
        }
        // Near the end of the text.
        let name = self.string()?;
        Some((name, name.bytes().all(is_visible)))
    }

    /// The number that begins here.
    #[inline(always)]
    pub fn number(&mut self) -> Option<Raw<'t>> {
        let from = self.at;
        let negative = self.peek()? == b'-';
        self.at += usize::from(negative);
        let leading_zero = self.peek()? == b'0';
        let mut digits = 0;
        let whole = self.digits(&mut digits);
        if whole == 0 || (leading_zero && whole > 1) {
            return None;
        }
        let mut fraction = 0;
        if self.peek() == Some(b'.') {
            self.at += 1;
            fraction = self.digits(&mut digits);
            if fraction == 0 {
                return None;
            }
        }
        if let Some(b'e' | b'E') = self.peek() {
            self.exponent()?;
        } else if whole + fraction <= DIGITS {
            if fraction == 0 {
                let number = i64::try_from(digits).ok()?;
                return Some(Raw::Long(if negative { -number } else { number }));
            }
            if digits <= EXACT {
                let number = digits as f64 / POWERS.get(fraction)?;
                return Some(Raw::Double(if negative { -number } else { number }));
            }
        }
        match typed(self.text.get(from..self.at)?)? {
            Value::Long(number) => Some(Raw::Long(number)),
            Value::Double(number) => Some(Raw::Double(number)),
            // Outside 64 bits.
            _ => None,
        }
    }

    /// Takes digits, adds them to `number` (which wraps) and says how many there were.
    #[inline(always)]
    fn digits(&mut self, number: &mut u64) -> usize {
        let from = self.at;
        while let Some(byte @ b'0'..=b'9') = self.peek() {
            *number = number.wrapping_mul(10).wrapping_add(u64::from(byte - b'0'));
            self.at += 1;
        }
        self.at - from
    }

    fn exponent(&mut self) -> Option<()> {
        self.at += 1;
        if let Some(b'+' | b'-') = self.peek() {
            self.at += 1;
        }
        (self.digits(&mut 0) > 0).then_some(())
    }

    fn nested(&mut self, room: usize) -> Option<Raw<'t>> {
        let (from, spaces) = (self.at, self.spaces);
        self.skip(room.min(DEEPEST))?;
        let text = self.text.get(from..self.at)?;
        Some(if self.spaces == spaces {
            Raw::Json(text)
        } else {
            Raw::Spaced(text)
        })
    }

    /// Skips one value, of at most `room` levels.
    fn skip(&mut self, room: usize) -> Option<()> {
        match self.token()? {
            b'"' => self.string().map(drop),
            b'{' => {
                let room = room.checked_sub(1)?;
                self.list(b'}', |cursor| {
                    cursor.token()?;
                    cursor.string()?;
                    cursor.take(b':')?;
                    cursor.skip(room)
                })
            }
            b'[' => {
                let room = room.checked_sub(1)?;
                self.list(b']', |cursor| cursor.skip(room))
            }
            b't' => self.word("true"),
            b'f' => self.word("false"),
            b'n' => self.word("null"),
            _ => self.number().map(drop),
        }
    }

    /// Skips an opening bracket, items with commas between them, and the closing bracket.
    fn list(&mut self, close: u8, mut item: impl FnMut(&mut Self) -> Option<()>) -> Option<()> {
        self.at += 1;
        if self.take(close).is_some() {
            return Some(());
        }
        loop {
            item(self)?;
            if self.take(b',').is_none() {
                return self.take(close);
            }
        }
    }
}

/// The text of an object or array, which holds no escapes, without white space between its tokens.
pub(super) fn compact(text: &str) -> Box<str> {
    let mut compact = String::with_capacity(text.len());
    // Every other part is the inside of a string, with the quote that ends it.
    let mut inside = false;
    for part in text.split_inclusive('"') {
        if inside {
            compact.push_str(part);
        } else {
            compact.extend(part.split([' ', '\n', '\r', '\t']));
        }
        inside = !inside;
    }
    compact.into_boxed_str()
}

const ONES: u64 = u64::MAX / 0xff;
const HIGH: u64 = ONES * 0x80;

/// The high bit of each byte that is below `least`, which is at most 128. The lowest bit that is set
/// belongs to the first such byte; a borrow can only set bits above it.
#[inline(always)]
fn below(word: u64, least: u8) -> u64 {
    word.wrapping_sub(ONES * u64::from(least)) & !word & HIGH
}

#[inline(always)]
fn is(word: u64, byte: u8) -> u64 {
    below(word ^ (ONES * u64::from(byte)), 1)
}

/// Bytes that are not ASCII, or blank, or control, or open markup: the lowest bit that is set belongs to
/// the first of them.
#[inline(always)]
fn unusual(word: u64) -> u64 {
    let others = is(word, b'<') | is(word, b'{') | is(word, 0x7f);
    below(word, b'!') | others | (word & HIGH)
}

/// The opposite, of one byte.
#[inline(always)]
fn is_visible(byte: u8) -> bool {
    (b'!'..0x7f).contains(&byte) && byte != b'<' && byte != b'{'
}

/// Bytes at which a string ends, or stops being plain; the lowest as above.
#[inline(always)]
fn ends(word: u64) -> u64 {
    is(word, b'"') | is(word, b'\\') | below(word, b' ')
}

/// Index of the quote that ends a string whose characters begin at `at`; `None` if there is an
/// escape or a control character before it.
fn string_end(bytes: &[u8], mut at: usize) -> Option<usize> {
    // Eight at a time.
    while let Some(word) = bytes.get(at..).and_then(<[u8]>::first_chunk::<8>) {
        let word = u64::from_le_bytes(*word);
        let found = ends(word);
        if found != 0 {
            at += found.trailing_zeros() as usize / 8;
            return (bytes.get(at) == Some(&b'"')).then_some(at);
        }
        at += 8;
    }
    loop {
        match bytes.get(at)? {
            b'"' => return Some(at),
            b'\\' | 0..=0x1f => return None,
            _ => at += 1,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_of_eight_bytes_that_is_unusual_is_found() {
        for byte in 0..=u8::MAX {
            for at in 0..8 {
                let mut bytes = *b"a~!z|}=A";
                bytes[at] = byte;
                let found = unusual(u64::from_le_bytes(bytes)).trailing_zeros() as usize / 8;
                assert_eq!(found == at, !is_visible(byte), "{byte} at {at}");
            }
        }
    }

    #[test]
    fn a_name_is_taken_for_visible_only_if_each_of_its_characters_is() {
        for byte in 0..0x80 {
            for length in 1..20 {
                for at in 0..length {
                    let mut name = vec![b'n'; length];
                    name[at] = byte;
                    let name = String::from_utf8(name).unwrap();
                    let text = format!("\"{name}\":1234567890");
                    let found = Cursor::new(&text).name();
                    let plain = !matches!(byte, b'"' | b'\\' | 0..=0x1f);
                    let expected = plain.then_some((name.as_str(), is_visible(byte)));
                    // A quote only ends it earlier.
                    if byte != b'"' {
                        assert_eq!(found, expected, "{text}");
                        assert_eq!(Cursor::new(&format!("\"{name}")).name(), None);
                    }
                }
            }
        }
        assert_eq!(Cursor::new("\"short\"").name(), Some(("short", true)));
    }
}
