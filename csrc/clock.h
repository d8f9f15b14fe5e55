/* clock.h - the two clocks: clock.c */
#ifndef clock_h
#define clock_h

#if defined(__GNUC__)
#pragma GCC visibility push(hidden)
#endif

double iot_now(void);       /* seconds since the epoch */
double iot_monotonic(void); /* seconds that never step */

#if defined(__GNUC__)
#pragma GCC visibility pop
#endif

#endif
