//! Device profiles (contract/admin-rest.md 4).

use crate::harness::{assert_error, ok, start, NOBODY};
use serde_json::json;

#[test]
fn there_is_one_default_profile_from_the_start() {
    let api = start();
    let info = ok(api.get("/api/deviceProfileInfo/default"));
    assert_eq!(info["name"], "default");
    assert_eq!(info["id"]["entityType"], "DEVICE_PROFILE");
    let id = info["id"]["id"].as_str().unwrap();
    assert_eq!(ok(api.get(&format!("/api/deviceProfileInfo/{id}"))), info);
    let profile = ok(api.get(&format!("/api/deviceProfile/{id}")));
    assert_eq!(profile["default"], true);
    assert_eq!(profile["transportType"], "DEFAULT");
    assert_eq!(profile["provisionType"], "DISABLED");
    assert_eq!(profile["profileData"]["configuration"]["type"], "DEFAULT");
    let page = ok(api.get("/api/deviceProfiles?pageSize=10&page=0"));
    assert_eq!(page["data"], json!([profile]));
    let page = ok(api.get("/api/deviceProfileInfos?pageSize=10&page=0"));
    assert_eq!(page["data"], json!([info]));
}

#[test]
fn a_profile_is_saved_listed_and_made_the_default() {
    let api = start();
    let body = json!({
        "name": "pumps", "description": "all pumps", "type": "DEFAULT",
        "profileData": {"configuration": {"type": "DEFAULT"},
            "transportConfiguration": {"type": "DEFAULT", "sendAckOnValidationException": true}},
    });
    let made = ok(api.post("/api/deviceProfile", &body));
    assert_eq!(made["description"], "all pumps");
    let transport = &made["profileData"]["transportConfiguration"];
    assert_eq!(transport["sendAckOnValidationException"], true);

    let mut change = made.clone();
    change["name"] = json!("Pumps");
    change["profileData"] = json!(null);
    let saved = ok(api.post("/api/deviceProfile", &change));
    assert_eq!(saved["name"], "Pumps");
    let transport = &saved["profileData"]["transportConfiguration"];
    assert_eq!(transport["sendAckOnValidationException"], true);
    assert_error(&api.post("/api/deviceProfile", &change), 409, 35, "changed");

    let path = "/api/deviceProfiles?pageSize=1&page=0&sortProperty=name&sortOrder=DESC";
    let page = ok(api.get(path));
    assert_eq!(page["data"][0]["name"], "Pumps");
    assert_eq!(page["hasNext"], true);
    let found = ok(api.get("/api/deviceProfileInfos?pageSize=9&page=0&textSearch=PUM"));
    assert_eq!(found["totalElements"], 1);

    let id = made["id"]["id"].as_str().unwrap();
    let chosen = ok(api.post(&format!("/api/deviceProfile/{id}/default"), &json!({})));
    assert_eq!(chosen["default"], true);
    assert_eq!(
        ok(api.get("/api/deviceProfileInfo/default"))["name"],
        "Pumps"
    );
    assert_eq!(
        ok(api.post("/api/device", &json!({"name": "a"})))["type"],
        "Pumps"
    );
}

#[test]
fn what_cannot_be_is_refused() {
    let api = start();
    let cases = [
        (json!({}), "Device profile name should be specified!"),
        (
            json!({"name": "default"}),
            "Device profile with such name already exists!",
        ),
        (
            json!({"name": "a", "transportType": "SNMP"}),
            "transportType",
        ),
        (
            json!({"name": "a", "provisionType": "ALLOW_CREATE_NEW_DEVICES"}),
            "provisionType",
        ),
        (json!({"name": "a", "id": {"id": "x"}}), "Invalid UUID"),
        (json!([]), "Invalid request body"),
    ];
    for (body, text) in cases {
        assert_error(&api.post("/api/deviceProfile", &body), 400, 31, text);
    }
    let unknown = json!({"name": "a", "id": {"id": NOBODY}});
    assert_error(
        &api.post("/api/deviceProfile", &unknown),
        404,
        32,
        "is not found",
    );
    for (method, path) in [
        ("GET", "/api/deviceProfile/{}"),
        ("GET", "/api/deviceProfileInfo/{}"),
        ("POST", "/api/deviceProfile/{}/default"),
    ] {
        let answer = api.call(method, &path.replace("{}", "x"), "");
        assert_error(&answer, 400, 31, "Invalid UUID");
        let answer = api.call(method, &path.replace("{}", NOBODY), "");
        assert_error(&answer, 404, 32, "is not found");
    }
}

#[test]
fn how_long_points_are_kept_is_saved_kept_and_taken_back() {
    let api = start();
    let save = |body: serde_json::Value| ok(api.post("/api/deviceProfile", &body));
    let kept = |profile: &serde_json::Value| {
        profile["profileData"]["configuration"]["storageTtlSeconds"].clone()
    };
    let with = |ttl: serde_json::Value| json!({"configuration": {"storageTtlSeconds": ttl}});
    let plain = save(json!({"name": "pumps"}));
    assert_eq!(kept(&plain), json!(null));
    let id = &plain["id"];
    let set = save(json!({"id": id, "name": "pumps", "profileData": with(json!(86_400))}));
    assert_eq!(kept(&set), 86_400);
    let untouched = save(json!({"id": id, "name": "Pumps"}));
    assert_eq!(kept(&untouched), 86_400);
    assert_eq!(
        kept(&save(
            json!({"id": id, "name": "Pumps", "profileData": with(json!(0))})
        )),
        0
    );
    let back = save(json!({"id": id, "name": "Pumps", "profileData": with(json!(null))}));
    assert_eq!(kept(&back), json!(null));
    for bad in [json!(-1), json!("1d"), json!(u64::MAX)] {
        let answer = api.post(
            "/api/deviceProfile",
            &json!({"name": "x", "profileData": with(bad)}),
        );
        assert_eq!(answer.status, 400, "{}", answer.text);
    }
}

#[test]
fn a_profile_that_nobody_needs_is_deleted_and_others_are_refused_with_the_reason() {
    let api = start();
    let made = ok(api.post("/api/deviceProfile", &json!({"name": "pumps"})));
    let path = format!("/api/deviceProfile/{}", made["id"]["id"].as_str().unwrap());
    let pump = ok(api.post("/api/device", &json!({"name": "p", "type": "pumps"})));
    assert_error(&api.call("DELETE", &path, ""), 400, 31, "used by 1 device");
    let pump = pump["id"]["id"].as_str().unwrap();
    assert_eq!(
        api.call("DELETE", &format!("/api/device/{pump}"), "")
            .status,
        200
    );
    assert_eq!(api.call("DELETE", &path, "").status, 200);
    assert_error(&api.get(&path), 404, 32, "is not found");
    assert_error(&api.call("DELETE", &path, ""), 404, 32, "is not found");
    let default = ok(api.get("/api/deviceProfileInfo/default"));
    let default = default["id"]["id"].as_str().unwrap();
    let refused = api.call("DELETE", &format!("/api/deviceProfile/{default}"), "");
    assert_error(&refused, 400, 31, "default");
    let again = ok(api.post("/api/deviceProfile", &json!({"name": "pumps"})));
    assert_ne!(again["id"], made["id"]);
}

#[test]
fn a_profile_names_the_authority_of_its_devices_and_shows_it_again() {
    use industryos_iot::auth::certificates::make;
    let api = start();
    let order = make::Order {
        role: make::Role::Authority,
        common_name: "field CA",
        key: make::KeyKind::Ec,
        valid: 0..4_000_000_000_000,
    };
    let ca = make::make(&order, None).unwrap();
    let pem = String::from_utf8(ca.certificate.to_pem().unwrap()).unwrap();
    let chain = |pattern: &str| {
        json!({
            "name": "field",
            "provisionType": "X509_CERTIFICATE_CHAIN",
            "profileData": {"provisionConfiguration": {
                "type": "X509_CERTIFICATE_CHAIN",
                "provisionDeviceSecret": pem,
                "certificateRegExPattern": pattern,
                "allowCreateNewDevicesByX509Certificate": true,
            }},
        })
    };
    let refused = api.post("/api/deviceProfile", &chain(".*"));
    assert_error(&refused, 400, 31, "needs a group");
    let saved = ok(api.post("/api/deviceProfile", &chain("(.*)")));
    assert_eq!(saved["provisionType"], "X509_CERTIFICATE_CHAIN");
    assert_eq!(saved["provisionDeviceKey"].as_str().unwrap().len(), 64);
    let shown = &saved["profileData"]["provisionConfiguration"];
    assert_eq!(shown["certificateRegExPattern"], "(.*)");
    assert_eq!(shown["allowCreateNewDevicesByX509Certificate"], true);
    // What is shown can be sent again, and is then no change.
    let again = ok(api.post("/api/deviceProfile", &saved));
    assert_eq!(again, saved);
    // Not naming it keeps it, another type takes it away.
    let mut other = saved.clone();
    other["profileData"] = json!({});
    other["provisionType"] = json!("DISABLED");
    let off = ok(api.post("/api/deviceProfile", &other));
    assert_eq!(off["provisionType"], "DISABLED");
    assert_eq!(off["provisionDeviceKey"], json!(null));
}
