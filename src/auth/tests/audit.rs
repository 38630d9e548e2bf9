//! The audit log: kept over a restart, bounded by age and number, not to be flooded by strangers.

use super::*;
use crate::model::audit::{AuditRow, Via};
use crate::model::ids::AuditId;
use crate::store::traits::Log;
use crate::store::{Batch, Change};

fn row(entity: &str) -> AuditRow {
    AuditRow {
        id: AuditId::new(),
        at: 0,
        operator: None,
        username: "ann".into(),
        via: Via::Password,
        from: Some(peer()),
        action: "POST /api/device".into(),
        entity: entity.into(),
        status: 200,
        detail: String::new(),
    }
}

async fn all(house: &House) -> Vec<AuditRow> {
    let found = house
        .auth
        .audit()
        .read(Millis::MIN..Millis::MAX, 0, 999)
        .await;
    let found = found.unwrap();
    assert_eq!(found.rows.len(), found.total);
    found.rows
}

#[tokio::test]
async fn rows_keep_their_order_and_survive() {
    let house = house().await;
    for n in 0..5 {
        house.auth.audit().record(row(&format!("{n}"))).await;
    }
    let house = house.restarted().await;
    house.auth.audit().record(row("after")).await;
    let rows = all(&house).await;
    let entities: Vec<&str> = rows.iter().map(|row| &*row.entity).collect();
    assert_eq!(entities, ["after", "4", "3", "2", "1", "0"]);
    assert!(rows
        .iter()
        .all(|row| row.at >= START && row.from == Some(peer())));
}

#[tokio::test]
async fn there_are_never_more_rows_than_the_bound_and_a_sixteenth() {
    let house = house().await;
    for n in 0..100 {
        house.auth.audit().record(row(&format!("{n}"))).await;
        assert!(all(&house).await.len() <= 34, "at {n}");
    }
    let rows = all(&house).await;
    assert!(rows.len() >= 32);
    assert_eq!(rows[0].entity, "99");
    assert_eq!(rows[31].entity, "68", "the oldest go");
}

#[tokio::test]
async fn the_bound_holds_over_restarts() {
    let mut house = house().await;
    for n in 0..100 {
        house.auth.audit().record(row(&format!("{n}"))).await;
        if n % 7 == 0 {
            house = house.restarted().await;
        }
        assert!(all(&house).await.len() <= 34, "at {n}");
    }
    assert!(all(&house).await.len() >= 32);
}

#[tokio::test]
async fn rows_of_a_directory_that_has_no_count_of_them_are_counted() {
    let house = house().await;
    for n in 0..30 {
        house.auth.audit().record(row(&format!("{n}"))).await;
    }
    let none = Change::SystemPut {
        name: "auth.audit_rows".into(),
        value: Vec::new(),
    };
    let batch = Batch::of_system(vec![none]);
    house.store.commit(batch).await.unwrap();
    let house = house.restarted().await;
    for n in 30..40 {
        house.auth.audit().record(row(&format!("{n}"))).await;
        assert!(all(&house).await.len() <= 34, "at {n}");
    }
    let rows = all(&house).await;
    let entities: Vec<&str> = rows.iter().map(|row| &*row.entity).take(11).collect();
    assert_eq!(entities[0], "39");
    assert_eq!(entities[10], "29", "those of before come behind");
}

#[tokio::test]
async fn rows_go_when_they_are_too_old() {
    let house = house().await;
    house.auth.audit().record(row("old")).await;
    house.pass(Duration::from_secs(29 * 86_400));
    house.auth.audit().record(row("kept")).await;
    assert_eq!(all(&house).await.len(), 2);
    house.pass(Duration::from_secs(2 * 86_400));
    house.auth.audit().record(row("new")).await;
    let rows = all(&house).await;
    let entities: Vec<&str> = rows.iter().map(|row| &*row.entity).collect();
    assert_eq!(entities, ["new", "kept"]);
}

#[tokio::test]
async fn strangers_get_so_many_rows_and_the_rest_is_counted() {
    let house = house().await;
    for _ in 0..20 {
        house.auth.audit().record_stranger(row("login")).await;
    }
    assert_eq!(all(&house).await.len(), 3);
    house.pass(Duration::from_secs(20));
    house.auth.audit().record_stranger(row("login")).await;
    let rows = all(&house).await;
    assert!(rows[0].detail.contains("17 like it"), "{}", rows[0].detail);
    assert_eq!(rows.len(), 4);
}

#[tokio::test]
async fn a_row_that_cannot_be_written_fails_nobody_and_the_next_one_is_written() {
    let house = house().await;
    house.store.fail_commits(Some(StoreError::Full));
    house.auth.audit().record(row("lost")).await;
    house.store.fail_commits(None);
    house.auth.audit().record(row(&"x".repeat(5_000))).await;
    let rows = all(&house).await;
    assert_eq!(rows.len(), 1);
    assert!(rows[0].entity.len() < 600, "rows are small");
}
