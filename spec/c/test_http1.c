/* test_http1.c - the reader of answers: cut into two at every place, into
** three, and into bytes, an answer has the same result as in one piece; cut
** short, it is never a whole one */
#include "check.h"

#define OK "HTTP/1.1 200 OK\r\n"
#define CHUNKED OK "Transfer-Encoding: chunked\r\n\r\n"
#define EMPTY "Content-Length: 0\r\n\r\n"

#define CUT_IN_THREE 130 /* answers up to that long */
#define LONG_STEP 509    /* between the cuts of long answers; a prime */

enum { WHOLE, TO_EOF, REFUSED };

/* Their kinds; `kind` is of the answer up to its end, with NUL as a byte. */
#define ANSWER(kind, text) \
  { kind, 0, text, sizeof(text) - 1 }
#define NO_BODY(text) \
  { WHOLE, 1, text, sizeof(text) - 1 }

static const struct {
  int kind;
  int no_body;
  const char *text;
  size_t n;
} answers[] = {
    ANSWER(WHOLE, OK EMPTY),
    ANSWER(WHOLE, OK "Content-Length: 5\r\n\r\nhello"),
    ANSWER(WHOLE, OK "Content-Length: 5\r\n\r\n\r\n\r\n\0"),
    ANSWER(WHOLE, "HTTP/1.1 200\nContent-Length: 2\n\nhi"),
    ANSWER(WHOLE, OK "a: b\r\n c\r\n\td\r\ne:\r\n f\r\ng: \r\n \r\n" EMPTY),
    ANSWER(WHOLE, OK "Content-Length:\r\n 2\r\n \r\n\r\nhi"),
    ANSWER(WHOLE, OK "a:  b \xff \r\nA:\r\na: : \r\nConnection: close\r\n"
                     "Content-Length: 1\r\ncontent-length: 01\r\n\r\nx"),
    ANSWER(WHOLE, CHUNKED "0\r\n\r\n"),
    ANSWER(WHOLE, CHUNKED "5\r\nhello\r\n6;a=\"b\"\r\n world\r\n0\r\n\r\n"),
    ANSWER(WHOLE, CHUNKED "001 ;x\n\r\n00\na: b\nc:\n\n"),
    ANSWER(WHOLE, CHUNKED "A\r\n\r\n0\r\n\r\n\r\n\r\r\n0;\r\na: b\r\n\r\n"),
    ANSWER(WHOLE, OK "Transfer-Encoding: Chunked\r\nContent-Length: 9\r\n"
                     "\r\n2\r\nhi\r\n0\r\n\r\n"),
    ANSWER(WHOLE, "HTTP/1.0 200 OK\r\nConnection: a, Keep-Alive ,b\r\n"
                  "Content-Length: 2\r\n\r\nhi"),
    ANSWER(WHOLE, "HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n"
                  "Connection: keep-alive\r\n\r\n1\r\na\r\n0\r\n\r\n"),
    ANSWER(WHOLE, "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 x\r\na: b\r\n"
                  "\r\nHTTP/1.1 403 no\r\nContent-Length: 2\r\n\r\nhi"),
    ANSWER(WHOLE, "HTTP/1.1 204 No Content\r\nContent-Length: 5\r\n\r\n"),
    ANSWER(WHOLE, "HTTP/1.1 304 x\r\nTransfer-Encoding: chunked\r\n\r\n"),
    NO_BODY(OK "Content-Length: 5\r\n\r\n"),
    NO_BODY("HTTP/1.1 200 Connection established\r\n\r\n"),
    ANSWER(TO_EOF, OK "\r\nto the end\r\n\r\n"),
    ANSWER(TO_EOF, "HTTP/1.0 500 x\na: b\n\n\0\n"),
    ANSWER(TO_EOF, OK "Transfer-Encoding: identity\r\n\r\nhi"),
    ANSWER(REFUSED, "garbage"),
    ANSWER(REFUSED, "\0"),
    ANSWER(REFUSED, "\r\n" OK),
    ANSWER(REFUSED, "HTTP/1.1  200 OK\r\n\r\n"),
    ANSWER(REFUSED, "HTTP/1.1 2000 OK\r\n\r\n"),
    ANSWER(REFUSED, "HTTP/1.1 099 x\r\n\r\n"),
    ANSWER(REFUSED, "HTTP/1.1 101 x\r\nUpgrade: y\r\n\r\n"),
    ANSWER(REFUSED, OK " a: b\r\n\r\n"),
    ANSWER(REFUSED, OK "a\r\n\r\n"),
    ANSWER(REFUSED, OK "a : b\r\n\r\n"),
    ANSWER(REFUSED, OK "a: b\0c\r\n\r\n"),
    ANSWER(REFUSED, OK "a: b\rc\r\n\r\n"),
    ANSWER(REFUSED, OK "a: b\r\r\n\r\n"),
    ANSWER(REFUSED, OK "a: b\r\n c\0\r\n\r\n"),
    ANSWER(REFUSED, OK "Content-Length: 1 2\r\n\r\n"),
    ANSWER(REFUSED, OK "Content-Length: 1\r\nContent-Length: 2\r\n\r\nhi"),
    ANSWER(REFUSED, OK "Content-Length: 16777217\r\n\r\n"),
    ANSWER(REFUSED, OK "Transfer-Encoding: gzip\r\n" EMPTY),
    ANSWER(REFUSED, OK "Transfer-Encoding: gzip\r\n"
                       "Transfer-Encoding: identity\r\n" EMPTY),
    ANSWER(REFUSED, CHUNKED "\r\n"),
    ANSWER(REFUSED, CHUNKED "5 x\r\nhello\r\n"),
    ANSWER(REFUSED, CHUNKED "5\r\nhelloo\r\n"),
    ANSWER(REFUSED, CHUNKED "1000001\r\n"),
    ANSWER(REFUSED, CHUNKED "0\r\na\r\n\r\n"),
};

/* What a reader says at the end. */
typedef struct result {
  iot_http1 h;
  enum iot_progress progress;
} result;

/* Feeds the bytes from `from` to `to`, out of memory of their size. */
static void feed(result *r, iot_str s, size_t from, size_t to) {
  char *piece = exact(s.p + from, to - from);
  r->progress = iot_http1_feed(&r->h, piece, to - from);
  free(piece);
}

static void start(result *r, int no_body) {
  iot_http1_init(&r->h);
  iot_http1_reset(&r->h, no_body);
  r->progress = IOT_MORE;
}

static int same_buf(const iot_buf *a, const iot_buf *b) {
  return a->len == b->len &&
         (a->len == 0 || memcmp(a->data, b->data, a->len) == 0);
}

/* A failed answer's body is of no interest: how much came is chance. */
static int same(const result *a, const result *b) {
  if (a->progress != b->progress) return 0;
  if (a->progress == IOT_BAD && strcmp(a->h.error, b->h.error) != 0) return 0;
  if (a->progress != IOT_BAD && !same_buf(&a->h.body, &b->h.body)) return 0;
  return a->h.status == b->h.status && a->h.minor == b->h.minor &&
         same_buf(&a->h.fields, &b->h.fields) &&
         a->h.reusable == b->h.reusable && a->h.any == b->h.any;
}

/* Cuts at `i` and `j`, and compares with the whole. */
static int cut_same(const result *whole, iot_str s, size_t i, size_t j) {
  result r;
  int is_same;
  start(&r, whole->h.no_body);
  feed(&r, s, 0, i);
  feed(&r, s, i, j);
  feed(&r, s, j, s.n);
  is_same = same(whole, &r);
  if (!is_same)
    printf("cut at %lu and %lu:\n", (unsigned long)i, (unsigned long)j);
  iot_http1_free(&r.h);
  return is_same;
}

static int bytes_same(const result *whole, iot_str s) {
  result r;
  size_t i;
  int is_same;
  start(&r, whole->h.no_body);
  for (i = 0; i < s.n; i++) feed(&r, s, i, i + 1);
  is_same = same(whole, &r);
  iot_http1_free(&r.h);
  return is_same;
}

/* All cuts in two, `step` bytes apart; in three where there are few. */
static void check_cuts(const result *whole, iot_str s, size_t step) {
  size_t i, j, differ = 0;
  for (i = 0; i <= s.n; i += step) differ += !cut_same(whole, s, i, s.n);
  for (i = s.n > 40 ? s.n - 40 : 0; i < s.n; i++)
    differ += !cut_same(whole, s, i, s.n);
  for (i = 0; s.n <= CUT_IN_THREE && i < s.n; i++)
    for (j = i; j < s.n; j++) differ += !cut_same(whole, s, i, j);
  differ += !bytes_same(whole, s);
  check(differ == 0);
}

/* Reads the answer whole, and cut; how it went. */
static enum iot_progress check_answer(iot_str s, int no_body, size_t step) {
  enum iot_progress progress;
  result whole;
  start(&whole, no_body);
  feed(&whole, s, 0, s.n);
  progress = whole.progress;
  check(progress == IOT_DONE || !whole.h.reusable);
  check_cuts(&whole, s, step);
  iot_http1_free(&whole.h);
  return progress;
}

/* The stream ends after `n` bytes: what does the reader make of it? */
static enum iot_progress ended(iot_str s, size_t n, int no_body) {
  enum iot_progress progress;
  result r;
  start(&r, no_body);
  feed(&r, s, 0, n);
  progress = iot_http1_eof(&r.h);
  check(!r.h.reusable);
  check(r.progress != IOT_BAD || progress == IOT_BAD);
  check((progress == IOT_BAD) == (r.h.error != NULL));
  check(iot_http1_feed(&r.h, "x", 1) == progress);
  check(iot_http1_eof(&r.h) == progress);
  iot_http1_free(&r.h);
  return progress;
}

static void check_ends(iot_str s, int no_body, int kind) {
  size_t n, early = 0;
  for (n = 0; n < s.n; n++) early += ended(s, n, no_body) != IOT_BAD;
  check(kind == TO_EOF ? early > 0 : early == 0);
  check((ended(s, s.n, no_body) == IOT_DONE) == (kind != REFUSED));
}

/* The answer with more behind it: not reusable, and else the same. */
static void check_more(iot_str s, int no_body) {
  char *more = exact(s.p, s.n + 1); /* the text's own NUL comes with it */
  result r;
  check(check_answer(str_n(more, s.n + 1), no_body, 1) == IOT_DONE);
  start(&r, no_body);
  feed(&r, str_n(more, s.n + 1), 0, s.n + 1);
  check(!r.h.reusable);
  iot_http1_free(&r.h);
  free(more);
}

static void test_answers(void) {
  static const enum iot_progress expected[] = {IOT_DONE, IOT_MORE, IOT_BAD};
  size_t i;
  for (i = 0; i < sizeof(answers) / sizeof(*answers); i++) {
    iot_str s = str_n(answers[i].text, answers[i].n);
    int no_body = answers[i].no_body, kind = answers[i].kind;
    long failed = check_failed;
    check(check_answer(s, no_body, 1) == expected[kind]);
    check_ends(s, no_body, kind);
    if (kind == WHOLE) check_more(s, no_body);
    if (check_failed > failed) printf("in answer %lu\n", (unsigned long)i);
  }
}

/* A line of `n` bytes, which begins so, and of what is longer than that. */
static void add_line(iot_buf *b, const char *begin, size_t n) {
  size_t i;
  iot_buf_str(b, str_of(begin));
  for (i = strlen(begin); i + 2 < n; i++) iot_buf_byte(b, 'x');
  iot_buf_lit(b, "\r\n");
}

/* One answer with a line of that length at each place where one may be. */
static void check_line(size_t place, size_t n, enum iot_progress expected) {
  static const char *const before[] = {"", OK, CHUNKED, CHUNKED "0\r\n"};
  static const char *const begin[] = {"HTTP/1.1 200 ", "a: ", "1;", "a:"};
  static const char *const after[] = {EMPTY, EMPTY, "a\r\n0\r\n\r\n", "\r\n"};
  iot_buf b;
  iot_buf_init(&b, IOT_MAX_HEAD);
  iot_buf_str(&b, str_of(before[place]));
  add_line(&b, begin[place], n);
  iot_buf_str(&b, str_of(after[place]));
  check(check_answer(str_n(b.data, b.len), 0, LONG_STEP) == expected);
  iot_buf_free(&b);
}

static void test_long_lines(void) {
  size_t place;
  for (place = 0; place < 4; place++) {
    check_line(place, IOT_MAX_LINE, IOT_DONE);
    check_line(place, IOT_MAX_LINE + 1, IOT_BAD);
    check_line(place, IOT_MAX_LINE + 9000, IOT_BAD);
  }
}

/* Heads that are too long, by lines of which the last is too long as well
** or is not: which limit is passed first does not depend on the cuts. */
static void test_long_heads(void) {
  size_t last;
  iot_buf b;
  iot_buf_init(&b, 2 * IOT_MAX_HEAD);
  for (last = 100; last <= 20100; last += 4000) {
    iot_buf_reset(&b);
    iot_buf_lit(&b, OK);
    while (b.len < IOT_MAX_HEAD - 10000) add_line(&b, "a: ", 5000);
    add_line(&b, "b: ", last);
    iot_buf_lit(&b, EMPTY);
    check(check_answer(str_n(b.data, b.len), 0, LONG_STEP) ==
          (b.len <= IOT_MAX_HEAD ? IOT_DONE : IOT_BAD));
  }
  iot_buf_free(&b);
}

int main(void) {
  test_answers();
  test_long_lines();
  test_long_heads();
  return check_end();
}
