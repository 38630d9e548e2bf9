//! Sentences about devices, their pages, and profiles.

use super::credentials::token;
use super::rpc::record;
use super::{both_lives, long, named, telemetry, Bench};
use crate::model::attributes::Scope;
use crate::model::device::{ChainOptions, Device, Profile, ProfileOptions, ProfileV1, ProfileV2};
use crate::model::ids::{DeviceId, ProfileId};
use crate::model::query::{PageRequest, SortBy};
use crate::model::rpc::RpcState;
use crate::model::session::{StoredSession, Subscriptions};
use crate::model::value::Key;
use crate::store::Change;

async fn put(bench: &Bench, device: &Device) {
    bench
        .change(device.id, vec![Change::DevicePut(device.clone())])
        .await;
}

async fn by_name(bench: &Bench, name: &str) -> Option<DeviceId> {
    let found = bench.store.device_by_name(name).await.unwrap();
    found.map(|device| device.id)
}

pub(super) fn page(size: usize, page: usize) -> PageRequest {
    PageRequest {
        size,
        page,
        text: None,
        sort: SortBy::CreatedTime,
        descending: false,
    }
}

pub(crate) async fn a_device_is_found_by_id_and_by_name(bench: Bench) {
    let mut device = named("Thermostat Süd ☃");
    device.label = Some("label".into());
    device.additional_info = r#"{"b":1,"a":2}"#.into();
    device.disabled = true;
    device.version = u64::MAX;
    device.created = i64::MIN;
    put(&bench, &device).await;
    both_lives!(bench, {
        assert_eq!(
            bench.store.device(device.id).await,
            Ok(Some(device.clone()))
        );
        let found = bench.store.device_by_name("Thermostat Süd ☃").await;
        assert_eq!(found, Ok(Some(device.clone())));
        assert_eq!(bench.store.device(DeviceId::new()).await, Ok(None));
    });
}

pub(crate) async fn a_renamed_device_frees_its_old_name(bench: Bench) {
    let mut device = named("old");
    put(&bench, &device).await;
    let bench = bench.reopen().await;
    device.name = "new".into();
    put(&bench, &device).await;
    both_lives!(bench, {
        assert_eq!(by_name(&bench, "old").await, None);
        assert_eq!(by_name(&bench, "new").await, Some(device.id));
        let all = bench.store.devices(&page(10, 0), None).await.unwrap();
        assert_eq!(all.rows, [device.clone()]);
    });
}

pub(crate) async fn a_freed_name_stays_with_the_device_that_took_it(bench: Bench) {
    let (mut first, second) = (named("wanted"), named("wanted"));
    put(&bench, &first).await;
    first.name = "other".into();
    put(&bench, &first).await;
    put(&bench, &second).await;
    first.name = "wanted".into();
    put(&bench, &first).await;
    put(&bench, &second).await;
    first.name = "third".into();
    put(&bench, &first).await;
    bench
        .change(first.id, vec![Change::DeviceDelete(first.id)])
        .await;
    both_lives!(bench, {
        assert_eq!(by_name(&bench, "wanted").await, Some(second.id));
        assert_eq!(by_name(&bench, "other").await, None);
        assert_eq!(by_name(&bench, "third").await, None);
    });
}

pub(crate) async fn names_are_exact(bench: Bench) {
    let device = named("Pump");
    put(&bench, &device).await;
    both_lives!(bench, {
        for near in ["pump", "Pum", "Pump ", "Pump1", "", "Pump\0"] {
            assert_eq!(by_name(&bench, near).await, None, "{near:?}");
        }
        assert_eq!(by_name(&bench, "Pump").await, Some(device.id));
    });
}

/// One change of everything that a device may own.
fn belongings(device: &Device, lookup: &str) -> Vec<Change> {
    let id = device.id;
    let attributes = Scope::ALL.map(|scope| Change::AttributesPut {
        device: id,
        scope,
        at: 1,
        entries: vec![(Key::from("a"), long(1))],
    });
    let session = StoredSession {
        client_id: "c".into(),
        subscriptions: Subscriptions::default(),
        expires_at: i64::MAX,
        acknowledged: 0,
        inflight: vec![],
    };
    let mut changes = vec![
        Change::DevicePut(device.clone()),
        Change::CredentialsPut(token(id, lookup)),
        telemetry(id, 1, "t", &[(1, long(1)), (2, long(2))]),
        Change::RpcPut(record(id, 7, RpcState::Queued)),
        Change::RpcIdsReserved {
            device: id,
            upto: 99,
        },
        Change::SessionPut {
            device: id,
            session,
        },
        Change::PollCursor {
            device: id,
            acknowledged: 1,
        },
    ];
    changes.extend(attributes);
    changes
}

/// Checks that a device owns all of `belongings`, or nothing at all.
async fn check_belongings(bench: &Bench, device: &Device, lookup: &str, owns: bool) {
    let (store, id) = (&bench.store, device.id);
    let count = usize::from(owns);
    assert_eq!(store.device(id).await.unwrap().is_some(), owns);
    assert_eq!(
        store.device_by_name(&device.name).await.unwrap().is_some(),
        owns
    );
    assert_eq!(store.credentials(id).await.unwrap().is_some(), owns);
    assert_eq!(
        store.credentials_by_lookup(lookup).await.unwrap().is_some(),
        owns
    );
    assert_eq!(bench.all(id, "t").await.len(), 2 * count);
    assert_eq!(store.latest(id, None).await.unwrap().len(), count);
    assert_eq!(store.telemetry_keys(id).await.unwrap().len(), count);
    for scope in Scope::ALL {
        assert_eq!(
            store.attributes(id, scope, None).await.unwrap().len(),
            count
        );
        assert_eq!(bench.revision(id, scope).await, count as u64);
    }
    assert_eq!(store.pending_rpcs(id).await.unwrap().len(), count);
    assert_eq!(
        store.rpcs(id, None, &page(9, 0)).await.unwrap().total,
        count
    );
    assert_eq!(store.reserved_rpc_ids(id).await.unwrap(), 99 * count as i32);
    assert_eq!(store.session(id).await.unwrap().is_some(), owns);
    assert_eq!(store.poll_cursor(id).await.unwrap().is_some(), owns);
}

pub(crate) async fn deleting_a_device_takes_everything_it_owns_and_nothing_else(bench: Bench) {
    let (doomed, spared) = (named("doomed"), named("spared"));
    bench
        .change(doomed.id, belongings(&doomed, "token-d"))
        .await;
    bench
        .change(spared.id, belongings(&spared, "token-s"))
        .await;
    check_belongings(&bench, &doomed, "token-d", true).await;
    let bench = bench.reopen().await;
    let rpc = bench.store.pending_rpcs(doomed.id).await.unwrap()[0]
        .order
        .id;
    bench
        .change(doomed.id, vec![Change::DeviceDelete(doomed.id)])
        .await;
    both_lives!(bench, {
        check_belongings(&bench, &doomed, "token-d", false).await;
        check_belongings(&bench, &spared, "token-s", true).await;
        assert_eq!(bench.store.rpc(rpc).await, Ok(None));
        let due = bench.store.rpcs_due(i64::MAX, 9).await.unwrap();
        assert_eq!(due.len(), 1);
        assert_eq!(due[0].0, spared.id);
        assert_eq!(
            bench.store.devices(&page(9, 0), None).await.unwrap().total,
            1
        );
    });
}

pub(crate) async fn a_deleted_device_may_come_back_empty(bench: Bench) {
    let device = named("phoenix");
    bench.change(device.id, belongings(&device, "token")).await;
    let bench = bench.reopen().await;
    let back = vec![
        Change::DeviceDelete(device.id),
        Change::DevicePut(device.clone()),
        telemetry(device.id, 0, "u", &[(0, long(0))]),
    ];
    bench.change(device.id, back).await;
    both_lives!(bench, {
        assert_eq!(by_name(&bench, "phoenix").await, Some(device.id));
        assert_eq!(bench.all(device.id, "t").await, []);
        assert_eq!(bench.all(device.id, "u").await, [(0, long(0))]);
        assert_eq!(bench.latest(device.id, "t").await, None);
        assert_eq!(bench.revision(device.id, Scope::Shared).await, 0);
        assert_eq!(bench.store.credentials(device.id).await, Ok(None));
        assert_eq!(bench.store.reserved_rpc_ids(device.id).await, Ok(0));
        assert_eq!(bench.store.session(device.id).await, Ok(None));
    });
}

pub(crate) async fn deleting_an_unknown_device_changes_nothing(bench: Bench) {
    let device = named("stays");
    put(&bench, &device).await;
    let stranger = DeviceId::new();
    bench
        .change(stranger, vec![Change::DeviceDelete(stranger)])
        .await;
    both_lives!(bench, {
        assert_eq!(by_name(&bench, "stays").await, Some(device.id));
    });
}

pub(crate) async fn pages_are_filtered_sorted_and_cut(bench: Bench) {
    let (thermostats, pumps) = (ProfileId::new(), ProfileId::new());
    let rows = [
        ("b", 3, "x", pumps),
        ("C", 1, "Z", thermostats),
        ("a", 2, "y", pumps),
    ];
    for (name, created, label, profile) in rows {
        let mut device = named(name);
        device.created = created;
        device.label = Some(label.into());
        device.profile = profile;
        put(&bench, &device).await;
    }
    let profiles = [profile(thermostats, "Thermostat"), profile(pumps, "pump")];
    bench
        .system_change(profiles.map(Change::ProfilePut).to_vec())
        .await;
    both_lives!(bench, {
        for (sort, expected) in [
            (SortBy::CreatedTime, ["C", "a", "b"]),
            (SortBy::Name, ["a", "b", "C"]),
            (SortBy::Label, ["b", "a", "C"]),
            (SortBy::Type, ["a", "b", "C"]),
        ] {
            let mut request = page(9, 0);
            request.sort = sort;
            assert_eq!(names(&bench, &request, None).await, (expected.to_vec(), 3));
            request.descending = true;
            let backward: Vec<&str> = expected.into_iter().rev().collect();
            assert_eq!(names(&bench, &request, None).await, (backward, 3));
        }
        let two = page(2, 1);
        assert_eq!(names(&bench, &two, None).await, (vec!["b"], 3));
        assert_eq!(
            names(&bench, &page(9, 0), Some(pumps)).await,
            (vec!["a", "b"], 2)
        );
        let unknown = Some(ProfileId::new());
        assert_eq!(names(&bench, &page(9, 0), unknown).await, (vec![], 0));
    });
}

async fn names(
    bench: &Bench,
    request: &PageRequest,
    profile: Option<ProfileId>,
) -> (Vec<&'static str>, usize) {
    let found = bench.store.devices(request, profile).await.unwrap();
    let known = ["a", "b", "C"];
    let name = |row: &Device| known.into_iter().find(|name| *name == row.name);
    (found.rows.iter().filter_map(name).collect(), found.total)
}

pub(crate) async fn a_page_beyond_the_end_is_empty_with_the_total(bench: Bench) {
    put(&bench, &named("a")).await;
    both_lives!(bench, {
        for request in [
            page(1, 1),
            page(5, usize::MAX),
            page(2, 1 << (usize::BITS - 1)),
            page(usize::MAX, usize::MAX),
        ] {
            let found = bench.store.devices(&request, None).await.unwrap();
            assert_eq!((found.rows.len(), found.total), (0, 1));
        }
        let whole = bench
            .store
            .devices(&page(usize::MAX, 0), None)
            .await
            .unwrap();
        assert_eq!((whole.rows.len(), whole.total), (1, 1));
    });
}

pub(crate) async fn text_search_ignores_case_in_name_and_label(bench: Bench) {
    for (name, label) in [("Pumpe Süd", None), ("x1", Some("Die PUMPE")), ("x2", None)] {
        let mut device = named(name);
        device.label = label.map(str::to_owned);
        put(&bench, &device).await;
    }
    both_lives!(bench, {
        for (text, hits) in [
            ("pump", 2),
            ("SÜD", 1),
            ("X", 2),
            ("", 3),
            ("nope", 0),
            ("%", 0),
        ] {
            let mut request = page(9, 0);
            request.text = Some(text.into());
            let found = bench.store.devices(&request, None).await.unwrap();
            assert_eq!((found.rows.len(), found.total), (hits, hits), "{text:?}");
        }
    });
}

pub(crate) async fn the_ids_of_a_list_are_those_of_its_pages(bench: Bench) {
    let (kind, other) = (ProfileId::new(), ProfileId::new());
    for number in 0_i64..40 {
        let mut device = named(&format!("Pump {}", 97 * number % 40));
        device.label = (number % 3 == 0).then(|| format!("hall {}", number % 4));
        device.created = number / 5;
        device.profile = if number % 2 == 0 { kind } else { other };
        put(&bench, &device).await;
    }
    both_lives!(bench, {
        for sort in [SortBy::CreatedTime, SortBy::Name, SortBy::Label] {
            for (text, profile) in [(None, None), (Some("L 1"), None), (None, Some(kind))] {
                for descending in [false, true] {
                    let mut request = page(7, 0);
                    (request.sort, request.descending) = (sort, descending);
                    request.text = text.map(str::to_owned);
                    let ids = bench.store.device_ids(&request, profile).await.unwrap();
                    let mut paged = Vec::new();
                    loop {
                        let found = bench.store.devices(&request, profile).await.unwrap();
                        assert_eq!(found.total, ids.len());
                        if found.rows.is_empty() {
                            break;
                        }
                        paged.extend(found.rows.iter().map(|device| device.id));
                        request.page += 1;
                    }
                    assert_eq!(ids, paged, "{request:?}");
                    assert!(!ids.is_empty());
                }
            }
        }
    });
}

pub(crate) fn profile(id: ProfileId, name: &str) -> Profile {
    Profile {
        id,
        created: 1,
        name: name.to_owned(),
        description: Some("what it is".into()),
        default: false,
        options: ProfileOptions::default(),
        version: 1,
        retention: None,
        chain: None,
        rates: Default::default(),
    }
}

pub(crate) async fn profiles_are_created_replaced_and_listed(bench: Bench) {
    let (mut first, second) = (
        profile(ProfileId::new(), "one"),
        profile(ProfileId::new(), "two"),
    );
    for profile in [&first, &second] {
        bench
            .system_change(vec![Change::ProfilePut(profile.clone())])
            .await;
    }
    let bench = bench.reopen().await;
    first.options.ack_malformed = true;
    first.version = 2;
    bench
        .system_change(vec![Change::ProfilePut(first.clone())])
        .await;
    both_lives!(bench, {
        assert_eq!(bench.store.profile(first.id).await, Ok(Some(first.clone())));
        assert_eq!(bench.store.profile(ProfileId::new()).await, Ok(None));
        let mut all = bench.store.profiles().await.unwrap();
        all.sort_by(|a, b| a.name.cmp(&b.name));
        assert_eq!(all, [first.clone(), second.clone()]);
    });
}

pub(crate) async fn a_profile_of_the_first_form_is_kept_and_a_deleted_one_is_gone(bench: Bench) {
    let mut kept = profile(ProfileId::new(), "kept");
    kept.retention = Some(86_400);
    let old = profile(ProfileId::new(), "old");
    let gone = profile(ProfileId::new(), "gone");
    let first_form = ProfileV1 {
        id: old.id,
        created: old.created,
        name: old.name.clone(),
        description: old.description.clone(),
        default: old.default,
        options: old.options,
        version: old.version,
    };
    let mut second = profile(ProfileId::new(), "second");
    second.retention = Some(7);
    let second_form = ProfileV2 {
        id: second.id,
        created: second.created,
        name: second.name.clone(),
        description: second.description.clone(),
        default: second.default,
        options: second.options,
        version: second.version,
        retention: second.retention,
    };
    kept.chain = Some(ChainOptions {
        authority: "MIIB".into(),
        pattern: "(.*)".into(),
        create: true,
    });
    bench
        .system_change(vec![
            Change::ProfilePut(kept.clone()),
            Change::ProfilePutV1(first_form),
            Change::ProfilePutV2(second_form),
            Change::ProfilePut(gone.clone()),
        ])
        .await;
    let delete = |id| vec![Change::ProfileDelete(id)];
    bench.system_change(delete(gone.id)).await;
    bench.system_change(delete(ProfileId::new())).await;
    both_lives!(bench, {
        assert_eq!(bench.store.profile(kept.id).await, Ok(Some(kept.clone())));
        assert_eq!(bench.store.profile(old.id).await, Ok(Some(old.clone())));
        let found = bench.store.profile(second.id).await;
        assert_eq!(found, Ok(Some(second.clone())));
        assert_eq!(bench.store.profile(gone.id).await, Ok(None));
        assert_eq!(bench.store.profiles().await.unwrap().len(), 3);
    });
}
