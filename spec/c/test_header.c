/* test_header.c - header fields, byte by byte and in texts of their size */
#include "check.h"

/* Fields as a reader keeps them, and texts that are none. */
static void test_fields(void) {
  static const char *const wrong[] = {"", "a", "a\n", "a\nb", "\n"};
  char *text = exact("a\n\nb\nc\n", 7);
  iot_str fields = str_n(text, 7);
  iot_header h;
  size_t i;
  check(iot_http1_field(fields, 0, &h) == 3);
  check(str_is(h.name, "a") && str_is(h.value, ""));
  check(iot_http1_field(fields, 3, &h) == 7);
  check(str_is(h.name, "b") && str_is(h.value, "c"));
  check(iot_http1_field(fields, 7, &h) == 0);
  check(iot_http1_field(fields, SIZE_MAX, &h) == 0);
  free(text);
  for (i = 0; i < sizeof(wrong) / sizeof(*wrong); i++) {
    text = exact(wrong[i], strlen(wrong[i]));
    check(iot_http1_field(str_n(text, strlen(wrong[i])), 0, &h) == 0);
    free(text);
  }
}

static void test_headers(void) {
  iot_header h;
  check(iot_header_is(str_of("CONTENT-Length"), "content-length"));
  check(!iot_header_is(str_of("content-lengt"), "content-length"));
  check(!iot_header_is(str_of("content-lengths"), "content-length"));
  check(!iot_header_is(str_n("a\0", 2), "a"));
  check(iot_header_compare(str_of("Ab"), str_of("aB")) == 0);
  check(iot_header_compare(str_of("a"), str_of("AB")) < 0);
  check(iot_header_compare(str_of("a_"), str_of("aZ")) < 0);
  check(iot_header_compare(str_of("\xff"), str_of("z")) > 0);
  check(iot_header_parse(str_of("a: b"), &h) == 0);
  check(str_is(h.name, "a") && str_is(h.value, "b"));
  check(iot_header_parse(str_of("a:"), &h) == 0);
  check(str_is(h.name, "a") && h.value.n == 0);
}

/* iot_is_plain reads words; here are single bytes, and their neighbours. */
static int is_plain(const char *p, size_t n) {
  size_t i;
  for (i = 0; i < n; i++)
    if (p[i] <= ' ' || p[i] >= 127) return 0;
  return 1;
}

static void test_plain(void) {
  static const char edges[] = {0,   1,   31,     32,     33,     'a',
                               126, 127, '\x80', '\x9f', '\xa1', '\xff'};
  char bytes[20];
  uint32_t random = 1;
  size_t n, at, i, wrong = 0;
  for (n = 0; n <= sizeof(bytes); n++) {
    char *s = exact("aaaaaaaaaaaaaaaaaaaa", n);
    wrong += !iot_is_plain(str_n(s, n));
    for (at = 0; at < n; at++, s[at - 1] = 'a')
      for (i = 0; i < 256; i++) {
        s[at] = (char)i;
        wrong += iot_is_plain(str_n(s, n)) != is_plain(s, n);
      }
    free(s);
  }
  for (i = 0; i < 200000; i++) {
    for (n = 0; n < sizeof(bytes); n++, random = random * 1664525 + 1013904223)
      bytes[n] = random >> 28 ? '!' : edges[(random >> 16) % sizeof(edges)];
    n = i % sizeof(bytes);
    wrong += iot_is_plain(str_n(bytes, n)) != is_plain(bytes, n);
  }
  check(wrong == 0);
  check(iot_is_plain(str_n(NULL, 0)));
}

int main(void) {
  test_fields();
  test_headers();
  test_plain();
  return check_end();
}
