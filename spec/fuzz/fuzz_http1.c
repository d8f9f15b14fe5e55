/* fuzz_http1.c - a libFuzzer target for the reader of answers. It tests that
**
** - an answer has one result, whole, byte by byte and cut as the input says,
**   read by a new reader or by one that has read before;
** - no limit is passed, at any time;
** - what is done or bad stays so, and only what is done is reusable;
** - a reusable answer ended with its last byte: without that it is not whole;
** - names are tokens, and values have no CR, LF or NUL.
**
** The input is a byte of flags, four sizes of pieces, and the answer, in
** which bytes over 127 stand for words. The limits are made small enough for
** the fuzzer to meet them. */
#include "iot.h"

#undef IOT_MAX_LINE
#undef IOT_MAX_HEAD
#undef IOT_MAX_BODY
#undef IOT_MAX_INTERIM
#define IOT_MAX_LINE 48u
#define IOT_MAX_HEAD 128u
#define IOT_MAX_BODY 64u
#define IOT_MAX_INTERIM 3

#include "../../csrc/framing.c"
#include "../../csrc/http1.c"

#include <stdlib.h>

#define SIZES 4
#define OPTIONS (1 + SIZES)
#define MAX_ANSWER 2048

enum { NO_BODY = 1, EOF_AFTER = 2 }; /* the flags */

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(int condition) {
  if (!condition) abort();
}

static const char *const words[] = {
    "HTTP/1.1 200 OK\r\n",
    "HTTP/1.0 200 OK\n",
    "HTTP/1.1 100 \n\n",
    "HTTP/1.1 204 \r\n",
    "HTTP/1.1 304\n",
    "HTTP/1.1 200\nTransfer-Encoding: chunked\n\n",
    "HTTP/1.1 200\nContent-Length: 5\n\n",
    "HTTP/1.",
    "Content-Length:",
    "Content-Length: 5\r\n",
    "Transfer-Encoding:",
    "Transfer-Encoding: chunked\r\n",
    "Transfer-Encoding: identity\r\n",
    "Connection:",
    "Connection: close\r\n",
    "Connection: keep-alive\r\n",
    "chunked",
    "identity",
    "gzip",
    "close",
    "keep-alive",
    "\r\n",
    "\n",
    "\r\n\r\n",
    "\n ",
    ": ",
    "0\r\n\r\n",
    "5\nhello\n",
    "40\r\n",
    "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx",
    "a: b\n",
    "\xff",
};

/* The answer that the input stands for, as much of it as there is room. */
static iot_str spelled(char out[MAX_ANSWER], const uint8_t *p, size_t n) {
  size_t len = 0, i;
  for (i = 0; i < n && len + 64 < MAX_ANSWER; i++) {
    if (p[i] > 127) {
      const char *word = words[p[i] % (sizeof(words) / sizeof(*words))];
      memcpy(out + len, word, strlen(word));
      len += strlen(word);
    } else {
      out[len++] = (char)p[i];
    }
  }
  return str(out, len);
}

static void check_limits(const iot_http1 *h) {
  must(h->line.len <= IOT_MAX_LINE && h->line.cap <= IOT_MAX_LINE);
  must(h->fields.len <= IOT_MAX_HEAD);
  must(h->body.len <= IOT_MAX_BODY && h->body.cap <= IOT_MAX_BODY);
  must(h->left <= IOT_MAX_BODY);
  if (h->error != NULL) return;
  must(h->head <= IOT_MAX_HEAD);
  must(h->interim <= IOT_MAX_INTERIM);
}

static void check_fields(const iot_http1 *h) {
  iot_header f;
  size_t at = 0, end = 0;
  while ((at = iot_http1_field(str(h->fields.data, h->fields.len), at, &f))) {
    must(at > end && at <= h->fields.len);
    must(iot_header_name_ok(f.name) && iot_header_value_ok(f.value));
    must(f.value.n == 0 || (f.value.p[0] != ' ' && f.value.p[0] != '\t'));
    end = at;
  }
  must(end == h->fields.len);
}

/* Any text may be given for fields. */
static void check_any_fields(iot_str s) {
  iot_header f;
  size_t at = 0, end = 0;
  while ((at = iot_http1_field(s, at, &f)) != 0) {
    must(at > end && at <= s.n);
    must(f.name.p + f.name.n < f.value.p);
    must(f.value.p + f.value.n == s.p + at - 1);
    end = at;
  }
}

/* Feeds a piece, in memory of its own size; `was` is what came before it. */
static enum iot_progress feed(iot_http1 *h, iot_str s, enum iot_progress was) {
  char *piece = malloc(s.n > 0 ? s.n : 1);
  const char *error = h->error;
  enum iot_progress now;
  must(piece != NULL);
  if (s.n > 0) memcpy(piece, s.p, s.n);
  now = iot_http1_feed(h, piece, s.n);
  free(piece);
  must(was == IOT_MORE || (now == was && h->error == error));
  must((now == IOT_BAD) == (h->error != NULL));
  must(now == IOT_DONE || !h->reusable);
  check_limits(h);
  return now;
}

/* Reads the answer in pieces of these sizes, round and round. */
static enum iot_progress read_answer(iot_http1 *h, iot_str s, int flags,
                                     const size_t *sizes, size_t nsizes) {
  enum iot_progress progress = IOT_MORE;
  size_t at = 0, i = 0, n;
  iot_http1_reset(h, flags & NO_BODY);
  do {
    n = sizes[i++ % nsizes];
    if (n > s.n - at) n = s.n - at;
    progress = feed(h, str(s.p + at, n), progress);
    at += n;
  } while (at < s.n);
  if (flags & EOF_AFTER) {
    const char *error = h->error;
    enum iot_progress ended = iot_http1_eof(h);
    must(ended != IOT_MORE && !h->reusable);
    must(progress == IOT_MORE || ended == progress);
    must(error == NULL || h->error == error);
    progress = ended;
  }
  check_fields(h);
  return progress;
}

static int same_buf(const iot_buf *a, const iot_buf *b) {
  return a->len == b->len &&
         (a->len == 0 || memcmp(a->data, b->data, a->len) == 0);
}

/* How much of a bad answer's body had come is chance. */
static void check_same(const iot_http1 *a, const iot_http1 *b) {
  must(a->error == b->error);
  must(a->status == b->status && a->minor == b->minor);
  must(a->interim == b->interim);
  must(a->reusable == b->reusable && a->any == b->any);
  must(same_buf(&a->fields, &b->fields));
  must(a->error != NULL || same_buf(&a->body, &b->body));
}

/* Without its last byte, no answer is whole. */
static void check_last(iot_http1 *h, iot_str s, int flags) {
  const size_t whole = s.n;
  must(s.n > 0);
  s.n--;
  must(read_answer(h, s, flags & NO_BODY, &whole, 1) == IOT_MORE);
  must(iot_http1_eof(h) == IOT_BAD);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  const size_t whole = SIZE_MAX, bytewise = 1;
  size_t sizes[SIZES] = {0}, i;
  enum iot_progress progress;
  iot_http1 fresh, used;
  char answer[MAX_ANSWER];
  iot_str s;
  if (size < OPTIONS) return 0;
  for (i = 0; i < SIZES; i++) sizes[i] = data[1 + i];
  sizes[0] += !sizes[0]; /* all pieces empty would never end */
  s = spelled(answer, data + OPTIONS, size - OPTIONS);
  check_any_fields(s);
  iot_http1_init(&fresh);
  iot_http1_init(&used);
  progress = read_answer(&fresh, s, data[0], &whole, 1);
  must(read_answer(&used, s, data[0], sizes, SIZES) == progress);
  check_same(&fresh, &used);
  must(read_answer(&used, s, data[0], &bytewise, 1) == progress);
  check_same(&fresh, &used);
  if (fresh.reusable) check_last(&used, s, data[0]);
  iot_http1_free(&fresh);
  iot_http1_free(&used);
  return 0;
}
