//! A door's files, read and put into an OpenSSL context.

use super::config::Config;
use super::error::{reason, TlsError};
use super::revocation::Revocations;
use openssl::asn1::{Asn1Time, Asn1TimeRef};
use openssl::error::ErrorStack;
use openssl::pkey::{PKey, Private};
use openssl::ssl::{
    SslAcceptor, SslAcceptorBuilder, SslContext, SslMethod, SslOptions, SslSessionCacheMode,
    SslVerifyMode, SslVersion,
};
use openssl::stack::Stack;
use openssl::x509::store::X509StoreBuilder;
use openssl::x509::{X509Crl, X509Name, X509};
use std::path::Path;

/// Forward secrecy and authenticated encryption only. The finite-field variants are left out: they
/// cost a server many times what they cost the client.
const CIPHERS_1_2: &str = "ECDHE-ECDSA-AES128-GCM-SHA256:ECDHE-RSA-AES128-GCM-SHA256:\
    ECDHE-ECDSA-AES256-GCM-SHA384:ECDHE-RSA-AES256-GCM-SHA384:\
    ECDHE-ECDSA-CHACHA20-POLY1305:ECDHE-RSA-CHACHA20-POLY1305";

/// One lets a client resume; more only cost it a write each.
const TICKETS: usize = 1;

/// Tickets of other services with the same key are not ours.
const SESSIONS: &[u8] = b"industryos-iot";

/// A context and what belongs to it.
pub struct Loaded {
    pub(super) context: SslContext,
    /// The server's own, then those that signed it.
    pub chain: Vec<X509>,
    pub key: PKey<Private>,
    pub authorities: Vec<X509>,
    pub revocations: Revocations,
    /// Whole days until the first of the server's certificates ends; negative afterwards.
    pub(super) days_left: i64,
    /// Seconds beyond those days, for the warning.
    pub(super) seconds_left: i64,
}

/// Reads all files and checks that they fit together. Ticket keys are new with each context.
///
/// # Errors
/// The first file that does not fit, and why.
pub(super) fn load(config: &Config) -> Result<Loaded, TlsError> {
    let chain = certificates("certificate", &config.certificate)?;
    let key = private_key(&config.private_key)?;
    let authorities = optional(&config.client_ca, |file| certificates("client_ca", file))?;
    let revocations = revocations(config, &authorities)?;
    let mine =
        |error: ErrorStack| TlsError::new("certificate", &config.certificate, reason(&error));
    let mut builder = acceptor().map_err(mine)?;
    let (own, above) = chain
        .split_first()
        .ok_or_else(|| TlsError::new("certificate", &config.certificate, "holds no certificate"))?;
    builder.set_certificate(own).map_err(mine)?;
    for certificate in above {
        builder
            .add_extra_chain_cert(certificate.clone())
            .map_err(mine)?;
    }
    let fits = own.public_key().is_ok_and(|public| key.public_eq(&public));
    if !fits {
        let why = "is not the key of the certificate";
        return Err(TlsError::new("private_key", &config.private_key, why));
    }
    builder.set_private_key(&key).map_err(mine)?;
    trust(&mut builder, &authorities).map_err(mine)?;
    let (days_left, seconds_left) = time_left(&chain).map_err(mine)?;
    Ok(Loaded {
        context: builder.build().into_context(),
        chain,
        key,
        authorities,
        revocations,
        days_left,
        seconds_left,
    })
}

fn acceptor() -> Result<SslAcceptorBuilder, ErrorStack> {
    // The preset sets SSL_MODE_RELEASE_BUFFERS, without which an idle connection keeps 32 KB more.
    let mut builder = SslAcceptor::mozilla_intermediate_v5(SslMethod::tls_server())?;
    builder.set_min_proto_version(Some(SslVersion::TLS1_2))?;
    builder.set_cipher_list(CIPHERS_1_2)?;
    builder.set_options(SslOptions::NO_RENEGOTIATION | SslOptions::CIPHER_SERVER_PREFERENCE);
    // Resumption by tickets: the platform remembers nothing of a session.
    builder.set_session_cache_mode(SslSessionCacheMode::OFF);
    builder.set_session_id_context(SESSIONS)?;
    builder.set_num_tickets(TICKETS)?;
    // A record in one read of the socket; what came with it stays in OpenSSL until it is asked.
    builder.set_read_ahead(true);
    Ok(builder)
}

/// Asks for a client's certificate. The callback takes any: see the head of `mod.rs`.
fn trust(builder: &mut SslAcceptorBuilder, authorities: &[X509]) -> Result<(), ErrorStack> {
    builder.set_verify_callback(SslVerifyMode::PEER, |_, _| true);
    let mut names: Stack<X509Name> = Stack::new()?;
    let mut store = X509StoreBuilder::new()?;
    for authority in authorities {
        // The names help a client with many certificates to choose one.
        names.push(authority.subject_name().to_owned()?)?;
        store.add_cert(authority.clone())?;
    }
    builder.set_client_ca_list(names);
    builder.set_verify_cert_store(store.build())
}

fn certificates(key: &'static str, file: &Path) -> Result<Vec<X509>, TlsError> {
    let read = X509::stack_from_pem(&bytes(key, file)?);
    match read {
        Ok(found) if !found.is_empty() => Ok(found),
        _ => Err(TlsError::new(key, file, "holds no certificate in PEM")),
    }
}

fn private_key(file: &Path) -> Result<PKey<Private>, TlsError> {
    let pem = zeroize::Zeroizing::new(bytes("private_key", file)?);
    // An empty passphrase: OpenSSL would otherwise ask for one on the terminal.
    PKey::private_key_from_pem_passphrase(&pem, b"").map_err(|_| {
        let why = "holds no private key in PEM, or one with a passphrase";
        TlsError::new("private_key", file, why)
    })
}

fn revocations(config: &Config, authorities: &[X509]) -> Result<Revocations, TlsError> {
    let file = &config.client_crl;
    let lists = optional(file, crls)?;
    let checked = Revocations::new(lists, authorities);
    checked.ok().flatten().ok_or_else(|| {
        let why = "a list in it was signed by none of the authorities in client_ca";
        TlsError::new("client_crl", file, why)
    })
}

/// PEM with one list or more.
fn crls(file: &Path) -> Result<Vec<X509Crl>, TlsError> {
    const END: &str = "-----END X509 CRL-----";
    let none = || TlsError::new("client_crl", file, "holds no revocation list in PEM");
    let text = String::from_utf8(bytes("client_crl", file)?).map_err(|_| none())?;
    let blocks: Vec<&str> = text
        .split_inclusive(END)
        .filter(|block| block.contains(END))
        .collect();
    if blocks.is_empty() {
        return Err(none());
    }
    let read = blocks
        .into_iter()
        .map(|block| X509Crl::from_pem(block.as_bytes()));
    read.collect::<Result<_, _>>().map_err(|_| none())
}

fn bytes(key: &'static str, file: &Path) -> Result<Vec<u8>, TlsError> {
    if file.as_os_str().is_empty() {
        return Err(TlsError::new(
            key,
            file,
            "is missing: a certificate needs it",
        ));
    }
    std::fs::read(file).map_err(|error| TlsError::new(key, file, error))
}

fn optional<T>(
    file: &Path,
    read: impl FnOnce(&Path) -> Result<Vec<T>, TlsError>,
) -> Result<Vec<T>, TlsError> {
    match file.as_os_str().is_empty() {
        true => Ok(Vec::new()),
        false => read(file),
    }
}

fn time_left(chain: &[X509]) -> Result<(i64, i64), ErrorStack> {
    let now = Asn1Time::days_from_now(0)?;
    let until = |end: &Asn1TimeRef| {
        let left = now.diff(end)?;
        Ok((i64::from(left.days), i64::from(left.secs)))
    };
    let ends: Result<Vec<_>, ErrorStack> = chain.iter().map(|one| until(one.not_after())).collect();
    Ok(ends?.into_iter().min().unwrap_or_default())
}
