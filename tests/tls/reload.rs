//! Certificates are renewed without a restart, and a bad file changes nothing.

use crate::client::{handshake, trusting, Peer};
use crate::common::certificates::{days as valid, file, key_pem, pem, server};
use crate::common::house::TOKEN;
use crate::common::{wait_for, Server};
use crate::scene::{write_server, Scene};
use industryos_iot::auth::certificates::make::KeyKind;
use industryos_iot::transport::mqtt::codec::Level;
use openssl::ssl::SslConnectorBuilder;
use std::net::{SocketAddr, ToSocketAddrs};

/// The serial number of what the door shows now.
fn shown(address: SocketAddr, builder: SslConnectorBuilder) -> String {
    let stream = handshake(address, builder).expect("a handshake");
    let certificate = stream.ssl().peer_certificate().expect("a certificate");
    let serial = certificate.serial_number().to_bn().expect("a number");
    serial.to_hex_str().expect("hex").to_string()
}

fn metric(scene: &Scene, name: &str) -> Option<i64> {
    let text = scene.house.metrics.render();
    let line = text.lines().find_map(|line| line.strip_prefix(name))?;
    line.trim().parse().ok()
}

#[test]
fn changed_files_are_taken_live_sessions_stay_and_bad_files_leave_the_old() {
    let scene = Scene::open();
    let now = || shown(scene.mqtts(), trusting(&scene.ca));
    let first = now();
    let days = || metric(&scene, "tls_certificate_days{door=\"mqtt\"}");
    assert!(matches!(days(), Some(89..=90)), "{:?}", days());
    let stream = handshake(scene.mqtts(), trusting(&scene.ca)).expect("a handshake");
    let mut live = Peer::new(stream, Level::V311);
    live.connect(Level::V311, Some(TOKEN));

    let renewed = server(KeyKind::Rsa, valid(-1..40), &scene.ca);
    write_server(scene.folder.path(), &renewed);
    let second = wait_for("the new certificate", || {
        let shown = now();
        (shown != first).then_some(shown)
    });
    assert!(matches!(days(), Some(39..=40)), "{:?}", days());
    live.publish(1, r#"{"t":1}"#);

    let refused = "tls_reloads_total{door=\"mqtt\",outcome=\"refused\"}";
    let other = server(KeyKind::Ec, valid(-1..40), &scene.ca);
    for (number, bad) in ["no PEM at all".to_owned(), pem(&other)].iter().enumerate() {
        file(scene.folder.path(), "server.pem", bad);
        wait_for("the bad file to be refused", || {
            (metric(&scene, refused) > Some(number as i64)).then_some(())
        });
        assert_eq!(now(), second, "the old one is still shown");
    }
    live.publish(2, r#"{"t":2}"#);
    file(scene.folder.path(), "server.key", &key_pem(&other));
    wait_for("the pair to be whole again", || {
        (now() != second).then_some(())
    });
    live.publish(3, r#"{"t":3}"#);
}

#[test]
fn sighup_reads_the_certificate_at_once_and_the_process_lives_on() {
    let folder = tempfile::tempdir().unwrap();
    let ca = crate::common::certificates::authority("ca");
    write_server(folder.path(), &server(KeyKind::Ec, valid(-1..5), &ca));
    let settings = "[mqtt.tls]\ncertificate = \"server.pem\"\nprivate_key = \"server.key\"\n\
        look_every = \"1h\"\n";
    let server_process = Server::start_in(folder, settings, &[]);
    let stderr = || server_process.stderr();
    assert!(stderr().contains("ends soon"), "{}", stderr());
    let address = server_process.mqtts_address().to_socket_addrs();
    let address = address.unwrap().next().unwrap();
    let first = shown(address, trusting(&ca));
    write_server(
        server_process.folder.path(),
        &server(KeyKind::Ec, valid(-1..90), &ca),
    );
    let pid = server_process.pid().to_string();
    let hangup = || {
        let sent = std::process::Command::new("kill")
            .args(["-HUP", &pid])
            .status();
        assert!(sent.unwrap().success());
    };
    hangup();
    let second = wait_for("the new certificate", || {
        let now = shown(address, trusting(&ca));
        (now != first).then_some(now)
    });
    file(server_process.folder.path(), "server.pem", "nonsense");
    hangup();
    wait_for("the complaint", || {
        stderr()
            .contains("holds no certificate in PEM")
            .then_some(())
    });
    assert_eq!(shown(address, trusting(&ca)), second);
    let (status, _folder) = server_process.terminate();
    assert!(status.success());
}
