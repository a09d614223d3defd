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

#[cfg(not(all(target_os = "linux", target_env = "gnu")))]
pub(crate) fn keep() {}
