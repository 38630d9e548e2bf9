//! Pre-shared keys: which ones a handshake may use, and whom a proof of one lets in.

use super::*;
use crate::auth::shared_key::digest;
use crate::model::ids::DeviceId;

const HOUR: Duration = Duration::from_secs(3_600);
const FIRST: &[u8] = b"0123456789abcdef";
const SECOND: &[u8] = b"fedcba9876543210";

fn order(device: DeviceId, identity: &str, key: &[u8], overlap: Duration) -> CredentialsOrder {
    let key = std::str::from_utf8(key).unwrap();
    let value = format!(r#"{{"identity":"{identity}","keyText":"{key}"}}"#);
    CredentialsOrder {
        overlap: Some(overlap),
        ..value_order(device, CredentialsKind::PreSharedKey, &value)
    }
}

fn proof(identity: &str, key: &[u8]) -> Presented {
    Presented::PreSharedKey {
        identity: identity.into(),
        digest: digest(key),
    }
}

impl House {
    async fn keyed(&self, device: DeviceId, identity: &str, key: &[u8], overlap: Duration) {
        let order = order(device, identity, key, overlap);
        let saved = self.auth.directory().update_credentials(order).await;
        assert!(saved.unwrap().end_sessions.is_some());
    }

    async fn keys(&self, identity: &str) -> Result<Vec<Vec<u8>>, Reason> {
        let found = self.auth.keys_of(identity).await;
        let found = found.map_err(|refused| refused.rejection.reason)?;
        Ok(found.keys.iter().map(|key| key.bytes.to_vec()).collect())
    }
}

#[tokio::test]
async fn an_identity_has_its_key_and_its_proof_lets_the_device_in() {
    let house = house().await;
    let device = house.device("pump", "token").await;
    house.device("other", "its-token").await;
    house
        .keyed(device.id, "pump-7", FIRST, Duration::ZERO)
        .await;
    assert_eq!(house.keys("pump-7").await, Ok(vec![FIRST.to_vec()]));
    let known = house.who(&proof("pump-7", FIRST)).await;
    assert_eq!((known.device.id, known.until), (device.id, None));
    let unknown = Reason::CredentialsUnknown;
    for nobody in ["pump-8", "its-token", "token", ""] {
        assert_eq!(house.keys(nobody).await, Err(unknown), "{nobody}");
        assert!(house.reason(&proof(nobody, FIRST)).await.is_some());
    }
    let changed = Some(Reason::CredentialsChanged);
    assert_eq!(house.reason(&proof("pump-7", SECOND)).await, changed);
    // An identity goes over the wire in clear: it opens nothing by itself.
    assert_eq!(house.reason(&http("pump-7")).await, Some(unknown));
    let named = mqtt("c", Some("pump-7"), None);
    assert_eq!(house.reason(&named).await, Some(unknown));
}

#[tokio::test]
async fn a_disabled_device_has_no_key_and_is_named() {
    let house = house().await;
    let device = house.device("pump", "token").await;
    house
        .keyed(device.id, "pump-7", FIRST, Duration::ZERO)
        .await;
    let directory = house.auth.directory();
    directory.set_disabled(device.id, true).await.unwrap();
    let refused = house.auth.keys_of("pump-7").await.err().unwrap();
    assert_eq!(refused.rejection.reason, Reason::DeviceDisabled);
    assert_eq!(refused.device, Some(device.id));
}

#[tokio::test]
async fn a_rotated_key_counts_beside_the_new_one_until_the_overlap_ends() {
    let house = house().await;
    let device = house.device("pump", "token").await;
    house.keyed(device.id, "old", FIRST, Duration::ZERO).await;
    house.keyed(device.id, "old", SECOND, HOUR).await;
    let both = vec![SECOND.to_vec(), FIRST.to_vec()];
    assert_eq!(house.keys("old").await, Ok(both), "the newest first");
    assert_eq!(house.reason(&proof("old", FIRST)).await, None);
    assert_eq!(house.reason(&proof("old", SECOND)).await, None);
    house.pass(HOUR);
    assert_eq!(house.keys("old").await, Ok(vec![SECOND.to_vec()]));
    let changed = Some(Reason::CredentialsChanged);
    assert_eq!(house.reason(&proof("old", FIRST)).await, changed);
    house.keyed(device.id, "new", SECOND, HOUR).await;
    assert_eq!(house.keys("old").await, Ok(vec![SECOND.to_vec()]));
    assert_eq!(house.keys("new").await, Ok(vec![SECOND.to_vec()]));
    house.pass(HOUR);
    assert_eq!(house.keys("old").await, Err(Reason::CredentialsUnknown));
}
