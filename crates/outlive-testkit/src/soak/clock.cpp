// Preloaded into every program of a soak: the wall clock is off by as many seconds as a file says.
// The monotonic clocks go right, as they do when somebody sets a machine's clock. (libfaketime can
// leave those alone only if told by an environment variable, and a keeper has no environment.)

#include <fcntl.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

static long offset() {
    char text[32] = {};
    int file = open(CLOCK_FILE, O_RDONLY | O_CLOEXEC);
    if (file < 0) return 0;
    ssize_t length = read(file, text, sizeof text - 1);
    close(file);
    return length > 0 ? strtol(text, nullptr, 10) : 0;
}

extern "C" int clock_gettime(clockid_t clock, struct timespec *now) noexcept {
    long failed = syscall(SYS_clock_gettime, clock, now);
    if (!failed && (clock == CLOCK_REALTIME || clock == CLOCK_REALTIME_COARSE)) now->tv_sec += offset();
    return static_cast<int>(failed);
}

extern "C" int gettimeofday(struct timeval *now, void *) noexcept {
    struct timespec exact;
    clock_gettime(CLOCK_REALTIME, &exact);
    now->tv_sec = exact.tv_sec;
    now->tv_usec = exact.tv_nsec / 1000;
    return 0;
}

extern "C" time_t time(time_t *now) noexcept {
    struct timespec exact;
    clock_gettime(CLOCK_REALTIME, &exact);
    if (now) *now = exact.tv_sec;
    return exact.tv_sec;
}
