//! Keys: trimming what is done, deletion, expiry, and what tests may do to a store.

use super::*;

#[test]
fn what_every_group_is_done_with_is_trimmed() {
    // (delivered, acked) for each of two groups; the entries that stay of 1 to 6.
    type State<'a> = (u32, &'a [u64]);
    let table: [(State<'_>, State<'_>, &[u64]); 6] = [
        ((3, &[1, 2, 3]), (6, &[1, 2, 3, 4, 5, 6]), &[4, 5, 6]),
        ((3, &[1, 3]), (6, &[1, 2, 3, 4, 5, 6]), &[2, 3, 4, 5, 6]),
        ((6, &[1, 2, 3, 4, 5, 6]), (6, &[1, 2, 3, 4, 5, 6]), &[]),
        ((6, &[2, 3, 4, 5, 6]), (6, &[1, 2, 3, 4, 5, 6]), &[1, 2, 3, 4, 5, 6]),
        ((6, &[1, 2, 3, 4, 5, 6]), (0, &[9]), &[1, 2, 3, 4, 5, 6]),
        ((2, &[1, 2]), (5, &[1, 2, 3]), &[3, 4, 5, 6]),
    ];
    for (one, two, expected) in table {
        let mut store = stream_of(6);
        for (group, (delivered, acked)) in [("g", one), ("h", two)] {
            let (group, start) = (group.to_owned(), GroupStart::Beginning);
            // "g" is there already.
            let _ = store.execute(
                NOW,
                &Command::CreateGroup { stream: key("s"), group: group.clone().into(), start },
            );
            let (consumer, block) = ("c".into(), Duration::ZERO);
            let read = Command::ReadGroup {
                stream: key("s"),
                group: group.clone().into(),
                consumer,
                count: delivered,
                block,
            };
            if delivered > 0 {
                store.execute(NOW, &read).unwrap();
            }
            store
                .execute(
                    NOW,
                    &Command::Ack { stream: key("s"), group: group.into(), ids: ids(acked) },
                )
                .unwrap();
        }
        let trimmed = u64::try_from(6 - expected.len()).unwrap();
        let reply = store.execute(NOW, &trim_done("s"));
        let Ok(Reply::Trimmed(Trimmed { removed, len, .. })) = reply else { panic!("{reply:?}") };
        assert_eq!((removed, len), (trimmed, 6 - trimmed), "{one:?} {two:?}");
        let left: Vec<u64> = store.entries(&key("s")).iter().map(|entry| entry.id.ms).collect();
        assert_eq!(left, expected, "{one:?} {two:?}");
    }
}

#[test]
fn without_a_group_nothing_is_trimmed() {
    let mut store = stream_of(3);
    store.destroy_group(&key("s"), "g");
    let nothing = Trimmed { removed: 0, len: 3, kept: None };
    assert_eq!(store.execute(NOW, &trim_done("s")), Ok(Reply::Trimmed(nothing)));
}

#[test]
fn a_key_vanishes_after_its_time() {
    let mut store = stream_of(1);
    assert_eq!(store.execute(NOW, &expire("s", 100)), Ok(Reply::Count(1)));
    assert_eq!(store.ttl(&key("s")), Some(Duration::from_millis(100)));
    assert!(store.execute(NOW + 60, &append("s")).is_ok());
    assert_eq!(store.ttl(&key("s")), Some(Duration::from_millis(40)), "an append keeps it");
    assert_eq!(got(store.execute(NOW + 100, &read("s", 0, 9))).len(), 2, "not before it is over");
    assert_eq!(got(store.execute(NOW + 101, &read("s", 0, 9))).len(), 0);
    assert!(!store.exists(&key("s")));
}

#[test]
fn any_command_clears_away_what_has_expired() {
    let mut store = stream_of(1);
    store.execute(NOW, &expire("s", 100)).unwrap();
    store.execute(NOW, &append("t")).unwrap();
    store.execute(NOW, &expire("t", 200)).unwrap();
    store.execute(NOW + 150, &Command::Ping).unwrap();
    assert_eq!(store.keys(), [key("t")]);
    store.execute(NOW + 250, &Command::Ping).unwrap();
    assert!(store.is_empty());
}

#[test]
fn a_later_time_to_live_replaces_an_earlier_one() {
    let mut store = stream_of(1);
    store.execute(NOW, &expire("s", 100)).unwrap();
    store.execute(NOW, &expire("s", 300)).unwrap();
    store.execute(NOW + 200, &Command::Ping).unwrap();
    assert_eq!(store.ttl(&key("s")), Some(Duration::from_millis(100)));
}

#[test]
fn no_time_to_live_means_now() {
    let mut store = stream_of(1);
    assert_eq!(store.execute(NOW, &expire("s", 0)), Ok(Reply::Count(1)));
    assert!(!store.exists(&key("s")));
    let mut store = stream_of(1);
    let hardly_any = Command::Expire { key: key("s"), ttl: Duration::from_nanos(1) };
    assert_eq!(store.execute(NOW, &hardly_any), Ok(Reply::Count(1)));
    assert!(store.exists(&key("s")), "rounded up to a millisecond");
}

#[test]
fn a_time_to_live_can_be_longer_than_the_clock_counts() {
    let mut store = stream_of(1);
    let for_ever = Command::Expire { key: key("s"), ttl: Duration::MAX };
    assert_eq!(store.execute(NOW, &for_ever), Ok(Reply::Count(1)));
    store.execute(u64::MAX, &Command::Ping).unwrap();
    assert!(store.exists(&key("s")));
}

#[test]
fn a_remade_key_has_no_time_to_live() {
    let mut store = stream_of(1);
    store.execute(NOW, &expire("s", 100)).unwrap();
    store.execute(NOW, &delete("s")).unwrap();
    store.execute(NOW, &append("s")).unwrap();
    assert_eq!(store.ttl(&key("s")), None);
}

#[test]
fn a_store_can_be_meddled_with() {
    let mut store = delivered(5);
    assert_eq!(store.trim_to(&key("s"), 3), 2);
    assert_eq!(store.len(&key("s")), 3);
    assert_eq!(pending_list(&store).len(), 5, "trimmed entries stay pending");
    assert!(store.delete_entry(&key("s"), id(4)));
    assert!(!store.delete_entry(&key("s"), id(4)));
    assert_eq!(store.groups(&key("s")), ["g"]);
    assert!(store.destroy_group(&key("s"), "g"));
    assert!(!store.destroy_group(&key("s"), "g"));
    store.set_string(&key("s"), "text");
    assert_eq!((store.len(&key("s")), store.trim_to(&key("s"), 0)), (0, 0));
    store.flush_all();
    assert!(store.is_empty());
    assert_eq!(store.now_ms(), NOW);
}
