/* What the kernel alone costs: the least that starts a program in a new session. */

#define _GNU_SOURCE
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

extern char **environ;

/* The wait status, or -1. */
int raw_spawn_and_wait(const char *path) {
    char *const arguments[] = {(char *)path, NULL};
    pid_t pid = vfork();
    if (pid == 0) {
        setsid();
        execve(path, arguments, environ);
        _exit(127);
    }
    int status;
    if (pid < 0 || waitpid(pid, &status, 0) != pid)
        return -1;
    return status;
}

int raw_new_session(void) { return setsid() < 0 ? -1 : 0; }

/* With huge pages a big process has few page tables, and a fork of it is cheap: whether a program
   gets them is luck, so that nothing here depends on it. */
int raw_without_huge_pages(void) { return prctl(PR_SET_THP_DISABLE, 1, 0, 0, 0); }
