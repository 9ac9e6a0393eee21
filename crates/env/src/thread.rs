//! How a thread yields to others.

/// Has the calling thread run, and where the I/O scheduler goes by that read and write, only when
/// others have nothing to do. A system that does not let it leaves the thread as it was.
pub fn yield_to_others() {
    // On Linux the kernel takes this for the thread alone, not for the process.
    let _ = rustix::process::setpriority_process(None, 19);
}

/// Gives way once to a thread that waits for this core, if one does.
pub fn give_way() {
    std::thread::yield_now();
}
