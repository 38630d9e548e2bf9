//! Sessions that go on without a whole handshake: what is still known of the client, and when its
//! ticket is worth nothing any more.

use crate::client::{showing, trusting, Peer, Returning, Tls};
use crate::common::certificates::{authority, days, device, file, pem, revocation_list, server};
use crate::common::house::TOKEN;
use crate::common::{until, wait_for};
use crate::scene::{write_server, Scene};
use industryos_iot::auth::certificates::make::{make, KeyKind, Made, Order, Role};
use industryos_iot::model::reject::Reason;
use industryos_iot::model::units::Period;
use industryos_iot::transport::mqtt::codec::Level;
use openssl::ssl::SslVersion;
use std::time::Duration;

const VERSIONS: [SslVersion; 2] = [SslVersion::TLS1_2, SslVersion::TLS1_3];

/// The CONNACK's code.
fn join(stream: Tls, user_name: Option<&str>) -> u8 {
    let mut peer = Peer::new(stream, Level::V5);
    let code = peer.connect(Level::V5, user_name).code;
    // OpenSSL forgets the session of a connection that ends without a goodbye.
    let _ = peer.stream.shutdown();
    code
}

#[test]
fn tickets_resume_sessions_of_both_versions_until_their_keys_are_thrown_away() {
    for version in VERSIONS {
        let scene = Scene::open();
        let client = Returning::new(trusting(&scene.ca), version);
        let first = client.connect(scene.mqtts());
        assert!(!first.ssl().session_reused());
        assert_eq!(join(first, Some(TOKEN)), 0);
        assert!(client.has_ticket(), "{version:?}");
        for _ in 0..3 {
            let again = client.connect(scene.mqtts());
            assert!(again.ssl().session_reused(), "{version:?}");
            assert_eq!(join(again, Some(TOKEN)), 0);
        }
        let renewed = server(KeyKind::Ec, days(-1..40), &scene.ca);
        write_server(scene.folder.path(), &renewed);
        until("the ticket to be of an old certificate", || {
            let again = client.connect(scene.mqtts());
            let reused = again.ssl().session_reused();
            assert_eq!(join(again, Some(TOKEN)), 0);
            !reused
        });
    }
}

#[test]
fn the_keys_of_tickets_change_after_their_life_though_no_file_does() {
    for version in VERSIONS {
        let scene = Scene::with(|config, _, _| {
            config.mqtt.tls.ticket_life = Period(Duration::from_millis(300));
        });
        let mut renewals = 0;
        wait_for("three new keys", || {
            let client = Returning::new(trusting(&scene.ca), version);
            assert_eq!(join(client.connect(scene.mqtts()), Some(TOKEN)), 0);
            until("its key to be thrown away", || {
                let again = client.connect(scene.mqtts());
                let reused = again.ssl().session_reused();
                assert_eq!(join(again, Some(TOKEN)), 0);
                !reused
            });
            renewals += 1;
            (renewals == 3).then_some(())
        });
    }
}

#[test]
fn a_resumed_session_still_knows_the_certificate_and_asks_again_what_has_become_of_it() {
    for version in VERSIONS {
        let scene = Scene::open();
        let made = device("x", KeyKind::Ec, days(-1..10), None);
        let id = scene.house.add_certified("x", &pem(&made));
        let client = Returning::new(showing(&scene.ca, &[&made]), version);
        assert_eq!(join(client.connect(scene.mqtts()), None), 0);
        let resumed = client.connect(scene.mqtts());
        assert!(resumed.ssl().session_reused());
        assert_eq!(join(resumed, None), 0);
        scene.house.delete(id);
        let resumed = client.connect(scene.mqtts());
        assert!(resumed.ssl().session_reused());
        assert_eq!(join(resumed, None), 0x87, "deleted");
    }
}

/// A root, what it signed, and a device below that.
fn family() -> [Made; 3] {
    let root = authority("root");
    let order = Order {
        role: Role::Authority,
        common_name: "a site",
        key: KeyKind::Ec,
        valid: days(-1..50),
    };
    let site = make(&order, Some(&root)).expect("a certificate");
    let meter = device("meter", KeyKind::Ec, days(-1..9), Some(&site));
    [root, site, meter]
}

#[test]
fn a_device_that_is_known_by_an_intermediate_is_let_in_on_resumption_too() {
    for version in VERSIONS {
        let [_, site, meter] = family();
        let scene = Scene::open();
        let id = scene.house.add_certified("site", &pem(&site));
        let client = Returning::new(showing(&scene.ca, &[&meter, &site]), version);
        assert_eq!(join(client.connect(scene.mqtts()), None), 0);
        let resumed = client.connect(scene.mqtts());
        assert!(resumed.ssl().session_reused());
        assert_eq!(join(resumed, None), 0, "{version:?}");
        assert_eq!(scene.house.refusals_of(id), []);
        // Of a stranger that never showed a chain nothing is made up.
        let lone = device("lone", KeyKind::Ec, days(-1..9), Some(&family()[1]));
        let client = Returning::new(showing(&scene.ca, &[&lone]), version);
        for _ in 0..2 {
            assert_eq!(join(client.connect(scene.mqtts()), None), 0x87);
        }
    }
}

#[test]
fn an_intermediate_that_is_revoked_meanwhile_ends_resumption_too() {
    for version in VERSIONS {
        let [root, site, meter] = family();
        let scene = Scene::with(|config, folder, _| {
            config.mqtt.tls.client_ca = file(folder, "root.pem", &pem(&root));
            let nobody = revocation_list(&root, &[]);
            config.mqtt.tls.client_crl = file(folder, "root.crl", &nobody);
            // Only the list changes; tickets would end with their keys.
            config.mqtt.tls.look_every = Period(Duration::from_millis(50));
        });
        let id = scene.house.add_certified("meter", &pem(&meter));
        let client = Returning::new(showing(&scene.ca, &[&meter, &site]), version);
        assert_eq!(join(client.connect(scene.mqtts()), None), 0);
        file(
            scene.folder.path(),
            "root.crl",
            &revocation_list(&root, &[&site]),
        );
        until("the list to be read", || {
            join(client.connect(scene.mqtts()), None) == 0x87
        });
        // The doors may look at the files once more meanwhile: then that ticket's keys are gone too.
        until("a ticket of the new keys to be taken", || {
            let returned = client.connect(scene.mqtts());
            let resumed = returned.ssl().session_reused();
            assert_eq!(join(returned, None), 0x87, "{version:?}");
            resumed
        });
        let told = scene.house.refusals_of(id);
        assert_eq!(told, vec![Reason::CertificateRevoked; told.len()]);
        assert!(told.len() >= 2);
    }
}
