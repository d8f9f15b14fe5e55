/* clock.c - the two clocks, which nobody else reads */
#define _POSIX_C_SOURCE 200809L

#include "clock.h"

#include <time.h>

static double read_clock(clockid_t id) {
  struct timespec t;
  clock_gettime(id, &t);
  return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

double iot_now(void) {
  return read_clock(CLOCK_REALTIME);
}

double iot_monotonic(void) {
  return read_clock(CLOCK_MONOTONIC);
}
