//! Who owns a pending entry: claims, renewals, releases.

use super::*;

fn claimed(reply: Result<Reply, Refusal>) -> (u64, Vec<u64>) {
    let Ok(Reply::Claimed { cursor, .. }) = &reply else { panic!("{reply:?}") };
    (cursor.ms, got_ids(reply))
}

fn idle_ms(store: &mut Store, now: u64, entry: u64) -> Option<u128> {
    store.reap(now);
    let pending = store.pending(&key("s"), "g");
    pending.into_iter().find(|found| found.id == id(entry)).map(|found| found.idle.as_millis())
}

#[test]
fn a_pending_entry_tells_its_owner_idle_time_and_deliveries() {
    let mut store = delivered(1);
    assert_eq!(pending_list(&store), [(1, "c".into(), 1)]);
    assert_eq!(idle_ms(&mut store, NOW + 7, 1), Some(7));
    assert_eq!(idle_ms(&mut store, NOW, 2), None);
    assert_eq!(idle_ms(&mut store, NOW - 5, 1), Some(0), "the clock went back");
}

#[test]
fn a_delivery_is_counted_for_the_owner_only_and_begins_a_new_idle_time() {
    let mut store = delivered(2);
    store.delete_entry(&key("s"), id(2));
    for (consumer, entry, answer) in [("d", 1, None), ("c", 1, Some(2)), ("c", 1, Some(3))] {
        let reply = store.execute(NOW + 50, &count_delivery("s", consumer, entry));
        assert_eq!(reply, Ok(Reply::Deliveries(answer)), "{consumer} {entry}");
    }
    for gone in [2, 9] {
        let reply = store.execute(NOW + 50, &count_delivery("s", "c", gone));
        assert_eq!(reply, Ok(Reply::Deliveries(None)), "{gone}");
    }
    assert_eq!(pending_list(&store), [(1, "c".into(), 3)]);
    assert_eq!(idle_ms(&mut store, NOW + 60, 1), Some(10));
}

#[test]
fn consumers_are_removed_that_are_idle_for_long_and_have_nothing_pending() {
    let table: [(u64, &str, u64, &[&str]); 4] = [
        (100, "x", 2, &["c"]),
        (100, "d", 1, &["c", "d"]),
        (101, "x", 1, &["c", "d"]),
        (1000, "x", 0, &["c", "d", "e"]),
    ];
    for (min_idle, except, removed, left) in table {
        // c has 1 pending; d and e are done with theirs, d later than e.
        let mut store = stream_of(3);
        for (now, consumer) in [(NOW, "c"), (NOW, "e"), (NOW + 1, "d")] {
            store.execute(now, &read_group("s", consumer, 1)).unwrap();
        }
        store.execute(NOW + 1, &ack("s", &[2, 3])).unwrap();
        let reply = store.execute(NOW + 101, &remove_idle(min_idle, except));
        assert_eq!(reply, Ok(Reply::Count(removed)), "{min_idle} {except}");
        assert_eq!(store.consumers(&key("s"), "g"), left, "{min_idle} {except}");
    }
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
fn a_claim_begins_a_new_idle_time_and_counts_no_delivery() {
    let mut store = delivered(1);
    claimed(store.execute(NOW + 100, &auto_claim("s", "d", 100, 0, 9)));
    assert_eq!(pending_list(&store), [(1, "d".into(), 1)]);
    assert_eq!(idle_ms(&mut store, NOW + 130, 1), Some(30));
    claimed(store.execute(NOW + 200, &auto_claim("s", "d", 100, 0, 9)));
    assert_eq!(idle_ms(&mut store, NOW + 230, 1), Some(30), "one's own is claimed too");
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
    assert_eq!(pending_list(&store), [(1, "d".into(), 1), (2, "c".into(), 1), (4, "c".into(), 1)]);
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
