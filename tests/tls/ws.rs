//! A WebSocket client by hand (RFC 6455): a stream of binary messages, and frames as one wants them.

use std::io::{Read, Write};

pub const BINARY: u8 = 2;
pub const TEXT: u8 = 1;
pub const CLOSE: u8 = 8;
pub const PING: u8 = 9;
pub const PONG: u8 = 10;

pub struct Ws<S> {
    pub stream: S,
    /// Received and not yet read, of binary messages.
    ready: Vec<u8>,
    /// Largest payload of a frame that is written.
    pub piece: usize,
}

/// Sends the request for an upgrade; the head of the answer.
pub fn ask<S: Read + Write>(stream: &mut S, protocol: Option<&str>) -> String {
    let protocol = protocol.map(|p| format!("sec-websocket-protocol: {p}\r\n"));
    let request = format!(
        "GET /mqtt HTTP/1.1\r\nhost: localhost\r\nupgrade: websocket\r\nconnection: Upgrade\r\n\
         sec-websocket-version: 13\r\nsec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\n{}\r\n",
        protocol.unwrap_or_default()
    );
    stream.write_all(request.as_bytes()).expect("send");
    let mut head = Vec::new();
    let mut byte = [0];
    while !head.ends_with(b"\r\n\r\n") && stream.read(&mut byte).expect("an answer") > 0 {
        head.push(byte[0]);
    }
    String::from_utf8(head).expect("text").to_ascii_lowercase()
}

impl<S: Read + Write> Ws<S> {
    pub fn open(mut stream: S) -> Self {
        let head = ask(&mut stream, Some("mqtt"));
        assert!(head.starts_with("http/1.1 101 "), "{head}");
        assert!(head.contains("\r\nsec-websocket-protocol: mqtt\r\n"));
        Self {
            stream,
            ready: Vec::new(),
            piece: usize::MAX,
        }
    }

    pub fn frame(&mut self, last: bool, kind: u8, payload: &[u8]) {
        let mut bytes = vec![u8::from(last) << 7 | kind];
        match payload.len() {
            length @ 0..=125 => bytes.push(0x80 | length as u8),
            length @ 126..=65_535 => {
                bytes.push(0x80 | 126);
                bytes.extend((length as u16).to_be_bytes());
            }
            length => {
                bytes.push(0x80 | 127);
                bytes.extend((length as u64).to_be_bytes());
            }
        }
        let mask = [7, 1, 9, 4];
        bytes.extend(mask);
        bytes.extend(payload.iter().zip(mask.iter().cycle()).map(|(b, m)| b ^ m));
        self.stream.write_all(&bytes).expect("send");
    }

    /// Kind and payload; `None`: closed without a frame.
    pub fn next_frame(&mut self) -> Option<(u8, Vec<u8>)> {
        let mut head = [0; 2];
        self.stream.read_exact(&mut head).ok()?;
        let mut length = u64::from(head[1] & 0x7f);
        let longer = match length {
            126 => 2,
            127 => 8,
            _ => 0,
        };
        if longer > 0 {
            let mut bytes = [0; 8];
            self.stream.read_exact(&mut bytes[8 - longer..]).ok()?;
            length = u64::from_be_bytes(bytes);
        }
        let mut payload = vec![0; length as usize];
        self.stream.read_exact(&mut payload).ok()?;
        Some((head[0] & 0x0f, payload))
    }
}

impl<S: Read + Write> Read for Ws<S> {
    fn read(&mut self, into: &mut [u8]) -> std::io::Result<usize> {
        while self.ready.is_empty() {
            match self.next_frame() {
                Some((BINARY, payload)) => self.ready = payload,
                Some((CLOSE, _)) | None => return Ok(0),
                Some(other) => panic!("{other:?}"),
            }
        }
        let length = self.ready.len().min(into.len());
        into[..length].copy_from_slice(&self.ready[..length]);
        self.ready.drain(..length);
        Ok(length)
    }
}

impl<S: Read + Write> Write for Ws<S> {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        let pieces: Vec<&[u8]> = bytes.chunks(self.piece.min(bytes.len().max(1))).collect();
        for piece in pieces {
            self.frame(true, BINARY, piece);
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}
