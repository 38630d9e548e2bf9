//! Running a client to its end, with a time limit and its output kept.

use std::io::Read;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use crate::common::wait_up_to;

/// What a finished client said.
#[derive(Debug)]
pub struct Finished {
    pub code: i32,
    pub stdout: String,
    pub stderr: String,
}

impl Finished {
    /// Panics with everything the client said unless it ended well.
    #[track_caller]
    pub fn ok(self) -> Self {
        assert_eq!(
            self.code, 0,
            "stdout: {}\nstderr: {}",
            self.stdout, self.stderr
        );
        self
    }
}

/// A client that runs beside the test.
pub struct Running {
    child: Child,
    output: Vec<std::thread::JoinHandle<String>>,
}

/// The folder that `scripts/test` filled.
pub fn folder() -> PathBuf {
    let folder = std::env::var_os("INDUSTRYOS_CLIENTS").map(PathBuf::from);
    folder.unwrap_or_else(|| PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/target/clients")))
}

/// The Python of one environment (`paho`, `thingsboard`) on a script of this folder.
pub fn python(environment: &str, script: &str) -> Command {
    let mut command = Command::new(folder().join(environment).join("bin/python"));
    command.arg(script_path(script));
    command
}

/// Node with the clients' packages, on a script of this folder.
pub fn node(script: &str) -> Command {
    let mut command = Command::new("node");
    command
        .arg(script_path(script))
        .env("NODE_PATH", folder().join("node_modules"));
    command
}

pub fn script_path(name: &str) -> PathBuf {
    PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/real_clients")).join(name)
}

/// Runs to the end, at most a minute.
#[track_caller]
pub fn run(command: &mut Command) -> Finished {
    start(command).finish()
}

#[track_caller]
pub fn start(command: &mut Command) -> Running {
    command
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    let mut child = command.spawn().unwrap_or_else(|error| {
        panic!("{command:?}: {error}; run scripts/test, which installs the clients")
    });
    let output = vec![
        gather(child.stdout.take().expect("stdout")),
        gather(child.stderr.take().expect("stderr")),
    ];
    Running { child, output }
}

fn gather(mut pipe: impl Read + Send + 'static) -> std::thread::JoinHandle<String> {
    std::thread::spawn(move || {
        let mut bytes = Vec::new();
        // A client that is killed closes its pipe; what came before counts.
        let _ = pipe.read_to_end(&mut bytes);
        String::from_utf8_lossy(&bytes).into_owned()
    })
}

impl Running {
    pub fn has_ended(&mut self) -> bool {
        self.child.try_wait().expect("wait").is_some()
    }

    #[track_caller]
    pub fn finish(mut self) -> Finished {
        let status = wait_up_to(Duration::from_secs(60), "a client to end", || {
            self.child.try_wait().expect("wait")
        });
        let mut output = self
            .output
            .drain(..)
            .map(|thread| thread.join().expect("output"));
        let stdout = output.next().unwrap_or_default();
        let stderr = output.next().unwrap_or_default();
        Finished {
            code: status.code().unwrap_or(-1),
            stdout,
            stderr,
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // Already ended is fine.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
