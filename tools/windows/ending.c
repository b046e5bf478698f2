// Keeps signals from a thread of Wine that is ending. Wine 8 ends a process by a signal to its
// threads, and a thread that is just ending by itself crashes when it gets it: the process then
// has a signal for an exit code, about once in two thousand.
#define _GNU_SOURCE
#include <dlfcn.h>
#include <pthread.h>
#include <signal.h>

void pthread_exit(void *value) {
    void (*ends)(void *) = (void (*)(void *))dlsym(RTLD_NEXT, "pthread_exit");
    sigset_t all;
    sigfillset(&all);
    pthread_sigmask(SIG_BLOCK, &all, NULL);
    ends(value);
    __builtin_unreachable();
}
