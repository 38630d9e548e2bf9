//! Device credentials: read, replace, and what it means for live sessions
//! (contract/admin-rest.md 4, contract/provisioning.md 1).

use crate::common::operator::NewDevice;
use crate::harness::{assert_error, ok, start, Api, NOBODY};
use industryos_iot::auth::certificates::make;
use serde_json::{json, Value};

fn read(api: &Api, device: &NewDevice) -> Value {
    ok(api.get(&format!("/api/device/{}/credentials", device.id)))
}

#[test]
fn credentials_have_the_fields_that_tools_insist_on() {
    let api = start();
    let device = api.create_device("a");
    let record = read(&api, &device);
    assert!(record["id"]["id"].is_string());
    assert_eq!(record["id"].as_object().unwrap().len(), 1);
    assert_eq!(record["deviceId"]["id"], json!(device.id));
    assert_eq!(record["credentialsType"], "ACCESS_TOKEN");
    assert_eq!(record["credentialsId"].as_str().unwrap().len(), 20);
    assert_eq!(record["credentialsValue"], Value::Null);
}

#[test]
fn a_new_token_replaces_the_old_one() {
    let api = start();
    let device = api.create_device("a");
    let mut record = read(&api, &device);
    record["credentialsId"] = json!("tok-2");
    let saved = ok(api.post("/api/device/credentials", &record));
    assert_eq!(saved["credentialsId"], "tok-2");
    assert!(saved["version"].as_u64() > record["version"].as_u64());
    assert_eq!(read(&api, &device), saved);
    // Saving the same again is no change.
    assert_eq!(ok(api.post("/api/device/credentials", &saved)), saved);
    let stale = api.post("/api/device/credentials", &{
        record["credentialsId"] = json!("tok-3");
        record
    });
    assert_error(&stale, 409, 35, "changed by someone else");
}

#[test]
fn what_is_wrong_with_credentials_is_said_in_thingsboards_words() {
    let api = start();
    let device = api.create_device("a");
    ok(api.post("/api/device?accessToken=taken", &json!({"name": "b"})));
    let record = read(&api, &device);
    let with = |changes: Value| {
        let mut body = record.clone();
        for (key, value) in changes.as_object().unwrap() {
            body[key] = value.clone();
        }
        body
    };
    let basic = |value: &str| json!({"credentialsType": "MQTT_BASIC", "credentialsValue": value});
    let cases = [
        (
            json!({"credentialsId": "taken"}),
            400,
            "Specified credentials are already registered!",
        ),
        (
            json!({"credentialsType": null}),
            400,
            "Device credentials type should be specified",
        ),
        (
            json!({"credentialsType": "KEY"}),
            400,
            "Unknown device credentials type",
        ),
        (
            json!({"credentialsId": ""}),
            400,
            "Device credentials id should be specified",
        ),
        (
            basic("{}"),
            400,
            "Both mqtt client id and user name are empty!",
        ),
        (
            basic(r#"{"clientId":"c","password":"p"}"#),
            400,
            "Password cannot be specified along with client id",
        ),
        (
            basic("nonsense"),
            400,
            "Invalid credentials body for simple mqtt credentials!",
        ),
        (
            json!({"id": {"id": NOBODY}}),
            400,
            "Unable to update non-existent device credentials!",
        ),
        (json!({"deviceId": {"id": "x"}}), 400, "Invalid UUID"),
        (json!({"deviceId": null}), 400, "Invalid request body"),
    ];
    for (changes, status, text) in cases {
        let answer = api.post("/api/device/credentials", &with(changes));
        assert_error(&answer, status, 31, text);
    }
    let unknown = with(json!({"deviceId": {"id": NOBODY, "entityType": "DEVICE"}}));
    let unknown = api.post("/api/device/credentials", &unknown);
    assert_error(&unknown, 404, 32, "is not found");
    assert_eq!(read(&api, &device), record);
}

#[test]
fn a_device_may_change_the_kind_of_its_credentials() {
    let api = start();
    let device = api.create_device("a");
    let mut record = read(&api, &device);
    record["credentialsType"] = json!("MQTT_BASIC");
    record["credentialsValue"] = json!(r#"{"userName":"u7","password":"p7"}"#);
    let saved = ok(api.post("/api/device/credentials", &record));
    assert_eq!(saved["credentialsType"], "MQTT_BASIC");
    assert_eq!(saved["credentialsId"], "u7");
}

#[test]
fn a_pre_shared_key_is_taken_and_never_shown() {
    let api = start();
    let device = api.create_device("a");
    let mut record = read(&api, &device);
    record["credentialsType"] = json!("PRE_SHARED_KEY");
    record["credentialsValue"] = json!(r#"{"identity":"pump-7","keyText":"0123456789abcdef"}"#);
    let saved = ok(api.post("/api/device/credentials", &record));
    assert_eq!(saved["credentialsId"], "pump-7");
    let shown = r#"{"identity":"pump-7","key":"********"}"#;
    assert_eq!(saved["credentialsValue"], shown);
    assert_eq!(read(&api, &device), saved);
    // What tools write back as they have read it changes nothing.
    assert_eq!(ok(api.post("/api/device/credentials", &saved)), saved);
    let mut short = saved.clone();
    short["credentialsValue"] = json!(r#"{"identity":"pump-7","keyText":"short"}"#);
    let answer = api.post("/api/device/credentials", &short);
    assert_error(&answer, 400, 31, "16 to 64 bytes");
    let other = api.create_device("b");
    let mut taken = read(&api, &other);
    taken["credentialsType"] = json!("PRE_SHARED_KEY");
    taken["credentialsValue"] = json!(r#"{"identity":"pump-7","keyText":"fedcba9876543210"}"#);
    let answer = api.post("/api/device/credentials", &taken);
    assert_error(&answer, 400, 31, "already registered");
}

/// Signed by itself, of an EC key.
pub fn certificate(name: &str) -> make::Made {
    let order = make::Order {
        role: make::Role::Device,
        common_name: name,
        key: make::KeyKind::Ec,
        valid: 0..4_000_000_000_000,
    };
    make::make(&order, None).expect("a certificate")
}

#[test]
fn a_certificate_is_taken_as_pem_and_as_base64_of_der_and_belongs_to_one_device() {
    let api = start();
    let device = api.create_device("a");
    let made = certificate("a");
    let pem = String::from_utf8(made.certificate.to_pem().unwrap()).unwrap();
    let text = openssl::base64::encode_block(&made.der().unwrap());
    let mut record = read(&api, &device);
    record["credentialsType"] = json!("X509_CERTIFICATE");
    record["credentialsValue"] = json!(pem);
    let saved = ok(api.post("/api/device/credentials", &record));
    assert_eq!(saved["credentialsType"], "X509_CERTIFICATE");
    assert_eq!(saved["credentialsValue"], text);
    assert_eq!(saved["credentialsId"].as_str().unwrap().len(), 64);
    // The other form of the same one is no change.
    let mut same = saved.clone();
    same["credentialsValue"] = json!(text);
    assert_eq!(ok(api.post("/api/device/credentials", &same)), saved);
    let other = api.create_device("b");
    let mut record = read(&api, &other);
    record["credentialsType"] = json!("X509_CERTIFICATE");
    record["credentialsValue"] = json!(text);
    let taken = api.post("/api/device/credentials", &record);
    assert_error(
        &taken,
        400,
        31,
        "Specified credentials are already registered!",
    );
}

#[test]
fn a_private_key_pasted_by_mistake_is_refused_and_not_repeated() {
    let api = start();
    let device = api.create_device("a");
    let record = read(&api, &device);
    let made = certificate("a");
    let key = String::from_utf8(made.key.private_key_to_pem_pkcs8().unwrap()).unwrap();
    let der = openssl::base64::encode_block(&made.key.private_key_to_der().unwrap());
    let both = format!(
        "{}{key}",
        String::from_utf8(made.certificate.to_pem().unwrap()).unwrap()
    );
    for value in [&key, &der, &both] {
        let mut asked = record.clone();
        asked["credentialsType"] = json!("X509_CERTIFICATE");
        asked["credentialsValue"] = json!(value);
        let refused = api.post("/api/device/credentials", &asked);
        assert_error(&refused, 400, 31, "This holds a private key");
        let secret = key.lines().nth(1).unwrap();
        assert!(!refused.text.contains(secret));
    }
    assert_eq!(read(&api, &device), record);
    let mut asked = record.clone();
    asked["credentialsType"] = json!("X509_CERTIFICATE");
    asked["credentialsValue"] = json!("no base64!");
    let refused = api.post("/api/device/credentials", &asked);
    assert_error(&refused, 400, 31, "neither PEM nor DER nor Base64");
}

/// POSTs a file; status, message or record.
fn upload(api: &Api, device: &NewDevice, kind: &str, file: &[u8]) -> (u16, Value) {
    let url = format!(
        "{}/api/device/{}/credentials/certificate",
        api.base, device.id
    );
    let mut answer = ureq::Agent::config_builder()
        .http_status_as_error(false)
        .build()
        .new_agent()
        .post(url)
        .header("X-Authorization", format!("Bearer {}", api.token))
        .header("Content-Type", kind)
        .send(file)
        .expect("an answer");
    let text = answer.body_mut().read_to_string().expect("a body");
    let json = serde_json::from_str(&text).expect("JSON");
    (answer.status().as_u16(), json)
}

#[test]
fn a_certificate_may_be_uploaded_as_a_file_in_der_pem_or_base64() {
    let api = start();
    let ca = certificate("an authority");
    let kinds = [
        "application/pkix-cert",
        "application/octet-stream",
        "application/x-pem-file",
        "application/json",
    ];
    for (number, kind) in kinds.into_iter().enumerate() {
        let device = api.create_device(&format!("device {number}"));
        let made = certificate(&format!("device {number}"));
        let der = made.der().unwrap();
        let text = openssl::base64::encode_block(&der);
        let pem = made.certificate.to_pem().unwrap();
        let mut saved = None;
        for file in [&der, &pem, &text.clone().into_bytes()] {
            let (status, record) = upload(&api, &device, kind, file);
            assert_eq!(status, 200, "{record}");
            assert_eq!(record["credentialsType"], "X509_CERTIFICATE");
            assert_eq!(record["credentialsValue"], text);
            assert_eq!(*saved.get_or_insert(record.clone()), record, "no change");
        }
        assert_eq!(read(&api, &device), saved.unwrap());
        let other = api.create_device(&format!("other {number}"));
        let before = read(&api, &other);
        let (status, refused) = upload(&api, &other, kind, &der);
        assert_eq!(status, 400);
        let taken = "Specified credentials are already registered!";
        assert_eq!(refused["message"], taken);
        assert_eq!(read(&api, &other), before);
    }
    let device = api.create_device("the last");
    let before = read(&api, &device);
    let chain = [&ca, &certificate("the last")].map(|made| made.certificate.to_pem().unwrap());
    for (file, why) in [
        (
            &b"\x30\x82\x01\x00not a certificate"[..],
            "not an X.509 certificate",
        ),
        (b"\xff\xfe\x00", "neither PEM nor DER nor Base64"),
        (b"", "should be specified"),
        (
            &ca.key.private_key_to_der().unwrap(),
            "This holds a private key",
        ),
        (
            &ca.key.private_key_to_pem_pkcs8().unwrap(),
            "This holds a private key",
        ),
        (
            &ca.key.private_key_to_pkcs8().unwrap(),
            "This holds a private key",
        ),
        (
            &ca.key.public_key_to_pem().unwrap(),
            "a public key, not a certificate",
        ),
        (&chain.concat(), "These are 2 certificates"),
    ] {
        let (status, refused) = upload(&api, &device, "application/octet-stream", file);
        let message = refused["message"].as_str().unwrap();
        assert!(status == 400 && message.contains(why), "{why}: {refused}");
    }
    assert_eq!(read(&api, &device), before);
}
