/* test_core.c - the pure functions where Lua cannot come: NULL for no bytes,
** buffers that are too small or have failed, inputs of their exact size */
#include "check.h"

#define ROOM 4096

static const iot_str nothing = {NULL, 0};

/* The writers of one string, as one type. */
typedef void writer(iot_buf *b, iot_str s);

static void hex(iot_buf *b, iot_str s) {
  iot_hex(b, s.p, s.n);
}

static void base64(iot_buf *b, iot_str s) {
  iot_base64(b, s.p, s.n);
}

static void unbase64(iot_buf *b, iot_str s) {
  check((iot_unbase64(b, s.p, s.n) == 0) == !b->failed);
}

static void encode(iot_buf *b, iot_str s) {
  iot_uri_encode(b, s, 0);
}

static void field(iot_buf *b, iot_str s) {
  iot_header_write(b, str_of("name"), s);
}

/* The query's contract wants -1 for a buffer that failed, too. */
static void query(iot_buf *b, iot_str s) {
  iot_buf scratch;
  int status;
  iot_buf_init(&scratch, ROOM);
  status = iot_uri_query(b, &scratch, s);
  check(status == (b->failed ? -1 : 0));
  iot_buf_free(&scratch);
}

static void request(iot_buf *b, iot_str s) {
  iot_header h;
  iot_request r = {{"PUT", 3}, {"/a", 2}, {"b=c", 3}, {NULL, 0}, NULL, 1};
  const char *wrong;
  h.name = str_of("d");
  h.value = s;
  r.headers = &h;
  r.body = s;
  wrong = iot_http1_write(b, &r, str_of("http://h"));
  check((wrong != NULL) == b->failed);
  check(wrong == NULL || strcmp(wrong, "the request is too large") == 0);
}

static const struct {
  const char *name;
  writer *write;
  const char *in;
  const char *out;
} writers[] = {
    {"hex", hex, "", ""},
    {"hex", hex, "\x01\xfe", "01fe"},
    {"base64", base64, "", ""},
    {"base64", base64, "abcd", "YWJjZA=="},
    {"unbase64", unbase64, "", ""},
    {"unbase64", unbase64, "YWJjZA==", "abcd"},
    {"unbase64", unbase64, "YWJj", "abc"},
    {"encode", encode, "", ""},
    {"encode", encode, "/ %", "%2F%20%25"},
    {"normalize", iot_uri_normalize, "", "/"},
    {"normalize", iot_uri_normalize, "/a/./b//c", "/a/b/c"},
    {"query", query, "", ""},
    {"query", query, "b=2&a=1&a=0", "a=0&a=1&b=2"},
    {"query", query, "b&a", "a=&b="},
    {"query", query, "a-b=1&a=2", "a=2&a-b=1"},
    {"query", query, "a=b=c&a=%2f", "a=%2f&a=b=c"},
    {"query", query, "a b=\xff", "a%20b=%FF"},
    {"field", field, "", "name: \r\n"},
    {"field", field, "v", "name: v\r\n"},
    {"trim", iot_header_trim, "", ""},
    {"trim", iot_header_trim, " \t ", ""},
    {"trim", iot_header_trim, "a  b\t c ", "a b c"},
    {"trim", iot_header_trim,
     "\xe2\x80\x83"
     "a\xc2\xa0\xe3\x80\x80z",
     "a z"},
    {"trim", iot_header_trim, "a\xc2", "a\xc2"},
    {"trim", iot_header_trim, "a\xe2\x80", "a\xe2\x80"},
    {"trim", iot_header_trim, "a\xe1\x9a", "a\xe1\x9a"},
    {"request", request, "",
     "PUT http://h/a?b=c HTTP/1.1\r\nd: \r\nContent-Length: 0\r\n\r\n"},
    {"request", request, "xy",
     "PUT http://h/a?b=c HTTP/1.1\r\nd: xy\r\nContent-Length: 2\r\n\r\nxy"},
};

/* What is written to a buffer that holds `max` bytes at the most; a failed
** one holds no more than it is allowed to. */
static int written(size_t i, size_t max) {
  size_t n = strlen(writers[i].in);
  char *in = exact(writers[i].in, n);
  int fits;
  iot_buf b;
  iot_buf_init(&b, max);
  writers[i].write(&b, str_n(in, n));
  fits = !b.failed;
  check(b.len <= max && b.cap <= max);
  if (fits && !buf_is(&b, writers[i].out)) {
    printf("%s of \"%s\":\n", writers[i].name, writers[i].in);
    check(buf_is(&b, writers[i].out));
  }
  iot_buf_free(&b);
  free(in);
  return fits;
}

static void test_writers(void) {
  size_t i, max, n;
  for (i = 0; i < sizeof(writers) / sizeof(*writers); i++) {
    n = strlen(writers[i].out);
    check(written(i, ROOM));
    for (max = 0; max < n; max++) check(!written(i, max));
    for (; max < 4 * n + 16; max++) written(i, max);
    check(written(i, max));
  }
}

/* A failed buffer is left as it is. */
static void test_failed(void) {
  size_t i;
  iot_buf b;
  for (i = 0; i < sizeof(writers) / sizeof(*writers); i++) {
    iot_buf_init(&b, 3);
    iot_buf_lit(&b, "abc");
    iot_buf_byte(&b, 'd');
    if (*writers[i].in != '\0') {
      writers[i].write(&b, str_of(writers[i].in));
      check(b.failed && b.len == 3 && memcmp(b.data, "abc", 3) == 0);
    }
    iot_buf_free(&b);
  }
}

/* What is refused leaves nothing behind. */
static void test_unbase64(void) {
  static const char *const wrong[] = {"YWJj!WJj", "YWJjYWJ!", "YWJjYW==YWJj",
                                      "YWJjYWJ", "YWJjYWK="};
  size_t i;
  iot_buf b;
  for (i = 0; i < sizeof(wrong) / sizeof(*wrong); i++) {
    char *in = exact(wrong[i], strlen(wrong[i]));
    iot_buf_init(&b, ROOM);
    iot_buf_lit(&b, "kept");
    check(iot_unbase64(&b, in, strlen(wrong[i])) == -1);
    check(buf_is(&b, "kept"));
    iot_buf_free(&b);
    free(in);
  }
}

static void test_hex(void) {
  unsigned char in[256 + 3];
  char digits[3];
  iot_buf b;
  size_t i, from;
  for (i = 0; i < sizeof(in); i++) in[i] = (unsigned char)(i * 7);
  iot_buf_init(&b, ROOM);
  for (from = 0; from < 4; from++) {
    iot_buf_reset(&b);
    iot_hex(&b, in + from, sizeof(in) - from);
    check(b.len == 2 * (sizeof(in) - from));
    for (i = 0; 2 * i < b.len; i++) {
      snprintf(digits, sizeof(digits), "%02x", in[from + i]);
      check(memcmp(b.data + 2 * i, digits, 2) == 0);
    }
  }
  iot_buf_free(&b);
}

static void test_nothing(void) {
  iot_header h;
  iot_http1 r;
  iot_buf b, scratch;
  iot_request bare = {{"GET", 3}, {"/", 1}, {NULL, 0}, {NULL, 0}, NULL, 0};
  size_t i;
  iot_buf_init(&b, ROOM);
  iot_buf_init(&scratch, ROOM);
  for (i = 0; i < 2; i++) { /* without memory, and with some */
    hex(&b, nothing);
    base64(&b, nothing);
    unbase64(&b, nothing);
    encode(&b, nothing);
    iot_header_trim(&b, nothing);
    check(iot_uri_query(&b, &scratch, nothing) == 0);
    check(b.len == 0 && !b.failed);
    iot_uri_normalize(&b, nothing);
    check(buf_is(&b, "/"));
    iot_buf_reset(&b);
    check(iot_http1_write(&b, &bare, nothing) == NULL);
    check(buf_is(&b, "GET / HTTP/1.1\r\n\r\n"));
    iot_buf_reset(&b);
  }
  bare.method = nothing;
  check(iot_http1_write(&b, &bare, nothing) != NULL);
  iot_buf_free(&b);
  iot_buf_free(&scratch);
  check(!iot_header_name_ok(nothing));
  check(iot_header_value_ok(nothing));
  check(iot_header_parse(nothing, &h) == -1);
  check(iot_header_compare(nothing, nothing) == 0);
  check(iot_header_compare(nothing, str_of("a")) < 0);
  check(iot_header_compare(str_of("a"), nothing) > 0);
  check(iot_header_is(nothing, ""));
  check(!iot_header_is(nothing, "a"));
  check(!iot_sigv4_unsigned(nothing));
  iot_http1_init(&r);
  iot_http1_reset(&r, 0);
  check(iot_http1_feed(&r, NULL, 0) == IOT_MORE && !r.any);
  check(iot_http1_field(nothing, 0, &h) == 0);
  iot_http1_free(&r);
  iot_http1_free(&r); /* twice is harmless */
}

/* One pair more than there may be is refused, as is a scratch too small. */
static void test_pairs(void) {
  char text[2 * IOT_MAX_PAIRS + 2];
  iot_buf b, scratch;
  size_t i;
  for (i = 0; i < sizeof(text); i++) text[i] = i % 2 ? '&' : 'a';
  iot_buf_init(&b, ROOM);
  iot_buf_init(&scratch, ROOM);
  check(iot_uri_query(&b, &scratch, str_n(text, 2 * IOT_MAX_PAIRS - 1)) == 0);
  check(b.len == 3 * IOT_MAX_PAIRS - 1);
  check(iot_uri_query(&b, &scratch, str_n(text, 2 * IOT_MAX_PAIRS + 1)) == -1);
  iot_buf_free(&scratch);
  iot_buf_init(&scratch, 2);
  check(iot_uri_query(&b, &scratch, str_of("a=b")) == -1);
  iot_buf_free(&scratch);
  iot_buf_free(&b);
}

int main(void) {
  test_writers();
  test_failed();
  test_unbase64();
  test_hex();
  test_nothing();
  test_pairs();
  return check_end();
}
