//! Groups: where they begin, what they hand out, what is acknowledged.

use super::*;
use crate::PendingEntry;

#[test]
fn a_group_begins_where_it_is_told() {
    let table: [(GroupStart, &[u64]); 5] = [
        (GroupStart::Beginning, &[1, 2, 3]),
        (GroupStart::End, &[]),
        (GroupStart::After(id(1)), &[2, 3]),
        (GroupStart::After(id(3)), &[]),
        // The stream that had such an id is gone.
        (GroupStart::After(id(99)), &[1, 2, 3]),
    ];
    for (start, expected) in table {
        let mut store = stream_of(3);
        assert!(store.destroy_group(&key("s"), "g"));
        assert_eq!(store.execute(NOW, &create_group("s", start)), Ok(Reply::Done));
        assert_eq!(got_ids(store.execute(NOW, &read_group("s", "c", 9))), expected, "{start:?}");
    }
}

#[test]
fn a_group_makes_its_stream_and_stays_without_entries() {
    let mut store = Store::new();
    assert_eq!(store.execute(1, &create_group("s", GroupStart::End)), Ok(Reply::Done));
    assert!(store.exists(&key("s")));
    assert_eq!(store.last_delivered(&key("s"), "g"), Some(StreamId::MIN));
}

#[test]
fn a_new_entry_goes_to_one_consumer_once() {
    let mut store = stream_of(3);
    assert_eq!(got_ids(store.execute(NOW, &read_group("s", "c", 2))), [1, 2]);
    assert_eq!(got_ids(store.execute(NOW, &read_group("s", "d", 2))), [3]);
    assert_eq!(got_ids(store.execute(NOW, &read_group("s", "e", 2))), [0; 0]);
    assert_eq!(pending_list(&store), [(1, "c".into(), 1), (2, "c".into(), 1), (3, "d".into(), 1)]);
    assert_eq!(
        store.consumers(&key("s"), "g"),
        ["c", "d"],
        "e found nothing, so Redis didn't make it"
    );
}

#[test]
fn a_deleted_entry_is_not_handed_out() {
    let mut store = stream_of(3);
    assert!(store.delete_entry(&key("s"), id(2)));
    assert_eq!(got_ids(store.execute(NOW, &read_group("s", "c", 2))), [1, 3]);
}

#[test]
fn reading_what_is_pending_begins_a_new_idle_time_and_counts_no_delivery() {
    let mut store = delivered(3);
    store.delete_entry(&key("s"), id(2));
    let reply = store.execute(NOW + 50, &read_own("s", "c", 0, 9));
    assert_eq!(got(reply), [(1, true), (2, false), (3, true)]);
    store.reap(NOW + 60);
    let idle = |entry: PendingEntry| (entry.id.ms, entry.idle.as_millis(), entry.deliveries);
    let pending = store.pending(&key("s"), "g").into_iter().map(idle);
    assert_eq!(pending.collect::<Vec<_>>(), [(1, 10, 1), (3, 10, 1)], "2 is gone");
}

#[test]
fn what_is_pending_is_read_in_pages_and_by_its_owner_only() {
    let mut store = delivered(4);
    assert_eq!(got_ids(store.execute(NOW, &read_own("s", "c", 0, 2))), [1, 2]);
    assert_eq!(got_ids(store.execute(NOW, &read_own("s", "c", 2, 9))), [3, 4]);
    assert_eq!(got_ids(store.execute(NOW, &read_own("s", "c", 4, 9))), [0; 0]);
    assert_eq!(got_ids(store.execute(NOW, &read_own("s", "d", 0, 9))), [0; 0]);
    assert_eq!(store.consumers(&key("s"), "g"), ["c"], "such a read makes no consumer");
}

#[test]
fn an_ack_counts_what_was_pending() {
    let mut store = delivered(3);
    for (entries, expected) in [(&[1, 2][..], 2), (&[2, 3, 3, 9][..], 1), (&[1][..], 0)] {
        assert_eq!(
            store.execute(NOW, &ack("s", entries)),
            Ok(Reply::Count(expected)),
            "{entries:?}"
        );
    }
    assert_eq!(store.len(&key("s")), 3, "the entries stay");
}

#[test]
fn a_consumer_is_removed_only_when_nothing_is_pending_for_it() {
    let mut store = delivered(1);
    assert_eq!(store.execute(NOW, &remove_consumer("s", "c")), Ok(Reply::Count(0)));
    store.execute(NOW, &ack("s", &[1])).unwrap();
    assert_eq!(store.execute(NOW, &remove_consumer("s", "c")), Ok(Reply::Count(1)));
    assert_eq!(
        store.execute(NOW, &remove_consumer("s", "c")),
        Ok(Reply::Count(0)),
        "there is none"
    );
}
