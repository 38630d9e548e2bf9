//! Certificates that nobody has registered, but that a device profile's authority has signed
//! (contract/provisioning.md 6, `X509_CERTIFICATE_CHAIN`): the common name tells whose they are.

use super::{chain, upload};
use crate::auth::directory::{Claim, DirectoryError};
use crate::auth::identify::{refuse, Result};
use crate::auth::Auth;
use crate::model::credentials::Credentials;
use crate::model::device::{ChainOptions, Profile};
use crate::model::reject::Reason;
use crate::model::Millis;
use openssl::base64::decode_block;
use openssl::error::ErrorStack;
use openssl::stack::Stack;
use openssl::x509::store::X509StoreBuilder;
use openssl::x509::{X509Ref, X509StoreContext, X509};
use regex::{Regex, RegexBuilder};
use std::fmt;

/// Longest pattern, in bytes.
const LONGEST_PATTERN: usize = 1024;
/// Memory that a compiled pattern may take, in bytes.
const LARGEST_PATTERN: usize = 1 << 20;

/// Why a profile's authority or pattern is not taken. `Display` gives the REST's `message`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    Authority(upload::Fault),
    /// The machine trusts it already: the whole world has certificates of it.
    WellKnown,
    Pattern,
    NoGroup,
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Fault::Authority(fault) => return write!(f, "provisionDeviceSecret: {fault}"),
            Fault::WellKnown => {
                "provisionDeviceSecret: a public authority signs for the whole world: name one of \
                 your own"
            }
            Fault::Pattern => "certificateRegExPattern is not a regular expression",
            Fault::NoGroup => {
                "certificateRegExPattern needs a group: what it finds is the device's name"
            }
        })
    }
}

/// The options with the authority as Base64 of its DER.
pub(in crate::auth) fn check(
    given: ChainOptions,
) -> std::result::Result<ChainOptions, DirectoryError> {
    let der = upload::from_text(&given.authority)
        .map_err(|fault| DirectoryError::Chain(Fault::Authority(fault)))?;
    if X509::from_der(&der).is_ok_and(|authority| is_well_known(&authority).unwrap_or(false)) {
        return Err(DirectoryError::Chain(Fault::WellKnown));
    }
    match compiled(&given.pattern) {
        None => Err(DirectoryError::Chain(Fault::Pattern)),
        Some(pattern) if pattern.captures_len() < 2 => Err(DirectoryError::Chain(Fault::NoGroup)),
        Some(_) => Ok(ChainOptions {
            authority: upload::text_of(&der),
            ..given
        }),
    }
}

fn compiled(pattern: &str) -> Option<Regex> {
    let short = pattern.len() <= LONGEST_PATTERN;
    let builder = || {
        RegexBuilder::new(pattern)
            .size_limit(LARGEST_PATTERN)
            .build()
    };
    short.then(builder)?.ok()
}

/// The authorities that the machine trusts.
fn is_well_known(authority: &X509) -> std::result::Result<bool, ErrorStack> {
    let mut trusted = X509StoreBuilder::new()?;
    trusted.set_default_paths()?;
    let (trusted, none) = (trusted.build(), Stack::new()?);
    let mut context = X509StoreContext::new()?;
    context.init(&trusted, authority, &none, |context| context.verify_cert())
}

/// What the first group of the pattern finds in a certificate's common name.
fn device_name(certificate: &X509Ref, pattern: &str) -> Option<String> {
    let name = chain::common_name(certificate)?;
    let found = compiled(pattern)?.captures(&name)?.get(1)?;
    Some(found.as_str().to_owned()).filter(|name| !name.is_empty())
}

impl Auth {
    /// The credentials of the device whose name stands in the certificate, if the authority of a
    /// profile vouches for it. From then on the certificate is registered for the device.
    /// Refusals: `CertificateUnknown`, or the store's.
    pub(super) async fn by_authority(
        &self,
        own: &X509,
        others: &[X509],
        now: Millis,
    ) -> Result<Credentials> {
        const UNKNOWN: Reason = Reason::CertificateUnknown;
        let Some((profile, options)) = self.voucher(own, others, now).await? else {
            return refuse(UNKNOWN, "no device has this certificate", None);
        };
        let Some(name) = device_name(own, &options.pattern) else {
            let what = "its common name does not fit the profile's certificateRegExPattern";
            return refuse(UNKNOWN, what, None);
        };
        let Ok(der) = own.to_der() else {
            return refuse(UNKNOWN, "it cannot be read", None);
        };
        let claim = Claim {
            profile: profile.id,
            name,
            certificate: upload::text_of(&der),
            create: options.create,
        };
        match self.directory().certify(claim).await {
            Ok(Some(credentials)) => Ok(credentials),
            Err(DirectoryError::Store(error)) => Err(error.into()),
            Ok(None) => refuse(
                UNKNOWN,
                "the device that its common name tells is missing, of another profile, or not \
                 known by a certificate",
                None,
            ),
            Err(_) => refuse(UNKNOWN, "no device can have the name that it tells", None),
        }
    }

    /// The first profile whose authority has signed the certificate.
    async fn voucher(
        &self,
        own: &X509,
        others: &[X509],
        now: Millis,
    ) -> Result<Option<(Profile, ChainOptions)>> {
        let mut profiles = self.store().profiles().await?;
        profiles.sort_by(|a, b| a.name.cmp(&b.name));
        for profile in profiles {
            let Some(options) = profile.chain.clone() else {
                continue;
            };
            let der = decode_block(&options.authority).unwrap_or_default();
            let Ok(authority) = X509::from_der(&der) else {
                continue;
            };
            if chain::vouched_for(own, others, &authority, now).unwrap_or(false) {
                return Ok(Some((profile, options)));
            }
        }
        Ok(None)
    }
}
