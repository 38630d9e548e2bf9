//! contract/admin-rest.md 3 and 4: pages, filters, names, ids.

use crate::harness::{assert_error, ok, start, start_with, Api, NOBODY};
use industryos_iot::model::device::Device;
use industryos_iot::model::ids::{DeviceId, ProfileId};
use industryos_iot::store::{Batch, Change, Log};
use serde_json::{json, Value};

/// Devices straight into the store: thousands by REST would only test patience.
fn many(api: &Api, count: usize) {
    let profile = ok(api.get("/api/deviceProfileInfo/default"));
    let profile = ProfileId::parse(profile["id"]["id"].as_str().unwrap()).unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread()
        .build()
        .unwrap();
    for n in 0..count {
        let device = Device {
            id: DeviceId::new(),
            created: 1_000 + n as i64,
            name: format!("device-{n:05}"),
            label: (n % 10 == 0).then(|| format!("Tenth {n}")),
            profile,
            disabled: false,
            additional_info: "{}".into(),
            version: 1,
        };
        let batch = Batch::of_device(device.id, vec![Change::DevicePut(device)]);
        runtime.block_on(api.store.commit(batch)).expect("commit");
    }
}

fn names(page: &Value) -> Vec<&str> {
    let rows = page["data"].as_array().expect("data").iter();
    rows.map(|row| row["name"].as_str().expect("name"))
        .collect()
}

#[test]
fn no_devices_are_a_page_without_rows() {
    let api = start();
    let page = ok(api.get("/api/tenant/devices?pageSize=10&page=0"));
    let empty = json!({"data": [], "totalPages": 0, "totalElements": 0, "hasNext": false});
    assert_eq!(page, empty);
}

#[test]
fn five_thousand_devices_are_walked_page_by_page_each_once() {
    let api = start();
    many(&api, 5_000);
    let mut seen = Vec::new();
    for number in 0.. {
        let path = format!("/api/tenant/devices?pageSize=700&page={number}&sortProperty=name");
        let page = ok(api.get(&path));
        assert_eq!(page["totalElements"], 5_000);
        assert_eq!(page["totalPages"], 8);
        seen.extend(names(&page).into_iter().map(str::to_owned));
        if page["hasNext"] == false {
            break;
        }
    }
    let expected: Vec<String> = (0..5_000).map(|n| format!("device-{n:05}")).collect();
    assert_eq!(seen, expected);
    let beyond = ok(api.get("/api/tenant/devices?pageSize=700&page=8"));
    assert_eq!(names(&beyond), Vec::<&str>::new());
    assert_eq!(beyond["hasNext"], false);
    let far = "/api/tenant/devices?pageSize=1000&page=9223372036854775807";
    assert_eq!(names(&ok(api.get(far))), Vec::<&str>::new());
}

#[test]
fn text_is_searched_in_names_and_labels_and_order_is_as_asked() {
    let api = start();
    many(&api, 30);
    let path = "/api/tenant/devices?pageSize=10&page=0";
    let found = ok(api.get(&format!("{path}&textSearch=DEVICE-0001")));
    assert_eq!(found["totalElements"], 10);
    let found = ok(api.get(&format!(
        "{path}&textSearch=tenth&sortProperty=label&sortOrder=DESC"
    )));
    assert_eq!(
        names(&found),
        ["device-00020", "device-00010", "device-00000"]
    );
    let found = ok(api.get(&format!("{path}&sortProperty=createdTime&sortOrder=DESC")));
    assert_eq!(names(&found)[0], "device-00029");
}

#[test]
fn a_page_request_that_is_none_is_400() {
    let api = start_with(|config| config.api.max_page_size = 50);
    for path in [
        "/api/tenant/devices",
        "/api/tenant/deviceInfos",
        "/api/deviceProfiles",
        "/api/deviceProfileInfos",
        "/api/user/devices",
        "/api/deviceInfos/all",
    ] {
        for (query, text) in [
            ("page=0", "'pageSize' is not present"),
            ("pageSize=10", "'page' is not present"),
            ("pageSize=0&page=0", "Page size must be greater than zero"),
            ("pageSize=-1&page=0", "Page size must be greater than zero"),
            ("pageSize=51&page=0", "limited to 50"),
            ("pageSize=x&page=0", "'pageSize'"),
            ("pageSize=1&page=-1", "Page must be positive"),
            (
                "pageSize=1&page=0&sortOrder=UP",
                "Unsupported sort order 'UP'! Only 'ASC' or 'DESC' types are allowed.",
            ),
            (
                "pageSize=1&page=0&sortProperty=colour",
                "Unsupported sort property",
            ),
        ] {
            let answer = api.get(&format!("{path}?{query}"));
            assert_error(&answer, 400, 31, text);
        }
    }
}

#[test]
fn devices_are_found_by_type_by_name_and_by_ids() {
    let api = start();
    let a = api.create_device("a");
    let b = ok(api.post("/api/device", &json!({"name": "b c", "type": "pumps"})));
    let path = "/api/tenant/devices?pageSize=10&page=0";
    assert_eq!(names(&ok(api.get(&format!("{path}&type=pumps")))), ["b c"]);
    assert_eq!(
        names(&ok(api.get(&format!("{path}&type=none")))),
        Vec::<&str>::new()
    );

    for path in ["/api/tenant/devices", "/api/tenant/device"] {
        assert_eq!(ok(api.get(&format!("{path}?deviceName=b%20c"))), b);
        let unknown = api.get(&format!("{path}?deviceName=B"));
        assert_error(&unknown, 404, 32, "Requested item wasn't found!");
    }
    assert_error(
        &api.get("/api/tenant/device"),
        400,
        31,
        "'deviceName' is not present",
    );

    let ids = format!("{},{NOBODY},{}", b["id"]["id"].as_str().unwrap(), a.id);
    let found = ok(api.get(&format!("/api/devices?deviceIds={ids}")));
    assert_eq!(found.as_array().unwrap().len(), 2);
    assert_eq!(found[0], b);
    assert_error(
        &api.get("/api/devices?deviceIds=x"),
        400,
        31,
        "Invalid UUID",
    );
    assert_error(
        &api.get("/api/devices"),
        400,
        31,
        "'deviceIds' is not present",
    );

    let types = ok(api.get("/api/device/types"));
    let types: Vec<_> = types
        .as_array()
        .unwrap()
        .iter()
        .map(|t| &t["type"])
        .collect();
    assert_eq!(types, ["default", "pumps"]);
}

#[test]
fn infos_are_filtered_by_activity_and_profile() {
    let api = start();
    many(&api, 5);
    let b = ok(api.post("/api/device", &json!({"name": "b", "type": "pumps"})));
    let path = format!(
        "/api/plugins/telemetry/DEVICE/{}/SERVER_SCOPE",
        b["id"]["id"].as_str().unwrap()
    );
    assert_eq!(api.post(&path, &json!({"active": true})).status, 200);

    let path = "/api/tenant/deviceInfos?pageSize=2&page=0";
    let active = ok(api.get(&format!("{path}&active=true")));
    assert_eq!(names(&active), ["b"]);
    assert_eq!(active["data"][0]["active"], true);
    assert_eq!(active["data"][0]["deviceProfileName"], "pumps");
    let rest = ok(api.get(&format!("{path}&active=false")));
    assert_eq!(rest["totalElements"], 5);
    assert_eq!(rest["totalPages"], 3);
    assert_eq!(names(&rest).len(), 2);
    let last = ok(api.get("/api/tenant/deviceInfos?pageSize=2&page=2&active=false"));
    assert_eq!(names(&last).len(), 1);
    let profile = b["deviceProfileId"]["id"].as_str().unwrap();
    assert_eq!(
        names(&ok(api.get(&format!("{path}&deviceProfileId={profile}")))),
        ["b"]
    );
    let other = ok(api.get(&format!("{path}&deviceProfileId={NOBODY}")));
    assert_eq!(other["totalElements"], 0);
    assert_error(
        &api.get(&format!("{path}&active=perhaps")),
        400,
        31,
        "'active'",
    );
}

#[test]
fn lists_show_no_secret() {
    let api = start();
    let token = "s3cret-token";
    let made = ok(api.post(
        &format!("/api/device?accessToken={token}"),
        &json!({"name": "a"}),
    ));
    let id = made["id"]["id"].as_str().unwrap();
    for path in [
        "/api/tenant/devices?pageSize=10&page=0".to_owned(),
        "/api/tenant/devices?deviceName=a".to_owned(),
        "/api/tenant/deviceInfos?pageSize=10&page=0".to_owned(),
        format!("/api/devices?deviceIds={id}"),
        format!("/api/device/{id}"),
        format!("/api/device/info/{id}"),
        format!("/api/device/{id}/events"),
        "/api/deviceProfiles?pageSize=10&page=0".to_owned(),
        "/api/auth/user".to_owned(),
    ] {
        let answer = api.get(&path);
        assert_eq!(answer.status, 200, "{path}");
        assert!(!answer.text.contains(token), "{path}: {}", answer.text);
        assert!(!answer.text.to_lowercase().contains("password"), "{path}");
    }
}
