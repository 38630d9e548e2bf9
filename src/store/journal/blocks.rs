//! A file written past the page cache, in whole blocks: what a commit adds goes to the disk in one
//! request, and its sync has nothing left to do but to have the disk flush (half the time of a sync
//! that must first find and write the pages).
//!
//! Where a file system does not have that, the same blocks go through the page cache.

use std::fs::{File, OpenOptions};
use std::io;
use std::os::unix::fs::{FileExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

/// What memory, places and lengths are multiples of: at least the logical block of any disk.
pub const BLOCK: usize = 4096;
/// Room for larger commits is not kept.
const KEPT: usize = 256 * 1024;

pub struct BlockFile {
    file: File,
    path: PathBuf,
    direct: bool,
    /// The beginning of the last block, which is not full.
    tail: Vec<u8>,
    room: Vec<u8>,
}

impl BlockFile {
    /// A new, empty file; what was there under its name is gone.
    pub fn create(path: &Path) -> io::Result<Self> {
        let (file, direct) = match open(path, true, true) {
            // tmpfs and others say so at once, some only when they are written to.
            Err(error) if is_unfit(&error) => (open(path, true, false)?, false),
            opened => (opened?, true),
        };
        Ok(Self {
            file,
            path: path.to_owned(),
            direct,
            tail: Vec::new(),
            room: Vec::new(),
        })
    }

    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Writes `bytes` behind the `length` bytes that are kept, and zeros up to the end of the last
    /// block. Returns where that is. Nothing of it is kept before `keep`.
    pub fn put(&mut self, length: u64, bytes: &[u8]) -> io::Result<u64> {
        let from = length - self.tail.len() as u64;
        let room = std::mem::take(&mut self.room);
        let (room, skip) = in_blocks(room, &self.tail, bytes);
        let blocks = room.get(skip..).unwrap_or_default();
        let end = from + blocks.len() as u64;
        let written = self.write(blocks, from);
        self.room = room;
        written.map(|()| end)
    }

    /// What was `put` last, to `bytes`, stays. `length`: of all that is kept, with it.
    pub fn keep(&mut self, length: u64, bytes: &[u8]) {
        let tail = (length % BLOCK as u64) as usize;
        match bytes.len().checked_sub(tail) {
            Some(from) => {
                self.tail.clear();
                self.tail
                    .extend_from_slice(bytes.get(from..).unwrap_or_default());
            }
            None => self.tail.extend_from_slice(bytes),
        }
        if self.room.capacity() > KEPT {
            self.room = Vec::new();
        }
    }

    /// Writes whole blocks of memory that begins with one, at a place that does.
    pub fn write(&mut self, blocks: &[u8], at: u64) -> io::Result<()> {
        match self.file.write_all_at(blocks, at) {
            Err(error) if self.direct && is_unfit(&error) => {
                self.file = open(&self.path, false, false)?;
                self.direct = false;
                self.file.write_all_at(blocks, at)
            }
            written => written,
        }
    }

    pub fn sync(&self) -> io::Result<()> {
        self.file.sync_data()
    }

    pub fn set_len(&self, length: u64) -> io::Result<()> {
        self.file.set_len(length)
    }
}

fn open(path: &Path, new: bool, direct: bool) -> io::Result<File> {
    let flags = match direct {
        true => rustix::fs::OFlags::DIRECT.bits() as i32,
        false => 0,
    };
    let mut options = OpenOptions::new();
    options.write(true).create(new).truncate(new);
    options.custom_flags(flags).open(path)
}

/// The file system cannot do without the page cache, or not with blocks of this size.
fn is_unfit(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::InvalidInput | io::ErrorKind::Unsupported
    )
}

/// `tail` and `bytes` one behind the other and zeros to the end of the block, from `skip` on, where a
/// block of memory begins.
fn in_blocks(mut room: Vec<u8>, tail: &[u8], bytes: &[u8]) -> (Vec<u8>, usize) {
    let length = (tail.len() + bytes.len()).next_multiple_of(BLOCK);
    room.clear();
    room.reserve(length + BLOCK);
    let skip = room.as_ptr().align_offset(BLOCK).min(BLOCK);
    room.resize(skip, 0);
    room.extend_from_slice(tail);
    room.extend_from_slice(bytes);
    room.resize(skip + length, 0);
    (room, skip)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use tempfile::TempDir;

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(32))]
        #[test]
        fn what_is_kept_is_the_file_and_what_is_not_leaves_no_trace(
            commits in prop::collection::vec((0..9_000_usize, any::<bool>(), any::<u8>()), 1..20),
            direct in any::<bool>(),
        ) {
            let directory = TempDir::new().unwrap();
            let path = directory.path().join("file");
            let mut file = BlockFile::create(&path).unwrap();
            if !direct {
                file.file = open(&path, false, false).unwrap();
                file.direct = false;
            }
            let mut wanted: Vec<u8> = Vec::new();
            for (length, kept, filling) in commits {
                let bytes = vec![filling | 1; length];
                let before = wanted.len() as u64;
                let end = file.put(before, &bytes).unwrap();
                prop_assert_eq!(end, (before + length as u64).next_multiple_of(BLOCK as u64));
                if kept {
                    wanted.extend(&bytes);
                    file.keep(wanted.len() as u64, &bytes);
                }
                file.sync().unwrap();
                let found = std::fs::read(&path).unwrap();
                prop_assert_eq!(&found[..wanted.len()], &wanted[..]);
                if kept {
                    prop_assert!(found[wanted.len()..end as usize].iter().all(|byte| *byte == 0));
                }
            }
            file.set_len(wanted.len() as u64).unwrap();
            prop_assert_eq!(std::fs::read(&path).unwrap(), wanted);
        }
    }

    #[test]
    fn what_is_refused_past_the_page_cache_goes_through_it() {
        let directory = TempDir::new().unwrap();
        let path = directory.path().join("file");
        let mut file = BlockFile::create(&path).unwrap();
        let memory = vec![7; 3 * BLOCK];
        let odd = memory.as_ptr().align_offset(BLOCK) + 1;
        let blocks = &memory[odd..odd + BLOCK];
        file.write(blocks, 0).unwrap();
        let end = file.put(BLOCK as u64, b"more").unwrap();
        assert_eq!(end, 2 * BLOCK as u64);
        let found = std::fs::read(&path).unwrap();
        assert_eq!(found[..BLOCK + 4], [&memory[..BLOCK], b"more"].concat());
    }

    #[test]
    fn memory_of_blocks_begins_with_a_block_and_ends_with_zeros() {
        for length in [0, 1, 4095, 4096, 4097, 100_000] {
            for room in [Vec::new(), vec![7; 10_000]] {
                let (room, skip) = in_blocks(room, b"tail", &vec![1; length]);
                let blocks = &room[skip..];
                assert_eq!(blocks.as_ptr().align_offset(BLOCK), 0);
                assert_eq!(blocks.len() % BLOCK, 0);
                assert_eq!(&blocks[..4], b"tail");
                assert!(blocks[4 + length..].iter().all(|byte| *byte == 0));
            }
        }
    }
}
