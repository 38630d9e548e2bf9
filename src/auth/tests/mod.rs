//! The whole room over the memory engine.

mod access;
mod audit;
mod concurrency;
mod credentials;
mod devices;
mod first_start;
mod identify;
mod operators;
mod profiles;
mod rotation;
mod shared_keys;

use super::*;
use crate::auth::directory::{CredentialsOrder, DeviceOrder, NewCredentials, ProfileChoice, Saved};
use crate::model::credentials::{Credentials, CredentialsKind, Presented};
use crate::model::rates::Rates;
use crate::model::reject::Reason;
use crate::model::units::{ByteSize, Period};
use crate::model::Millis;
use crate::store::memory::MemoryStore;
use std::net::IpAddr;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

const PASSWORD: &str = "a fine password";
pub(super) const START: Millis = 1_700_000_000_000;

/// A room with a clock that tests set.
pub(super) struct House {
    pub auth: Auth,
    pub store: MemoryStore,
    now: Arc<AtomicI64>,
}

fn config(password: &str) -> Config {
    Config {
        username: "Admin@Localhost".into(),
        password: password.into(),
        token_life: Period(Duration::from_secs(9000)),
        refresh_life: Period(Duration::from_secs(604_800)),
        login_attempts: 3,
        login_window: Period(Duration::from_secs(60)),
        login_subjects: 1000,
        login_delay: Period(Duration::from_millis(1)),
        max_operators: 5,
        max_api_keys: 3,
        audit_age: Period(Duration::from_secs(30 * 86_400)),
        audit_rows: 32,
        audit_strangers: Rates::parse("3:1m").unwrap(),
        rotation_overlap: Period(Duration::ZERO),
        max_rotation_overlap: Period(Duration::from_secs(86_400)),
        known_tokens: 100,
        known_token_size: ByteSize(512),
    }
}

async fn open(store: &MemoryStore, config: Config) -> (Auth, Option<GeneratedPassword>) {
    Auth::open(config, Arc::new(store.clone())).await.unwrap()
}

pub(super) async fn house() -> House {
    let now = Arc::new(AtomicI64::new(START));
    let store = MemoryStore::new();
    House::on(store, now).await
}

impl House {
    async fn on(store: MemoryStore, now: Arc<AtomicI64>) -> Self {
        let clock: Clock = {
            let now = now.clone();
            Arc::new(move || now.load(Ordering::SeqCst))
        };
        let shared = Arc::new(store.clone());
        let opened = Auth::open_with_clock(config(PASSWORD), shared, clock).await;
        let auth = opened.unwrap().0;
        Self { auth, store, now }
    }

    /// The same house after a restart.
    async fn restarted(self) -> Self {
        Self::on(self.store.reopened(), self.now).await
    }

    pub fn pass(&self, time: Duration) {
        let ms = i64::try_from(time.as_millis()).unwrap();
        self.now.fetch_add(ms, Ordering::SeqCst);
    }

    async fn made(&self, order: DeviceOrder, credentials: NewCredentials) -> Device {
        let made = self.auth.directory().create_device(order, credentials);
        made.await.unwrap()
    }

    async fn device(&self, name: &str, token: &str) -> Device {
        let credentials = NewCredentials::AccessToken(token.into());
        self.made(named(name), credentials).await
    }

    /// A device whose credentials are an MQTT_BASIC of this JSON.
    async fn basic_device(&self, name: &str, json: &str) -> Device {
        let credentials = given(CredentialsKind::MqttBasic, json);
        self.made(named(name), credentials).await
    }

    async fn save(&self, order: CredentialsOrder) -> Saved<Credentials> {
        let saved = self.auth.directory().update_credentials(order);
        saved.await.unwrap()
    }

    async fn refused(&self, order: CredentialsOrder) -> Option<DirectoryError> {
        let saved = self.auth.directory().update_credentials(order);
        saved.await.err()
    }

    async fn who(&self, presented: &Presented) -> Identified {
        self.auth.identify(presented).await.unwrap()
    }

    /// A login of the administrator.
    async fn administrator(&self) -> TokenPair {
        let operators = self.auth.operators();
        let pair = operators.login("admin@localhost", PASSWORD, peer());
        pair.await.unwrap()
    }

    pub async fn reason(&self, presented: &Presented) -> Option<Reason> {
        let refused = self.auth.identify(presented).await.err();
        refused.map(|refused| refused.rejection.reason)
    }
}

pub(super) fn named(name: &str) -> DeviceOrder {
    DeviceOrder {
        name: name.into(),
        ..DeviceOrder::default()
    }
}

/// Base64 of a certificate for nobody in particular.
fn any_certificate() -> String {
    use crate::auth::certificates::{make, upload};
    let order = make::Order {
        role: make::Role::Device,
        common_name: "x",
        key: make::KeyKind::Ec,
        valid: 0..START,
    };
    upload::text_of(&make::make(&order, None).unwrap().der().unwrap())
}

fn given(kind: CredentialsKind, value: &str) -> NewCredentials {
    NewCredentials::Given {
        kind: Some(kind),
        credentials_id: None,
        credentials_value: Some(value.into()),
    }
}

/// New credentials of a kind that is told by its value.
fn value_order(device: DeviceId, kind: CredentialsKind, value: &str) -> CredentialsOrder {
    CredentialsOrder {
        kind: Some(kind),
        credentials_id: None,
        credentials_value: Some(value.into()),
        ..token_order(device, "")
    }
}

fn basic_order(device: DeviceId, json: &str) -> CredentialsOrder {
    value_order(device, CredentialsKind::MqttBasic, json)
}

fn token_order(device: DeviceId, token: &str) -> CredentialsOrder {
    CredentialsOrder {
        id: None,
        device,
        kind: Some(CredentialsKind::AccessToken),
        credentials_id: Some(token.into()),
        credentials_value: None,
        version: None,
        overlap: None,
    }
}

pub(super) fn typed(name: &str, type_name: &str) -> DeviceOrder {
    DeviceOrder {
        profile: ProfileChoice {
            id: None,
            type_name: Some(type_name.into()),
        },
        ..named(name)
    }
}

fn http(token: &str) -> Presented {
    Presented::Token(token.into())
}

fn mqtt(client_id: &str, user_name: Option<&str>, password: Option<&str>) -> Presented {
    Presented::Mqtt {
        client_id: client_id.into(),
        user_name: user_name.map(Into::into),
        password: password.map(|text| text.as_bytes().to_vec()),
    }
}

fn peer() -> IpAddr {
    "192.0.2.1".parse().unwrap()
}
