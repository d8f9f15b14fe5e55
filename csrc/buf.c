/* buf.c - a growable buffer: capped at birth, first failure sticks */
#include "iot.h"

#include <stdlib.h>

#define FIRST_SIZE 256u

/* Called through a volatile pointer, it cannot be optimised away. */
static void *(*const volatile wipe)(void *, int, size_t) = memset;

void iot_wipe(void *p, size_t n) {
  if (n > 0) wipe(p, 0, n);
}

void iot_buf_init(iot_buf *b, size_t max) {
  b->data = NULL;
  b->len = 0;
  b->cap = 0;
  b->max = max;
  b->failed = 0;
}

void iot_buf_reset(iot_buf *b) {
  b->len = 0;
  b->failed = 0;
}

void iot_buf_free(iot_buf *b) {
  if (b->data != NULL) {
    iot_wipe(b->data, b->cap);
    free(b->data);
  }
  iot_buf_init(b, b->max);
}

static size_t grown(const iot_buf *b, size_t need) {
  size_t cap = b->cap > 0 ? b->cap : FIRST_SIZE;
  while (cap < need) cap = cap > b->max / 2 ? b->max : cap * 2;
  return cap < b->max ? cap : b->max;
}

/* No realloc: it would leave a copy of secrets behind. */
static int grow(iot_buf *b, size_t need) {
  size_t cap = grown(b, need);
  char *data = malloc(cap);
  if (data == NULL) return -1;
  if (b->len > 0) memcpy(data, b->data, b->len);
  if (b->data != NULL) {
    iot_wipe(b->data, b->cap);
    free(b->data);
  }
  b->data = data;
  b->cap = cap;
  return 0;
}

char *iot_buf_grow(iot_buf *b, size_t n) {
  if (b->failed) return NULL;
  if (n > b->max - b->len || grow(b, b->len + n) != 0) {
    b->failed = 1;
    return NULL;
  }
  return b->data + b->len;
}

void iot_buf_uint(iot_buf *b, uint64_t n) {
  char digits[20];
  size_t at = sizeof(digits);
  do {
    digits[--at] = (char)('0' + n % 10);
    n /= 10;
  } while (n > 0);
  iot_buf_add(b, digits + at, sizeof(digits) - at);
}
