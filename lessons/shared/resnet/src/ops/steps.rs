//! Work in steps, each cut into tasks, on several threads without waking them for every step.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

/// One step's tasks: how many are taken, how many are done. A cache line each, for threads write to them.
#[derive(Default)]
#[repr(align(64))]
struct Progress {
    taken: AtomicUsize,
    done: AtomicUsize,
}

/// Tells the others, who wait for a task, that it will not be finished.
struct Alarm<'a>(&'a AtomicBool);

impl Drop for Alarm<'_> {
    fn drop(&mut self) {
        if std::thread::panicking() {
            self.0.store(true, Ordering::Release);
        }
    }
}

/// Calls `work(step, task)` once for each task, `tasks[step]` of them; no task begins before all of the steps before its
/// own are done.
///
/// Whoever is free takes the next task, and nobody waits for a thread that has not come: a caller whose helpers are busy
/// elsewhere does everything itself.
pub(crate) fn in_steps(threads: usize, tasks: &[usize], work: impl Fn(usize, usize) + Sync) {
    if threads <= 1 {
        for (step, &count) in tasks.iter().enumerate() {
            (0..count).for_each(|task| work(step, task));
        }
        return;
    }
    let progress: Vec<Progress> = tasks.iter().map(|_| Progress::default()).collect();
    let failed = AtomicBool::new(false);
    let run = || {
        let _alarm = Alarm(&failed);
        for (step, (&count, progress)) in tasks.iter().zip(&progress).enumerate() {
            loop {
                let task = progress.taken.fetch_add(1, Ordering::Relaxed);
                if task >= count {
                    break;
                }
                work(step, task);
                progress.done.fetch_add(1, Ordering::AcqRel);
            }
            let mut rounds = 0u32;
            while progress.done.load(Ordering::Acquire) < count {
                if failed.load(Ordering::Acquire) {
                    return;
                }
                rounds += 1;
                if rounds.is_multiple_of(256) {
                    std::thread::yield_now(); // the other may have lost its core
                } else {
                    std::hint::spin_loop();
                }
            }
        }
    };
    // In place: a caller outside the pool works too, and wakes one thread less.
    rayon::in_place_scope(|scope| {
        for _ in 1..threads {
            scope.spawn(|_| run());
        }
        run();
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_task_is_done_once_and_after_the_steps_before() {
        for threads in [1, 2, 5] {
            let tasks = [3, 0, 7, 1, 64];
            let done: Vec<Vec<AtomicUsize>> = tasks
                .iter()
                .map(|&count| (0..count).map(|_| AtomicUsize::new(0)).collect())
                .collect();
            in_steps(threads, &tasks, |step, task| {
                let earlier = done[..step].iter().flatten();
                assert!(earlier.into_iter().all(|count| count.load(Ordering::Acquire) == 1));
                done[step][task].fetch_add(1, Ordering::AcqRel);
            });
            assert!(done.iter().flatten().all(|count| count.load(Ordering::Acquire) == 1));
        }
    }

    #[test]
    #[should_panic(expected = "task 2")]
    fn a_panic_reaches_the_caller_instead_of_a_deadlock() {
        in_steps(3, &[4, 4], |step, task| assert!(step > 0 || task != 2, "task 2"));
    }
}
