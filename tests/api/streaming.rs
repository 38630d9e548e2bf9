//! Long histories on the wire: their text, their pace, and what happens when either side stops.

use crate::common::operator::NewDevice;
use crate::common::wait_for;
use crate::harness::{ok, ok_empty, start, Api};
use industryos_iot::store::stream::CHUNK;
use industryos_iot::store::StoreError;
use serde_json::{json, Value};
use std::io::{Read, Write};
use std::net::TcpStream;

/// Chunks of the long series: more bytes than the sockets on the way take in.
const CHUNKS: usize = 14;
const ALL: &str = "values/timeseries?keys=t&startTs=0&endTs=99999999&limit=999999&orderBy=ASC";

/// Points of a kilobyte each.
fn fill(api: &Api, device: &NewDevice) {
    let text = "x".repeat(1_000);
    for part in 0..CHUNKS {
        let times = part * CHUNK..(part + 1) * CHUNK;
        let points: Vec<Value> = times
            .map(|ts| json!({"ts": ts, "values": {"t": text}}))
            .collect();
        ok_empty(api.post(&api.plugin(device, "timeseries/ANY"), &json!(points)));
    }
}

/// Asks for a page and reads no more than the first bytes of the answer.
fn begin(api: &Api, path: &str) -> (TcpStream, Vec<u8>) {
    let mut socket = TcpStream::connect(api.address).expect("connect");
    let token = &api.token;
    let request =
        format!("GET {path} HTTP/1.1\r\nHost: a\r\nX-Authorization: Bearer {token}\r\n\r\n");
    socket.write_all(request.as_bytes()).expect("ask");
    let mut first = vec![0; 600];
    socket.read_exact(&mut first).expect("an answer begins");
    (socket, first)
}

#[test]
fn the_text_of_many_chunks_and_keys_is_one_object() {
    let api = start();
    let device = api.create_device("a");
    let count = 2 * CHUNK + 7;
    let points: Vec<Value> = (0..count)
        .map(|n| json!({"ts": n, "values": {"b": n, "a": format!("\"{n}")}}))
        .collect();
    for part in points.chunks(2_000) {
        ok_empty(api.post(&api.plugin(&device, "timeseries/ANY"), &json!(part)));
    }
    let series = |point: &dyn Fn(usize) -> String| {
        let points: Vec<String> = (0..count).map(point).collect();
        points.join(",")
    };
    let expected = format!(
        r#"{{"b":[{}],"a":[{}]}}"#,
        series(&|n| format!(r#"{{"ts":{n},"value":"{n}"}}"#)),
        series(&|n| format!(r#"{{"ts":{n},"value":"\"{n}"}}"#)),
    );
    let query = "values/timeseries?keys=b,none,a&startTs=0&endTs=99999&limit=99999&orderBy=ASC";
    let answer = api.get(&api.plugin(&device, query));
    assert_eq!(answer.status, 200);
    assert!(answer.text == expected, "another text");
}

#[test]
fn a_reader_that_pauses_is_waited_for_and_others_are_served() {
    let api = start();
    let device = api.create_device("a");
    fill(&api, &device);
    let before = api.store.chunks_streamed();
    let (mut socket, first) = begin(&api, &api.plugin(&device, ALL));
    assert!(first.starts_with(b"HTTP/1.1 200"));
    for _ in 0..100 {
        let one = "values/timeseries?keys=t&startTs=0&endTs=9&limit=1";
        let second = ok(api.get(&api.plugin(&device, one)));
        assert!(second["t"].is_array());
    }
    let own = 100;
    let streamed = api.store.chunks_streamed() - before - own;
    assert!(streamed < CHUNKS, "the whole answer waits in memory");
    assert_eq!(api.store.open_streams(), 1);
    let mut rest = first;
    let mut buffer = vec![0; 1 << 16];
    while !rest.ends_with(b"\r\n0\r\n\r\n") {
        let count = socket.read(&mut buffer).expect("read on");
        assert!(count > 0, "the answer breaks off");
        rest.extend_from_slice(&buffer[..count]);
    }
    assert!(rest.len() > CHUNKS * CHUNK * 1_000);
    wait_for("the stream to end", || {
        (api.store.open_streams() == 0).then_some(())
    });
}

#[test]
fn a_reader_that_goes_away_ends_its_read() {
    let api = start();
    let device = api.create_device("a");
    fill(&api, &device);
    let before = api.store.chunks_streamed();
    let (socket, _) = begin(&api, &api.plugin(&device, ALL));
    assert_eq!(api.store.open_streams(), 1);
    drop(socket);
    wait_for("the stream to end", || {
        (api.store.open_streams() == 0).then_some(())
    });
    assert!(api.store.chunks_streamed() - before < CHUNKS);
}

#[test]
fn an_answer_that_cannot_be_ended_is_cut_off_and_never_looks_whole() {
    let api = start();
    let device = api.create_device("a");
    fill(&api, &device);
    let (mut socket, mut text) = begin(&api, &api.plugin(&device, ALL));
    api.store
        .fail_reads(Some(StoreError::Io("injected".into())));
    // Whether it ends or is reset, it ends early.
    let _ = socket.read_to_end(&mut text);
    api.store.fail_reads(None);
    assert!(text.len() < CHUNKS * CHUNK * 1_000);
    assert!(!text.ends_with(b"0\r\n\r\n"), "it looks whole");
}

#[test]
fn no_key_at_all_and_a_thousand_keys_are_answered() {
    let api = start();
    let device = api.create_device("a");
    let names: Vec<String> = (0..1_000).map(|n| format!("key{n:03}")).collect();
    let values: serde_json::Map<String, Value> =
        names.iter().map(|name| (name.clone(), json!(1))).collect();
    let body = json!({"ts": 5, "values": values});
    ok_empty(api.post(&api.plugin(&device, "timeseries/ANY"), &body));
    let get =
        |query: &str| ok(api.get(&api.plugin(&device, &format!("values/timeseries?{query}"))));
    let expected: serde_json::Map<String, Value> = names
        .iter()
        .map(|name| (name.clone(), json!([{"ts": 5, "value": "1"}])))
        .collect();
    let list = names.join(",");
    for query in [
        "",
        "startTs=0&endTs=9",
        "startTs=0&endTs=9&agg=SUM&interval=9000",
    ] {
        let rows = query.contains("agg");
        let at = if rows { 4 } else { 5 };
        let found = get(&format!("keys={list}&{query}"));
        assert_eq!(found.as_object().map(|found| found.len()), Some(1_000));
        assert_eq!(found["key999"][0]["ts"], at, "{query}");
        assert!(rows || found == Value::Object(expected.clone()), "{query}");
        // A list of nothing is not the absent list, which names all.
        assert!(get(&format!("keys=,&{query}")) == json!({}), "{query}");
    }
}
