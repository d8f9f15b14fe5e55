/* uri.c - percent-encoding; canonical query; the signer's path */
#include "iot.h"

#include <string.h>

static const char upper_hex[] = "0123456789ABCDEF";

/* For each byte of ASCII a digit. */
static inline int unreserved(unsigned char c) {
  static const char digits[] =
      "0000000000000000000000000000000000000000000001101111111111000000"
      "0111111111111111111111111110000101111111111111111111111111100010";
  return c < 128 && digits[c] == '1';
}

/* Encodes all but unreserved bytes and those of `keep`. */
static void encode(iot_buf *b, iot_str s, const char *keep) {
  char *start = iot_buf_room(b, 3 * s.n), *out = start;
  size_t i;
  if (start == NULL) return;
  for (i = 0; i < s.n; i++) {
    unsigned char c = (unsigned char)s.p[i];
    if (unreserved(c) || (c != '\0' && strchr(keep, c) != NULL)) {
      *out++ = s.p[i];
    } else {
      *out++ = '%';
      *out++ = upper_hex[c >> 4];
      *out++ = upper_hex[c & 15];
    }
  }
  b->len += (size_t)(out - start);
}

void iot_uri_encode(iot_buf *b, iot_str s, int keep_slash) {
  encode(b, s, keep_slash ? "/" : "");
}

/* Takes the last segment (and the slash before it) off what stands in `b`
** from `start` on. */
static void pop_segment(iot_buf *b, size_t start) {
  while (b->len > start && b->data[b->len - 1] != '/') b->len--;
  if (b->len > start) b->len--;
}

static void push_segment(iot_buf *b, size_t start, iot_str segment) {
  if (segment.n == 0 || (segment.n == 1 && segment.p[0] == '.')) return;
  if (segment.n == 2 && segment.p[0] == '.' && segment.p[1] == '.') {
    pop_segment(b, start);
    return;
  }
  if (b->len > start) iot_buf_byte(b, '/');
  iot_buf_str(b, segment);
}

void iot_uri_normalize(iot_buf *b, iot_str path) {
  const char *p = path.p, *end;
  size_t start;
  if (path.n == 0 || *p == '/') iot_buf_byte(b, '/');
  if (path.n == 0) return;
  end = p + path.n;
  start = b->len;
  while (p < end) {
    const char *slash = memchr(p, '/', (size_t)(end - p));
    iot_str segment;
    segment.p = p;
    segment.n = (size_t)((slash != NULL ? slash : end) - p);
    push_segment(b, start, segment);
    p = slash != NULL ? slash + 1 : end;
  }
  if (b->len > start && end[-1] == '/') iot_buf_byte(b, '/');
}

void iot_uri_path(iot_buf *b, iot_buf *of, iot_buf *scratch, iot_str path) {
  int same = !b->failed && b->len > 0 && of->len == path.n && path.n > 0 &&
             memcmp(of->data, path.p, path.n) == 0;
  if (same) return;
  iot_buf_reset(b);
  iot_buf_reset(of);
  iot_buf_reset(scratch);
  iot_uri_normalize(scratch, path);
  iot_uri_encode(b, iot_buf_contents(scratch), 1);
  iot_buf_str(of, path);
  b->failed |= scratch->failed;
}

static iot_str cut(const char *p, const char *end) {
  iot_str s;
  s.p = p;
  s.n = (size_t)(end - p);
  return s;
}

/* Bytewise, a prefix before what it begins. */
static int compare(iot_str a, iot_str b) {
  size_t n = a.n < b.n ? a.n : b.n;
  int d = n > 0 ? memcmp(a.p, b.p, n) : 0;
  return d != 0 ? d : a.n < b.n ? -1 : a.n > b.n;
}

/* Puts "name=value" in its place among the `n` pairs before it. */
static void insert_pair(iot_header *pairs, size_t n, iot_str text) {
  const char *end = text.p + text.n;
  const char *eq = text.n ? memchr(text.p, '=', text.n) : NULL;
  iot_header pair;
  pair.name = cut(text.p, eq != NULL ? eq : end);
  pair.value = cut(eq != NULL ? eq + 1 : end, end);
  for (; n > 0; n--) {
    int d = compare(pairs[n - 1].name, pair.name);
    if (d == 0) d = compare(pairs[n - 1].value, pair.value);
    if (d <= 0) break;
    pairs[n] = pairs[n - 1];
  }
  pairs[n] = pair;
}

/* Cuts an encoded query into sorted pairs; how many, or -1. */
static int split(iot_header pairs[IOT_MAX_PAIRS], iot_str query) {
  const char *p = query.p, *end = query.p + query.n;
  int n = 0;
  while (p < end) {
    const char *amp = memchr(p, '&', (size_t)(end - p));
    if (n == IOT_MAX_PAIRS) return -1;
    insert_pair(pairs, (size_t)n++, cut(p, amp != NULL ? amp : end));
    p = amp != NULL ? amp + 1 : end;
  }
  return n;
}

int iot_uri_query(iot_buf *b, iot_buf *scratch, iot_str query) {
  iot_header pairs[IOT_MAX_PAIRS];
  int n, i;
  if (query.n == 0) return 0;
  iot_buf_reset(scratch);
  encode(scratch, query, "%&=");
  if (scratch->failed) return -1;
  n = split(pairs, cut(scratch->data, scratch->data + scratch->len));
  for (i = 0; i < n; i++) {
    if (i > 0) iot_buf_byte(b, '&');
    iot_buf_str(b, pairs[i].name);
    iot_buf_byte(b, '=');
    iot_buf_str(b, pairs[i].value);
  }
  return n < 0 || b->failed ? -1 : 0;
}
