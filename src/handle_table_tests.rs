//! The handle table by itself. `tests/model.rs` tries its interleavings.

use crate::handle_table::{HandleTable, INDEX_BITS, INDEX_MASK, first_generation};

fn insert<T>(table: &HandleTable<T>, value: T) -> i64 {
    table.vacancy().expect("room").fill(value).get()
}

#[test]
fn a_handle_is_no_descriptor_and_exact_in_a_double() {
    let table = HandleTable::new();
    for n in 0..1_000 {
        let handle = insert(&table, n);
        assert!(handle > i64::from(u32::MAX) && handle < 1 << 53);
        assert_eq!(handle as f64 as i64, handle);
    }
}

#[test]
fn a_closed_handle_finds_nothing_and_its_slot_is_used_again() {
    let table = HandleTable::new();
    let first = insert(&table, "first");
    assert_eq!(*table.get(first).unwrap(), "first");
    drop(table.close(first).unwrap());
    assert!(table.get(first).is_none());
    assert!(table.close(first).is_none());
    let second = insert(&table, "second");
    assert_ne!(first, second);
    assert_eq!(first as u64 & INDEX_MASK, second as u64 & INDEX_MASK);
    assert!(table.get(first).is_none());
}

#[test]
fn the_last_user_drops_the_object() {
    let table = HandleTable::new();
    let object = std::sync::Arc::new(());
    let handle = insert(&table, object.clone());
    let user = table.get(handle).unwrap();
    drop(table.close(handle).unwrap());
    assert_eq!(std::sync::Arc::strong_count(&object), 2);
    drop(user);
    assert_eq!(std::sync::Arc::strong_count(&object), 1);
}

#[test]
fn taking_out_waits_for_other_users() {
    let table = HandleTable::new();
    let handle = insert(&table, 7);
    let Err(in_use) = table.get(handle).unwrap().try_unwrap() else { panic!("taken while open") };
    let closed = table.close(handle).unwrap();
    let Err(closed) = closed.try_unwrap() else { panic!("taken while in use") };
    drop(in_use);
    assert_eq!(closed.try_unwrap().ok(), Some(7));
}

#[test]
fn behind_the_highest_generation_comes_the_lowest() {
    let table = HandleTable::new();
    drop(table.close(insert(&table, 0)));
    table.age(0, u32::MAX);
    let highest = insert(&table, 1);
    assert_eq!(highest, (1 << 53) - (1 << INDEX_BITS));
    drop(table.close(highest).unwrap());
    assert_eq!(insert(&table, 2), 1 << 32);
    assert!(table.get(highest).is_none());
}

#[test]
fn a_slot_at_its_last_generation_is_retired() {
    let table = HandleTable::new();
    let early = insert(&table, 0);
    drop(table.close(early));
    table.age(0, first_generation() - 2);
    let last_but_one = insert(&table, 1);
    drop(table.close(last_but_one).unwrap());
    let last = insert(&table, 2);
    assert_eq!(last >> INDEX_BITS, i64::from(first_generation() - 1));
    drop(table.close(last).unwrap());
    let next = insert(&table, 3);
    assert_eq!(next as u64 & INDEX_MASK, 1, "a fresh slot, not the retired one");
    for stale in [early, last_but_one, last, 0] {
        assert!(table.get(stale).is_none(), "{stale}");
    }
}

#[test]
fn no_number_reaches_what_it_should_not() {
    let table = HandleTable::new();
    let mut live: Vec<i64> = (0..100).map(|n| insert(&table, n)).collect();
    for handle in live.split_off(50) {
        drop(table.close(handle));
    }
    let mut random = 0x9E37_79B9_7F4A_7C15_u64;
    for n in 0..1_000_000 {
        random ^= random << 13;
        random ^= random >> 7;
        random ^= random << 17;
        let base = live[n % live.len()];
        let number = match n % 4 {
            0 => random as i64,
            1 => (random % 5_000_000) as i64,
            2 => base ^ (1 << (random % 64)),
            _ => -base,
        };
        assert_eq!(table.get(number).is_some(), live.contains(&number), "{number}");
    }
}

#[test]
fn a_full_table_says_so() {
    let table: HandleTable<(), 4> = HandleTable::new();
    let places: Vec<_> = std::iter::from_fn(|| table.vacancy()).collect();
    assert_eq!(places.len(), HandleTable::<(), 4>::CAPACITY);
    drop(places);
    assert!(table.vacancy().is_some());
}

#[test]
fn iterates_over_what_is_open() {
    let table = HandleTable::new();
    let handles: Vec<i64> = (0..10).map(|n| insert(&table, n)).collect();
    drop(table.close(handles[3]));
    let seen: Vec<(i64, i32)> = table.iter().map(|(handle, n)| (handle, *n)).collect();
    let expected: Vec<(i64, i32)> =
        handles.iter().copied().zip(0..).filter(|(_, n)| *n != 3).collect();
    assert_eq!(seen, expected);
}
