//! The HTTP generator: keep-alive connections on one thread, one POST of each under way; every
//! status is checked.

use super::outcome::{on_one_thread, Load, Outcome, Sent, Shared};
use std::io::{self, Write};
use std::net::SocketAddr;
use std::rc::Rc;
use std::time::Instant;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// As `generator::run`; `tokens` go into the path.
pub fn run(address: SocketAddr, tokens: &[String], load: Load, start: u64) -> Outcome {
    assert!(tokens.len() >= load.connections, "too few tokens");
    on_one_thread(drive(address, tokens.to_vec(), load, start))
}

async fn drive(address: SocketAddr, tokens: Vec<String>, load: Load, start: u64) -> Outcome {
    let shared = Rc::new(Shared::new(load, start));
    // All first: a load on those that are there would keep the others waiting.
    let mut streams = Vec::new();
    for token in tokens.into_iter().take(load.connections) {
        let stream = TcpStream::connect(address).await.expect("connect");
        stream.set_nodelay(true).expect("nodelay");
        streams.push((token, stream));
    }
    let begin = |(device, (token, mut stream)): (usize, (String, TcpStream))| {
        let (device, shared) = (device as u64, shared.clone());
        tokio::task::spawn_local(async move {
            let mut sent = Sent::default();
            let how = converse(&shared, &mut stream, &token, device, &mut sent).await;
            shared.ended(device, how);
            sent
        })
    };
    let tasks: Vec<_> = streams.into_iter().enumerate().map(begin).collect();
    let mut outcome = shared.measure(|| ()).await;
    for task in tasks {
        outcome.devices.push(task.await.expect("a connection"));
    }
    outcome.lost = shared.lost();
    outcome
}

async fn converse(
    shared: &Shared,
    stream: &mut TcpStream,
    token: &str,
    device: u64,
    sent: &mut Sent,
) -> io::Result<()> {
    let (mut out, mut body, mut answer) = (Vec::new(), Vec::new(), Vec::new());
    while !shared.stop.get() {
        let begun = Instant::now();
        body.clear();
        let n = shared.load.first + sent.sent;
        shared.load.shape.write(&mut body, shared.start, device, n);
        out.clear();
        let length = body.len();
        write!(
            out,
            "POST /api/v1/{token}/telemetry HTTP/1.1\r\nHost: load\r\n\
             Content-Type: application/json\r\nContent-Length: {length}\r\n\r\n"
        )?;
        out.extend_from_slice(&body);
        sent.sent += 1;
        stream.write_all(&out).await?;
        expect_200(stream, &mut answer).await?;
        sent.acknowledged += 1;
        shared.acknowledged(device, begun.elapsed());
    }
    Ok(())
}

/// Reads one answer with a `Content-Length`. Errors: another status, the connection's end.
async fn expect_200(stream: &mut TcpStream, answer: &mut Vec<u8>) -> io::Result<()> {
    answer.clear();
    let (head, length) = loop {
        if stream.read_buf(answer).await? == 0 {
            return Err(io::Error::other("the server closed the connection"));
        }
        if let Some(end) = answer.windows(4).position(|four| four == b"\r\n\r\n") {
            break (end + 4, content_length(&answer[..end]));
        }
    };
    while answer.len() < head + length {
        if stream.read_buf(answer).await? == 0 {
            return Err(io::Error::other("an answer without its end"));
        }
    }
    if answer.starts_with(b"HTTP/1.1 200 ") && answer.len() == head + length {
        return Ok(());
    }
    let text = String::from_utf8_lossy(answer);
    Err(io::Error::other(format!("not an empty 200: {text}")))
}

fn content_length(head: &[u8]) -> usize {
    let text = String::from_utf8_lossy(head).to_ascii_lowercase();
    let line = text
        .lines()
        .find_map(|line| line.strip_prefix("content-length:"));
    line.and_then(|value| value.trim().parse().ok())
        .unwrap_or(0)
}
