/* check.h - what the tests in C share: counting, and borrowed bytes */
#ifndef check_h
#define check_h

#include "iot.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static long check_passed, check_failed;

#define check(condition) \
  check_that((condition), #condition, __FILE__, __LINE__)

static void check_that(int ok, const char *what, const char *file, int line) {
  if (ok) {
    check_passed++;
  } else {
    check_failed++;
    printf("FAILED %s:%d: %s\n", file, line, what);
  }
}

/* Prints what the last line of a test has to be; the exit status. */
static int check_end(void) {
  printf("%ld passed, %ld failed\n", check_passed, check_failed);
  return check_failed > 0;
}

static inline iot_str str_n(const char *p, size_t n) {
  iot_str s;
  s.p = p;
  s.n = n;
  return s;
}

static inline iot_str str_of(const char *s) {
  return str_n(s, strlen(s));
}

static inline int str_is(iot_str s, const char *expected) {
  size_t n = strlen(expected);
  return s.n == n && (n == 0 || memcmp(s.p, expected, n) == 0);
}

static inline int buf_is(const iot_buf *b, const char *expected) {
  return !b->failed && str_is(str_n(b->data, b->len), expected);
}

/* A copy in memory of its very size, so that a read past it is seen. */
static inline char *exact(const char *p, size_t n) {
  char *copy = malloc(n > 0 ? n : 1);
  if (copy == NULL) abort();
  if (n > 0) memcpy(copy, p, n);
  return copy;
}

#endif
