//! A device at the registry's door, without any protocol: takes RPCs and does with them what
//! their method says.

use crate::harness::Api;
use industryos_iot::model::credentials::Presented;
use industryos_iot::model::downlink::{Downlink, DownlinkBody};
use industryos_iot::model::reject::Reason;
use industryos_iot::model::session::{Subscriptions, Transport};
use industryos_iot::model::uplink::{DeliveryStep, Uplink};
use industryos_iot::registry::{
    downlink_line, ConnectRequest, DeviceHandle, DownlinkReceiver, OpenSession,
};
use std::net::{IpAddr, Ipv4Addr};
use std::time::Duration;
use tokio::runtime::Runtime;

/// A live session of a device.
pub struct Fake {
    runtime: Runtime,
    handle: DeviceHandle,
    downlinks: DownlinkReceiver,
}

impl Api {
    /// Opens a session with this token, subscribed to RPCs and attributes.
    pub fn connect(&self, token: &str) -> Result<Fake, Reason> {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .expect("runtime");
        let (sender, downlinks) = downlink_line(16);
        let request = ConnectRequest {
            presented: Presented::Token(token.to_owned()),
            transport: Transport::Mqtt,
            peer: IpAddr::V4(Ipv4Addr::LOCALHOST),
            session: Some(OpenSession {
                client_id: "fake".to_owned(),
                clean_start: true,
                expiry: Duration::ZERO,
                downlinks: sender,
            }),
        };
        let connected = runtime.block_on(self.registry.connect(request));
        let connected = connected.map_err(|rejection| rejection.reason)?;
        let mut fake = Fake {
            runtime,
            handle: connected.handle,
            downlinks,
        };
        fake.say(Uplink::Subscribe(Subscriptions {
            attributes: true,
            rpc: true,
            wire: Vec::new(),
        }));
        Ok(fake)
    }
}

impl Fake {
    pub fn say(&mut self, uplink: Uplink) {
        let ticket = self.handle.submit(vec![uplink]);
        self.runtime.block_on(ticket);
    }

    /// The next message of the platform.
    pub fn hear(&mut self) -> Downlink {
        let next =
            async { tokio::time::timeout(Duration::from_secs(20), self.downlinks.recv()).await };
        let heard = self.runtime.block_on(next);
        *heard.expect("a downlink in time").expect("an open session")
    }

    /// Waits until the platform ends the session, and hears why.
    pub fn hear_close(&mut self) -> Reason {
        loop {
            if let DownlinkBody::Close(reason) = self.hear().body {
                return reason;
            }
        }
    }

    /// Takes one RPC: `silent` gives no reply, `lost` is not even said to be written, `text` gets a
    /// reply that is no JSON, `empty` an empty one; anything else is answered with method and params.
    pub fn take_rpc(&mut self) -> String {
        loop {
            let downlink = self.hear();
            let DownlinkBody::Rpc {
                request_id,
                method,
                params,
                ..
            } = downlink.body
            else {
                continue;
            };
            let id = downlink.id;
            if method == "lost" {
                return method;
            }
            let step = DeliveryStep::Sent;
            self.say(Uplink::Delivery { id, step });
            let step = DeliveryStep::Delivered;
            self.say(Uplink::Delivery { id, step });
            let body = match method.as_str() {
                "silent" => return method,
                "text" => "not { JSON".to_owned(),
                "empty" => String::new(),
                _ => format!(r#"{{"method":"{method}","params":{params}}}"#),
            };
            let body = body.into_bytes().into();
            self.say(Uplink::RpcReply { request_id, body });
            return method;
        }
    }

    /// Goes on taking RPCs in a thread of its own, until the test ends.
    pub fn serve(mut self) {
        std::thread::spawn(move || loop {
            self.take_rpc();
        });
    }
}
