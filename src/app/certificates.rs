//! `industryos-iot cert generate`: an authority, a server's and devices' certificates for
//! development, as files. Never done silently, and nothing is ever overwritten.
//!
//! ```text
//! FOLDER/ca.pem       ca.key        signs the others; what clients trust
//!        server.pem   server.key    `certificate` and `private_key` of a door
//!        NAME.pem     NAME.key      a device's, with its name as common name
//! ```
//! Keys are readable by their owner only (0600).

use crate::auth::certificates::make::{make, KeyKind, Made, Order, Role};
use openssl::error::ErrorStack;
use openssl::pkey::PKey;
use openssl::x509::X509;
use std::fs::{self, OpenOptions};
use std::io::Write;
use std::ops::Range;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

const DAY: i64 = 86_400_000;
/// Days.
const AUTHORITY_LIFE: i64 = 3650;
/// Days; more than 825 some clients refuse.
const LIFE: i64 = 825;
/// Always among the names of the server.
const LOCAL: [&str; 3] = ["localhost", "127.0.0.1", "::1"];

/// What to make.
#[derive(Clone, Debug, Default)]
pub struct Wish {
    pub folder: PathBuf,
    /// Host names and addresses of the server, beside the local ones.
    pub names: Vec<String>,
    pub device: Option<String>,
}

/// Makes what is missing for the wish: the authority and the server's certificate when the folder
/// has no authority, and the device's. Returns the files written.
///
/// # Errors
/// A file is there already (then nothing is written), a name does not fit, the folder cannot be
/// written; as one line.
pub fn generate(wish: &Wish) -> Result<Vec<PathBuf>, String> {
    let at = |name: &str| wish.folder.join(name);
    let (ca_pem, ca_key) = (at("ca.pem"), at("ca.key"));
    let fresh = !ca_pem.exists() && !ca_key.exists();
    if !fresh && wish.device.is_none() {
        return Err(exists(&ca_pem));
    }
    let device = wish.device.as_deref().map(checked).transpose()?;
    let mut files = Vec::new();
    let ca = match fresh {
        true => {
            let ca = signed(Role::Authority, "IndustryOS IoT development CA", None)?;
            let server = server(&wish.names, &ca)?;
            files.extend(pair(&ca_pem, &ca_key, &ca)?);
            files.extend(pair(&at("server.pem"), &at("server.key"), &server)?);
            ca
        }
        false => read(&ca_pem, &ca_key)?,
    };
    if let Some(name) = device {
        let made = signed(Role::Device, name, Some(&ca))?;
        let (pem, key) = (at(&format!("{name}.pem")), at(&format!("{name}.key")));
        files.extend(pair(&pem, &key, &made)?);
    }
    if let Some((taken, _, _)) = files.iter().find(|(path, _, _)| path.exists()) {
        return Err(exists(taken));
    }
    fs::create_dir_all(&wish.folder).map_err(|error| unwritable(&wish.folder, &error))?;
    for (path, text, mode) in &files {
        write(path, text, *mode).map_err(|error| unwritable(path, &error))?;
    }
    Ok(files.into_iter().map(|(path, _, _)| path).collect())
}

/// A name is a common name, and a part of a path.
fn checked(name: &str) -> Result<&str, String> {
    let fits = |c: char| c.is_ascii_alphanumeric() || "._- ".contains(c);
    let reserved = ["ca", "server"].contains(&name);
    match !name.is_empty() && name.len() <= 64 && name.chars().all(fits) {
        true if !reserved && !name.starts_with('.') => Ok(name),
        _ => Err(format!(
            "the device name {name:?} does not fit: 1 to 64 letters, digits, spaces or any of \
             `._-`, not beginning with a dot, and neither `ca` nor `server`"
        )),
    }
}

fn server(names: &[String], ca: &Made) -> Result<Made, String> {
    let given = names.iter().map(String::as_str);
    let all: Vec<&str> = LOCAL.into_iter().chain(given).collect();
    let first = names.first().map_or("localhost", String::as_str);
    signed(Role::Server(&all), first, Some(ca))
}

fn signed(role: Role<'_>, common_name: &str, issuer: Option<&Made>) -> Result<Made, String> {
    let life = match role {
        Role::Authority => AUTHORITY_LIFE,
        Role::Server(_) | Role::Device => LIFE,
    };
    let order = Order {
        role,
        common_name,
        key: KeyKind::Ec,
        valid: from_now(life),
    };
    make(&order, issuer).map_err(|error| format!("a certificate for {common_name:?}: {error}"))
}

/// An hour of slack: the clocks of development machines differ.
fn from_now(days: i64) -> Range<i64> {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    let now = since.map_or(0, |since| i64::try_from(since.as_millis()).unwrap_or(0));
    now - DAY / 24..now + days * DAY
}

type File = (PathBuf, Vec<u8>, u32);

fn pair(pem: &Path, key: &Path, made: &Made) -> Result<[File; 2], String> {
    let texts = || -> Result<_, ErrorStack> {
        Ok((
            made.certificate.to_pem()?,
            made.key.private_key_to_pem_pkcs8()?,
        ))
    };
    let (certificate, secret) = texts().map_err(|error| error.to_string())?;
    Ok([
        (key.to_owned(), secret, 0o600),
        (pem.to_owned(), certificate, 0o644),
    ])
}

fn read(pem: &Path, key: &Path) -> Result<Made, String> {
    let bytes = |path: &Path| fs::read(path).map_err(|e| format!("{}: {e}", path.display()));
    let bad = |path: &Path| format!("{}: not a certificate, or not its key", path.display());
    let certificate = X509::from_pem(&bytes(pem)?).map_err(|_| bad(pem))?;
    let key_bytes = zeroize::Zeroizing::new(bytes(key)?);
    let secret = PKey::private_key_from_pem(&key_bytes).map_err(|_| bad(key))?;
    let fits = certificate
        .public_key()
        .is_ok_and(|public| secret.public_eq(&public));
    match fits {
        true => Ok(Made {
            certificate,
            key: secret,
        }),
        false => Err(bad(key)),
    }
}

/// Errors: it is there already, among others.
fn write(path: &Path, text: &[u8], mode: u32) -> std::io::Result<()> {
    let mut options = OpenOptions::new();
    let mut file = options.write(true).create_new(true).mode(mode).open(path)?;
    file.write_all(text)?;
    file.sync_all()
}

fn exists(path: &Path) -> String {
    format!(
        "{} is there already, and nothing is overwritten: remove it, or name another folder \
         with --out",
        path.display()
    )
}

fn unwritable(path: &Path, error: &std::io::Error) -> String {
    format!("cannot write {}: {error}", path.display())
}
