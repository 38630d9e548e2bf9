//! The PROXY protocol, versions 1 and 2: what a balancer writes in front of a connection's bytes, so
//! that limits and logs see the real address. Pure.
//!
//! ```text
//! 1:  PROXY TCP4 192.0.2.1 198.51.100.7 56324 443\r\n      a line of at most 107 bytes
//! 2:  0d 0a 0d 0a 00 0d 0a 51 55 49 54 0a                  signature
//!     version 2 (4 bits) | command (4) | family (4) | transport (4) | length u16 be
//!     source address | destination address | ports u16 be each | more, `length` bytes in all
//! ```
//! Bounded: a header is 232 bytes at most, and no byte behind it is touched.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// Longest header that is taken: addresses and a little more of version 2 (TLVs).
pub const LONGEST: usize = 232;
/// Longest line of version 1, its end included.
const LONGEST_LINE: usize = 107;
const SIGNATURE: [u8; 12] = *b"\r\n\r\n\0\r\nQUIT\n";
const LINE: &[u8] = b"PROXY ";
/// Signature, version, family, length.
const FIXED: usize = 16;

/// What is in front of the connection's own bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Header {
    /// The client; `None`: the balancer speaks for itself (a health check), or does not know.
    pub source: Option<IpAddr>,
    /// Bytes that the header takes.
    pub length: usize,
}

/// Why it is none. The connection ends: without a header nobody knows who speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// The first bytes are of neither version.
    Missing,
    Malformed,
    TooLong,
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Fault::Missing => "no PROXY header, and this door asks for one",
            Fault::Malformed => "a malformed PROXY header",
            Fault::TooLong => "a PROXY header of more than 232 bytes",
        })
    }
}

/// Reads a header from the first bytes of a connection. `None`: more of them are needed.
///
/// # Errors
/// See [`Fault`]; found with the first byte that does not fit.
pub fn read(bytes: &[u8]) -> Result<Option<Header>, Fault> {
    if begins(bytes, &SIGNATURE) {
        return second(bytes);
    }
    if begins(bytes, LINE) {
        return first(bytes);
    }
    Err(Fault::Missing)
}

/// As far as either goes.
fn begins(bytes: &[u8], mark: &[u8]) -> bool {
    bytes.iter().zip(mark).all(|(byte, wanted)| byte == wanted)
}

fn first(bytes: &[u8]) -> Result<Option<Header>, Fault> {
    let line = bytes.get(..LONGEST_LINE).unwrap_or(bytes);
    let Some(end) = line.windows(2).position(|two| two == b"\r\n") else {
        return match line.len() < LONGEST_LINE {
            true => Ok(None),
            false => Err(Fault::Malformed),
        };
    };
    let text = line
        .get(..end)
        .and_then(|line| std::str::from_utf8(line).ok());
    let words: Vec<&str> = text.ok_or(Fault::Malformed)?.split(' ').collect();
    let source = match words.as_slice() {
        ["PROXY", "UNKNOWN", ..] => None,
        ["PROXY", family, source, destination, from, to] => {
            let ports = [from, to].iter().all(|port| port.parse::<u16>().is_ok());
            let (source, destination) = (address(family, source)?, address(family, destination));
            if !ports || destination.is_err() {
                return Err(Fault::Malformed);
            }
            Some(source)
        }
        _ => return Err(Fault::Malformed),
    };
    Ok(Some(Header {
        source,
        length: end + 2,
    }))
}

fn address(family: &str, text: &str) -> Result<IpAddr, Fault> {
    let read = match family {
        "TCP4" => text.parse::<Ipv4Addr>().ok().map(IpAddr::V4),
        "TCP6" => text.parse::<Ipv6Addr>().ok().map(IpAddr::V6),
        _ => None,
    };
    read.ok_or(Fault::Malformed)
}

fn second(bytes: &[u8]) -> Result<Option<Header>, Fault> {
    let Some((fixed, rest)) = bytes.split_at_checked(FIXED) else {
        return Ok(None);
    };
    let [.., version, family, high, low] = fixed else {
        return Err(Fault::Malformed);
    };
    let length = usize::from(u16::from_be_bytes([*high, *low]));
    if FIXED + length > LONGEST {
        return Err(Fault::TooLong);
    }
    let Some(body) = rest.get(..length) else {
        return Ok(None);
    };
    let source = match (version, family) {
        // LOCAL: of the balancer itself.
        (0x20, _) => None,
        (0x21, 0x11) => Some(v4(body)?),
        (0x21, 0x21) => Some(v6(body)?),
        // Unspecified, a datagram's, a Unix socket's.
        (0x21, 0x00 | 0x12 | 0x22 | 0x31 | 0x32) => None,
        _ => return Err(Fault::Malformed),
    };
    Ok(Some(Header {
        source,
        length: FIXED + length,
    }))
}

/// Two addresses and two ports.
fn v4(body: &[u8]) -> Result<IpAddr, Fault> {
    match (body.first_chunk::<4>(), body.len() >= 12) {
        (Some(source), true) => Ok(IpAddr::from(*source)),
        _ => Err(Fault::Malformed),
    }
}

fn v6(body: &[u8]) -> Result<IpAddr, Fault> {
    match (body.first_chunk::<16>(), body.len() >= 36) {
        (Some(source), true) => Ok(IpAddr::from(*source)),
        _ => Err(Fault::Malformed),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn v2(version: u8, family: u8, body: &[u8]) -> Vec<u8> {
        let length = (body.len() as u16).to_be_bytes();
        [&SIGNATURE[..], &[version, family], &length, body].concat()
    }

    fn source(bytes: &[u8]) -> Result<Option<(Option<IpAddr>, usize)>, Fault> {
        read(bytes).map(|read| read.map(|header| (header.source, header.length)))
    }

    fn good() -> Vec<(Vec<u8>, Option<&'static str>)> {
        let four = [192, 0, 2, 1, 198, 51, 100, 7, 1, 2, 3, 4];
        let mut six = [0u8; 36];
        six[..16].copy_from_slice(&"2001:db8::7".parse::<Ipv6Addr>().unwrap().octets());
        let with_more = [&four[..], b"\x03\x00\x04abcd"].concat();
        vec![
            (
                b"PROXY TCP4 192.0.2.1 198.51.100.7 56324 443\r\n".to_vec(),
                Some("192.0.2.1"),
            ),
            (
                b"PROXY TCP6 2001:db8::7 2001:db8::1 1 65535\r\n".to_vec(),
                Some("2001:db8::7"),
            ),
            (b"PROXY UNKNOWN\r\n".to_vec(), None),
            (b"PROXY UNKNOWN ffff::1 ffff::2 1 2\r\n".to_vec(), None),
            (v2(0x21, 0x11, &four), Some("192.0.2.1")),
            (v2(0x21, 0x11, &with_more), Some("192.0.2.1")),
            (v2(0x21, 0x21, &six), Some("2001:db8::7")),
            (v2(0x20, 0x00, &[]), None),
            (v2(0x20, 0x11, &four), None),
            (v2(0x21, 0x31, &[0; 216]), None),
        ]
    }

    #[test]
    fn both_versions_tell_the_client_and_leave_what_follows_alone() {
        for (header, expected) in good() {
            let expected = expected.map(|text| text.parse().unwrap());
            let whole = Ok(Some((expected, header.len())));
            assert_eq!(source(&header), whole, "{header:?}");
            let more = [&header[..], b"\x10\x0c\x00\x04MQTT\r\n"].concat();
            assert_eq!(source(&more), whole);
        }
    }

    #[test]
    fn a_header_may_arrive_byte_by_byte() {
        for (header, _) in good() {
            for cut in 0..header.len() {
                assert_eq!(source(&header[..cut]), Ok(None), "{cut} of {header:?}");
            }
        }
    }

    #[test]
    fn what_is_no_header_is_told_with_the_first_byte_that_does_not_fit() {
        for bytes in [
            &b"\x10\x0c\x00\x04MQTT"[..],
            b"GET / HTTP/1.1\r\n",
            b"PROXX",
            b"proxy TCP4",
            b"\r\n\r\n\0\r\nQUIX",
            b"\x16\x03\x01",
        ] {
            assert_eq!(source(bytes), Err(Fault::Missing), "{bytes:?}");
        }
    }

    #[test]
    fn malformed_and_endless_headers_are_refused() {
        for line in [
            "PROXY \r\n",
            "PROXY TCP4\r\n",
            "PROXY TCP4 192.0.2.1 198.51.100.7 56324\r\n",
            "PROXY TCP4 192.0.2.1 198.51.100.7 56324 65536\r\n",
            "PROXY TCP4 192.0.2.1 198.51.100.7 x 1\r\n",
            "PROXY TCP4 2001:db8::7 2001:db8::1 1 2\r\n",
            "PROXY TCP6 192.0.2.1 198.51.100.7 1 2\r\n",
            "PROXY TCP4 192.0.2.256 198.51.100.7 1 2\r\n",
            "PROXY TCP4 192.0.2.1  198.51.100.7 1 2\r\n",
            "PROXY UDP4 192.0.2.1 198.51.100.7 1 2\r\n",
        ] {
            assert_eq!(source(line.as_bytes()), Err(Fault::Malformed), "{line}");
        }
        let endless = [b"PROXY UNKNOWN ".to_vec(), vec![b'x'; 200]].concat();
        assert_eq!(source(&endless), Err(Fault::Malformed));
        let bytes = b"PROXY TCP4 \xff\xfe 1 2 3\r\n";
        assert_eq!(source(bytes), Err(Fault::Malformed));
        for header in [
            v2(0x21, 0x11, &[0; 11]),
            v2(0x21, 0x21, &[0; 35]),
            v2(0x22, 0x11, &[0; 12]),
            v2(0x31, 0x11, &[0; 12]),
            v2(0x01, 0x11, &[0; 12]),
            v2(0x21, 0x41, &[0; 12]),
        ] {
            assert_eq!(source(&header), Err(Fault::Malformed), "{header:?}");
        }
        let mut huge = v2(0x21, 0x11, &[]);
        huge[14..16].copy_from_slice(&[0xff, 0xff]);
        assert_eq!(source(&huge), Err(Fault::TooLong), "before it has come");
    }

    proptest::proptest! {
        #[test]
        fn no_bytes_make_it_panic_or_take_more_than_there_is(
            mark in 0..3usize,
            bytes in proptest::collection::vec(proptest::num::u8::ANY, 0..300),
        ) {
            let mark = [&b""[..], LINE, &SIGNATURE][mark];
            let all = [mark, &bytes].concat();
            if let Ok(Some(header)) = read(&all) {
                assert!(header.length <= all.len() && header.length <= LONGEST);
            }
        }
    }
}
