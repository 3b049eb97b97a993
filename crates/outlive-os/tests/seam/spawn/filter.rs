//! System calls that this process may no longer make, as in a container or a hardened service.

use std::io;

/// From here on these system calls fail with these errors, in all that this thread starts too.
/// `false`, loudly, where there is no seccomp(2).
pub(super) fn refuse(what: &str, calls: &[(i64, i32)]) -> bool {
    let word = |code: u32, k: u32| libc::sock_filter {
        code: code as u16,
        jt: 0,
        jf: 0,
        k,
    };
    // The call's number is the first field of struct seccomp_data.
    let mut filter = vec![word(libc::BPF_LD | libc::BPF_W | libc::BPF_ABS, 0)];
    for (call, error) in calls {
        let number = u32::try_from(*call).expect("the number of a system call");
        let equal = word(libc::BPF_JMP | libc::BPF_JEQ | libc::BPF_K, number);
        filter.push(libc::sock_filter { jf: 1, ..equal });
        let answer = libc::SECCOMP_RET_ERRNO | error.unsigned_abs();
        filter.push(word(libc::BPF_RET | libc::BPF_K, answer));
    }
    filter.push(word(libc::BPF_RET | libc::BPF_K, libc::SECCOMP_RET_ALLOW));
    let program = libc::sock_fprog {
        len: u16::try_from(filter.len()).expect("a short filter"),
        filter: filter.as_mut_ptr(),
    };
    // SAFETY: the filter and its program outlive the calls, which copy them.
    let result = unsafe {
        libc::prctl(libc::PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
        libc::prctl(
            libc::PR_SET_SECCOMP,
            libc::SECCOMP_MODE_FILTER,
            &raw const program,
        )
    };
    if result < 0 {
        let why = format!("no seccomp filter: {}", io::Error::last_os_error());
        outlive_testkit::skipped(what, &why);
    }
    result == 0
}

/// From here on there is no clone3(2).
pub(crate) fn refuse_clone3(what: &str) -> bool {
    let refused = refuse(what, &[(libc::SYS_clone3, libc::ENOSYS)]);
    if refused {
        // SAFETY: without arguments it would fail in another way.
        let result = unsafe { libc::syscall(libc::SYS_clone3, 0, 0) };
        assert_eq!(result, -1);
        assert_eq!(
            io::Error::last_os_error().raw_os_error(),
            Some(libc::ENOSYS)
        );
    }
    refused
}
