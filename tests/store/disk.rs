//! A file system small enough to be filled.

use std::fs::OpenOptions;
use std::io::Write;
use std::path::PathBuf;
use std::process::Command;

/// A small file system of its own; unmounted when dropped.
pub struct SmallDisk(tempfile::TempDir);

impl SmallDisk {
    /// `None` where mounting is not allowed.
    pub fn mount(mebibytes: u32) -> Option<Self> {
        let point = tempfile::tempdir().unwrap();
        let options = format!("size={mebibytes}m");
        let done = Command::new("mount")
            .args(["-t", "tmpfs", "-o", &options, "tmpfs"])
            .arg(point.path())
            .output();
        let mounted = done.is_ok_and(|output| output.status.success());
        if !mounted {
            println!("mounting is not allowed here: a disk without a free byte is not tested");
        }
        mounted.then_some(Self(point))
    }

    pub fn data(&self) -> PathBuf {
        self.0.path().join("data")
    }

    /// Takes all space but about `left` bytes.
    pub fn fill(&self, left: u64) {
        let figures = rustix::fs::statvfs(self.0.path()).unwrap();
        let free = figures.f_bavail * figures.f_frsize;
        let filler = vec![0; free.saturating_sub(left) as usize];
        let mut options = OpenOptions::new();
        let mut file = options
            .create(true)
            .append(true)
            .open(self.filler())
            .unwrap();
        match file.write_all(&filler) {
            // Somebody else took the last of it meanwhile.
            Err(error) if error.kind() == std::io::ErrorKind::StorageFull => {}
            done => done.unwrap(),
        }
    }

    pub fn free(&self) {
        std::fs::remove_file(self.filler()).unwrap();
    }

    fn filler(&self) -> PathBuf {
        self.0.path().join("filler")
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("-l").arg(self.0.path()).output();
    }
}
