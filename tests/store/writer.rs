//! The writer that gets killed: this test binary, run again as a child process.

use super::work::{self, Acknowledged, TASKS};
use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{self, Receiver};
use std::time::Duration;

const DIRECTORY: &str = "STORE_TEST_DIRECTORY";
const LIFE: &str = "STORE_TEST_LIFE";

/// The child's side; does nothing when run as a test of its own.
#[test]
#[ignore = "run by the other tests as a child process"]
fn writer_process() {
    let Ok(directory) = std::env::var(DIRECTORY) else {
        return;
    };
    let life: u64 = std::env::var(LIFE).unwrap().parse().unwrap();
    work::runtime().block_on(async {
        let config = work::config(Path::new(&directory));
        let store = match work::open(&config).await {
            Ok(store) => store,
            Err(error) => return say(&format!("refused {error:?}")),
        };
        say("open");
        let tasks = (0..TASKS).map(|task| {
            let store = store.clone();
            tokio::spawn(async move {
                for n in 0.. {
                    if let Err(error) = store.commit(work::batch(life, task, n)).await {
                        return say(&format!("refused {error:?}"));
                    }
                    say(&format!("ack {task} {n}"));
                }
            })
        });
        let tasks: Vec<_> = tasks.collect();
        for task in tasks {
            task.await.unwrap();
        }
    });
}

/// One whole line in one write: what the parent reads was really said.
fn say(line: &str) {
    let line = format!("\n#{line}\n");
    std::io::stdout().lock().write_all(line.as_bytes()).unwrap();
    std::io::stdout().flush().unwrap();
}

/// A running writer and what it has said.
pub struct Writer {
    child: Child,
    lines: Receiver<String>,
}

/// What a writer said until its end.
#[derive(Default)]
pub struct Report {
    pub opened: bool,
    pub acknowledged: [u64; TASKS as usize],
}

impl Writer {
    pub fn start(directory: &Path, life: u64) -> Self {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args([
                "--exact",
                "writer::writer_process",
                "--ignored",
                "--nocapture",
            ])
            .env(DIRECTORY, directory)
            .env(LIFE, life.to_string())
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let out = child.stdout.take().unwrap();
        let (sender, lines) = mpsc::channel();
        std::thread::spawn(move || {
            for line in BufReader::new(out).lines().map_while(Result::ok) {
                if let Some(said) = line.strip_prefix('#') {
                    if sender.send(said.to_owned()).is_err() {
                        return;
                    }
                }
            }
        });
        Self { child, lines }
    }

    /// Waits for the next thing it says.
    pub fn next(&self) -> String {
        self.lines
            .recv_timeout(Duration::from_secs(60))
            .expect("the writer says something")
    }

    /// Kills it with signal 9 and collects what it had said.
    pub fn kill(mut self) -> Report {
        self.child.kill().unwrap();
        let mut report = self.collect();
        self.child.wait().unwrap();
        report.opened |= report.acknowledged.iter().any(|count| *count > 0);
        report
    }

    fn collect(&mut self) -> Report {
        let mut report = Report::default();
        for line in self.lines.iter() {
            let words: Vec<&str> = line.split(' ').collect();
            match words.as_slice() {
                ["open"] => report.opened = true,
                ["ack", task, n] => {
                    let (task, n): (usize, u64) = (task.parse().unwrap(), n.parse().unwrap());
                    // One task's acknowledgements come in order: the count says it all.
                    report.acknowledged[task] = n + 1;
                }
                ["refused", ..] => {}
                _ => panic!("the writer said {line:?}"),
            }
        }
        report
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Adds a life's acknowledgements; `life` counts from 0 without gaps.
pub fn note(acknowledged: &mut Acknowledged, life: u64, report: &Report) {
    assert_eq!(acknowledged.len() as u64, life);
    acknowledged.push(report.acknowledged);
}
