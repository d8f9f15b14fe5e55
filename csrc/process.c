/* process.c - the process that we live in: its forks, and staying in it */
#define _GNU_SOURCE /* dladdr, RTLD_NODELETE */

#include "iot.h"

#include <dlfcn.h>
#include <pthread.h>
#include <stddef.h>

/* How many forks lie between the first process and this one. getpid() would
** tell as well, at the cost of a system call each time. */
static unsigned long forks = 0;

static void count_fork(void) {
  forks++;
}

unsigned long iot_forks(void) {
  return forks;
}

/* Never unmapped: count_fork stays to be called, libcurl cannot be
** initialised a second time safely, and its threads may still be resolving a
** name. */
static void stay_mapped(void) {
  static const char anchor = 0;
  Dl_info info;
  if (dladdr(&anchor, &info) != 0 && info.dli_fname != NULL)
    dlopen(info.dli_fname, RTLD_NOW | RTLD_NODELETE);
}

int iot_process_init(void) {
  static int done = 0;
  if (done) return 0;
  stay_mapped();
  done = pthread_atfork(NULL, NULL, count_fork) == 0;
  return done ? 0 : -1;
}
