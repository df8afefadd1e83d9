//! What each fuzz target does with its bytes. tests/corpus.rs does the same with those that
//! were kept, and needs no fuzzer.

pub mod address;
pub mod calls;
pub mod control_messages;
pub mod options;

mod codes;
mod place;

use arbitrary::Unstructured;

/// As many bytes as the input has for it, and zeros behind them: of exactly this size, so
/// that the sanitizer sees every byte beyond.
fn bytes(input: &mut Unstructured<'_>, size: usize) -> Box<[u8]> {
    let mut bytes = vec![0; size].into_boxed_slice();
    input.fill_buffer(&mut bytes).expect("zeros, if there is nothing");
    bytes
}

/// A number up to this one; 0 at the end of the input.
fn up_to(input: &mut Unstructured<'_>, most: usize) -> usize {
    input.int_in_range(0..=most).expect("0, if there is nothing")
}

fn one_of<T: Copy>(input: &mut Unstructured<'_>, all: &[T]) -> T {
    all[up_to(input, all.len() - 1)]
}
