//! Sentences about who may do what: roles, keys, the audit log, rotated credentials, old forms.

use super::credentials::token;
use super::{both_lives, Bench};
use crate::model::audit::{AuditRow, Via};
use crate::model::credentials::{CredentialsV1, Former};
use crate::model::device::ProfileV2;
use crate::model::ids::{ApiKeyId, AuditId, DeviceId, OperatorId, ProfileId};
use crate::model::operator::{ApiKey, Operator, OperatorV1, Role};
use crate::model::rates::Rates;
use crate::model::Millis;
use crate::store::Change;
use std::ops::Range;
use uuid::Uuid;

pub(super) fn api_key(owner: OperatorId, n: u8) -> ApiKey {
    ApiKey {
        id: ApiKeyId(Uuid::from_u128(u128::from(n))),
        owner,
        created: 5,
        description: format!("key {n}"),
        digest: [n; 32],
        role: Role::Viewer,
        read_only: n.is_multiple_of(2),
        expires: (n > 2).then_some(Millis::from(n)),
    }
}

pub(super) fn audit_row(at: Millis, n: u128) -> AuditRow {
    AuditRow {
        id: AuditId(Uuid::from_u128(n)),
        at,
        operator: None,
        username: "somebody".into(),
        via: Via::ApiKey(ApiKeyId(Uuid::from_u128(9))),
        from: "2001:db8::1".parse().ok(),
        action: "POST /api/device".into(),
        entity: format!("row {n}"),
        status: 200,
        detail: String::new(),
    }
}

fn operator(id: OperatorId) -> Operator {
    Operator {
        id,
        created: 1,
        username: "viewer@example.org".into(),
        password_hash: "$argon2id$".into(),
        tokens_valid_from: 4,
        role: Role::Viewer,
        disabled: true,
        first_name: Some("Vera".into()),
        last_name: None,
    }
}

pub(crate) async fn an_operator_keeps_its_role_and_a_deleted_one_is_gone_with_its_keys(
    bench: Bench,
) {
    let (kept, gone) = (operator(OperatorId::new()), operator(OperatorId::new()));
    bench
        .system_change(vec![
            Change::OperatorPut(kept.clone()),
            Change::OperatorPut(gone.clone()),
            Change::ApiKeyPut(api_key(kept.id, 1)),
            Change::ApiKeyPut(api_key(gone.id, 2)),
            Change::ApiKeyPut(api_key(gone.id, 3)),
        ])
        .await;
    let bench = bench.reopen().await;
    assert_eq!(bench.store.api_keys().await.unwrap().len(), 3);
    bench
        .system_change(vec![
            Change::OperatorDelete(gone.id),
            Change::OperatorDelete(OperatorId::new()),
        ])
        .await;
    both_lives!(bench, {
        assert_eq!(bench.store.operators().await, Ok(vec![kept.clone()]));
        assert_eq!(bench.store.operator(gone.id).await, Ok(None));
        assert_eq!(bench.store.api_keys().await, Ok(vec![api_key(kept.id, 1)]));
    });
}

pub(crate) async fn api_keys_are_kept_replaced_and_deleted(bench: Bench) {
    let owner = OperatorId::new();
    let keys = [1, 2, 3].map(|n| api_key(owner, n));
    let put = keys.iter().cloned().map(Change::ApiKeyPut).collect();
    bench.system_change(put).await;
    let mut second = keys[1].clone();
    second.expires = Some(-1);
    let gone = ApiKeyId::new();
    bench
        .system_change(vec![
            Change::ApiKeyPut(second.clone()),
            Change::ApiKeyDelete(keys[0].id),
            Change::ApiKeyDelete(gone),
        ])
        .await;
    both_lives!(bench, {
        let mut found = bench.store.api_keys().await.unwrap();
        found.sort_by_key(|key| key.id);
        assert_eq!(found, [second.clone(), keys[2].clone()]);
    });
}

pub(crate) async fn audit_rows_are_read_newest_first_and_forgotten_up_to_a_place(bench: Bench) {
    let rows = [
        audit_row(-5, 7),
        audit_row(10, 1),
        audit_row(10, 2),
        audit_row(11, 0),
        audit_row(900, 3),
    ];
    for n in [3, 0, 4, 2, 1] {
        bench
            .system_change(vec![Change::AuditPut(rows[n].clone())])
            .await;
    }
    {
        let whole = Millis::MIN..Millis::MAX;
        let all = bench.store.audit(whole.clone(), 0, 9).await.unwrap();
        let newest_first: Vec<_> = rows.iter().rev().cloned().collect();
        assert_eq!((all.rows, all.total), (newest_first, 5));
        let page = bench.store.audit(whole.clone(), 1, 2).await.unwrap();
        assert_eq!(
            (page.rows, page.total),
            (vec![rows[3].clone(), rows[2].clone()], 5)
        );
        let some = bench.store.audit(10..11, 0, 9).await.unwrap();
        assert_eq!(
            (some.rows, some.total),
            (vec![rows[2].clone(), rows[1].clone()], 2)
        );
        let backwards = Range { start: 11, end: 10 };
        for none in [backwards, 12..900, 10..10] {
            assert_eq!(bench.store.audit(none, 0, 9).await.unwrap().total, 0);
        }
    }
    let bench = bench.reopen().await;
    let upto = rows[1].place();
    bench
        .system_change(vec![Change::AuditExpire { upto }])
        .await;
    both_lives!(bench, {
        let left = bench.store.audit(Millis::MIN..Millis::MAX, 0, 9).await;
        let newest_first: Vec<_> = rows[2..].iter().rev().cloned().collect();
        assert_eq!(left.unwrap().rows, newest_first);
    });
}

pub(crate) async fn rotated_credentials_are_found_by_both_look_ups_until_the_next_ones(
    bench: Bench,
) {
    let device = DeviceId::new();
    let first = token(device, "first");
    let mut second = token(device, "second");
    second.former = Some(Former {
        kind: first.kind,
        lookup: first.lookup.clone(),
        value: first.value.clone(),
        until: 77,
    });
    let third = token(device, "third");
    let put = |record: &_| vec![Change::CredentialsPut(Clone::clone(record))];
    bench.change(device, put(&first)).await;
    bench.change(device, put(&second)).await;
    for lookup in ["first", "second"] {
        let found = bench.store.credentials_by_lookup(lookup).await;
        assert_eq!(found, Ok(Some(second.clone())), "{lookup}");
    }
    let bench = bench.reopen().await;
    bench.change(device, put(&third)).await;
    both_lives!(bench, {
        for (lookup, expected) in [("first", None), ("second", None), ("third", Some(&third))] {
            let found = bench.store.credentials_by_lookup(lookup).await;
            assert_eq!(found, Ok(expected.cloned()), "{lookup}");
        }
    });
}

pub(crate) async fn a_former_look_up_that_another_device_has_taken_stays_with_it(bench: Bench) {
    let (device, other) = (DeviceId::new(), DeviceId::new());
    let mut rotated = token(device, "new");
    rotated.former = Some(Former {
        kind: rotated.kind,
        lookup: "old".into(),
        value: None,
        until: 1,
    });
    let taken = token(other, "old");
    bench
        .change(device, vec![Change::CredentialsPut(rotated)])
        .await;
    bench
        .change(other, vec![Change::CredentialsPut(taken.clone())])
        .await;
    bench
        .change(device, vec![Change::CredentialsPut(token(device, "newer"))])
        .await;
    both_lives!(bench, {
        let found = bench.store.credentials_by_lookup("old").await;
        assert_eq!(found, Ok(Some(taken.clone())));
    });
}

pub(crate) async fn records_of_older_forms_are_read_as_they_were_meant(bench: Bench) {
    let operator = OperatorV1 {
        id: OperatorId::new(),
        created: 1,
        username: "first@example.org".into(),
        password_hash: "$argon2id$".into(),
        tokens_valid_from: 3,
    };
    let device = DeviceId::new();
    let now = token(device, "old token");
    let credentials = CredentialsV1 {
        id: now.id,
        device,
        created: now.created,
        kind: now.kind,
        lookup: now.lookup.clone(),
        value: None,
        version: now.version,
    };
    let mut profile = super::devices::profile(ProfileId::new(), "second form");
    profile.retention = Some(5);
    let second_form = ProfileV2 {
        id: profile.id,
        created: profile.created,
        name: profile.name.clone(),
        description: profile.description.clone(),
        default: profile.default,
        options: profile.options,
        version: profile.version,
        retention: profile.retention,
    };
    let mut limited = super::devices::profile(ProfileId::new(), "limited");
    limited.rates.messages = Rates::parse("5:1s,100:1m").ok();
    limited.rates.points = Some(Rates::default());
    bench
        .system_change(vec![
            Change::OperatorPutV1(operator.clone()),
            Change::ProfilePutV2(second_form),
            Change::ProfilePut(limited.clone()),
        ])
        .await;
    bench
        .change(device, vec![Change::CredentialsPutV1(credentials)])
        .await;
    both_lives!(bench, {
        let found = bench.store.operator(operator.id).await.unwrap().unwrap();
        assert_eq!(found, operator.clone().into());
        assert_eq!(found.role, Role::Administrator);
        assert_eq!(
            bench.store.profile(profile.id).await,
            Ok(Some(profile.clone()))
        );
        assert_eq!(
            bench.store.profile(limited.id).await,
            Ok(Some(limited.clone()))
        );
        let found = bench.store.credentials_by_lookup("old token").await;
        assert_eq!(found, Ok(Some(now.clone())));
    });
}
