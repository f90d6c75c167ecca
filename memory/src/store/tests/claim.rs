//! Who owns a pending entry: claims, renewals, releases.

use super::*;

fn claimed(reply: Result<Reply, Refusal>) -> (u64, Vec<u64>) {
    let Ok(Reply::Claimed { cursor, .. }) = &reply else { panic!("{reply:?}") };
    (cursor.ms, got_ids(reply))
}

fn idle_ms(store: &mut Store, now: u64, entry: u64) -> Option<u128> {
    match store.execute(now, &pending("s", entry)) {
        Ok(Reply::Pending(found)) => found.map(|found| found.idle.as_millis()),
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_pending_entry_tells_its_owner_idle_time_and_deliveries() {
    let mut store = delivered(1);
    let Ok(Reply::Pending(Some(found))) = store.execute(NOW + 7, &pending("s", 1)) else {
        panic!()
    };
    assert_eq!((found.id, found.consumer.as_str(), found.deliveries), (id(1), "c", 1));
    assert_eq!(found.idle, Duration::from_millis(7));
    assert_eq!(store.execute(NOW, &pending("s", 2)), Ok(Reply::Pending(None)));
    assert_eq!(idle_ms(&mut store, NOW - 5, 1), Some(0), "the clock went back");
}

#[test]
fn only_what_is_idle_for_long_enough_is_claimed() {
    for (min_idle, expected) in [(0, vec![1]), (99, vec![1]), (100, vec![1]), (101, vec![])] {
        let mut store = delivered(1);
        let reply = store.execute(NOW + 100, &auto_claim("s", "d", min_idle, 0, 9));
        assert_eq!(claimed(reply), (0, expected), "{min_idle}");
    }
}

#[test]
fn a_claim_counts_as_a_delivery_and_begins_a_new_idle_time() {
    let mut store = delivered(1);
    claimed(store.execute(NOW + 100, &auto_claim("s", "d", 100, 0, 9)));
    assert_eq!(pending_list(&store), [(1, "d".into(), 2)]);
    assert_eq!(idle_ms(&mut store, NOW + 130, 1), Some(30));
    claimed(store.execute(NOW + 200, &auto_claim("s", "d", 100, 0, 9)));
    assert_eq!(pending_list(&store), [(1, "d".into(), 3)], "one's own is claimed too");
}

#[test]
fn a_claimer_is_made_a_consumer_only_by_claiming() {
    let mut store = delivered(1);
    claimed(store.execute(NOW, &auto_claim("s", "d", 1, 0, 9)));
    assert_eq!(store.consumers(&key("s"), "g"), ["c"]);
    claimed(store.execute(NOW, &auto_claim("s", "d", 0, 0, 9)));
    assert_eq!(store.consumers(&key("s"), "g"), ["c", "d"]);
}

#[test]
fn the_cursor_says_where_to_go_on() {
    let mut store = delivered(5);
    assert_eq!(claimed(store.execute(NOW, &auto_claim("s", "d", 0, 0, 2))), (3, vec![1, 2]));
    assert_eq!(claimed(store.execute(NOW, &auto_claim("s", "d", 0, 3, 2))), (5, vec![3, 4]));
    assert_eq!(claimed(store.execute(NOW, &auto_claim("s", "d", 0, 5, 2))), (0, vec![5]));
    assert_eq!(claimed(store.execute(NOW, &auto_claim("s", "d", 0, 6, 2))), (0, vec![]));
}

#[test]
fn a_claim_looks_at_ten_times_its_count() {
    let mut store = delivered(25);
    // Only the last entry is old enough.
    let young: Vec<u64> = (1..=24).collect();
    store.execute(NOW + 100, &renew("s", "c", &young)).unwrap();
    let mut pages = Vec::new();
    let mut cursor = 0;
    loop {
        let (next, entries) =
            claimed(store.execute(NOW + 100, &auto_claim("s", "d", 50, cursor, 1)));
        pages.push((next, entries));
        if next == 0 {
            break;
        }
        cursor = next;
    }
    assert_eq!(pages, [(11, vec![]), (21, vec![]), (0, vec![25])]);
}

#[test]
fn a_claim_clears_away_entries_that_are_gone() {
    let mut store = delivered(6);
    for gone in [2, 4] {
        store.delete_entry(&key("s"), id(gone));
    }
    // 2 goes without regard to its idle time; it uses up the count, as in Redis 7.0.
    assert_eq!(claimed(store.execute(NOW, &auto_claim("s", "d", 0, 0, 2))), (3, vec![1]));
    assert_eq!(claimed(store.execute(NOW, &auto_claim("s", "d", 99, 3, 9))), (0, vec![]));
    let left: Vec<u64> = pending_list(&store).into_iter().map(|(entry, ..)| entry).collect();
    assert_eq!(left, [1, 3, 5, 6]);
}

#[test]
fn a_renewal_resets_the_idle_time_of_what_is_still_owned() {
    let mut store = delivered(4);
    claimed(store.execute(NOW + 10, &auto_claim("s", "d", 0, 0, 1)));
    store.delete_entry(&key("s"), id(3));
    let reply = store.execute(NOW + 20, &renew("s", "c", &[4, 3, 2, 1, 9]));
    assert_eq!(reply, Ok(Reply::Ids(ids(&[4, 2]))), "1 was claimed, 3 is gone, 9 never was");
    for (entry, expected) in [(1, Some(20)), (2, Some(10)), (3, None), (4, Some(10))] {
        assert_eq!(idle_ms(&mut store, NOW + 30, entry), expected, "{entry}");
    }
    assert_eq!(pending_list(&store), [(1, "d".into(), 2), (2, "c".into(), 1), (4, "c".into(), 1)]);
}

#[test]
fn a_release_makes_what_is_still_owned_claimable_at_once() {
    let mut store = delivered(3);
    claimed(store.execute(NOW, &auto_claim("s", "d", 0, 0, 1)));
    let reply = store.execute(NOW, &release("s", "c", &[1, 2]));
    assert_eq!(reply, Ok(Reply::Ids(ids(&[2]))));
    assert_eq!(idle_ms(&mut store, NOW, 2), Some(24 * 60 * 60 * 1000));
    assert_eq!(pending_list(&store)[1], (2, "c".into(), 1), "still its own, and not counted");
    assert_eq!(claimed(store.execute(NOW, &auto_claim("s", "e", 86_400_000, 0, 9))), (0, vec![2]));
}
