//! What can be read from the certificates of a peer: who it says it is, whether that is still true,
//! who vouches for it (RFC 5280, section 6). Pure: the time is an argument.

use crate::model::Millis;
use openssl::asn1::Asn1Time;
use openssl::error::ErrorStack;
use openssl::nid::Nid;
use openssl::stack::Stack;
use openssl::x509::store::X509StoreBuilder;
use openssl::x509::verify::{X509VerifyFlags, X509VerifyParam};
use openssl::x509::{X509Ref, X509StoreContext, X509VerifyResult, X509};
use std::cmp::Ordering;

/// Longest chain that is looked at.
const LONGEST: usize = 8;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Validity {
    Valid,
    NotYet,
    Expired,
}

/// Both ends count as valid (RFC 5280, section 4.1.2.5).
pub fn validity(certificate: &X509Ref, now: Millis) -> Result<Validity, ErrorStack> {
    let now = Asn1Time::from_unix(now.div_euclid(1000))?;
    if certificate.not_before().compare(&now)? == Ordering::Greater {
        return Ok(Validity::NotYet);
    }
    if certificate.not_after().compare(&now)? == Ordering::Less {
        return Ok(Validity::Expired);
    }
    Ok(Validity::Valid)
}

/// The leaf and those above it of which each has signed the one before. The handshake proves that
/// the peer holds the leaf's key and nothing else: a certificate that did not sign the leaf is
/// only a copy of somebody's, and proves nothing.
pub fn linked(chain: &[Vec<u8>]) -> Vec<X509> {
    let mut linked: Vec<X509> = Vec::new();
    for der in chain.iter().take(LONGEST) {
        let Ok(next) = X509::from_der(der) else {
            break;
        };
        if linked.last().is_some_and(|below| !has_signed(&next, below)) {
            break;
        }
        linked.push(next);
    }
    linked
}

fn has_signed(issuer: &X509Ref, subject: &X509Ref) -> bool {
    let names = issuer.issued(subject) == X509VerifyResult::OK;
    names && (issuer.public_key()).is_ok_and(|key| subject.verify(&key).unwrap_or(false))
}

/// Whether `leaf` was signed by `authority`, directly or through others that the peer has sent,
/// all of them valid now.
pub fn vouched_for(
    leaf: &X509Ref,
    others: &[X509],
    authority: &X509,
    now: Millis,
) -> Result<bool, ErrorStack> {
    let mut parameters = X509VerifyParam::new()?;
    // An authority need not be its own issuer.
    parameters.set_flags(X509VerifyFlags::PARTIAL_CHAIN)?;
    parameters.set_time(now.div_euclid(1000));
    let mut trusted = X509StoreBuilder::new()?;
    trusted.add_cert(authority.clone())?;
    trusted.set_param(&parameters)?;
    let trusted = trusted.build();
    let mut untrusted = Stack::new()?;
    for other in others {
        untrusted.push(other.clone())?;
    }
    let mut context = X509StoreContext::new()?;
    context.init(&trusted, leaf, &untrusted, |context| context.verify_cert())
}

/// The subject's common name; the last one when there are several (the most specific).
pub fn common_name(certificate: &X509Ref) -> Option<String> {
    let names = certificate.subject_name().entries_by_nid(Nid::COMMONNAME);
    let last = names.last()?;
    last.data().to_string().ok()
}
