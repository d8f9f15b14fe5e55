/* test_buf.c - iot_buf: limits, failures that stick, growth, wiping */
#include "check.h"

#include <limits.h>

/* The memory that buf.c takes and gives back goes through these. */
static void *spy_malloc(size_t n);
static void spy_free(void *p);

#define malloc spy_malloc
#define free spy_free
#include "../../csrc/buf.c"
#undef malloc
#undef free

#define BLOCKS 8
#define MEMORY ((size_t)1 << 26) /* more than that is never to be had */

static struct {
  void *p;
  size_t n;
} blocks[BLOCKS];

static int taken;       /* blocks in all */
static int dirty;       /* blocks that were given back with bytes in them */
static int refuse_from; /* the block from which on there is no memory */

static void *spy_malloc(size_t n) {
  int i;
  if (n > MEMORY || (refuse_from > 0 && taken + 1 >= refuse_from)) return NULL;
  for (i = 0; i < BLOCKS && blocks[i].p != NULL; i++) {}
  if (i == BLOCKS) abort();
  blocks[i].p = malloc(n);
  blocks[i].n = n;
  if (blocks[i].p == NULL) abort();
  memset(blocks[i].p, 0xaa, n);
  taken++;
  return blocks[i].p;
}

static void spy_free(void *p) {
  size_t at;
  int i, used = 0;
  for (i = 0; i < BLOCKS && blocks[i].p != p; i++) {}
  if (i == BLOCKS) abort();
  for (at = 0; at < blocks[i].n; at++) used |= ((char *)p)[at];
  if (used) dirty++;
  blocks[i].p = NULL;
  free(p);
}

static int blocks_held(void) {
  int i, n = 0;
  for (i = 0; i < BLOCKS; i++) n += blocks[i].p != NULL;
  return n;
}

static void start(iot_buf *b, size_t max) {
  taken = dirty = refuse_from = 0;
  iot_buf_init(b, max);
}

/* Every test ends so: all is given back, and wiped before. */
static void end(iot_buf *b) {
  size_t max = b->max;
  iot_buf_free(b);
  check(b->data == NULL && b->len == 0 && b->cap == 0 && !b->failed);
  check(b->max == max);
  check(blocks_held() == 0);
  check(dirty == 0);
}

static void test_empty(void) {
  iot_buf b;
  start(&b, 100);
  check(b.data == NULL && b.len == 0 && b.cap == 0);
  check(b.max == 100 && !b.failed);
  iot_buf_add(&b, NULL, 0);
  iot_buf_str(&b, str_n(NULL, 0));
  iot_buf_lit(&b, "");
  iot_buf_reset(&b);
  check(b.len == 0 && !b.failed && taken == 0);
  check(iot_buf_room(&b, 0) != NULL);
  check(b.len == 0 && !b.failed);
  end(&b);
  end(&b); /* twice is harmless */
}

static void test_additions(void) {
  iot_buf b;
  start(&b, 100);
  iot_buf_byte(&b, 'a');
  iot_buf_byte(&b, '\0');
  iot_buf_lit(&b, "b\0c");
  iot_buf_str(&b, str_n("\0d", 2));
  iot_buf_add(&b, "\xff", 1);
  check(b.len == 8 && memcmp(b.data, "a\0b\0c\0d\xff", 8) == 0);
  iot_buf_reset(&b);
  check(b.len == 0 && b.cap > 0 && taken == 1);
  memcpy(iot_buf_room(&b, 3), "xyz", 3);
  check(b.len == 0);
  b.len += 3;
  iot_buf_byte(&b, '!');
  check(buf_is(&b, "xyz!") && taken == 1);
  end(&b);
}

static void test_uint(void) {
  static const struct {
    uint64_t n;
    const char *text;
  } cases[] = {{0, "0"},
               {9, "9"},
               {10, "10"},
               {4294967295u, "4294967295"},
               {4294967296u, "4294967296"},
               {9999999999999999999u, "9999999999999999999"},
               {UINT64_MAX, "18446744073709551615"}};
  size_t i, max;
  iot_buf b;
  for (i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
    for (max = 0; max < strlen(cases[i].text); max++) {
      start(&b, max);
      iot_buf_uint(&b, cases[i].n);
      check(b.failed && b.len == 0);
      end(&b);
    }
    start(&b, max);
    iot_buf_uint(&b, cases[i].n);
    check(buf_is(&b, cases[i].text));
    end(&b);
  }
}

/* Nothing but a reset ends a failure, and what was there stays. */
static void check_stuck(iot_buf *b, size_t len) {
  int before = taken;
  iot_buf_byte(b, 'x');
  iot_buf_lit(b, "xy");
  iot_buf_uint(b, 1);
  iot_buf_add(b, NULL, 0);
  check(iot_buf_room(b, 0) == NULL);
  check(iot_buf_room(b, 1) == NULL);
  check(b->failed && b->len == len && taken == before);
}

static void test_max(void) {
  static const size_t maxima[] = {0,   1,   2,   255,  256,  257,
                                  511, 512, 513, 1000, 4096, 70000};
  size_t i, n;
  iot_buf b;
  for (i = 0; i < sizeof(maxima) / sizeof(*maxima); i++) {
    start(&b, maxima[i]);
    for (n = 0; n < maxima[i]; n++) iot_buf_byte(&b, (char)n);
    check(!b.failed && b.len == maxima[i] && b.cap <= b.max);
    iot_buf_byte(&b, 'x');
    check(b.failed && b.len == maxima[i] && b.cap <= b.max);
    check_stuck(&b, maxima[i]);
    for (n = 0; n < b.len && b.data[n] == (char)n; n++) {}
    check(n == maxima[i]);
    iot_buf_reset(&b);
    check(!b.failed && b.len == 0 && b.max == maxima[i]);
    check(maxima[i] == 0 || iot_buf_room(&b, maxima[i]) != NULL);
    check(iot_buf_room(&b, maxima[i] + 1) == NULL && b.failed);
    end(&b);
  }
}

/* Sums that would pass SIZE_MAX are refused, not wrapped round. */
static void test_huge(void) {
  static const size_t maxima[] = {
      0, 1, 64, 4096, INT_MAX, SIZE_MAX / 2, SIZE_MAX - 1, SIZE_MAX};
  static const size_t lengths[] = {0, 1, 63, 300};
  size_t i, j, back;
  iot_buf b;
  for (i = 0; i < sizeof(maxima) / sizeof(*maxima); i++) {
    for (j = 0; j < sizeof(lengths) / sizeof(*lengths); j++) {
      for (back = 0; back < 700; back++) {
        start(&b, maxima[i]);
        if (lengths[j] <= maxima[i] && lengths[j] > 0)
          b.len += iot_buf_room(&b, lengths[j]) != NULL ? lengths[j] : 0;
        if (iot_buf_room(&b, SIZE_MAX - back) != NULL || !b.failed) break;
        iot_buf_free(&b);
      }
      check(back == 700);
      end(&b);
    }
  }
  start(&b, SIZE_MAX);
  iot_buf_lit(&b, "abc");
  check(iot_buf_room(&b, SIZE_MAX / 2) == NULL && b.failed);
  check_stuck(&b, 3);
  iot_buf_reset(&b);
  iot_buf_lit(&b, "abc");
  check(buf_is(&b, "abc"));
  end(&b);
}

static void test_growth(void) {
  static char bytes[300000];
  size_t i, n;
  iot_buf b;
  for (i = 0; i < sizeof(bytes); i++) bytes[i] = (char)(i * 7 + i / 251);
  start(&b, sizeof(bytes));
  for (i = 0; i < sizeof(bytes); i++) iot_buf_byte(&b, bytes[i]);
  check(b.len == sizeof(bytes) && memcmp(b.data, bytes, b.len) == 0);
  check(taken <= 12); /* it doubles: 256 bytes, 512 ... */
  check(blocks_held() == 1);
  end(&b);
  start(&b, sizeof(bytes));
  for (i = 0, n = 0; i + n <= sizeof(bytes); i += n, n += 13)
    iot_buf_add(&b, bytes + i, n);
  check(b.len == i && !b.failed && memcmp(b.data, bytes, i) == 0);
  end(&b);
}

static void test_no_memory(void) {
  int at;
  iot_buf b;
  for (at = 1; at <= 5; at++) {
    size_t n = 0;
    start(&b, 100000);
    refuse_from = at;
    while (!b.failed && n < 100000) {
      iot_buf_byte(&b, 'x');
      n += !b.failed;
    }
    check(b.failed && n == b.len && n == b.cap && taken == at - 1);
    check_stuck(&b, n);
    refuse_from = 0;
    check_stuck(&b, n);
    iot_buf_reset(&b);
    for (n = 0; n < 100000; n++) iot_buf_byte(&b, 'y');
    check(!b.failed && b.len == 100000);
    end(&b);
  }
}

/* What was wiped is seen by spy_free; here, that it is only what should be. */
static void test_wipe(void) {
  char bytes[] = "abcdef";
  iot_buf b;
  iot_wipe(NULL, 0);
  iot_wipe(bytes, 0);
  check(memcmp(bytes, "abcdef", 6) == 0);
  iot_wipe(bytes + 1, 3);
  check(memcmp(bytes, "a\0\0\0ef", 6) == 0);
  start(&b, 1000);
  iot_buf_lit(&b, "secret");
  iot_buf_reset(&b); /* forgotten, not wiped; but it is before it goes */
  iot_buf_byte(&b, 'x');
  end(&b);
  start(&b, 1000);
  while (!b.failed) iot_buf_lit(&b, "secret");
  end(&b);
}

int main(void) {
  test_empty();
  test_additions();
  test_uint();
  test_max();
  test_huge();
  test_growth();
  test_no_memory();
  test_wipe();
  return check_end();
}
