//! The codec against `coap-lite`, truncations, edges, and random bytes.

mod edges;
mod oracle;

use super::*;

/// With the default bound on options.
fn decode(bytes: &[u8]) -> Result<Message<'_>, Malformed> {
    super::decode(bytes, 64)
}

/// A small seeded generator: a failure can be repeated.
pub(crate) struct Draw(pub u64);

impl Draw {
    pub fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    pub fn below(&mut self, below: usize) -> usize {
        (self.next() >> 11) as usize % below.max(1)
    }

    pub fn bytes(&mut self, most: usize) -> Vec<u8> {
        let length = self.below(most + 1);
        (0..length).map(|_| self.next() as u8).collect()
    }
}

/// A request with every option of ours.
pub(crate) fn full() -> Vec<u8> {
    let token = Token::new(b"12345678").unwrap();
    let mut writer = Writer::new(Kind::Con, Code::POST, 0xbeef, token);
    writer.option(number::URI_HOST, b"host");
    writer.option(number::ETAG, &[1, 2, 3, 4]);
    writer.uint(number::OBSERVE, 0);
    for segment in ["api", "v1", "A1_TEST_TOKEN", "telemetry"] {
        writer.option(number::URI_PATH, segment.as_bytes());
    }
    writer.uint(number::CONTENT_FORMAT, 50);
    writer.option(number::URI_QUERY, b"clientKeys=a,b");
    writer.uint(number::ACCEPT, 60);
    writer.uint(number::BLOCK2, 6);
    writer.uint(number::BLOCK1, 0x10_000e);
    writer.uint(number::SIZE1, 70_000);
    writer.option(number::ECHO, &[9; 8]);
    writer.option(2049, &[7; 300]);
    writer.finish(b"{\"temperature\":25}")
}
