//! Sentences about a new store, sessions, operators and the node's own values.

use super::devices::page;
use super::{both_lives, Bench};
use crate::model::ids::{DeviceId, OperatorId};
use crate::model::operator::{Operator, RevokedSession, Role};
use crate::model::session::{StoredSession, Subscriptions};
use crate::store::Change;

pub(crate) async fn a_new_store_knows_nothing(bench: Bench) {
    let device = DeviceId::new();
    both_lives!(bench, {
        let store = &bench.store;
        assert_eq!(store.device(device).await, Ok(None));
        assert_eq!(store.device_by_name("").await, Ok(None));
        assert_eq!(store.credentials_by_lookup("").await, Ok(None));
        assert_eq!(store.devices(&page(9, 0), None).await.unwrap().total, 0);
        assert_eq!(store.profiles().await, Ok(vec![]));
        assert_eq!(store.latest(device, None).await, Ok(vec![]));
        assert_eq!(store.rpcs_due(i64::MAX, 9).await, Ok(vec![]));
        assert_eq!(store.session(device).await, Ok(None));
        assert_eq!(store.operators().await, Ok(vec![]));
        assert_eq!(store.operator_by_name("").await, Ok(None));
        assert_eq!(store.system("key").await, Ok(None));
        assert_eq!(store.revoked_sessions(i64::MIN).await, Ok(vec![]));
    });
}

fn session(client_id: &str) -> StoredSession {
    StoredSession {
        client_id: client_id.to_owned(),
        subscriptions: Subscriptions {
            attributes: true,
            rpc: false,
            wire: vec![0, 255, 1],
        },
        expires_at: i64::MAX,
        acknowledged: u64::MAX,
        inflight: vec![7; 4096],
    }
}

pub(crate) async fn a_session_is_kept_replaced_and_deleted(bench: Bench) {
    let (device, other) = (DeviceId::new(), DeviceId::new());
    for (device, client) in [(device, "first"), (device, "second"), (other, "other")] {
        let session = session(client);
        bench
            .change(device, vec![Change::SessionPut { device, session }])
            .await;
    }
    let bench = bench.reopen().await;
    assert_eq!(
        bench.store.session(device).await,
        Ok(Some(session("second")))
    );
    bench
        .change(device, vec![Change::SessionDelete(device)])
        .await;
    bench
        .change(device, vec![Change::SessionDelete(device)])
        .await;
    both_lives!(bench, {
        assert_eq!(bench.store.session(device).await, Ok(None));
        assert_eq!(bench.store.session(other).await, Ok(Some(session("other"))));
    });
}

pub(crate) async fn a_poll_cursor_is_kept_and_replaced(bench: Bench) {
    let (device, other) = (DeviceId::new(), DeviceId::new());
    assert_eq!(bench.store.poll_cursor(device).await, Ok(None));
    for acknowledged in [1, u64::MAX, 7] {
        let cursor = Change::PollCursor {
            device,
            acknowledged,
        };
        bench.change(device, vec![cursor]).await;
    }
    both_lives!(bench, {
        assert_eq!(bench.store.poll_cursor(device).await, Ok(Some(7)));
        assert_eq!(bench.store.poll_cursor(other).await, Ok(None));
    });
}

fn operator(username: &str) -> Operator {
    Operator {
        id: OperatorId::new(),
        created: 1,
        username: username.to_owned(),
        password_hash: "$argon2id$".into(),
        tokens_valid_from: 0,
        role: Role::Administrator,
        disabled: false,
        first_name: None,
        last_name: None,
    }
}

async fn put(bench: &Bench, operator: &Operator) {
    bench
        .system_change(vec![Change::OperatorPut(operator.clone())])
        .await;
}

pub(crate) async fn operators_are_found_without_regard_to_case(bench: Bench) {
    let (anna, bert) = (
        operator("Anna.Müller@Example.org"),
        operator("bert@example.org"),
    );
    put(&bench, &anna).await;
    put(&bench, &bert).await;
    both_lives!(bench, {
        for name in ["anna.müller@example.org", "ANNA.MÜLLER@EXAMPLE.ORG"] {
            let found = bench.store.operator_by_name(name).await;
            assert_eq!(found, Ok(Some(anna.clone())), "{name}");
        }
        assert_eq!(bench.store.operator_by_name("anna").await, Ok(None));
        assert_eq!(bench.store.operator(bert.id).await, Ok(Some(bert.clone())));
        assert_eq!(bench.store.operator(OperatorId::new()).await, Ok(None));
        let mut all = bench.store.operators().await.unwrap();
        all.sort_by(|a, b| a.username.cmp(&b.username));
        assert_eq!(all, [anna.clone(), bert.clone()]);
    });
}

pub(crate) async fn a_renamed_operator_frees_the_old_name(bench: Bench) {
    let mut anna = operator("anna@example.org");
    put(&bench, &anna).await;
    let bench = bench.reopen().await;
    anna.username = "ANNA@example.org".into();
    put(&bench, &anna).await;
    let found = bench.store.operator_by_name("anna@example.org").await;
    assert_eq!(found, Ok(Some(anna.clone())));
    anna.username = "anna@example.com".into();
    anna.tokens_valid_from = 77;
    put(&bench, &anna).await;
    both_lives!(bench, {
        assert_eq!(
            bench.store.operator_by_name("anna@example.org").await,
            Ok(None)
        );
        let found = bench.store.operator_by_name("anna@example.com").await;
        assert_eq!(found, Ok(Some(anna.clone())));
        assert_eq!(bench.store.operators().await.unwrap().len(), 1);
    });
}

pub(crate) async fn system_values_are_kept_and_replaced(bench: Bench) {
    let long_value = vec![200; 100_000];
    for (name, value) in [
        ("key", &b"old"[..]),
        ("key2", b""),
        ("key", b"\0new\xff"),
        ("long", &long_value),
    ] {
        let change = Change::SystemPut {
            name: name.to_owned(),
            value: value.to_vec(),
        };
        bench.system_change(vec![change]).await;
    }
    both_lives!(bench, {
        assert_eq!(
            bench.store.system("key").await,
            Ok(Some(b"\0new\xff".to_vec()))
        );
        assert_eq!(bench.store.system("key2").await, Ok(Some(vec![])));
        assert_eq!(bench.store.system("ke").await, Ok(None));
        assert!(bench.store.system("long").await == Ok(Some(long_value.clone())));
    });
}

pub(crate) async fn revocations_stand_until_their_time_and_are_never_shortened(bench: Bench) {
    for (session, until) in [("a", 100), ("b", 200), ("a", 50), ("b", 300)] {
        let session = session.to_owned();
        let revoked = RevokedSession { session, until };
        bench
            .system_change(vec![Change::SessionRevoked(revoked)])
            .await;
    }
    both_lives!(bench, {
        for (now, expected) in [
            (0, vec![("a", 100), ("b", 300)]),
            (100, vec![("a", 100), ("b", 300)]),
            (101, vec![("b", 300)]),
            (300, vec![("b", 300)]),
            (301, vec![]),
        ] {
            let mut found = bench.store.revoked_sessions(now).await.unwrap();
            found.sort_by(|a, b| a.session.cmp(&b.session));
            let found: Vec<_> = found
                .iter()
                .map(|row| (row.session.as_str(), row.until))
                .collect();
            assert_eq!(found, expected, "at {now}");
        }
    });
}

pub(crate) async fn forgotten_revocations_are_gone_and_the_others_stand(bench: Bench) {
    let revoke = |session: &str, until| {
        let session = session.to_owned();
        Change::SessionRevoked(RevokedSession { session, until })
    };
    bench
        .system_change(vec![revoke("a", 99), revoke("b", 100), revoke("c", 300)])
        .await;
    bench
        .system_change(vec![Change::RevocationsExpire { before: 100 }])
        .await;
    both_lives!(bench, {
        let mut found = bench.store.revoked_sessions(0).await.unwrap();
        found.sort_by(|a, b| a.session.cmp(&b.session));
        let found: Vec<_> = found.iter().map(|row| row.session.as_str()).collect();
        assert_eq!(found, ["b", "c"]);
    });
}
