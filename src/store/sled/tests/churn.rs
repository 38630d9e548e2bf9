//! Deletions give their room back.

use super::{config, counts, noisy, open, put, size_of};
use crate::model::ids::DeviceId;
use crate::model::units::ByteSize;
use crate::store::Change;
use tempfile::TempDir;

#[tokio::test]
async fn ten_rounds_of_writing_and_deleting_do_not_swell_the_disk() {
    let directory = TempDir::new().unwrap();
    let mut settings = config(directory.path());
    settings.journal_segment = ByteSize(256 << 10);
    settings.journal_size = ByteSize(2 << 20);
    let store = open(&settings);
    let devices: Vec<DeviceId> = (1..41)
        .map(|n| DeviceId(uuid::Uuid::from_u128(n)))
        .collect();
    let mut sizes = Vec::new();
    for round in 0..10 {
        for device in &devices {
            let messages = (0..1000).map(|n| noisy(*device, n * 10 + round));
            put(&store, *device, messages.collect()).await;
        }
        store.parts.checkpoint(true).unwrap();
        assert_eq!(counts(&store, devices[0]).await.len(), 1000);
        for device in &devices {
            put(&store, *device, vec![Change::DeviceDelete(*device)]).await;
        }
        store.parts.checkpoint(true).unwrap();
        sizes.push(size_of(directory.path()));
    }
    assert!(
        sizes[9] <= sizes[1] * 2,
        "bytes after each round: {sizes:?}"
    );
}
