//! How the process deals with memory that it no longer needs.

/// Lets the process keep freed memory for the next step.
///
/// Each step allocates and frees the same large tensors. glibc by default returns such memory to the system at
/// once, and the next step pays for it page by page: a third of a step of `small_cnn`.
#[cfg(all(target_os = "linux", target_env = "gnu"))]
#[allow(unsafe_code)]
pub(crate) fn keep() {
    // SAFETY: mallopt changes two numbers of the allocator. It is called before threads compute.
    unsafe {
        libc::mallopt(libc::M_MMAP_THRESHOLD, 1 << 30);
        libc::mallopt(libc::M_TRIM_THRESHOLD, i32::MAX);
    }
}

/// Gives memory that is held but not used back to the system, so that the next stage's peak is its own.
#[cfg(all(target_os = "linux", target_env = "gnu"))]
#[allow(unsafe_code)]
pub fn release_memory() {
    // SAFETY: malloc_trim only touches pages that nobody has.
    unsafe {
        libc::malloc_trim(0);
    }
}

/// Gives memory that is held but not used back to the system, where that can be asked for.
#[cfg(not(all(target_os = "linux", target_env = "gnu")))]
pub fn release_memory() {}

#[cfg(not(all(target_os = "linux", target_env = "gnu")))]
pub(crate) fn keep() {}
