//! Makes certificates: an authority of one's own, and what it signs for servers and devices. For
//! development (`industryos-iot cert generate`) and for tests; production has its own authority.
//!
//! X.509 version 3 (RFC 5280): 127-bit random serials, SHA-256 signatures.

use crate::model::Millis;
use openssl::asn1::{Asn1Integer, Asn1Time};
use openssl::bn::{BigNum, MsbOption};
use openssl::ec::{EcGroup, EcKey};
use openssl::error::ErrorStack;
use openssl::hash::MessageDigest;
use openssl::nid::Nid;
use openssl::pkey::{PKey, Private};
use openssl::rsa::Rsa;
use openssl::x509::extension::{
    AuthorityKeyIdentifier, BasicConstraints, ExtendedKeyUsage, KeyUsage, SubjectAlternativeName,
    SubjectKeyIdentifier,
};
use openssl::x509::{X509Builder, X509Name, X509};
use std::net::IpAddr;
use std::ops::Range;

/// A certificate and its private key.
#[derive(Clone)]
pub struct Made {
    pub certificate: X509,
    pub key: PKey<Private>,
}

/// What a certificate may be used for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role<'a> {
    /// Signs others.
    Authority,
    /// Answers at these host names and addresses.
    Server(&'a [&'a str]),
    Device,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeyKind {
    /// NIST P-256: what small devices do fast.
    Ec,
    /// 2048 bits.
    Rsa,
}

/// A certificate as it shall be.
#[derive(Clone, Debug)]
pub struct Order<'a> {
    pub role: Role<'a>,
    /// 1 to 64 characters (RFC 5280, ub-common-name).
    pub common_name: &'a str,
    pub key: KeyKind,
    /// From when to when; whole seconds count.
    pub valid: Range<Millis>,
}

impl Made {
    /// The certificate as it is looked up and sent.
    ///
    /// # Errors
    /// OpenSSL's, as everywhere in this file: out of memory, or a name that is too long.
    pub fn der(&self) -> Result<Vec<u8>, ErrorStack> {
        self.certificate.to_der()
    }
}

/// Makes a key and a certificate for it, signed by `issuer`, or by itself without one.
pub fn make(order: &Order<'_>, issuer: Option<&Made>) -> Result<Made, ErrorStack> {
    let key = new_key(order.key)?;
    let subject = name(order.common_name)?;
    let mut builder = X509::builder()?;
    builder.set_version(2)?;
    builder.set_serial_number(serial()?.as_ref())?;
    builder.set_subject_name(&subject)?;
    builder.set_issuer_name(match issuer {
        Some(issuer) => issuer.certificate.subject_name(),
        None => &subject,
    })?;
    builder.set_pubkey(&key)?;
    builder.set_not_before(Asn1Time::from_unix(order.valid.start.div_euclid(1000))?.as_ref())?;
    builder.set_not_after(Asn1Time::from_unix(order.valid.end.div_euclid(1000))?.as_ref())?;
    extend(&mut builder, order.role, issuer)?;
    let signer = issuer.map_or(&key, |issuer| &issuer.key);
    builder.sign(signer, MessageDigest::sha256())?;
    Ok(Made {
        certificate: builder.build(),
        key,
    })
}

fn new_key(kind: KeyKind) -> Result<PKey<Private>, ErrorStack> {
    match kind {
        KeyKind::Ec => {
            let group = EcGroup::from_curve_name(Nid::X9_62_PRIME256V1)?;
            PKey::from_ec_key(EcKey::generate(&group)?)
        }
        KeyKind::Rsa => PKey::from_rsa(Rsa::generate(2048)?),
    }
}

fn name(common_name: &str) -> Result<X509Name, ErrorStack> {
    let mut builder = X509Name::builder()?;
    builder.append_entry_by_nid(Nid::COMMONNAME, common_name)?;
    Ok(builder.build())
}

fn serial() -> Result<Asn1Integer, ErrorStack> {
    let mut number = BigNum::new()?;
    number.rand(127, MsbOption::ONE, false)?;
    Asn1Integer::from_bn(&number)
}

fn extend(
    builder: &mut X509Builder,
    role: Role<'_>,
    issuer: Option<&Made>,
) -> Result<(), ErrorStack> {
    let mut constraints = BasicConstraints::new();
    let mut usage = KeyUsage::new();
    usage.critical();
    match role {
        Role::Authority => {
            constraints.critical().ca();
            usage.key_cert_sign().crl_sign();
        }
        Role::Server(_) | Role::Device => {
            usage.digital_signature().key_agreement();
        }
    }
    builder.append_extension(constraints.build()?)?;
    builder.append_extension(usage.build()?)?;
    match role {
        Role::Authority => {}
        Role::Server(names) => {
            builder.append_extension(ExtendedKeyUsage::new().server_auth().build()?)?;
            let mut alternatives = SubjectAlternativeName::new();
            for name in names {
                match name.parse::<IpAddr>() {
                    Ok(address) => alternatives.ip(&address.to_string()),
                    Err(_) => alternatives.dns(name),
                };
            }
            let context = builder.x509v3_context(None, None);
            let extension = alternatives.build(&context)?;
            builder.append_extension(extension)?;
        }
        Role::Device => {
            builder.append_extension(ExtendedKeyUsage::new().client_auth().build()?)?;
        }
    }
    let context = builder.x509v3_context(issuer.map(|made| made.certificate.as_ref()), None);
    let own = SubjectKeyIdentifier::new().build(&context)?;
    builder.append_extension(own)?;
    if let Some(issuer) = issuer {
        let context = builder.x509v3_context(Some(&issuer.certificate), None);
        let extension = AuthorityKeyIdentifier::new().keyid(true).build(&context)?;
        builder.append_extension(extension)?;
    }
    Ok(())
}
