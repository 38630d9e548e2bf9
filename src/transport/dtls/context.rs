//! The OpenSSL context of a door: DTLS 1.2, the suites of constrained clients, and the callbacks.

use super::aside;
use super::config::Config;
use super::cookie::Secret;
use super::foreign;
use super::keys::Ring;
use super::sessions::Sessions;
use crate::transport::tls::Loaded;
use openssl::asn1::Asn1Time;
use openssl::error::ErrorStack;
use openssl::ssl::{
    SslContext, SslContextBuilder, SslMethod, SslOptions, SslSessionCacheMode, SslVerifyMode,
    SslVersion,
};
use openssl::stack::Stack;
use openssl::x509::{X509Name, X509Ref, X509StoreContextRef};
use std::cmp::Ordering;
use std::sync::Arc;

/// What constrained clients have (RFC 7925, section 4.2 and 4.4; design.md 4), best first.
const BY_CERTIFICATE: &str = "ECDHE-ECDSA-AES128-CCM8:ECDHE-ECDSA-AES128-GCM-SHA256:\
    ECDHE-RSA-AES128-GCM-SHA256";
const BY_KEY: &str = "PSK-AES128-CCM8:PSK-AES128-GCM-SHA256:PSK-AES128-CBC-SHA256";
/// OpenSSL counts an 8-byte tag as weak; RFC 7925 asks for it. This context only.
const LEVEL: &str = "@SECLEVEL=0";
const CURVES: &str = "P-256:X25519:P-384";

/// Sessions of other services with the same key are not ours.
const SERVICE: &[u8] = b"industryos-iot";

/// X509_V_ERR_CERT_NOT_YET_VALID, X509_V_ERR_CERT_HAS_EXPIRED, X509_V_ERR_CERT_REVOKED
/// (`x509_vfy.h`): OpenSSL has an alert for each.
const NOT_YET_VALID: i32 = openssl_sys::X509_V_ERR_CERT_NOT_YET_VALID;
const EXPIRED: i32 = openssl_sys::X509_V_ERR_CERT_HAS_EXPIRED;
const REVOKED: i32 = openssl_sys::X509_V_ERR_CERT_REVOKED;

pub(super) struct Context {
    pub ssl: SslContext,
    pub sessions: Arc<Sessions>,
}

pub(super) fn build(
    config: &Config,
    ring: &Arc<Ring>,
    secret: &Arc<Secret>,
    files: Option<Arc<Loaded>>,
) -> Result<Context, ErrorStack> {
    let mut builder = SslContext::builder(SslMethod::dtls_server())?;
    builder.set_min_proto_version(Some(SslVersion::DTLS1_2))?;
    builder.set_max_proto_version(Some(SslVersion::DTLS1_2))?;
    builder.set_options(
        SslOptions::COOKIE_EXCHANGE
            | SslOptions::NO_QUERY_MTU
            | SslOptions::NO_TICKET
            | SslOptions::NO_RENEGOTIATION
            | SslOptions::CIPHER_SERVER_PREFERENCE,
    );
    builder.set_groups_list(CURVES)?;
    let by_key = config.pre_shared_keys.then_some(BY_KEY);
    let by_certificate = files.as_ref().map(|_| BY_CERTIFICATE);
    let suites: Vec<&str> = by_certificate
        .into_iter()
        .chain(by_key)
        .chain([LEVEL])
        .collect();
    builder.set_cipher_list(&suites.join(":"))?;
    cookies(&mut builder, secret);
    if config.pre_shared_keys {
        let ring = ring.clone();
        builder.set_psk_server_callback(move |_, identity, into| {
            Ok(ring.answer(identity.unwrap_or_default(), into))
        });
    }
    if let Some(files) = files {
        certificates(&mut builder, &files)?;
    }
    let sessions = resumption(&mut builder, config)?;
    Ok(Context {
        ssl: builder.build(),
        sessions,
    })
}

fn cookies(builder: &mut SslContextBuilder, secret: &Arc<Secret>) {
    let generates = secret.clone();
    builder.set_cookie_generate_cb(move |_, into| {
        let (Some(address), now) = aside::ask() else {
            return Ok(0);
        };
        let cookie = generates.cookie(&address, now);
        let Some(to) = into.get_mut(..cookie.len()) else {
            return Ok(0);
        };
        to.copy_from_slice(&cookie);
        Ok(cookie.len())
    });
    let verifies = secret.clone();
    builder.set_cookie_verify_cb(move |_, cookie| {
        let (address, now) = aside::ask();
        address.is_some_and(|address| verifies.knows(&address, cookie, now))
    });
}

fn certificates(builder: &mut SslContextBuilder, files: &Arc<Loaded>) -> Result<(), ErrorStack> {
    if let Some((own, above)) = files.chain.split_first() {
        builder.set_certificate(own)?;
        for certificate in above {
            builder.add_extra_chain_cert(certificate.clone())?;
        }
    }
    builder.set_private_key(&files.key)?;
    let mut names: Stack<X509Name> = Stack::new()?;
    for authority in &files.authorities {
        names.push(authority.subject_name().to_owned()?)?;
    }
    builder.set_client_ca_list(names);
    let files = files.clone();
    builder.set_verify_callback(SslVerifyMode::PEER, move |_, chain| verdict(&files, chain));
    Ok(())
}

/// Any authority will do, see the head of `mod.rs`; time and revocation count.
fn verdict(files: &Loaded, chain: &mut X509StoreContextRef) -> bool {
    let Some(certificate) = chain.current_cert() else {
        return true;
    };
    let Ok(der) = certificate.to_der() else {
        return false;
    };
    let own = chain.error_depth() == 0;
    let fault = match files.revocations.hold_any(std::slice::from_ref(&der)) {
        true => Some(REVOKED),
        // Those above are a matter of whoever vouches by them.
        false => out_of_date(certificate).filter(|_| own),
    };
    let Some(fault) = fault else {
        return true;
    };
    if own {
        aside::tell(|aside| aside.refused = Some((der, fault == REVOKED)));
    }
    chain.set_error(foreign::verify_result(fault));
    false
}

fn out_of_date(certificate: &X509Ref) -> Option<i32> {
    let now = Asn1Time::days_from_now(0).ok()?;
    if certificate.not_before().compare(&now).ok()? == Ordering::Greater {
        return Some(NOT_YET_VALID);
    }
    (certificate.not_after().compare(&now).ok()? == Ordering::Less).then_some(EXPIRED)
}

fn resumption(
    builder: &mut SslContextBuilder,
    config: &Config,
) -> Result<Arc<Sessions>, ErrorStack> {
    let life = config.session_life.0;
    let sessions = Arc::new(Sessions::new(config.sessions, life));
    let mode = match config.sessions {
        0 => SslSessionCacheMode::OFF,
        _ => SslSessionCacheMode::SERVER | SslSessionCacheMode::NO_INTERNAL,
    };
    builder.set_session_cache_mode(mode);
    builder.set_session_id_context(SERVICE)?;
    let adds = sessions.clone();
    builder.set_new_session_callback(move |_, session| adds.add(session));
    let finds = sessions.clone();
    foreign::set_sessions(builder, life, move |_, id| finds.find(id));
    Ok(sessions)
}
