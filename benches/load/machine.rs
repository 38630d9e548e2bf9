//! What it was measured on: cores, processor, kernel, disk; and the time of a sync of that disk.

use super::latencies::Latencies;
use std::fs::{read_to_string, OpenOptions};
use std::io::Write;
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::time::Instant;

/// One line for the head of the table.
pub fn line() -> String {
    let cores = std::thread::available_parallelism().map_or(0, usize::from);
    let memory = field("/proc/meminfo", "MemTotal")
        .and_then(|text| text.split(' ').next()?.parse::<f64>().ok())
        .map_or(0.0, |kilobytes| kilobytes / 1048576.0);
    let processor = field("/proc/cpuinfo", "model name").unwrap_or_else(|| "unknown".into());
    let kernel = read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default();
    let date = std::env::var("BENCH_DATE").unwrap_or_else(|_| "no date".into());
    let commit = std::env::var("BENCH_COMMIT").unwrap_or_else(|_| "unknown".into());
    format!(
        "{date}, commit {commit}; {cores} cores ({processor}), {memory:.0} GB, Linux {}, {}",
        kernel.trim(),
        disk(Path::new("target")).unwrap_or_else(|| "unknown disk".into())
    )
}

fn field(file: &str, name: &str) -> Option<String> {
    let text = read_to_string(file).ok()?;
    let line = text.lines().find(|line| line.starts_with(name))?;
    Some(line.split_once(':')?.1.trim().to_owned())
}

/// File system and device of a path: the longest mount point above it.
fn disk(path: &Path) -> Option<String> {
    let path = path.canonicalize().ok()?;
    let mounts = read_to_string("/proc/mounts").ok()?;
    let mount = mounts
        .lines()
        .filter_map(|line| {
            let mut words = line.split(' ');
            let (device, point, kind) = (words.next()?, words.next()?, words.next()?);
            path.starts_with(point)
                .then_some((point.len(), device, kind))
        })
        .max()?;
    let device = mount.1.rsplit('/').next()?;
    let rotational = read_to_string(format!("/sys/block/{device}/queue/rotational"));
    let kind = match rotational.as_deref().map(str::trim) {
        Ok("0") => "no spinning disk",
        Ok(_) => "spinning disk or unknown",
        Err(_) => "kind unknown",
    };
    Some(format!("{} on {} ({kind})", mount.2, mount.1))
}

/// Appends 4 KiB and syncs the data, `times` over, in a file of its own below `folder`.
pub fn sync_times(folder: &Path, times: usize) -> Latencies {
    let path = folder.join("sync-times");
    let mut file = OpenOptions::new()
        .create(true)
        .append(true)
        .open(&path)
        .expect("a file beside the data");
    let mut latencies = Latencies::default();
    for _ in 0..times {
        let begun = Instant::now();
        file.write_all(&[0x5a; 4096]).expect("append");
        file.sync_data().expect("fdatasync");
        latencies.add(begun.elapsed(), 1);
    }
    std::fs::remove_file(path).expect("remove");
    latencies
}

/// Bytes that a folder takes on the disk (`du`). Files that go meanwhile count nothing.
pub fn disk_usage(folder: &Path) -> u64 {
    let Ok(entries) = std::fs::read_dir(folder) else {
        return 0;
    };
    let sizes = entries.flatten().map(|entry| match entry.metadata() {
        Ok(about) if about.is_dir() => disk_usage(&entry.path()) + about.blocks() * 512,
        Ok(about) => about.blocks() * 512,
        Err(_) => 0,
    });
    sizes.sum()
}

/// Files this process and its children may open, after asking for `wanted`.
pub fn descriptors(wanted: u64) -> u64 {
    use rustix::process::{getrlimit, setrlimit, Resource, Rlimit};
    let limit = getrlimit(Resource::Nofile);
    let hard = limit.maximum.unwrap_or(u64::MAX);
    if hard < wanted {
        // Only a privileged process may; elsewhere the old limit stands.
        let _ = setrlimit(
            Resource::Nofile,
            Rlimit {
                current: Some(wanted),
                maximum: Some(wanted),
            },
        );
    }
    let hard = getrlimit(Resource::Nofile).maximum;
    let soft = Rlimit {
        current: Some(
            hard.unwrap_or(u64::MAX)
                .min(wanted.max(limit.current.unwrap_or(0))),
        ),
        maximum: hard,
    };
    let _ = setrlimit(Resource::Nofile, soft);
    getrlimit(Resource::Nofile).current.unwrap_or(u64::MAX)
}
