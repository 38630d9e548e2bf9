//! Device profiles (contract/provisioning.md 2).

use super::*;
use crate::auth::directory::ProfileOrder;
use crate::model::device::ProfileOptions;
use crate::model::ids::ProfileId;

fn order(name: &str) -> ProfileOrder {
    ProfileOrder {
        name: name.into(),
        ..ProfileOrder::default()
    }
}

#[tokio::test]
async fn a_profile_is_made_changed_and_seen_by_the_next_session() {
    let house = house().await;
    let directory = house.auth.directory();
    let made = directory.save_profile(None, order("meter")).await.unwrap();
    assert_eq!((made.version, made.default), (1, false));
    let options = ProfileOptions {
        ack_malformed: true,
        cast_numeric_strings: true,
    };
    let change = ProfileOrder {
        description: Some("meters".into()),
        options,
        version: Some(1),
        ..order("meters")
    };
    let changed = directory.save_profile(Some(made.id), change).await.unwrap();
    assert_eq!((changed.version, changed.options), (2, options));
    let device = directory.create_device(
        typed("m", "meters"),
        NewCredentials::AccessToken("T".into()),
    );
    assert_eq!(device.await.unwrap().profile, made.id);
    let identified = house.who(&http("T")).await;
    assert!(identified.profile.options.ack_malformed);
}

#[tokio::test]
async fn bad_profiles_are_refused() {
    let house = house().await;
    let directory = house.auth.directory();
    let made = directory.save_profile(None, order("meter")).await.unwrap();
    let refused = async |id, order| directory.save_profile(id, order).await.err();
    assert_eq!(
        refused(None, order(" ")).await,
        Some(DirectoryError::ProfileNameMissing)
    );
    assert_eq!(
        refused(None, order(&"p".repeat(256))).await,
        Some(DirectoryError::ProfileNameTooLong)
    );
    assert_eq!(
        refused(None, order("meter")).await,
        Some(DirectoryError::ProfileNameTaken)
    );
    assert_eq!(
        refused(Some(made.id), order("default")).await,
        Some(DirectoryError::ProfileNameTaken)
    );
    let stale = ProfileOrder {
        version: Some(5),
        ..order("meter")
    };
    assert_eq!(
        refused(Some(made.id), stale).await,
        Some(DirectoryError::VersionConflict)
    );
    let nobody = ProfileId::new();
    let missing = Some(DirectoryError::ProfileNotFound(nobody));
    assert_eq!(refused(Some(nobody), order("x")).await, missing);
    assert_eq!(directory.profile(nobody).await.err(), missing);
    assert_eq!(directory.set_default_profile(nobody).await.err(), missing);
    let same = directory
        .save_profile(Some(made.id), order("meter"))
        .await
        .unwrap();
    assert_eq!(same.version, 1, "nothing changed");
}

#[tokio::test]
async fn there_is_exactly_one_default_profile_also_after_a_restart() {
    let house = house().await;
    let directory = house.auth.directory();
    let meter = directory.save_profile(None, order("meter")).await.unwrap();
    assert!(
        directory
            .set_default_profile(meter.id)
            .await
            .unwrap()
            .default
    );
    let house = house.restarted().await;
    let profiles = house.auth.directory().profiles().await.unwrap();
    let defaults: Vec<&str> = profiles
        .iter()
        .filter(|p| p.default)
        .map(|p| p.name.as_str())
        .collect();
    assert_eq!(defaults, ["meter"]);
}
