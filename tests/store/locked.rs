//! One process a data directory.

use super::work;
use super::writer::Writer;
use industryos_iot::store::StoreError;

#[test]
fn a_second_process_is_refused_and_the_first_goes_on() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().to_owned();
    let first = Writer::start(&path, 0);
    assert_eq!(first.next(), "open");
    let refused = Writer::start(&path, 1).next();
    assert!(refused.starts_with("refused Locked"), "{refused}");
    assert!(refused.contains(path.to_str().unwrap()), "{refused}");
    work::runtime().block_on(async {
        let third = work::open(&work::config(&path)).await.err();
        assert_eq!(third, Some(StoreError::Locked(path.clone())));
    });
    assert!(first.next().starts_with("ack "), "the first writer goes on");
    let acknowledged = vec![first.kill().acknowledged];
    work::runtime().block_on(async {
        let store = work::open(&work::config(&path)).await.unwrap();
        work::check(&store, &acknowledged).await;
        store.close().await.unwrap();
    });
}

#[test]
fn the_same_process_is_refused_until_it_has_closed() {
    let directory = tempfile::tempdir().unwrap();
    let config = work::config(directory.path());
    work::runtime().block_on(async {
        let store = work::open(&config).await.unwrap();
        let locked = StoreError::Locked(config.path.clone());
        assert_eq!(work::open(&config).await.err(), Some(locked));
        store.close().await.unwrap();
        drop(store);
        let again = work::open(&config).await.unwrap();
        assert_eq!(again.health(), Ok(()));
    });
}
