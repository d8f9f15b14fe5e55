/* child.h - other programs: spawn.c */
#ifndef child_h
#define child_h

#include "iot.h"

#if defined(__GNUC__)
#pragma GCC visibility push(hidden)
#endif

enum { IOT_UNKNOWN = 256, IOT_LATE }; /* reaped by another; too late */
/* Runs a program; NULL and its exit status or -signal, or why not. */
const char *iot_spawn(char *const argv[], double seconds, iot_buf outs[2],
                      int *status);

#if defined(__GNUC__)
#pragma GCC visibility pop
#endif

#endif
