//! Sentences about attributes, their revisions, and resuming from one.

use super::{both_lives, double, keys, long, text, Bench};
use crate::model::attributes::{AttributeChanges, Scope};
use crate::model::ids::DeviceId;
use crate::model::value::{Key, Value};
use crate::model::Millis;
use crate::store::Change;

fn put_at(device: DeviceId, scope: Scope, at: Millis, entries: &[(&str, Value)]) -> Change {
    let entry = |(key, value): &(&str, Value)| (Key::from(*key), value.clone());
    Change::AttributesPut {
        device,
        scope,
        at,
        entries: entries.iter().map(entry).collect(),
    }
}

async fn put(bench: &Bench, device: DeviceId, entries: &[(&str, Value)]) {
    bench
        .change(device, vec![put_at(device, Scope::Shared, 1, entries)])
        .await;
}

async fn delete(bench: &Bench, device: DeviceId, names: &[&str]) {
    let keys = keys(names);
    let scope = Scope::Shared;
    let change = Change::AttributesDelete {
        device,
        scope,
        at: 1,
        keys,
    };
    bench.change(device, vec![change]).await;
}

async fn since(bench: &Bench, device: DeviceId, revision: u64) -> AttributeChanges {
    bench
        .store
        .changes_since(device, Scope::Shared, revision)
        .await
        .unwrap()
}

fn changes(revision: u64, updated: &[(&str, Value)], deleted: &[&str]) -> AttributeChanges {
    let entry = |(key, value): &(&str, Value)| (Key::from(*key), value.clone());
    AttributeChanges {
        revision,
        updated: updated.iter().map(entry).collect(),
        deleted: keys(deleted),
        truncated: false,
    }
}

pub(crate) async fn devices_are_found_by_an_attribute_they_have(bench: Bench) {
    let (scope, yes) = (Scope::Server, Value::Bool(true));
    let mut with = Vec::new();
    for n in 0..50 {
        let device = DeviceId::new();
        let attributes: &[(&str, Value)] = match n % 5 {
            0 => &[("active", yes.clone()), ("b", long(1))],
            1 => &[("active", text(&"long".repeat(4_000)))],
            2 => &[("activex", yes.clone()), ("activ", yes.clone())],
            3 => &[("other", yes.clone())],
            _ => &[],
        };
        let mut changes = vec![put_at(device, scope, 1, attributes)];
        // Neither one of another scope nor one that is deleted counts.
        changes.push(put_at(device, Scope::Shared, 1, &[("active", yes.clone())]));
        if n % 10 == 0 {
            let keys = keys(&["active"]);
            changes.push(Change::AttributesDelete {
                device,
                scope,
                at: 2,
                keys,
            });
        } else if n % 5 < 2 {
            with.push(device);
        }
        bench.change(device, changes).await;
    }
    with.sort_unstable();
    both_lives!(bench, {
        let mut found = bench.store.devices_with(scope, "active").await.unwrap();
        found.sort_unstable();
        assert_eq!(found, with);
        let none = bench.store.devices_with(scope, "nobody").await.unwrap();
        assert_eq!(none, []);
    });
}

pub(crate) async fn attributes_keep_type_time_and_scope(bench: Bench) {
    let device = DeviceId::new();
    let values = [
        ("big", long(i64::MIN)),
        ("flag", Value::Bool(false)),
        ("json", Value::Json(r#"{"z":1,"a":[]}"#.into())),
        ("name", text("007")),
        ("zero", double(-0.0)),
    ];
    for (n, scope) in Scope::ALL.into_iter().enumerate() {
        let mine = &values[n..];
        bench
            .change(device, vec![put_at(device, scope, n as i64 - 1, mine)])
            .await;
    }
    both_lives!(bench, {
        for (n, scope) in Scope::ALL.into_iter().enumerate() {
            let found = bench.store.attributes(device, scope, None).await.unwrap();
            let expected = &values[n..];
            assert_eq!(found.len(), expected.len());
            for (attribute, (key, value)) in found.iter().zip(expected) {
                assert_eq!((attribute.key.as_str(), &attribute.value), (*key, value));
                assert_eq!(
                    (attribute.last_update, attribute.revision),
                    (n as i64 - 1, 1)
                );
            }
        }
    });
}

pub(crate) async fn attributes_are_read_by_key_and_only_those_that_exist(bench: Bench) {
    let device = DeviceId::new();
    put(
        &bench,
        device,
        &[
            ("c", long(3)),
            ("a", long(1)),
            ("b", long(2)),
            ("ab", long(4)),
        ],
    )
    .await;
    both_lives!(bench, {
        let asked = keys(&["c", "nope", "a", "c"]);
        let found = bench
            .store
            .attributes(device, Scope::Shared, Some(&asked))
            .await
            .unwrap();
        let names: Vec<&str> = found
            .iter()
            .map(|attribute| attribute.key.as_str())
            .collect();
        assert_eq!(names, ["a", "c"]);
        let all = bench
            .store
            .attributes(device, Scope::Shared, None)
            .await
            .unwrap();
        let names: Vec<&str> = all.iter().map(|attribute| attribute.key.as_str()).collect();
        assert_eq!(names, ["a", "ab", "b", "c"]);
        let none = bench
            .store
            .attributes(device, Scope::Shared, Some(&[]))
            .await;
        assert_eq!(none, Ok(vec![]));
        let stranger = bench
            .store
            .attributes(DeviceId::new(), Scope::Shared, None)
            .await;
        assert_eq!(stranger, Ok(vec![]));
    });
}

pub(crate) async fn the_last_arrival_wins_whatever_its_time(bench: Bench) {
    let device = DeviceId::new();
    for (at, value) in [(100, "first"), (50, "last")] {
        let change = put_at(device, Scope::Client, at, &[("k", text(value))]);
        bench.change(device, vec![change]).await;
    }
    both_lives!(bench, {
        let found = bench
            .store
            .attributes(device, Scope::Client, None)
            .await
            .unwrap();
        assert_eq!(found.len(), 1);
        assert_eq!(found[0].value, text("last"));
        assert_eq!((found[0].last_update, found[0].revision), (50, 2));
    });
}

pub(crate) async fn a_put_and_a_delete_of_an_existing_key_raise_the_revision_once(bench: Bench) {
    let device = DeviceId::new();
    put(
        &bench,
        device,
        &[("a", long(1)), ("b", long(1)), ("c", long(1))],
    )
    .await;
    assert_eq!(bench.revision(device, Scope::Shared).await, 1);
    put(&bench, device, &[("a", long(1))]).await;
    assert_eq!(bench.revision(device, Scope::Shared).await, 2);
    let bench = bench.reopen().await;
    delete(&bench, device, &["a", "nope", "b"]).await;
    assert_eq!(bench.revision(device, Scope::Shared).await, 3);
    let change = || put_at(device, Scope::Shared, 1, &[("d", long(1))]);
    bench.change(device, vec![change(), change()]).await;
    both_lives!(bench, {
        assert_eq!(bench.revision(device, Scope::Shared).await, 5);
        let asked = keys(&["c", "d"]);
        let found = bench
            .store
            .attributes(device, Scope::Shared, Some(&asked))
            .await
            .unwrap();
        let revisions: Vec<u64> = found.iter().map(|attribute| attribute.revision).collect();
        assert_eq!(revisions, [1, 5]);
    });
}

pub(crate) async fn a_change_of_nothing_leaves_the_revision(bench: Bench) {
    let device = DeviceId::new();
    delete(&bench, device, &["nope"]).await;
    put(&bench, device, &[]).await;
    assert_eq!(bench.revision(device, Scope::Shared).await, 0);
    put(&bench, device, &[("a", long(1))]).await;
    delete(&bench, device, &["nope"]).await;
    delete(&bench, device, &[]).await;
    put(&bench, device, &[]).await;
    both_lives!(bench, {
        assert_eq!(bench.revision(device, Scope::Shared).await, 1);
        let expected = changes(1, &[("a", long(1))], &[]);
        assert_eq!(since(&bench, device, 0).await, expected);
    });
}

pub(crate) async fn scopes_and_devices_count_their_revisions_apart(bench: Bench) {
    let (device, other) = (DeviceId::new(), DeviceId::new());
    for (n, scope) in Scope::ALL.into_iter().enumerate() {
        for _ in 0..=n {
            let change = put_at(device, scope, 1, &[("a", long(1))]);
            bench.change(device, vec![change]).await;
        }
    }
    both_lives!(bench, {
        assert_eq!(bench.revision(device, Scope::Client).await, 1);
        assert_eq!(bench.revision(device, Scope::Shared).await, 2);
        assert_eq!(bench.revision(device, Scope::Server).await, 3);
        for scope in Scope::ALL {
            assert_eq!(bench.revision(other, scope).await, 0);
            let none = bench.store.changes_since(other, scope, 0).await;
            assert_eq!(none, Ok(AttributeChanges::default()));
        }
    });
}

pub(crate) async fn changes_since_a_revision_are_merged(bench: Bench) {
    let device = DeviceId::new();
    put(&bench, device, &[("a", long(1)), ("b", long(1))]).await;
    put(&bench, device, &[("b", long(2)), ("c", long(2))]).await;
    delete(&bench, device, &["a"]).await;
    put(&bench, device, &[("b", long(4))]).await;
    both_lives!(bench, {
        let (b, c) = (("b", long(4)), ("c", long(2)));
        let all = changes(4, &[b.clone(), c.clone()], &["a"]);
        assert_eq!(since(&bench, device, 0).await, all);
        assert_eq!(since(&bench, device, 1).await, all);
        assert_eq!(
            since(&bench, device, 2).await,
            changes(4, std::slice::from_ref(&b), &["a"])
        );
        assert_eq!(since(&bench, device, 3).await, changes(4, &[b], &[]));
        assert_eq!(since(&bench, device, 4).await, changes(4, &[], &[]));
        assert!(since(&bench, device, 4).await.is_empty());
        assert_eq!(since(&bench, device, u64::MAX).await, changes(4, &[], &[]));
    });
}

pub(crate) async fn a_deleted_key_that_is_set_again_is_an_update(bench: Bench) {
    let device = DeviceId::new();
    put(&bench, device, &[("a", long(1))]).await;
    delete(&bench, device, &["a"]).await;
    let bench = bench.reopen().await;
    assert_eq!(since(&bench, device, 1).await, changes(2, &[], &["a"]));
    put(&bench, device, &[("a", long(3))]).await;
    assert_eq!(
        since(&bench, device, 1).await,
        changes(3, &[("a", long(3))], &[])
    );
    delete(&bench, device, &["a", "a"]).await;
    both_lives!(bench, {
        assert_eq!(since(&bench, device, 3).await, changes(4, &[], &["a"]));
    });
}

pub(crate) async fn deletions_are_remembered_for_a_thousand_keys_and_truncated_beyond(
    bench: Bench,
) {
    let device = DeviceId::new();
    let names: Vec<String> = (0..1_002).map(|n| format!("k{n:04}")).collect();
    let entries: Vec<_> = names.iter().map(|name| (name.as_str(), long(1))).collect();
    put(&bench, device, &entries).await;
    delete(&bench, device, &["k0000"]).await;
    let rest: Vec<&str> = names[1..1_000].iter().map(String::as_str).collect();
    delete(&bench, device, &rest).await;
    let full = since(&bench, device, 0).await;
    assert_eq!(
        (full.revision, full.deleted.len(), full.truncated),
        (3, 1_000, false)
    );
    let bench = bench.reopen().await;
    delete(&bench, device, &["k1000"]).await;
    both_lives!(bench, {
        let first = since(&bench, device, 1).await;
        assert_eq!(
            (first.revision, first.deleted.len(), first.truncated),
            (4, 1_000, true)
        );
        assert_eq!(first.deleted[0], "k0001");
        let second = since(&bench, device, 2).await;
        assert_eq!((second.deleted.len(), second.truncated), (1_000, false));
        assert_eq!(since(&bench, device, 3).await, changes(4, &[], &["k1000"]));
    });
}

pub(crate) async fn many_attributes_of_one_scope_are_kept(bench: Bench) {
    let device = DeviceId::new();
    let names: Vec<String> = (0..5_000).map(|n| format!("k{n:04}")).collect();
    for part in names.chunks(1_000) {
        let entries: Vec<_> = part
            .iter()
            .map(|name| (name.as_str(), text(name)))
            .collect();
        put(&bench, device, &entries).await;
    }
    both_lives!(bench, {
        let found = bench
            .store
            .attributes(device, Scope::Shared, None)
            .await
            .unwrap();
        assert_eq!(found.len(), names.len());
        for (attribute, name) in found.iter().zip(&names) {
            assert_eq!(
                (attribute.key.as_str(), &attribute.value),
                (name.as_str(), &text(name))
            );
        }
        assert_eq!(since(&bench, device, 4).await.updated.len(), 1_000);
    });
}
