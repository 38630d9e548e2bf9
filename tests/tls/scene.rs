//! A platform with TLS at both doors, its authority, and the folder of its files.

use crate::common::certificates::{authority, days, file, key_pem, pem, server};
use crate::common::house::House;
use industryos_iot::auth::certificates::make::{KeyKind, Made};
use industryos_iot::config::Config;
use industryos_iot::model::units::Period;
use std::path::Path;
use std::time::Duration;
use tempfile::TempDir;

pub struct Scene {
    pub house: House,
    pub folder: TempDir,
    /// Signed the server, and is what clients trust.
    pub ca: Made,
}

impl Scene {
    pub fn open() -> Self {
        Self::with(|_, _, _| {})
    }

    /// `change` gets the folder and the authority too.
    pub fn with(change: impl FnOnce(&mut Config, &Path, &Made)) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let ca = authority("the CA of the tests");
        write_server(folder.path(), &server(KeyKind::Ec, days(-1..90), &ca));
        let house = House::with(|config| {
            for tls in [&mut config.mqtt.tls, &mut config.http.tls] {
                tls.certificate = folder.path().join("server.pem");
                tls.private_key = folder.path().join("server.key");
                tls.look_every = Period(Duration::from_millis(50));
            }
            change(config, folder.path(), &ca);
        });
        Self { house, folder, ca }
    }

    pub fn mqtts(&self) -> std::net::SocketAddr {
        self.house.mqtt_tls.expect("mqtt.tls")
    }

    pub fn https(&self) -> std::net::SocketAddr {
        self.house.http_tls.expect("http.tls")
    }
}

pub fn write_server(folder: &Path, made: &Made) {
    file(folder, "server.key", &key_pem(made));
    file(folder, "server.pem", &pem(made));
}
