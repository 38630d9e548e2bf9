//! Argon2id: operators' passwords as hashes, made and checked off the async threads.

use crate::store::StoreError;
use argon2::password_hash::{PasswordHash, PasswordHasher, PasswordVerifier, SaltString};
use argon2::{Algorithm, Argon2, Params, Version};
use std::sync::Arc;
use tokio::sync::Semaphore;
use zeroize::Zeroizing;

/// OWASP's recommendation for Argon2id: 19 MiB, 2 passes, 1 lane.
const MEMORY_KIB: u32 = 19 * 1024;
const PASSES: u32 = 2;
const LANES: u32 = 1;

/// Hashes computed at once: bounds memory (19 MiB each) and leaves cores to the devices.
const AT_ONCE: usize = 2;

/// Longest password that is looked at, in bytes.
pub(super) const LONGEST: usize = 2048;

/// The hash of nobody's password, with the same cost: checked when the user is unknown, so that
/// the answer takes as long as for a wrong password.
const NOBODY: &str = "$argon2id$v=19$m=19456,t=2,p=1$bm9ib2R5IHdob2V2ZXIhIQ$\
                      bm9ib2R5J3MgcGFzc3dvcmQgaGFzaCwgMzIgYnl0ZXM";

#[derive(Clone)]
pub(super) struct Passwords {
    permits: Arc<Semaphore>,
}

impl Passwords {
    pub(super) fn new() -> Self {
        Self {
            permits: Arc::new(Semaphore::new(AT_ONCE)),
        }
    }

    /// PHC string of a new salt and this password.
    pub(super) async fn hash(&self, password: &str) -> Result<String, StoreError> {
        let password = Zeroizing::new(password.to_owned());
        self.aside(move || hash_now(&password)).await?
    }

    /// Whether the password is the hash's; `None` = no such user: `false`, after the same time.
    pub(super) async fn verify(
        &self,
        password: &str,
        hash: Option<&str>,
    ) -> Result<bool, StoreError> {
        let fits = password.len() <= LONGEST;
        let known = hash.is_some() && fits;
        let password = Zeroizing::new(if fits {
            password.to_owned()
        } else {
            String::new()
        });
        let hash = hash.unwrap_or(NOBODY).to_owned();
        let matches = self.aside(move || verify_now(&password, &hash)).await??;
        Ok(matches && known)
    }

    async fn aside<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, StoreError> {
        let _permit = self
            .permits
            .acquire()
            .await
            .map_err(|_| StoreError::Closed)?;
        tokio::task::spawn_blocking(work)
            .await
            .map_err(|_| StoreError::Closed)
    }
}

fn hash_now(password: &str) -> Result<String, StoreError> {
    let failed = |what: &dyn std::fmt::Display| StoreError::Io(format!("hashing failed: {what}"));
    let params = Params::new(MEMORY_KIB, PASSES, LANES, None).map_err(|error| failed(&error))?;
    let salt: [u8; 16] = rand::random();
    let salt = SaltString::encode_b64(&salt).map_err(|error| failed(&error))?;
    Argon2::new(Algorithm::Argon2id, Version::V0x13, params)
        .hash_password(password.as_bytes(), &salt)
        .map(|hash| hash.to_string())
        .map_err(|error| failed(&error))
}

/// Error: the stored hash cannot be read.
fn verify_now(password: &str, hash: &str) -> Result<bool, StoreError> {
    let hash = PasswordHash::new(hash)
        .map_err(|_| StoreError::Damaged("an operator's password hash".into()))?;
    // Cost and salt come from the hash itself: old hashes stay good when the cost is raised.
    Ok(Argon2::default()
        .verify_password(password.as_bytes(), &hash)
        .is_ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_password_matches_its_own_hash_only() {
        let passwords = Passwords::new();
        let hash = passwords.hash("correct horse").await.unwrap();
        assert!(passwords
            .verify("correct horse", Some(&hash))
            .await
            .unwrap());
        assert!(!passwords
            .verify("correct horsE", Some(&hash))
            .await
            .unwrap());
        assert!(!passwords.verify("", Some(&hash)).await.unwrap());
        assert_ne!(
            hash,
            passwords.hash("correct horse").await.unwrap(),
            "salted"
        );
    }

    #[tokio::test]
    async fn an_unknown_user_costs_the_same_parameters_and_never_matches() {
        let passwords = Passwords::new();
        let real = passwords.hash("x").await.unwrap();
        let real = PasswordHash::new(&real).unwrap();
        let nobody = PasswordHash::new(NOBODY).unwrap();
        assert_eq!(real.algorithm, nobody.algorithm);
        assert_eq!(real.version, nobody.version);
        assert_eq!(real.params, nobody.params);
        assert_eq!(real.hash.unwrap().len(), nobody.hash.unwrap().len());
        assert_eq!(real.salt.unwrap().len(), nobody.salt.unwrap().len());
        assert!(!passwords.verify("anything", None).await.unwrap());
    }

    #[tokio::test]
    async fn an_overlong_password_is_wrong_and_an_unreadable_hash_is_an_error() {
        let passwords = Passwords::new();
        let hash = passwords.hash("").await.unwrap();
        let long = "x".repeat(LONGEST + 1);
        assert!(!passwords.verify(&long, Some(&hash)).await.unwrap());
        assert!(passwords.verify("x", Some("plain text")).await.is_err());
    }
}
