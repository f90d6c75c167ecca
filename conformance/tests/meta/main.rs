//! The suite bites: adapters that are broken on purpose fail the very case that is there for it, and what is whole passes it.

mod bent;
mod firsts;
mod flaws;

use std::collections::BTreeSet;

use bent::{Bent, Flaw};
use clamator_conformance::{CASES, check};
use firsts::*;
use flaws::*;

/// Nothing is wrong.
#[derive(Clone, Default)]
struct None;

impl Flaw for None {}

/// Sees to it that a flaw fails a case that passes without it.
#[track_caller]
fn bites<F: Flaw>(case: &str) {
    if let Err(failure) = check::<Bent<None>>(case) {
        panic!("without a flaw it fails, too: {failure}");
    }
    let outcome = check::<Bent<F>>(case);
    let Err(failure) = outcome else { panic!("{case} doesn't notice") };
    assert!(!failure.reason.contains("it hangs"), "found by the watchdog alone: {failure}");
    println!("{failure}");
}

macro_rules! flaws {
    ($($test:ident: $flaw:ident fails $($case:literal),+;)*) => {
        $(
            #[test]
            fn $test() {
                $(bites::<$flaw>($case);)+
            }
        )*

        /// The cases that are seen to bite.
        const BITING: &[&str] = &[$($($case),+),*];
    };
}

flaws! {
    sorts_the_fields: SortsFields fails "envelopes::request_entry";
    cleans_up_keys: CleansUpKeys fails "envelopes::prefixes_are_literal";
    drops_acks: DropsAcks fails "errors::notification_that_fails", "errors::method_without_an_id";
    rounds_numbers: RoundsNumbers fails "contract::whole_numbers", "envelopes::ids_are_echoed";
    makes_streams: MakesStreams fails "lifecycle::client_before_its_server", "lifecycle::no_server_at_all";
    begins_groups_at_the_end: BeginsAtTheEnd fails "lifecycle::requests_before_any_server", "losses::still_in_the_stream";
    makes_groups_anew: MakesGroupsAnew fails "lifecycle::group_that_is_there";
    loses_timers: LosesTimers fails "timeouts::deadline";
    drops_answers: DropsAnswers fails "timeouts::late_reply", "envelopes::reply_entry";
    delivers_again: DeliversAgain fails "ordering::requests_and_notifications";
    delivers_to_two: DeliversToTwo fails "pools::exactly_one_server";
    ignores_the_count: IgnoresTheCount fails "pools::busy_server", "concurrency::free_slots";
    loses_deliveries: LosesDeliveries fails "ordering::effects_are_seen";
    renews_nothing: RenewsNothing fails "reclaim::long_handler", "reclaim::waiting_entries";
    renews_the_first: RenewsTheFirst fails "concurrency::each_is_renewed";
    renews_what_is_not_its_own: RenewsForeign fails "reclaim::stolen_while_running";
    counts_one_delivery: CountsOne fails "reclaim::dead_neighbour", "poison::put_aside";
    claims_what_is_young: ClaimsTheYoung fails "reclaim::young_entries";
    ignores_the_cursor: IgnoresTheCursor fails "reclaim::old_behind_young";
    releases_nothing: ReleasesNothing fails "drain::waiting_entries_go_back", "drain::grace_runs_out";
    releases_the_first: ReleasesTheFirst fails "concurrency::stop_with_many", "concurrency::grace_with_many";
    ends_no_read: EndsNoRead fails "drain::idle_stop";
    deletes_nothing: DeletesNothing fails "drain::client_stop";
    leaves_consumers: LeavesConsumers fails "drain::consumers_are_removed";
    acks_the_first: AcksTheFirst fails "concurrency::replies_before_acks";
    appends_twice: AppendsTwice fails "cancellation::dropped_notification";
    acks_before_the_reply: AcksBeforeTheReply fails "connections::ack_lost";
    has_the_wrong_number: WrongNumber fails "connections::half_open_read";
    takes_a_loss_for_a_success: LossIsSuccess fails "connections::killed_connections";
    reads_replies_from_the_end: ReadsFromTheEnd fails "connections::replies_during_an_outage";
    loses_maxlen: LosesMaxLen fails "replies::bounded";
    sets_no_time_to_live: SetsNoTimeToLive fails "replies::time_to_live", "replies::after_a_stop";
    decodes_lossily: DecodesLossily fails "hostile::not_utf8";
    trims_everything: TrimsEverything fails "retention::pending_entries_stay", "retention::other_groups";
    trims_nothing: TrimsNothing fails "retention::done_entries_go";
}

#[test]
fn every_group_of_cases_is_seen_to_bite() {
    let groups: BTreeSet<&str> = CASES.iter().map(|case| case.group).collect();
    let biting: BTreeSet<&str> =
        BITING.iter().filter_map(|case| case.split_once("::")).map(|(group, _)| group).collect();
    assert_eq!(groups, biting);
}
