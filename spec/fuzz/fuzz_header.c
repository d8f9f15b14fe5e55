/* fuzz_header.c - a libFuzzer target for header fields and base64. It tests
** that
**
** - what is said of a text is so, byte for byte;
** - a line that is read has all its bytes in the field, and a field that is
**   written is read again;
** - a trimmed value has no spaces but single ones inside, and is not changed
**   by trimming it again;
** - base64 can be undone, and only what is base64;
** - no buffer passes its limit.
**
** The input is a byte, the limit of a small buffer, and the text. */
#include "iot.h"

#include <stdlib.h>

#define ROOM ((size_t)1 << 20)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(int condition) {
  if (!condition) abort();
}

static int same(iot_str a, iot_str b) {
  return a.n == b.n && (a.n == 0 || memcmp(a.p, b.p, a.n) == 0);
}

static int is_token(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
         (c != '\0' && strchr("0123456789!#$%&'*+-.^_`|~", c) != NULL);
}

static void check_bytes(iot_str s) {
  int plain = 1, control = 0, name = s.n > 0, value = 1;
  size_t i;
  for (i = 0; i < s.n; i++) {
    unsigned char c = (unsigned char)s.p[i];
    plain &= c > ' ' && c < 127;
    control |= c < ' ' || c == 127;
    name &= is_token(s.p[i]);
    value &= c != '\r' && c != '\n' && c != '\0';
  }
  must(iot_is_plain(s) == plain && iot_has_control(s) == control);
  must(iot_header_name_ok(s) == name && iot_header_value_ok(s) == value);
}

static void check_line(iot_str line) {
  iot_header h, again;
  iot_str written;
  const char *p;
  iot_buf b;
  if (iot_header_parse(line, &h) != 0) return;
  must(iot_header_name_ok(h.name) && iot_header_value_ok(h.value));
  must(h.name.p == line.p && h.name.p[h.name.n] == ':');
  must(h.value.p + h.value.n == line.p + line.n);
  for (p = h.name.p + h.name.n + 1; p < h.value.p; p++)
    must(*p == ' ' || *p == '\t');
  iot_buf_init(&b, ROOM);
  iot_header_write(&b, h.name, h.value);
  written = iot_buf_contents(&b);
  must(!b.failed && memcmp(written.p + written.n - 2, "\r\n", 2) == 0);
  written.n -= 2;
  must(iot_header_parse(written, &again) == 0);
  must(same(h.name, again.name) && same(h.value, again.value));
  iot_buf_free(&b);
}

/* A line that must be one: the text's tokens, and then the rest of it. */
static void check_field(iot_str s) {
  iot_header h, got;
  iot_buf b;
  h.name = h.value = s;
  h.name.n = 0;
  while (h.name.n < s.n && is_token(s.p[h.name.n])) h.name.n++;
  h.value.p += h.name.n;
  h.value.n -= h.name.n;
  if (h.name.n == 0 || !iot_header_value_ok(h.value)) return;
  iot_buf_init(&b, ROOM);
  iot_header_write(&b, h.name, h.value);
  b.len -= 2;
  must(iot_header_parse(iot_buf_contents(&b), &got) == 0);
  must(same(h.name, got.name) && got.value.n <= h.value.n);
  iot_buf_free(&b);
}

static void check_trim(iot_str s) {
  iot_buf b, again;
  iot_str v;
  size_t i;
  iot_buf_init(&b, ROOM);
  iot_buf_init(&again, ROOM);
  iot_header_trim(&b, s);
  v = iot_buf_contents(&b);
  must(!b.failed && v.n <= s.n);
  must(v.n == 0 || (v.p[0] != ' ' && v.p[v.n - 1] != ' '));
  for (i = 0; i < v.n; i++) {
    must(v.p[i] < '\t' || v.p[i] > '\r');
    must(v.p[i] != ' ' || v.p[i - 1] != ' ');
  }
  iot_header_trim(&again, v);
  must(same(v, iot_buf_contents(&again)));
  iot_buf_free(&b);
  iot_buf_free(&again);
}

static void check_base64(iot_str s) {
  iot_buf b, back;
  iot_buf_init(&b, ROOM);
  iot_buf_init(&back, ROOM);
  iot_base64(&b, s.p, s.n);
  must(b.len == (s.n + 2) / 3 * 4 && iot_unbase64(&back, b.data, b.len) == 0);
  must(same(iot_buf_contents(&back), s));
  iot_buf_reset(&b);
  iot_buf_reset(&back);
  if (iot_unbase64(&back, s.p, s.n) == 0) {
    iot_base64(&b, back.data, back.len);
    must(same(iot_buf_contents(&b), s));
  }
  iot_buf_free(&b);
  iot_buf_free(&back);
}

static void check_small(iot_str s, size_t max) {
  iot_buf b;
  int i;
  iot_buf_init(&b, max);
  for (i = 0; i < 5; i++) {
    if (i == 0) iot_header_trim(&b, s);
    if (i == 1) iot_header_write(&b, s, s);
    if (i == 2) iot_base64(&b, s.p, s.n);
    if (i == 3 && iot_unbase64(&b, s.p, s.n) == 0) must(!b.failed);
    if (i == 4) iot_hex(&b, s.p, s.n);
    must(b.len <= max && b.cap <= max);
    iot_buf_reset(&b);
  }
  iot_buf_free(&b);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  iot_str s;
  if (size == 0) return 0;
  s.p = (const char *)data + 1;
  s.n = size - 1;
  check_bytes(s);
  check_line(s);
  check_field(s);
  check_trim(s);
  check_base64(s);
  check_small(s, data[0]);
  return 0;
}
