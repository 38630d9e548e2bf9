//! Which certificates their authorities have taken back (RFC 5280, section 5).
//!
//! Asked at each connect and not only in a handshake: a resumed session has no handshake in which
//! OpenSSL would look.

use openssl::error::ErrorStack;
use openssl::x509::{CrlStatus, X509Crl, X509};

/// The lists of a door; none of them is trusted that none of its authorities has signed.
#[derive(Default)]
pub struct Revocations {
    lists: Vec<X509Crl>,
}

impl Revocations {
    /// `None`: one of the lists was signed by none of the authorities.
    pub(super) fn new(
        lists: Vec<X509Crl>,
        authorities: &[X509],
    ) -> Result<Option<Self>, ErrorStack> {
        for list in &lists {
            let mut signed = false;
            for authority in authorities {
                let key = authority.public_key()?;
                signed |= list.verify(&key).unwrap_or(false);
            }
            if !signed {
                return Ok(None);
            }
        }
        Ok(Some(Self { lists }))
    }

    /// Whether any of the certificates (DER) is on a list of its issuer.
    pub fn hold_any(&self, certificates: &[Vec<u8>]) -> bool {
        let read = certificates
            .iter()
            .filter_map(|der| X509::from_der(der).ok());
        !self.lists.is_empty() && { read }.any(|certificate| self.holds(&certificate))
    }

    fn holds(&self, certificate: &X509) -> bool {
        let on = |list: &X509Crl| matches!(list.get_by_cert(certificate), CrlStatus::Revoked(_));
        self.lists.iter().any(on)
    }
}
