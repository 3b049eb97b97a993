/* A program that does nothing: no libc, no loader, one page. */

__attribute__((noreturn)) void _start(void) {
#if defined(__x86_64__)
    __asm__ volatile("mov $60, %eax\n\txor %edi, %edi\n\tsyscall");
#elif defined(__aarch64__)
    __asm__ volatile("mov x8, #93\n\tmov x0, #0\n\tsvc #0");
#else
#error "no exit system call known for this processor"
#endif
    __builtin_unreachable();
}
