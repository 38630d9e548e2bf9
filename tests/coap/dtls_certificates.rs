//! CoAP under DTLS with certificates (contract/coap.md 6): whose they are, and which are refused.

use crate::certificates::{authority, days, device, file, key_pem, pem, revocation_list, server};
use crate::dtls_peer::{certified, keyed, Secure};
use crate::house::House;
use crate::peer::{below, code, metric};
use crate::wait::until;
use industryos_iot::auth::certificates::make::{KeyKind, Made};
use industryos_iot::config::Config;
use industryos_iot::model::reject::Reason;
use industryos_iot::model::session::Transport;
use industryos_iot::model::units::Period;
use std::path::Path;
use std::time::Duration;
use tempfile::TempDir;

const TELEMETRY: &str = "api/v1/telemetry";

struct Scene {
    house: House,
    folder: TempDir,
    ca: Made,
}

impl Scene {
    fn with(change: impl FnOnce(&mut Config, &Path)) -> Scene {
        let folder = tempfile::tempdir().expect("a folder");
        let ca = authority("the CA of the tests");
        write(folder.path(), &server(KeyKind::Ec, days(-1..90), &ca));
        let house = House::with(|config| {
            let dtls = &mut config.coap.dtls;
            dtls.certificate = folder.path().join("server.pem");
            dtls.private_key = folder.path().join("server.key");
            dtls.look_every = Period(Duration::from_millis(50));
            change(config, folder.path());
        });
        Scene { house, folder, ca }
    }

    fn open(&self, chain: &[&Made]) -> Result<Secure, String> {
        Secure::open(&self.house, &certified(&self.ca, chain))
    }
}

fn write(folder: &Path, made: &Made) {
    file(folder, "server.key", &key_pem(made));
    file(folder, "server.pem", &pem(made));
}

fn fresh(name: &str) -> Made {
    device(name, KeyKind::Ec, days(-1..10), None)
}

#[test]
fn a_registered_certificate_needs_no_token_and_speaks_for_no_other_device() {
    let scene = Scene::with(|_, _| {});
    let made = fresh("pump");
    let id = scene.house.add_certified("pump", &pem(&made));
    let mut peer = scene.open(&[&made]).expect("a handshake");
    assert_eq!(code(&peer.post(TELEMETRY, "{\"t\":1}")), "2.01");
    assert_eq!(scene.house.latest_of(id).len(), 1);
    assert_eq!(code(&peer.post(&below("telemetry"), "{\"t\":1}")), "4.01");
    assert!(scene.house.latest().is_empty());
    let mut other = scene.open(&[&made]).expect("a handshake");
    let first = other.post(&below("telemetry"), "{\"t\":1}");
    assert_eq!(code(&first), "4.01", "also as its first word");
}

#[test]
fn without_a_certificate_the_token_in_the_path_counts() {
    let scene = Scene::with(|_, _| {});
    let mut peer = scene.open(&[]).expect("a handshake");
    assert_eq!(code(&peer.post(&below("telemetry"), "{\"t\":1}")), "2.01");
    assert_eq!(code(&peer.post(TELEMETRY, "{\"t\":2}")), "4.01");
    assert_eq!(
        code(&peer.post("api/v1/nobody/telemetry", "{\"t\":2}")),
        "4.01"
    );
    assert_eq!(scene.house.latest().len(), 1);
}

#[test]
fn an_unknown_certificate_opens_nothing_and_the_token_in_the_path_counts() {
    let scene = Scene::with(|_, _| {});
    let mut peer = scene.open(&[&fresh("stranger")]).expect("a handshake");
    let counted = |count| {
        let unknown = Reason::CertificateUnknown;
        scene
            .house
            .wait_for_rejected(Transport::Coap, unknown, count);
    };
    counted(1);
    assert_eq!(code(&peer.post(TELEMETRY, "{\"t\":1}")), "4.01");
    counted(2);
    assert_eq!(code(&peer.post(&below("telemetry"), "{\"t\":1}")), "2.01");
}

#[test]
fn expired_early_and_revoked_certificates_end_the_handshake_each_with_its_alert_and_reason() {
    let field = authority("field devices");
    let of_field = |name, valid| device(name, KeyKind::Ec, valid, Some(&field));
    let stolen = of_field("stolen", days(-1..10));
    let fine = of_field("fine", days(-1..10));
    let scene = Scene::with(|config, folder| {
        let list = revocation_list(&field, &[&stolen]);
        config.coap.dtls.client_ca = file(folder, "field.pem", &pem(&field));
        config.coap.dtls.client_crl = file(folder, "field.crl", &list);
    });
    let expired = of_field("expired", days(-9..-1));
    let early = of_field("early", days(1..9));
    for (made, alert, reason) in [
        (&expired, "certificate expired", Reason::CertificateExpired),
        (&early, "bad certificate", Reason::CertificateNotYetValid),
        (&stolen, "certificate revoked", Reason::CertificateRevoked),
    ] {
        let id = scene.house.add_certified(alert, &pem(made));
        let said = scene.open(&[made, &field]).err().expect("no handshake");
        assert!(said.contains(alert), "{said}");
        scene.house.wait_for_rejected(Transport::Coap, reason, 1);
        assert_eq!(scene.house.refusals_of(id), [reason]);
    }
    scene.house.add_certified("fine", &pem(&fine));
    let mut peer = scene.open(&[&fine, &field]).expect("a handshake");
    assert_eq!(code(&peer.post(TELEMETRY, "{\"t\":1}")), "2.01");
    until("the refused are gone", || {
        metric(&scene.house, "dtls_associations") == 1
    });
}

#[test]
fn a_resumed_session_of_a_device_that_was_disabled_since_is_ended_at_once() {
    let field = authority("field devices");
    let made = device("pump", KeyKind::Ec, days(-1..10), Some(&field));
    let scene = Scene::with(|_, _| {});
    let id = scene.house.add_certified("pump", &pem(&made));
    let context = certified(&scene.ca, &[&made, &field]);
    let mut first = Secure::open(&scene.house, &context).expect("a handshake");
    // The answer to this one waits for the word on whose certificate it is.
    assert_eq!(code(&first.post(&below("telemetry"), "{\"t\":1}")), "4.01");
    let session = first.stream.ssl().session().expect("a session").to_owned();
    scene.house.disable(id, true);
    let wire = crate::dtls_peer::Wire::to(crate::dtls_peer::secure_door(&scene.house));
    let mut back = Secure::over(&scene.house, &context, wire, Some(&session)).expect("resumed");
    assert!(back.stream.ssl().session_reused());
    assert_eq!(back.next(), None, "a goodbye");
    let told = scene.house.refusals_of(id);
    assert!(!told.is_empty() && told.iter().all(|one| *one == Reason::DeviceDisabled));
}

#[test]
fn who_talks_all_the_time_is_refused_all_the_same_when_its_certificate_expires() {
    let scene = Scene::with(|config, _| config.coap.known_for.0 = Duration::from_millis(200));
    let valid = days(-1..0).start..days(0..0).end + 5_000;
    let made = device("pump", KeyKind::Ec, valid, None);
    let id = scene.house.add_certified("pump", &pem(&made));
    let mut peer = scene.open(&[&made]).expect("a handshake");
    assert_eq!(code(&peer.post(TELEMETRY, "{\"t\":1}")), "2.01");
    until("its time is over", || {
        code(&peer.post(TELEMETRY, "{\"t\":2}")) == "4.01"
    });
    assert_eq!(peer.next(), None, "a goodbye");
    let told = scene.house.refusals_of(id);
    assert_eq!(told, [Reason::CertificateExpired]);
}

#[test]
fn keys_and_certificates_come_in_by_the_same_door() {
    let scene = Scene::with(|config, _| config.coap.dtls.pre_shared_keys = true);
    let by_key = scene.house.add_keyed("dev", "0123456789abcdef");
    let context = keyed("dev", "0123456789abcdef");
    let mut peer = Secure::open(&scene.house, &context).expect("a handshake");
    assert_eq!(code(&peer.post(TELEMETRY, "{\"t\":1}")), "2.01");
    let made = fresh("pump");
    let by_certificate = scene.house.add_certified("pump", &pem(&made));
    let mut peer = scene.open(&[&made]).expect("a handshake");
    assert_eq!(code(&peer.post(TELEMETRY, "{\"t\":1}")), "2.01");
    let mut peer = scene.open(&[]).expect("a handshake");
    assert_eq!(code(&peer.post(&below("telemetry"), "{\"t\":1}")), "2.01");
    for device in [by_key, by_certificate, scene.house.device] {
        assert_eq!(scene.house.latest_of(device).len(), 1);
    }
}

#[test]
fn a_changed_certificate_is_shown_to_the_next_and_live_associations_stay() {
    let scene = Scene::with(|_, _| {});
    let shown = || {
        let peer = scene.open(&[]).expect("a handshake");
        let certificate = peer.stream.ssl().peer_certificate().expect("one");
        let number = certificate.serial_number().to_bn().expect("a number");
        number.to_hex_str().expect("hex").to_string()
    };
    let mut live = scene.open(&[]).expect("a handshake");
    let first = shown();
    write(
        scene.folder.path(),
        &server(KeyKind::Ec, days(-1..60), &scene.ca),
    );
    until("the new certificate", || shown() != first);
    assert_eq!(code(&live.post(&below("telemetry"), "{\"t\":1}")), "2.01");
}
