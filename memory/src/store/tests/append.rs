//! Adding entries and reading them without a group.

use super::*;

#[test]
fn ids_rise_even_when_the_clock_does_not() {
    let mut store = Store::new();
    for (now, expected) in [(5, "5-0"), (5, "5-1"), (3, "5-2"), (6, "6-0")] {
        let Ok(Reply::Added(id)) = store.execute(now, &append("s")) else { panic!() };
        assert_eq!(id.to_string(), expected);
    }
}

#[test]
fn a_deleted_and_remade_stream_begins_anew() {
    let mut store = stream_of(9);
    assert_eq!(store.execute(9, &delete("s")), Ok(Reply::Count(1)));
    assert_eq!(store.execute(2, &append("s")), Ok(Reply::Added(id(2))), "below the ids of before");
    assert!(store.groups(&key("s")).is_empty());
}

#[test]
fn without_create_a_missing_stream_stays_missing() {
    let add = Command::Append { stream: key("s"), fields: fields(), max_len: None, create: false };
    let mut store = Store::new();
    assert_eq!(store.execute(1, &add), Ok(Reply::Nil));
    assert!(!store.exists(&key("s")));
    store.execute(1, &create_group("s", GroupStart::End)).unwrap();
    assert_eq!(store.execute(1, &add), Ok(Reply::Added(id(1))));
}

#[test]
fn a_bound_keeps_at_least_that_many_and_less_than_a_node_more() {
    let mut store = Store::new();
    let add =
        Command::Append { stream: key("s"), fields: fields(), max_len: Some(1024), create: true };
    for now in 1..=3000 {
        store.execute(now, &add).unwrap();
        let expected = usize::try_from(now).unwrap();
        assert!(store.len(&key("s")) >= expected.min(1024));
        assert!(store.len(&key("s")) <= expected.min(1123));
    }
}

#[test]
fn fields_keep_their_order_and_their_bytes() {
    let written: Fields =
        vec![("b".into(), vec![0, 255].into()), ("a".into(), "".into()), ("b".into(), "2".into())];
    let add =
        Command::Append { stream: key("s"), fields: written.clone(), max_len: None, create: true };
    let mut store = Store::new();
    store.execute(1, &add).unwrap();
    assert_eq!(store.entries(&key("s")), [Entry { id: id(1), fields: Some(written) }]);
}

#[test]
fn a_read_goes_by_id_and_changes_nothing() {
    let mut store = stream_of(4);
    let table: [(u64, u32, &[u64]); 5] = [
        (0, 10, &[1, 2, 3, 4]),
        (0, 2, &[1, 2]),
        (2, 10, &[3, 4]),
        (4, 10, &[]),
        (0, 0, &[1, 2, 3, 4]),
    ];
    for (after, count, expected) in table {
        assert_eq!(
            got_ids(store.execute(NOW, &read("s", after, count))),
            expected,
            "after {after}, {count}"
        );
    }
    assert!(store.consumers(&key("s"), "g").is_empty());
}
