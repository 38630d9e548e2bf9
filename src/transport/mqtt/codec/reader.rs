//! Reads the fields of one frame (MQTT 5 section 1.5; 3.1.1 section 1.5): every read is bounded by
//! the frame, and strings are checked.

use super::error::DecodeError;
use bytestring::ByteString;

/// What nearly every publish names: known to be well formed.
const USUAL_TOPICS: [&str; 2] = ["v1/devices/me/telemetry", "v2/t"];

/// A cursor over `at..end` of a frame.
pub(super) struct Reader<'a> {
    frame: &'a [u8],
    at: usize,
    end: usize,
}

impl<'a> Reader<'a> {
    /// From `at` to the frame's end.
    pub fn new(frame: &'a [u8], at: usize) -> Self {
        let end = frame.len();
        Self {
            frame,
            at: at.min(end),
            end,
        }
    }

    pub fn remaining(&self) -> usize {
        self.end - self.at
    }

    pub fn is_empty(&self) -> bool {
        self.at == self.end
    }

    fn take(&mut self, count: usize) -> Result<&'a [u8], DecodeError> {
        if count > self.remaining() {
            return Err(DecodeError::Truncated);
        }
        let from = self.at;
        self.at += count;
        self.frame.get(from..self.at).ok_or(DecodeError::Truncated)
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N], DecodeError> {
        let bytes = self.take(N)?;
        bytes.try_into().map_err(|_| DecodeError::Truncated)
    }

    pub fn u8(&mut self) -> Result<u8, DecodeError> {
        self.array::<1>().map(|[byte]| byte)
    }

    pub fn u16(&mut self) -> Result<u16, DecodeError> {
        self.array().map(u16::from_be_bytes)
    }

    pub fn u32(&mut self) -> Result<u32, DecodeError> {
        self.array().map(u32::from_be_bytes)
    }

    /// A packet id, which is never 0.
    pub fn packet_id(&mut self) -> Result<u16, DecodeError> {
        match self.u16()? {
            0 => Err(DecodeError::PacketIdZero),
            id => Ok(id),
        }
    }

    /// A variable byte integer of MQTT 5, in its shortest form (MQTT-1.5.5-1).
    pub fn variable(&mut self) -> Result<u32, DecodeError> {
        let mut value = 0u32;
        for index in 0..4 {
            let byte = self.u8()?;
            value |= u32::from(byte & 0x7f) << (7 * index);
            if byte & 0x80 == 0 {
                if byte == 0 && index > 0 {
                    return Err(DecodeError::LongLength);
                }
                return Ok(value);
            }
        }
        Err(DecodeError::RemainingLength)
    }

    /// Binary data: two bytes of length, then any bytes.
    pub fn binary(&mut self) -> Result<&'a [u8], DecodeError> {
        let length = self.u16()?;
        self.take(usize::from(length))
    }

    /// A checked string, borrowed from the frame.
    pub fn text(&mut self) -> Result<&'a str, DecodeError> {
        let bytes = self.binary()?;
        let text = std::str::from_utf8(bytes).map_err(|_| DecodeError::InvalidUtf8)?;
        if bytes.contains(&0) {
            return Err(DecodeError::NulCharacter);
        }
        Ok(text)
    }

    /// A checked string of its own.
    pub fn string(&mut self) -> Result<ByteString, DecodeError> {
        let bytes = self.binary()?;
        well_formed(bytes).map(ByteString::from)
    }

    /// A topic name (section 4.7), perhaps empty.
    pub fn topic(&mut self) -> Result<&'a str, DecodeError> {
        let name = self.binary()?;
        if let Some(usual) = USUAL_TOPICS.iter().find(|usual| usual.as_bytes() == name) {
            return Ok(usual);
        }
        let topic = well_formed(name)?;
        check_topic(topic)?;
        Ok(topic)
    }

    /// A topic filter (section 4.7).
    pub fn filter(&mut self) -> Result<&'a str, DecodeError> {
        let filter = self.text()?;
        if is_filter(filter) {
            Ok(filter)
        } else {
            Err(DecodeError::FilterSyntax)
        }
    }

    /// A reader of the next `count` bytes alone.
    pub fn part(&mut self, count: usize) -> Result<Reader<'a>, DecodeError> {
        let at = self.at;
        self.take(count)?;
        Ok(Reader {
            frame: self.frame,
            at,
            end: self.at,
        })
    }

    /// Everything that is left.
    pub fn rest(self) -> &'a [u8] {
        self.frame.get(self.at..self.end).unwrap_or_default()
    }

    /// Nothing may be left.
    pub fn finish(self) -> Result<(), DecodeError> {
        if self.is_empty() {
            Ok(())
        } else {
            Err(DecodeError::TrailingBytes)
        }
    }
}

fn well_formed(bytes: &[u8]) -> Result<&str, DecodeError> {
    if bytes.contains(&0) {
        return Err(DecodeError::NulCharacter);
    }
    std::str::from_utf8(bytes).map_err(|_| DecodeError::InvalidUtf8)
}

/// No wildcards in topic names (MQTT-3.3.2-2); emptiness is judged where it is known to matter.
pub(super) fn check_topic(topic: &str) -> Result<(), DecodeError> {
    if topic.bytes().any(|byte| matches!(byte, b'+' | b'#')) {
        return Err(DecodeError::WildcardInTopic);
    }
    Ok(())
}

/// `+` fills its level, `#` the last one (MQTT-4.7.1-2, MQTT-4.7.1-3); not empty (MQTT-4.7.3-1).
pub(super) fn is_filter(filter: &str) -> bool {
    let mut levels = filter.split('/').peekable();
    while let Some(level) = levels.next() {
        let fits = match level {
            "#" => levels.peek().is_none(),
            "+" => true,
            other => !other.contains(['+', '#']),
        };
        if !fits {
            return false;
        }
    }
    !filter.is_empty()
}
