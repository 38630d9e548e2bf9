//! Bytes a point on disk: 1,000 smart meters, a row a minute for 30 days, through the MQTT door as
//! the real ones would send it: hour by hour over all devices, an array of 60 rows each.

use crate::machine::disk_usage;
use crate::meters::{Meter, BATCH, KEYS, MINUTE};
use crate::mqtt;
use crate::outcome::on_one_thread;
use crate::payload;
use crate::platform::{data_of, Platform};
use crate::rest::{Device, Rest};
use crate::settings::Settings;
use crate::table::{grouped, Row, Table};
use std::net::SocketAddr;
use std::time::Instant;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

pub fn measure(settings: &Settings, table: &mut Table) {
    let (platform, devices) = Platform::with_devices(settings.meter_devices);
    let hours = settings.meter_days * 24;
    // Today is their last day, whatever the retention.
    let start = payload::now() - (hours + 1) * 60 * MINUTE;
    let points = hours * BATCH * KEYS.len() as u64 * devices.len() as u64;
    let begun = Instant::now();
    let feed = feed(platform.mqtt, &devices, hours, start);
    on_one_thread(feed);
    let rate = points as f64 / begun.elapsed().as_secs_f64();
    count(&platform.rest(), &devices, hours);
    // The journal is trimmed by checkpoints, once a minute and as it grows.
    settings.rest(130);
    let running = disk_usage(&platform.data()) as f64 / points as f64;
    let folder = platform.stop();
    let stopped = disk_usage(&data_of(&folder)) as f64 / points as f64;
    let figure = format!(
        "bytes a point on disk, {} smart meters, {} days, {} points",
        grouped(devices.len() as f64),
        settings.meter_days,
        grouped(points as f64)
    );
    let row = Row::plain(figure, format!("{running:.2}")).beside(format!(
        "{stopped:.2} after an orderly stop; fed at {} points/s",
        grouped(rate)
    ));
    table.add(row.asked("≤ 3", running <= 3.0));
}

/// Two hours are on their way at any time.
async fn feed(address: SocketAddr, devices: &[Device], hours: u64, start: u64) {
    let mut connections = Vec::new();
    for (n, device) in devices.iter().enumerate() {
        let client_id = format!("meter-{n}");
        let stream = mqtt::connect(address, None, &device.token, &client_id).await;
        connections.push((stream.expect("connect"), Meter::new(n as u64)));
    }
    let (mut body, mut out, mut begun) = (Vec::new(), Vec::new(), Instant::now());
    for hour in 0..=hours {
        for (stream, meter) in &mut connections {
            if hour < hours {
                body.clear();
                out.clear();
                meter.hour(&mut body, start);
                mqtt::publish(&mut out, packet_id(hour), &body);
                stream.write_all(&out).await.expect("PUBLISH");
            }
            if hour > 0 {
                let mut packet = [0; 4];
                stream.read_exact(&mut packet).await.expect("PUBACK");
                let id = mqtt::puback(&packet).expect("PUBACK");
                assert_eq!(
                    id,
                    packet_id(hour - 1),
                    "not the acknowledgement that is due"
                );
            }
        }
        if begun.elapsed().as_secs() >= 60 {
            eprintln!("   hour {hour} of {hours}");
            begun = Instant::now();
        }
    }
}

fn packet_id(hour: u64) -> u16 {
    (hour % 60_000 + 1) as u16
}

/// A sample of devices has every point.
fn count(rest: &Rest, devices: &[Device], hours: u64) {
    let keys: Vec<String> = KEYS.map(String::from).into();
    let step = devices.len().div_ceil(50);
    for device in devices.iter().step_by(step) {
        let counts = rest.count(device, &keys);
        assert_eq!(counts, vec![hours * BATCH; 4], "points of {}", device.token);
    }
}
