//! Certificates that have been seen above those of clients. A resumed session brings only the
//! client's own (RFC 8446, section 4.6.1: what a ticket holds is the server's affair, and OpenSSL
//! keeps no more): those above it are put back from here, so that a device which is known by an
//! intermediate, or whose intermediate has been revoked, is the same to us as at its handshake.
//!
//! What is put back has signed the one below it, which is all that a chain says: who sent it does
//! not matter. Bounded; strangers' are forgotten before those of a fleet, which are seen often.

use ahash::AHashMap;
use openssl::x509::{X509Ref, X509VerifyResult, X509};
use parking_lot::Mutex;

/// Longest chain that is put together.
const LONGEST: usize = 8;
/// Larger certificates are not remembered; in bytes of DER.
const LARGEST: usize = 8 * 1024;

pub(super) struct Issuers {
    most: usize,
    /// By DER; how often each has been seen.
    seen: Mutex<AHashMap<Vec<u8>, Seen>>,
}

struct Seen {
    certificate: X509,
    times: u64,
}

impl Issuers {
    /// Remembers so many.
    pub fn new(most: usize) -> Self {
        Self {
            most,
            seen: Mutex::default(),
        }
    }

    /// `above`: DER of what a full handshake brought beside the client's own.
    pub fn learn(&self, above: &[Vec<u8>]) {
        for der in above.iter().take(LONGEST) {
            let mut seen = self.seen.lock();
            if let Some(known) = seen.get_mut(der) {
                known.times = known.times.saturating_add(1);
                continue;
            }
            let read = X509::from_der(der).ok().filter(|_| der.len() <= LARGEST);
            let Some(certificate) = read else {
                continue;
            };
            if seen.len() >= self.most {
                let least = seen.iter().min_by_key(|(_, known)| known.times);
                let Some(least) = least.map(|(der, _)| der.clone()) else {
                    return;
                };
                seen.remove(&least);
            }
            let times = 1;
            seen.insert(der.clone(), Seen { certificate, times });
        }
    }

    /// DER of those above a client's own, each of which has signed the one before.
    pub fn above(&self, own: &X509Ref) -> Vec<Vec<u8>> {
        let mut chain = Vec::new();
        let mut below = own.to_owned();
        while chain.len() < LONGEST {
            let Some((der, next)) = self.issuer(&below) else {
                break;
            };
            if chain.contains(&der) {
                break;
            }
            chain.push(der);
            below = next;
        }
        chain
    }

    fn issuer(&self, subject: &X509Ref) -> Option<(Vec<u8>, X509)> {
        let mut seen = self.seen.lock();
        let has_signed = |issuer: &X509Ref| {
            let names = issuer.issued(subject) == X509VerifyResult::OK;
            names && (issuer.public_key()).is_ok_and(|key| subject.verify(&key).unwrap_or(false))
        };
        let found = seen
            .iter_mut()
            .find(|(_, one)| has_signed(&one.certificate));
        found.map(|(der, one)| {
            one.times = one.times.saturating_add(1);
            (der.clone(), one.certificate.clone())
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use openssl::asn1::{Asn1Integer, Asn1Time};
    use openssl::bn::BigNum;
    use openssl::ec::{EcGroup, EcKey};
    use openssl::hash::MessageDigest;
    use openssl::nid::Nid;
    use openssl::pkey::{PKey, Private};
    use openssl::x509::{X509Builder, X509NameBuilder};

    type Made = (X509, PKey<Private>);

    fn made(name: &str, issuer: Option<&Made>) -> Made {
        let group = EcGroup::from_curve_name(Nid::X9_62_PRIME256V1).unwrap();
        let key = PKey::from_ec_key(EcKey::generate(&group).unwrap()).unwrap();
        let mut subject = X509NameBuilder::new().unwrap();
        subject.append_entry_by_text("CN", name).unwrap();
        let subject = subject.build();
        let mut builder = X509Builder::new().unwrap();
        builder.set_version(2).unwrap();
        let serial = Asn1Integer::from_bn(&BigNum::from_u32(1).unwrap()).unwrap();
        builder.set_serial_number(&serial).unwrap();
        builder.set_subject_name(&subject).unwrap();
        let above = issuer.map_or(&*subject, |(above, _)| above.subject_name());
        builder.set_issuer_name(above).unwrap();
        builder
            .set_not_before(&Asn1Time::days_from_now(0).unwrap())
            .unwrap();
        builder
            .set_not_after(&Asn1Time::days_from_now(9).unwrap())
            .unwrap();
        builder.set_pubkey(&key).unwrap();
        let signer = issuer.map_or(&key, |(_, key)| key);
        builder.sign(signer, MessageDigest::sha256()).unwrap();
        (builder.build(), key)
    }

    fn der(made: &Made) -> Vec<u8> {
        made.0.to_der().unwrap()
    }

    #[test]
    fn what_was_seen_above_is_put_back_and_only_what_has_signed() {
        let root = made("root", None);
        let middle = made("middle", Some(&root));
        let leaf = made("leaf", Some(&middle));
        // Of the same name, but another key.
        let double = made("middle", None);
        let issuers = Issuers::new(10);
        assert!(issuers.above(&leaf.0).is_empty());
        issuers.learn(&[der(&double), der(&root), der(&middle), b"rubbish".to_vec()]);
        assert_eq!(issuers.above(&leaf.0), [der(&middle), der(&root)]);
        assert!(issuers.above(&made("leaf", None).0).is_empty());
    }

    #[test]
    fn strangers_do_not_push_out_what_is_seen_often() {
        let fleet = made("fleet", None);
        let leaf = made("leaf", Some(&fleet));
        let issuers = Issuers::new(3);
        for _ in 0..5 {
            issuers.learn(&[der(&fleet)]);
        }
        for stranger in 0..10 {
            issuers.learn(&[der(&made(&format!("stranger {stranger}"), None))]);
        }
        assert_eq!(issuers.above(&leaf.0), [der(&fleet)]);
        assert_eq!(issuers.seen.lock().len(), 3);
    }
}
