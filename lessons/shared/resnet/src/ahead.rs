//! Work on one batch while the next is made.

use std::sync::mpsc::sync_channel;
use std::thread;

/// Gives `look` the items one after the other; while it looks at one, a thread of its own makes the next.
///
/// For a loop that makes something on all cores, such as a forward pass, and then looks at it on one. One item more lives at
/// a time than without.
///
/// ```
/// let squares = (1..4).map(|i| if i < 3 { Ok(i * i) } else { Err("too large") });
/// let mut seen = vec![];
/// let result = resnet::one_ahead(squares, |square| {
///     seen.push(square);
///     Ok(())
/// });
/// assert_eq!((result, seen), (Err("too large"), vec![1, 4]));
/// ```
///
/// **Errors** with the first error of an item or of `look`; no item is made after it but one that was begun.
///
/// # Panics
/// if making an item does.
pub fn one_ahead<T: Send, E: Send>(
    items: impl Iterator<Item = Result<T, E>> + Send,
    mut look: impl FnMut(T) -> Result<(), E>,
) -> Result<(), E> {
    thread::scope(|scope| {
        let (send, receive) = sync_channel(0); // an item is made, and waits until it is wanted
        scope.spawn(move || {
            for item in items {
                let is_last = item.is_err();
                if send.send(item).is_err() || is_last {
                    return;
                }
            }
        });
        receive.into_iter().try_for_each(|item| look(item?))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::{AtomicUsize, Ordering};

    #[test]
    fn an_error_of_the_one_who_looks_ends_the_making() {
        let made = AtomicUsize::new(0);
        let items = (0..100).map(|item| {
            made.fetch_add(1, Ordering::Relaxed);
            Ok(item)
        });
        let result = one_ahead(items, |item| if item < 2 { Ok(()) } else { Err(item) });
        assert_eq!(result, Err(2));
        assert!(made.into_inner() <= 5);
    }

    #[test]
    #[should_panic(expected = "a scoped thread panicked")]
    fn a_panic_is_passed_on() {
        let items = (0..3).map(|item| if item < 2 { Ok::<_, ()>(item) } else { panic!("no more") });
        one_ahead(items, |_| Ok(())).ok();
    }
}
