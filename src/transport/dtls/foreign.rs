//! The one room with `unsafe`: what OpenSSL's DTLS needs and the `openssl` crate does not offer.
//!
//! Each function takes its connection by reference and gives OpenSSL the pointer of it for the time
//! of one call, on one thread; none is kept. The functions are of OpenSSL's public interface
//! (`ssl.h`, `bio.h`), in all versions from 1.1.1 on.

#![allow(
    unsafe_code,
    reason = "foreign functions: a DTLS server needs them, and the crate has no safe form of them"
)]

use super::pipe::Pipe;
use foreign_types::ForeignTypeRef;
use openssl::error::ErrorStack;
use openssl::ssl::{SslContextBuilder, SslRef, SslSession, SslStream};
use openssl::x509::X509VerifyResult;
use openssl_sys::{SSL, SSL_CTX};
use std::os::raw::{c_int, c_long, c_void};
use std::time::Duration;

enum BioAddress {}

extern "C" {
    fn DTLSv1_listen(ssl: *mut SSL, client: *mut BioAddress) -> c_int;
    fn BIO_ADDR_new() -> *mut BioAddress;
    fn BIO_ADDR_free(address: *mut BioAddress);
    fn SSL_alloc_buffers(ssl: *mut SSL) -> c_int;
    fn SSL_free_buffers(ssl: *mut SSL) -> c_int;
    fn SSL_CTX_set_timeout(context: *mut SSL_CTX, seconds: c_long) -> c_long;
}

/// `DTLS_CTRL_GET_TIMEOUT` and `DTLS_CTRL_HANDLE_TIMEOUT` (`ssl.h`): macros over `SSL_ctrl`.
const GET_TIMEOUT: c_int = 73;
const HANDLE_TIMEOUT: c_int = 74;

/// `struct timeval`, as the headers of this machine have it.
#[repr(C)]
struct TimeValue {
    seconds: std::ffi::c_long,
    micros: std::ffi::c_long,
}

/// Looks at the datagram in the pipe. True: a hello with a good cookie; the connection goes on with
/// it. False: it was answered with a cookie, or ignored; the connection remembers nothing.
pub(super) fn listen(stream: &mut SslStream<Pipe>) -> bool {
    let ssl = stream.ssl().as_ptr();
    // SAFETY: `ssl` is alive and borrowed alone for the call. The address is OpenSSL's own, used
    // for this call only and freed after it; our pipe fills none, and OpenSSL clears it then.
    let result = unsafe {
        let address = BIO_ADDR_new();
        if address.is_null() {
            return false;
        }
        let result = DTLSv1_listen(ssl, address);
        BIO_ADDR_free(address);
        result
    };
    // What was wrong with the datagram is of no use to anybody; the thread's queue must be empty.
    let _ = ErrorStack::get();
    result > 0
}

/// Until the last flight of a handshake is to be sent again; `None`: nothing is awaited.
pub(super) fn time_left(ssl: &SslRef) -> Option<Duration> {
    let mut left = TimeValue {
        seconds: 0,
        micros: 0,
    };
    let into: *mut TimeValue = &mut left;
    // SAFETY: the control writes one `struct timeval` to the pointer, which is valid for the call.
    let some =
        unsafe { openssl_sys::SSL_ctrl(ssl.as_ptr(), GET_TIMEOUT, 0, into.cast::<c_void>()) };
    let seconds = u64::try_from(left.seconds).unwrap_or(0);
    let micros = u64::try_from(left.micros).unwrap_or(0);
    (some > 0).then(|| Duration::from_secs(seconds) + Duration::from_micros(micros))
}

/// Sends the last flight again if it is time. False: it has been sent too often.
pub(super) fn retransmit(stream: &mut SslStream<Pipe>) -> bool {
    let ssl = stream.ssl().as_ptr();
    // SAFETY: the control takes no pointer; it writes to the pipe, which `stream` owns.
    let result = unsafe { openssl_sys::SSL_ctrl(ssl, HANDLE_TIMEOUT, 0, std::ptr::null_mut()) };
    let _ = ErrorStack::get();
    result >= 0
}

/// Gives the record buffers back (33 KB), if nothing is in them. [`claim`] them before use.
pub(super) fn release(ssl: &SslRef) {
    // SAFETY: OpenSSL itself checks that no record is pending in them.
    unsafe {
        SSL_free_buffers(ssl.as_ptr());
    }
}

/// Makes the record buffers if they are not there. False: there is no memory for them.
pub(super) fn claim(ssl: &SslRef) -> bool {
    // SAFETY: the call does nothing to buffers that are there.
    unsafe { SSL_alloc_buffers(ssl.as_ptr()) == 1 }
}

/// A fault that OpenSSL found nothing wrong with (`x509_vfy.h`, `X509_V_ERR_…`).
pub(super) fn verify_result(code: c_int) -> X509VerifyResult {
    // SAFETY: the function wraps the number and dereferences nothing.
    unsafe { X509VerifyResult::from_raw(code) }
}

/// Sets who knows the sessions of clients that come back, and for how long they are good.
/// `find` must give only sessions that `SslContextBuilder::set_new_session_callback` of the same
/// context was given.
pub(super) fn set_sessions<F>(builder: &mut SslContextBuilder, life: Duration, find: F)
where
    F: Fn(&mut SslRef, &[u8]) -> Option<SslSession> + 'static + Sync + Send,
{
    let seconds = c_long::try_from(life.as_secs()).unwrap_or(c_long::MAX);
    // SAFETY: the crate asks that sessions stay with their context, which is this function's own
    // condition. The context is alive and not yet shared.
    unsafe {
        builder.set_get_session_callback(find);
        SSL_CTX_set_timeout(builder.as_ptr(), seconds);
    }
}
