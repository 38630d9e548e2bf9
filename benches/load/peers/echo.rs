//! The limit: a raw server on tokio that answers CONNACK and PUBACK and does nothing else.

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

/// Serves for ever, a thread a core; runs as a process of its own, like the peers.
pub fn serve(port: u16) {
    let listener = std::net::TcpListener::bind(("127.0.0.1", port)).expect("bind");
    listener.set_nonblocking(true).expect("nonblocking");
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let threads: Vec<_> = (0..cores)
        .map(|_| listener.try_clone().expect("a second handle"))
        .map(|listener| std::thread::spawn(move || accept(listener)))
        .collect();
    for thread in threads {
        thread.join().expect("echo");
    }
}

fn accept(listener: std::net::TcpListener) {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .expect("runtime");
    let local = tokio::task::LocalSet::new();
    local.block_on(&runtime, async {
        let listener = TcpListener::from_std(listener).expect("listener");
        loop {
            let (socket, _) = listener.accept().await.expect("accept");
            tokio::task::spawn_local(answer(socket));
        }
    });
}

async fn answer(mut socket: TcpStream) {
    let _ = socket.set_nodelay(true);
    let (mut partial, mut out, mut buffer) = (Vec::new(), Vec::new(), vec![0; 16 * 1024]);
    while let Ok(read @ 1..) = socket.read(&mut buffer).await {
        partial.extend_from_slice(&buffer[..read]);
        let mut at = 0;
        while let Some((header, length)) = frame(&partial[at..]) {
            let packet = &partial[at..at + header + length];
            match packet[0] >> 4 {
                1 => out.extend([0x20, 2, 0, 0]),
                3 => {
                    let topic =
                        usize::from(u16::from_be_bytes([packet[header], packet[header + 1]]));
                    let id = header + 2 + topic;
                    out.extend([0x40, 2, packet[id], packet[id + 1]]);
                }
                _ => {}
            }
            at += header + length;
        }
        partial.drain(..at);
        if socket.write_all(&out).await.is_err() {
            return;
        }
        out.clear();
    }
}

/// Lengths of header and body of the first packet, when it is whole.
fn frame(bytes: &[u8]) -> Option<(usize, usize)> {
    let mut length = 0usize;
    for (index, byte) in bytes.iter().skip(1).take(4).enumerate() {
        length |= usize::from(byte & 0x7f) << (7 * index);
        if byte & 0x80 == 0 {
            return (bytes.len() >= index + 2 + length).then_some((index + 2, length));
        }
    }
    None
}
