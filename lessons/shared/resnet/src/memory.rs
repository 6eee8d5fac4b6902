//! Settings of the C library's allocator on Linux; elsewhere nothing happens.

/// Keeps the memory of tensors that are gone for those to come, instead of giving it back to the system. For the beginning
/// of a program that runs a network many times.
///
/// The C library's allocator on Linux asks the system for each buffer of more than a few hundred kilobytes and returns it
/// at once, and the system clears every page that it hands out: a fifth of the processor time of a pass with captured
/// activations. Elsewhere this does nothing. What is kept is what the program held at its largest, buffers above 32 MiB left
/// out.
pub fn keep_memory() {
    const ALL: i32 = 1 << 30;
    const LARGEST_BUFFER: i32 = 1 << 25; // older C libraries refuse more
    set(LARGEST_BUFFER, Some(ALL));
}

/// For a network whose weights fill hundreds of megabytes: buffers of more than 1 MiB go back to the system at once. The
/// holes that they would leave are a tenth of the memory of a cascade on a ResNet-50 (5.8).
pub(crate) fn return_large_buffers() {
    static ONCE: std::sync::Once = std::sync::Once::new();
    ONCE.call_once(|| set(1 << 20, None));
}

/// From which size on a buffer is asked of the system, and given back to it, by itself; how much of the rest is kept.
#[cfg(all(target_os = "linux", target_env = "gnu"))]
fn set(alone_from: i32, kept: Option<i32>) {
    #[allow(unsafe_code, reason = "the allocator's settings have no other door")]
    // SAFETY: mallopt takes two numbers, no pointer, and changes settings under the allocator's own lock. A setting that it
    // refuses stays as it was.
    unsafe {
        libc::mallopt(libc::M_MMAP_THRESHOLD, alone_from);
        if let Some(kept) = kept {
            libc::mallopt(libc::M_TRIM_THRESHOLD, kept);
        }
    }
}

#[cfg(not(all(target_os = "linux", target_env = "gnu")))]
fn set(_alone_from: i32, _kept: Option<i32>) {}
