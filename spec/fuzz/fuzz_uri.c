/* fuzz_uri.c - a libFuzzer target for what is done to paths and queries. It
** tests that
**
** - nothing is written but the bytes that may stand there, and no buffer
**   passes its limit;
** - percent-encoding can be undone;
** - a normalized path is what a second way to compute it gives, and is not
**   changed by normalizing it again;
** - a canonical query has all pairs, each with its '=', in their order, and
**   is its own canonical query.
**
** The input is a byte, the limit of a small buffer, and the text. */
#include "iot.h"

#include <stdlib.h>

#define ROOM ((size_t)1 << 20)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(int condition) {
  if (!condition) abort();
}

static int unreserved(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
         (c >= '0' && c <= '9') || (c != '\0' && strchr("-._~", c) != NULL);
}

static int digit_of(char c) {
  const char *digits = "0123456789ABCDEF";
  const char *at = c != '\0' ? strchr(digits, c) : NULL;
  must(at != NULL);
  return (int)(at - digits);
}

static iot_str contents(const iot_buf *b) {
  iot_str s;
  s.p = b->data;
  s.n = b->len;
  return s;
}

static int same(iot_str a, iot_str b) {
  return a.n == b.n && (a.n == 0 || memcmp(a.p, b.p, a.n) == 0);
}

/* Decodes what iot_uri_encode wrote, and compares. */
static void check_encoded(iot_str s, int keep_slash) {
  size_t at = 0, i;
  iot_buf b;
  iot_buf_init(&b, ROOM);
  iot_uri_encode(&b, s, keep_slash);
  must(!b.failed && b.len <= 3 * s.n);
  for (i = 0; i < s.n; i++) {
    if (b.data[at] == '%') {
      must(b.len - at >= 3);
      must(digit_of(b.data[at + 1]) * 16 + digit_of(b.data[at + 2]) ==
           (unsigned char)s.p[i]);
      must(!unreserved(s.p[i]) && !(keep_slash && s.p[i] == '/'));
      at += 3;
    } else {
      must(unreserved(s.p[i]) || (keep_slash && s.p[i] == '/'));
      must(b.data[at++] == s.p[i]);
    }
  }
  must(at == b.len);
  iot_buf_free(&b);
}

/* The length of the segment that ends at `end`. */
static size_t last_segment(const char *start, const char *end) {
  const char *p = end;
  while (p > start && p[-1] != '/') p--;
  return (size_t)(end - p);
}

/* Writes the normalized path from its end, where each ".." takes away the
** next segment; where it begins. */
static char *normalized(char *out, iot_str s) {
  const char *end = s.p + s.n;
  size_t ups = 0;
  int slash = s.n > 0 && end[-1] == '/', rooted = s.n == 0 || *s.p == '/';
  for (;;) {
    size_t n = last_segment(s.p, end);
    const char *p = end - n;
    if (n == 2 && p[0] == '.' && p[1] == '.') {
      ups++;
    } else if (n > 0 && !(n == 1 && *p == '.') && (ups == 0 || !ups--)) {
      if (slash) *--out = '/';
      memcpy(out -= n, p, n);
      slash = 1;
    }
    if (p == s.p) break;
    end = p - 1;
  }
  if (rooted) *--out = '/';
  return out;
}

static void check_normalized(iot_str s) {
  char *space = malloc(s.n + 2), *end = space + s.n + 2;
  iot_str expected;
  iot_buf b, again;
  must(space != NULL);
  iot_buf_init(&b, s.n + 1);
  iot_buf_init(&again, s.n + 1);
  iot_uri_normalize(&b, s);
  must(!b.failed);
  expected.p = normalized(end, s);
  expected.n = (size_t)(end - expected.p);
  must(same(contents(&b), expected));
  if (b.len > 0) {
    iot_uri_normalize(&again, contents(&b));
    must(same(contents(&b), contents(&again)));
  }
  iot_buf_free(&b);
  iot_buf_free(&again);
  free(space);
}

/* How the pairs compare, each "name=value": by name, and then by value. */
static int compare_pairs(iot_str a, iot_str b) {
  const char *x = memchr(a.p, '=', a.n), *y = memchr(b.p, '=', b.n);
  size_t m, n, less;
  int d;
  must(x != NULL && y != NULL);
  m = (size_t)(x - a.p);
  n = (size_t)(y - b.p);
  less = m < n ? m : n;
  d = memcmp(a.p, b.p, less);
  if (d != 0 || m != n) return d != 0 ? d : m < n ? -1 : 1;
  less = a.n < b.n ? a.n : b.n;
  d = memcmp(a.p, b.p, less);
  return d != 0 ? d : a.n < b.n ? -1 : a.n > b.n;
}

/* The pair that `*p` begins with; `*p` goes behind its '&', or to NULL. */
static iot_str next_pair(const char **p, const char *end) {
  const char *amp = memchr(*p, '&', (size_t)(end - *p));
  iot_str pair;
  pair.p = *p;
  pair.n = (size_t)((amp != NULL ? amp : end) - *p);
  *p = amp != NULL ? amp + 1 : NULL;
  return pair;
}

/* How many pairs, in their order and of allowed bytes. */
static size_t check_pairs(iot_str query) {
  const char *p = query.n > 0 ? query.p : NULL;
  iot_str last = {NULL, 0}, pair;
  size_t n = 0, i;
  for (i = 0; i < query.n; i++)
    must(unreserved(query.p[i]) || strchr("%&=", query.p[i]) != NULL);
  while (p != NULL) {
    pair = next_pair(&p, query.p + query.n);
    must(last.p == NULL || compare_pairs(last, pair) <= 0);
    last = pair;
    n++;
  }
  return n;
}

/* The pairs that a query has: an '&' at its end begins none. */
static size_t count_pairs(iot_str s) {
  size_t n = s.n > 0 && s.p[s.n - 1] != '&', i;
  for (i = 0; i < s.n; i++) n += s.p[i] == '&';
  return n;
}

static void check_query(iot_str s) {
  iot_buf b, again, scratch;
  iot_buf_init(&b, ROOM);
  iot_buf_init(&again, ROOM);
  iot_buf_init(&scratch, ROOM);
  if (iot_uri_query(&b, &scratch, s) == 0) {
    must(!b.failed && check_pairs(contents(&b)) == count_pairs(s));
    must(iot_uri_query(&again, &scratch, contents(&b)) == 0);
    must(same(contents(&b), contents(&again)));
  } else {
    must(count_pairs(s) > IOT_MAX_PAIRS);
  }
  iot_buf_free(&b);
  iot_buf_free(&again);
  iot_buf_free(&scratch);
}

/* All of them into buffers that may be too small. */
static void check_small(iot_str s, size_t max) {
  iot_buf b, scratch;
  int i;
  iot_buf_init(&b, max);
  iot_buf_init(&scratch, max);
  for (i = 0; i < 4; i++) {
    if (i < 2) iot_uri_encode(&b, s, i);
    if (i == 2) iot_uri_normalize(&b, s);
    if (i == 3 && iot_uri_query(&b, &scratch, s) == 0) must(!b.failed);
    must(b.len <= max && b.cap <= max && scratch.cap <= max);
    iot_buf_reset(&b);
  }
  iot_buf_free(&b);
  iot_buf_free(&scratch);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  iot_str s;
  if (size < 1 || 3 * size > ROOM) return 0;
  s.p = (const char *)data + 1;
  s.n = size - 1;
  check_encoded(s, 0);
  check_encoded(s, 1);
  check_normalized(s);
  check_query(s);
  check_small(s, data[0]);
  return 0;
}
