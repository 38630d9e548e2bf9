//! Sentences about credentials and their look-ups.

use super::{both_lives, Bench};
use crate::model::credentials::{Credentials, CredentialsKind};
use crate::model::ids::{CredentialsId, DeviceId};
use crate::store::Change;

pub(super) fn token(device: DeviceId, lookup: &str) -> Credentials {
    Credentials {
        id: CredentialsId::new(),
        device,
        created: 1,
        kind: CredentialsKind::AccessToken,
        lookup: lookup.to_owned(),
        value: None,
        version: 1,
        former: None,
    }
}

async fn put(bench: &Bench, credentials: &Credentials) {
    let change = Change::CredentialsPut(credentials.clone());
    bench.change(credentials.device, vec![change]).await;
}

async fn owner(bench: &Bench, lookup: &str) -> Option<DeviceId> {
    let found = bench.store.credentials_by_lookup(lookup).await.unwrap();
    found.map(|credentials| credentials.device)
}

pub(crate) async fn credentials_are_found_by_device_id_and_lookup(bench: Bench) {
    let mut basic = token(DeviceId::new(), "user:grüße");
    basic.kind = CredentialsKind::MqttBasic;
    basic.value = Some(r#"{"userName":"u"}"#.to_owned());
    put(&bench, &basic).await;
    both_lives!(bench, {
        let store = &bench.store;
        assert_eq!(
            store.credentials(basic.device).await,
            Ok(Some(basic.clone()))
        );
        assert_eq!(
            store.credentials_by_id(basic.id).await,
            Ok(Some(basic.clone()))
        );
        let by_lookup = store.credentials_by_lookup("user:grüße").await;
        assert_eq!(by_lookup, Ok(Some(basic.clone())));
        assert_eq!(store.credentials(DeviceId::new()).await, Ok(None));
        assert_eq!(
            store.credentials_by_id(CredentialsId::new()).await,
            Ok(None)
        );
    });
}

pub(crate) async fn new_credentials_free_the_old_lookup_and_id(bench: Bench) {
    let old = token(DeviceId::new(), "old");
    let new = token(old.device, "new");
    put(&bench, &old).await;
    let bench = bench.reopen().await;
    put(&bench, &new).await;
    both_lives!(bench, {
        assert_eq!(owner(&bench, "old").await, None);
        assert_eq!(owner(&bench, "new").await, Some(new.device));
        assert_eq!(bench.store.credentials_by_id(old.id).await, Ok(None));
        assert_eq!(
            bench.store.credentials(old.device).await,
            Ok(Some(new.clone()))
        );
    });
}

pub(crate) async fn a_freed_lookup_may_serve_another_device(bench: Bench) {
    let first = token(DeviceId::new(), "shared");
    let second = token(DeviceId::new(), "shared");
    put(&bench, &first).await;
    put(&bench, &token(first.device, "other")).await;
    put(&bench, &second).await;
    put(&bench, &token(first.device, "shared")).await;
    put(&bench, &second).await;
    put(&bench, &token(first.device, "third")).await;
    bench
        .change(first.device, vec![Change::DeviceDelete(first.device)])
        .await;
    both_lives!(bench, {
        assert_eq!(owner(&bench, "shared").await, Some(second.device));
        assert_eq!(owner(&bench, "other").await, None);
        assert_eq!(owner(&bench, "third").await, None);
    });
}

pub(crate) async fn lookups_are_exact(bench: Bench) {
    let device = DeviceId::new();
    put(&bench, &token(device, "Token")).await;
    both_lives!(bench, {
        for near in ["token", "Toke", "Token ", "Token1", "", "Token\0"] {
            assert_eq!(owner(&bench, near).await, None, "{near:?}");
        }
        assert_eq!(owner(&bench, "Token").await, Some(device));
    });
}
