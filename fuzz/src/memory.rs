//! How much memory something takes.

/// Runs it, and panics if at any time it has asked for more than `most` bytes that it hasn't given back.
pub(crate) fn within<T>(most: usize, run: impl FnOnce() -> T) -> T {
    let mut value = None;
    let counted = allocation_counter::measure(|| value = Some(run()));
    assert!(counted.bytes_max <= most as u64, "{} bytes; at most {most}", counted.bytes_max);
    value.expect("it was run")
}
