//! A certificate as an operator hands it in: PEM, DER, or the Base64 of DER. Pure.
//!
//! What is refused is never shown again, neither in an error nor in a log: it may be a secret.

use crate::auth::material::sha3_hex;
use openssl::base64::{decode_block, encode_block};
use openssl::pkey::PKey;
use openssl::x509::X509;
use std::fmt;

/// Largest certificate, in bytes of what is handed in.
pub const LARGEST: usize = 64 * 1024;

/// Why it is not taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    Missing,
    TooLarge,
    /// A private key, or something that contains one.
    PrivateKey,
    /// PEM of something else: what it is.
    Other(&'static str),
    /// So many, of which only one can be the device's.
    Several(usize),
    /// Neither PEM nor DER nor Base64.
    Form,
    /// The encoding is right, but what it encodes is no X.509 certificate.
    NotACertificate,
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Fault::Missing => "Certificate should be specified!",
            Fault::TooLarge => "Certificate is too long: 64 KiB at most",
            Fault::PrivateKey => {
                "This holds a private key: nothing was stored. Upload the certificate alone, and \
                 take the key for known to others if it travelled unprotected"
            }
            Fault::Other(what) => return write!(f, "This is {what}, not a certificate"),
            Fault::Several(number) => {
                return write!(
                    f,
                    "These are {number} certificates: upload the device's own one alone"
                );
            }
            Fault::Form => "Certificate is neither PEM nor DER nor Base64!",
            Fault::NotACertificate => "This is not an X.509 certificate",
        })
    }
}

/// The DER of a certificate that is handed in as bytes: DER, or a text.
pub fn from_bytes(bytes: &[u8]) -> Result<Vec<u8>, Fault> {
    if bytes.len() > LARGEST {
        return Err(Fault::TooLarge);
    }
    // DER begins with a SEQUENCE, whose length takes two bytes or more; Base64 of it with an M.
    match std::str::from_utf8(bytes) {
        Ok(text) if !bytes.starts_with(&[0x30]) => from_text(text),
        _ if bytes.starts_with(&[0x30]) => certificate(bytes),
        _ => Err(Fault::Form),
    }
}

/// The DER of a certificate that is handed in as a text: PEM, or Base64 with any white space.
pub fn from_text(text: &str) -> Result<Vec<u8>, Fault> {
    if text.len() > LARGEST {
        return Err(Fault::TooLarge);
    }
    if text.contains("PRIVATE KEY-----") {
        return Err(Fault::PrivateKey);
    }
    let base64 = match text.contains("-----BEGIN ") {
        true => pem_body(text)?,
        false => text,
    };
    let packed: String = base64.split_whitespace().collect();
    if packed.is_empty() {
        return Err(Fault::Missing);
    }
    let der = decode_block(&packed).map_err(|_| Fault::Form)?;
    certificate(&der)
}

/// The text by which a certificate is stored and, hashed, looked up.
pub fn text_of(der: &[u8]) -> String {
    encode_block(der)
}

/// By what such a text is looked up.
pub fn hash_of(text: &str) -> String {
    sha3_hex(text)
}

/// What stands between the lines of the only certificate.
fn pem_body(text: &str) -> Result<&str, Fault> {
    let blocks = text.matches("-----BEGIN ").count();
    let after = text.split_once("-----BEGIN ").map_or("", |(_, rest)| rest);
    let (label, rest) = after.split_once("-----").ok_or(Fault::Form)?;
    match label {
        "CERTIFICATE" | "X509 CERTIFICATE" => {}
        "CERTIFICATE REQUEST" | "NEW CERTIFICATE REQUEST" => {
            return Err(Fault::Other("a certificate request"));
        }
        "PUBLIC KEY" | "RSA PUBLIC KEY" => return Err(Fault::Other("a public key")),
        "X509 CRL" => return Err(Fault::Other("a revocation list")),
        "PKCS7" | "CMS" => return Err(Fault::Other("a PKCS #7 bundle")),
        _ => return Err(Fault::Other("PEM of something else")),
    }
    if blocks > 1 {
        return Err(Fault::Several(blocks));
    }
    let (body, _) = rest.split_once("-----END ").ok_or(Fault::Form)?;
    Ok(body)
}

/// Bytes behind the certificate would change its hash: they are refused.
fn certificate(der: &[u8]) -> Result<Vec<u8>, Fault> {
    match X509::from_der(der).and_then(|read| read.to_der()) {
        Ok(exact) if exact == der => Ok(exact),
        _ if PKey::private_key_from_der(der).is_ok() => Err(Fault::PrivateKey),
        _ => Err(Fault::NotACertificate),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::auth::certificates::make::{make, KeyKind, Made, Order, Role};
    use openssl::nid::Nid;
    use openssl::x509::X509Req;

    fn made(key: KeyKind) -> Made {
        let order = Order {
            role: Role::Device,
            common_name: "pump-7",
            key,
            valid: 0..1_000_000,
        };
        make(&order, None).unwrap()
    }

    fn pem(made: &Made) -> String {
        String::from_utf8(made.certificate.to_pem().unwrap()).unwrap()
    }

    #[test]
    fn pem_der_and_base64_of_one_certificate_are_the_same() {
        for kind in [KeyKind::Ec, KeyKind::Rsa] {
            let made = made(kind);
            let der = made.der().unwrap();
            assert_eq!(from_bytes(&der), Ok(der.clone()));
            let pem = pem(&made);
            let with_crlf = pem.replace('\n', "\r\n");
            let with_words = format!("Certificate:\n    Data: of `openssl x509 -text`\n{pem}\n");
            for text in [pem, with_crlf, with_words, text_of(&der)] {
                assert_eq!(from_text(&text), Ok(der.clone()), "{text}");
                assert_eq!(from_bytes(text.as_bytes()), Ok(der.clone()));
            }
        }
    }

    #[test]
    fn a_private_key_is_refused_in_every_form_and_beside_a_certificate() {
        for kind in [KeyKind::Ec, KeyKind::Rsa] {
            let made = made(kind);
            let pkcs8 = String::from_utf8(made.key.private_key_to_pem_pkcs8().unwrap()).unwrap();
            let der = made.key.private_key_to_der().unwrap();
            let both = format!("{}{pkcs8}", pem(&made));
            for text in [pkcs8, both, text_of(&der)] {
                assert_eq!(from_text(&text), Err(Fault::PrivateKey), "{text}");
            }
            assert_eq!(from_bytes(&der), Err(Fault::PrivateKey));
        }
    }

    #[test]
    fn what_is_no_certificate_is_told_by_what_it_is() {
        let one = made(KeyKind::Ec);
        let public = String::from_utf8(one.key.public_key_to_pem().unwrap()).unwrap();
        assert_eq!(from_text(&public), Err(Fault::Other("a public key")));
        let mut request = X509Req::builder().unwrap();
        request.set_pubkey(&one.key).unwrap();
        let mut name = openssl::x509::X509Name::builder().unwrap();
        name.append_entry_by_nid(Nid::COMMONNAME, "pump-7").unwrap();
        request.set_subject_name(&name.build()).unwrap();
        let sha = openssl::hash::MessageDigest::sha256();
        request.sign(&one.key, sha).unwrap();
        let request = String::from_utf8(request.build().to_pem().unwrap()).unwrap();
        let fault = Err(Fault::Other("a certificate request"));
        assert_eq!(from_text(&request), fault);
        let pair = format!("{}{}", pem(&one), pem(&made(KeyKind::Ec)));
        assert_eq!(from_text(&pair), Err(Fault::Several(2)));
        assert_eq!(from_text("not base64!"), Err(Fault::Form));
        assert_eq!(from_text("MIIB"), Err(Fault::NotACertificate));
        assert_eq!(from_text(" \n"), Err(Fault::Missing));
        assert_eq!(from_bytes(b"\xff\xfe"), Err(Fault::Form));
        assert_eq!(from_bytes(&vec![b'M'; LARGEST + 1]), Err(Fault::TooLarge));
    }

    #[test]
    fn bytes_behind_a_certificate_and_a_part_of_one_are_refused() {
        let whole = made(KeyKind::Ec).der().unwrap();
        let longer = [&whole[..], b"x"].concat();
        assert_eq!(from_bytes(&longer), Err(Fault::NotACertificate));
        for length in 1..whole.len() {
            let cut = from_bytes(&whole[..length]);
            assert_eq!(cut, Err(Fault::NotACertificate), "{length}");
        }
    }
}
