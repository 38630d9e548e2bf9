//! The store's contract: one suite of sentences that every engine passes, each a test of its own.
//!
//! An engine gives a [`Harness`] and says `contract_suite!(ItsHarness);` in a test module. A
//! sentence that is missing in the list of that macro is dead code, which clippy refuses.

pub(crate) mod access;
pub(crate) mod aggregation;
pub(crate) mod attributes;
pub(crate) mod credentials;
pub(crate) mod deletes;
pub(crate) mod devices;
pub(crate) mod expiry;
mod generate;
mod histories;
pub(crate) mod log;
pub(crate) mod order;
pub(crate) mod platform;
pub(crate) mod rpc;
pub(crate) mod scale;
pub(crate) mod telemetry;

use crate::model::attributes::Scope;
use crate::model::device::Device;
use crate::model::ids::{DeviceId, Epoch, Origin, ProfileId};
use crate::model::query::{HistoryQuery, Order};
use crate::model::telemetry::{Point, Row};
use crate::model::value::{Key, Value};
use crate::model::Millis;
use crate::store::{Batch, Change, SharedStore};
use async_trait::async_trait;

pub(crate) use generate::Disturbance;
pub(crate) use histories::random_histories_match_the_oracle;

/// Storage of an engine under test. Dropped at the end of its test, with all that it holds.
#[async_trait]
pub(crate) trait Harness: Send + Sync + 'static {
    /// New and empty storage.
    fn new() -> Self
    where
        Self: Sized;

    /// Opens the storage. Called again only after the store of the call before was closed and
    /// dropped.
    async fn open(&self) -> SharedStore;

    /// Makes the store that is open do what it might do by itself.
    fn disturb(&self, _what: Disturbance) {}

    /// How many random histories are compared with the oracle.
    fn cases(&self) -> u32 {
        48
    }
}

/// A store in its storage, and the shorthands of the sentences.
pub(crate) struct Bench {
    pub store: SharedStore,
    harness: Box<dyn Harness>,
}

impl Bench {
    pub async fn new<H: Harness>() -> Self {
        Self::over(H::new()).await
    }

    pub async fn over<H: Harness>(harness: H) -> Self {
        let store = harness.open().await;
        let harness = Box::new(harness);
        Self { store, harness }
    }

    /// An orderly restart.
    pub async fn reopen(self) -> Self {
        self.store.close().await.unwrap();
        drop(self.store);
        Self {
            store: self.harness.open().await,
            harness: self.harness,
        }
    }

    pub fn disturb(&self, what: Disturbance) {
        self.harness.disturb(what);
    }

    /// Commits changes of one device.
    pub async fn change(&self, device: DeviceId, changes: Vec<Change>) {
        let batch = Batch::of_device(device, changes);
        self.store.commit(batch).await.unwrap();
    }

    pub async fn system_change(&self, changes: Vec<Change>) {
        self.store.commit(Batch::of_system(changes)).await.unwrap();
    }

    /// Commits points of the key `t`.
    pub async fn points(&self, device: DeviceId, origin: u64, points: &[(Millis, Value)]) {
        self.change(device, vec![telemetry(device, origin, "t", points)])
            .await;
    }

    /// All points of the key but one at `i64::MAX`, ascending.
    pub async fn all(&self, device: DeviceId, key: &str) -> Vec<(Millis, Value)> {
        let query = HistoryQuery {
            range: Millis::MIN..Millis::MAX,
            order: Order::Ascending,
            limit: usize::MAX,
        };
        pairs(self.store.history(device, key, &query).await.unwrap())
    }

    /// The latest point of one key.
    pub async fn latest(&self, device: DeviceId, key: &str) -> Option<(Millis, Value)> {
        let asked = [Key::from(key)];
        let rows = self.store.latest(device, Some(&asked)).await.unwrap();
        rows.into_iter().next().map(|(found, point)| {
            assert_eq!(found, key);
            (point.ts, point.value)
        })
    }

    pub async fn revision(&self, device: DeviceId, scope: Scope) -> u64 {
        self.store.revision(device, scope).await.unwrap()
    }
}

pub(crate) fn pairs(points: Vec<Point>) -> Vec<(Millis, Value)> {
    points
        .into_iter()
        .map(|point| (point.ts, point.value))
        .collect()
}

/// The `n`-th origin of one actor life.
pub(crate) fn origin(n: u64) -> Origin {
    Origin {
        epoch: Epoch(1 << 32),
        sequence: n,
    }
}

/// One row for each point of one key.
pub(crate) fn telemetry(
    device: DeviceId,
    from: u64,
    key: &str,
    points: &[(Millis, Value)],
) -> Change {
    let row = |(ts, value): &(Millis, Value)| Row {
        ts: *ts,
        values: vec![(Key::from(key), value.clone())],
    };
    Change::Telemetry {
        device,
        origin: origin(from),
        rows: points.iter().map(row).collect(),
    }
}

pub(crate) fn long(number: i64) -> Value {
    Value::Long(number)
}

pub(crate) fn double(number: f64) -> Value {
    Value::Double(number)
}

pub(crate) fn text(text: &str) -> Value {
    Value::Text(text.into())
}

pub(crate) fn keys(names: &[&str]) -> Vec<Key> {
    names.iter().map(|name| Key::from(*name)).collect()
}

pub(crate) fn named(name: &str) -> Device {
    Device {
        id: DeviceId::new(),
        created: 1_700_000_000_000,
        name: name.to_owned(),
        label: None,
        profile: ProfileId::new(),
        disabled: false,
        additional_info: "{}".into(),
        version: 1,
    }
}

/// Runs the block on the store as it is, and once more after an orderly restart.
macro_rules! both_lives {
    ($bench:ident, $block:block) => {
        $block
        let $bench = $bench.reopen().await;
        $block
        drop($bench);
    };
}
pub(crate) use both_lives;

/// One `#[tokio::test]` a sentence, over the given harness.
macro_rules! contract_suite {
    ($harness:ty) => {
        $crate::store::contract::contract_sentences! { $harness;
            aggregation: [
                count_counts_values_of_every_type,
                sums_and_extremes_of_longs_stay_long_and_averages_are_double,
                a_double_among_the_numbers_makes_the_answer_double,
                a_sum_beyond_i64_becomes_a_double,
                extremes_of_texts_compare_texts_but_numbers_go_first,
                intervals_start_inclusive_end_exclusive_and_answer_at_their_middle,
                intervals_without_a_fitting_value_give_no_point,
                aggregation_of_nothing_is_nothing,
            ],
            attributes: [
                attributes_keep_type_time_and_scope,
                devices_are_found_by_an_attribute_they_have,
                attributes_are_read_by_key_and_only_those_that_exist,
                the_last_arrival_wins_whatever_its_time,
                a_put_and_a_delete_of_an_existing_key_raise_the_revision_once,
                a_change_of_nothing_leaves_the_revision,
                scopes_and_devices_count_their_revisions_apart,
                changes_since_a_revision_are_merged,
                a_deleted_key_that_is_set_again_is_an_update,
                deletions_are_remembered_for_a_thousand_keys_and_truncated_beyond,
                many_attributes_of_one_scope_are_kept,
            ],
            credentials: [
                credentials_are_found_by_device_id_and_lookup,
                new_credentials_free_the_old_lookup_and_id,
                a_freed_lookup_may_serve_another_device,
                lookups_are_exact,
            ],
            deletes: [
                every_selection_takes_what_it_says,
                a_deletion_of_named_keys_leaves_other_keys_and_devices,
                deleting_what_is_not_there_changes_nothing,
                a_deleted_point_may_be_written_again_even_by_a_lower_origin,
                without_a_latest_any_new_point_becomes_it,
                rewriting_takes_the_newest_remaining_point_wherever_it_lies,
                a_key_without_points_and_latest_is_no_key,
                deletions_reach_points_at_both_ends_of_time,
                a_deletion_spans_points_of_many_commits_and_lives,
                put_and_delete_in_one_batch_act_in_their_order,
            ],
            devices: [
                a_device_is_found_by_id_and_by_name,
                a_renamed_device_frees_its_old_name,
                a_freed_name_stays_with_the_device_that_took_it,
                names_are_exact,
                deleting_a_device_takes_everything_it_owns_and_nothing_else,
                a_deleted_device_may_come_back_empty,
                deleting_an_unknown_device_changes_nothing,
                pages_are_filtered_sorted_and_cut,
                a_page_beyond_the_end_is_empty_with_the_total,
                text_search_ignores_case_in_name_and_label,
                the_ids_of_a_list_are_those_of_its_pages,
                profiles_are_created_replaced_and_listed,
                a_profile_of_the_first_form_is_kept_and_a_deleted_one_is_gone,
            ],
            expiry: [
                expiry_takes_every_point_before_its_time_and_no_other,
                latest_values_and_their_keys_outlive_their_points,
                a_key_without_latest_goes_with_its_last_point,
                expiry_of_nothing_changes_nothing,
                an_expired_time_may_be_written_again,
                expiry_spans_many_commits_and_lives_and_late_points,
                a_batch_may_expire_between_its_own_points,
                the_ends_of_time_are_times_too,
            ],
            log: [
                sequences_grow_and_never_repeat_over_restarts,
                the_node_stays_and_the_incarnation_grows_with_each_start,
                a_batch_is_visible_when_its_commit_returns,
                changes_of_a_batch_apply_in_their_order,
                a_batch_above_the_limit_is_refused_whole,
                many_at_once_are_answered_each_by_itself_in_their_order,
                a_batch_just_below_the_limit_is_taken,
                an_empty_batch_is_committed,
                commits_of_many_tasks_all_survive,
                a_closed_store_refuses_commits,
                a_healthy_store_says_so,
            ],
            order: [
                telemetry_in_any_order_and_twice_gives_the_same_answers,
                the_higher_origin_wins_in_either_order,
                of_equal_origins_the_later_applied_wins,
                a_higher_epoch_beats_any_sequence,
                the_origin_of_a_point_outlives_a_restart,
            ],
            access: [
                an_operator_keeps_its_role_and_a_deleted_one_is_gone_with_its_keys,
                api_keys_are_kept_replaced_and_deleted,
                audit_rows_are_read_newest_first_and_forgotten_up_to_a_place,
                rotated_credentials_are_found_by_both_look_ups_until_the_next_ones,
                a_former_look_up_that_another_device_has_taken_stays_with_it,
                records_of_older_forms_are_read_as_they_were_meant,
            ],
            platform: [
                a_new_store_knows_nothing,
                a_session_is_kept_replaced_and_deleted,
                a_poll_cursor_is_kept_and_replaced,
                operators_are_found_without_regard_to_case,
                a_renamed_operator_frees_the_old_name,
                system_values_are_kept_and_replaced,
                revocations_stand_until_their_time_and_are_never_shortened,
                forgotten_revocations_are_gone_and_the_others_stand,
            ],
            rpc: [
                an_rpc_is_found_by_id_and_replaced_as_it_proceeds,
                pending_rpcs_are_those_not_final_oldest_first,
                rpcs_are_paged_by_state_and_text,
                due_rpcs_are_pending_and_expired_up_to_the_limit,
                a_deleted_rpc_is_gone_everywhere,
                reserved_request_ids_grow_and_survive,
            ],
            scale: [
                ten_thousand_devices_are_paged_without_loss_or_repetition,
                a_hundred_thousand_points_of_one_series_are_all_there,
                many_keys_in_one_row_are_all_there,
                many_devices_with_one_point_each_are_all_there,
            ],
            telemetry: [
                every_value_comes_back_bit_for_bit_with_its_type,
                one_series_holds_values_of_many_types,
                history_starts_inclusive_and_ends_exclusive,
                history_honours_order_and_limit,
                history_of_an_empty_or_backward_range_is_empty,
                times_at_both_ends_of_i64_are_kept,
                late_points_are_read_in_their_place,
                a_second_value_for_a_time_replaces_value_and_type,
                of_two_rows_with_one_time_the_later_row_wins,
                latest_moves_only_forward_in_time,
                latest_answers_for_asked_keys_that_exist_by_key,
                keys_are_sorted_and_case_sensitive,
                keys_that_look_alike_do_not_mix,
                series_of_different_devices_do_not_mix,
                big_values_come_back_whole,
            ],
        }

        #[test]
        fn random_histories_match_the_oracle() {
            $crate::store::contract::random_histories_match_the_oracle::<$harness>();
        }
    };
}
pub(crate) use contract_suite;

macro_rules! contract_sentences {
    ($harness:ty; $($chapter:ident: [$($sentence:ident),* $(,)?],)*) => {
        $(mod $chapter {
            #[allow(unused_imports)]
            use super::*;
            $(#[tokio::test]
            async fn $sentence() {
                let bench = $crate::store::contract::Bench::new::<$harness>().await;
                $crate::store::contract::$chapter::$sentence(bench).await;
            })*
        })*
    };
}
pub(crate) use contract_sentences;
