/// Keeps the memory of tensors that are gone for those to come, instead of giving it back to the system. For the beginning
/// of a program that runs a network many times.
///
/// The C library's allocator on Linux asks the system for each buffer of more than a few hundred kilobytes and returns it
/// at once, and the system clears every page that it hands out: a fifth of the processor time of a pass with captured
/// activations. Elsewhere this does nothing. What is kept is what the program held at its largest.
pub fn keep_memory() {
    #[cfg(all(target_os = "linux", target_env = "gnu"))]
    {
        const LARGEST: libc::c_int = 1 << 30;
        #[allow(unsafe_code, reason = "the allocator's settings have no other door")]
        // SAFETY: mallopt takes two numbers, no pointer, and changes settings under the allocator's own lock. A setting that it
        // refuses stays as it was.
        unsafe {
            libc::mallopt(libc::M_MMAP_THRESHOLD, LARGEST);
            libc::mallopt(libc::M_TRIM_THRESHOLD, LARGEST);
        }
    }
}
