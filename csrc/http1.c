/* http1.c - reads an HTTP/1.1 response, without I/O, from any pieces */
#include "iot.h"

#include <string.h>

enum { STATUS, FIELDS, BODY, TO_EOF, SIZE, CHUNK, CHUNK_END, TRAILERS, DONE };

static iot_str str(const char *p, size_t n) {
  iot_str s;
  s.p = p;
  s.n = n;
  return s;
}

void iot_http1_init(iot_http1 *h) {
  memset(h, 0, sizeof(*h));
  iot_buf_init(&h->line, IOT_MAX_LINE);
  iot_buf_init(&h->fields, 2 * IOT_MAX_HEAD);
  iot_buf_init(&h->body, IOT_MAX_BODY);
}

void iot_http1_free(iot_http1 *h) {
  iot_buf_free(&h->line);
  iot_buf_free(&h->fields);
  iot_buf_free(&h->body);
}

void iot_http1_reset(iot_http1 *h, int no_body) {
  iot_buf_reset(&h->line);
  iot_buf_reset(&h->fields);
  iot_buf_reset(&h->body);
  h->error = NULL;
  h->left = 0;
  h->head = 0;
  h->state = STATUS;
  h->status = 0;
  h->minor = 0;
  h->interim = 0;
  h->no_body = no_body;
  h->keep = 0;
  h->reusable = 0;
  h->any = 0;
}

static int bad(iot_http1 *h, const char *why) {
  h->error = why;
  return -1;
}

static int is_digit(char c) {
  return c >= '0' && c <= '9';
}

/* "HTTP/1.1 200 OK"; the reason may be missing. */
static int read_status(iot_http1 *h, iot_str line) {
  const char *p = line.p;
  if (line.n < 12 || memcmp(p, "HTTP/1.", 7) != 0 || !is_digit(p[7]) ||
      p[8] != ' ' || !is_digit(p[9]) || !is_digit(p[10]) || !is_digit(p[11]))
    return bad(h, "the answer is no HTTP/1.x");
  if (line.n > 12 && p[12] != ' ') return bad(h, "the answer is no HTTP/1.x");
  h->minor = p[7] - '0';
  h->status = (p[9] - '0') * 100 + (p[10] - '0') * 10 + (p[11] - '0');
  if (h->status < 100) return bad(h, "the answer has no valid status");
  iot_buf_reset(&h->fields);
  h->state = FIELDS;
  return 0;
}

/* A line that begins with a space goes on with the value before it. */
static int fold(iot_http1 *h, iot_str line) {
  iot_buf *b = &h->fields;
  while (line.n > 0 && (*line.p == ' ' || *line.p == '\t')) {
    line.p++;
    line.n--;
  }
  if (b->len == 0 || !iot_header_value_ok(line))
    return bad(h, "a header line is malformed");
  if (b->data[b->len - 2] == '\n')
    b->len--; /* nothing to go on with yet */
  else
    b->data[b->len - 1] = ' ';
  iot_buf_str(b, line);
  iot_buf_byte(b, '\n');
  return b->failed ? bad(h, "the head is too large") : 0;
}

static int read_field(iot_http1 *h, iot_str line) {
  iot_header field;
  if (line.p[0] == ' ' || line.p[0] == '\t') return fold(h, line);
  if (iot_header_parse(line, &field) != 0)
    return bad(h, "a header line is malformed");
  iot_buf_str(&h->fields, field.name);
  iot_buf_byte(&h->fields, '\n');
  iot_buf_str(&h->fields, field.value);
  iot_buf_byte(&h->fields, '\n');
  return h->fields.failed ? bad(h, "the head is too large") : 0;
}

size_t iot_http1_field(iot_str fields, size_t at, iot_header *f) {
  const char *p, *end;
  if (at >= fields.n) return 0;
  p = fields.p + at;
  end = memchr(p, '\n', fields.n - at);
  if (end == NULL) return 0;
  f->name = str(p, (size_t)(end - p));
  p = end + 1;
  end = memchr(p, '\n', fields.n - (size_t)(p - fields.p));
  if (end == NULL) return 0;
  f->value = str(p, (size_t)(end - p));
  return (size_t)(end + 1 - fields.p);
}

/* Which kind of body follows (RFC 9112, 6.3). A connection whose answer has
** both framings is not used again. */
static int begin_body(iot_http1 *h) {
  iot_framing f;
  const char *wrong = iot_framing_read(&f, iot_buf_contents(&h->fields));
  if (wrong != NULL) return bad(h, wrong);
  h->keep = h->minor > 0 ? !f.close : f.keep_alive && !f.close;
  if (h->no_body || h->status == 204 || h->status == 304) {
    h->state = DONE;
  } else if (f.chunked) {
    h->keep = h->keep && !f.has_length && h->minor > 0;
    h->state = SIZE;
  } else if (f.has_length) {
    h->left = f.length;
    h->state = f.length > 0 ? BODY : DONE;
  } else {
    h->keep = 0;
    h->state = TO_EOF;
  }
  return 0;
}

static int end_of_head(iot_http1 *h) {
  if (h->status == 101) return bad(h, "the server switched protocols");
  if (h->status >= 200) return begin_body(h);
  if (++h->interim > IOT_MAX_INTERIM)
    return bad(h, "too many interim answers");
  h->state = STATUS;
  h->head = 0;
  return 0;
}

static int hex_value(char c) {
  if (is_digit(c)) return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

/* "1a; extension": the size of a chunk. */
static int read_size(iot_http1 *h, iot_str line) {
  uint64_t n = 0;
  size_t i;
  for (i = 0; i < line.n && hex_value(line.p[i]) >= 0; i++) {
    n = n * 16 + (uint64_t)hex_value(line.p[i]);
    if (n > IOT_MAX_BODY) return bad(h, "the body is too large");
  }
  if (i == 0) return bad(h, "a chunk is malformed");
  while (i < line.n && (line.p[i] == ' ' || line.p[i] == '\t')) i++;
  if (i < line.n && line.p[i] != ';') return bad(h, "a chunk is malformed");
  h->left = n;
  h->state = n > 0 ? CHUNK : TRAILERS;
  return 0;
}

/* A trailer is checked and forgotten: nothing of AWS IoT's is in one. */
static int read_trailer(iot_http1 *h, iot_str line) {
  iot_header field;
  if (line.n == 0)
    h->state = DONE;
  else if (iot_header_parse(line, &field) != 0)
    return bad(h, "a trailer is malformed");
  return 0;
}

/* A whole line, its end taken off. */
static int read_line(iot_http1 *h, iot_str line) {
  if (line.n > 0 && line.p[line.n - 1] == '\r') line.n--;
  switch (h->state) {
  case STATUS: return read_status(h, line);
  case FIELDS: return line.n > 0 ? read_field(h, line) : end_of_head(h);
  case SIZE: return read_size(h, line);
  case TRAILERS: return read_trailer(h, line);
  default: /* CHUNK_END */
    h->state = SIZE;
    return line.n == 0 ? 0 : bad(h, "a chunk is malformed");
  }
}

/* `n` more bytes of a line. Whichever limit comes first in them counts;
** chunk sizes are framing, all other lines add to the head. */
static int count_line(iot_http1 *h, size_t n) {
  size_t line_room = IOT_MAX_LINE - h->line.len;
  size_t head_room = IOT_MAX_HEAD - h->head;
  int counts =
      h->state == STATUS || h->state == FIELDS || h->state == TRAILERS;
  if (counts && n > head_room && head_room < line_room)
    return bad(h, "the head is too large");
  if (n > line_room) return bad(h, "a line is too long");
  if (counts) h->head += n;
  return 0;
}

/* Can what has come of the status line still become one? */
static int begins_http(const iot_http1 *h, const char *p, size_t n) {
  static const char start[] = "HTTP/1.";
  size_t i, at = h->line.len;
  for (i = 0; i < n && at + i < sizeof(start) - 1; i++)
    if (p[i] != start[at + i]) return 0;
  return 1;
}

/* The line that begins at `p`, kept until its end comes; how many bytes
** were taken, or 0 where it is bad. */
static size_t feed_line(iot_http1 *h, const char *p, size_t n) {
  const char *lf = memchr(p, '\n', n);
  size_t take = lf != NULL ? (size_t)(lf - p) + 1 : n;
  iot_str line;
  if (h->state == STATUS && !begins_http(h, p, n)) {
    bad(h, "the answer is no HTTP/1.x");
    return 0;
  }
  if (count_line(h, take) != 0) return 0;
  if (lf == NULL || h->line.len > 0) {
    iot_buf_add(&h->line, p, take);
    if (h->line.failed) {
      bad(h, "a line is too long");
      return 0;
    }
    if (lf == NULL) return take;
    line = str(h->line.data, h->line.len - 1);
  } else {
    line = str(p, take - 1);
  }
  if (read_line(h, line) != 0) return 0;
  iot_buf_reset(&h->line);
  return take;
}

/* Body bytes, to the end of the body, of the chunk, or of the stream. */
static size_t feed_body(iot_http1 *h, const char *p, size_t n) {
  size_t take = h->state != TO_EOF && h->left < n ? (size_t)h->left : n;
  iot_buf_add(&h->body, p, take);
  if (h->body.failed) {
    bad(h, "the body is too large");
    return 0;
  }
  if (h->state == TO_EOF) return take;
  h->left -= take;
  if (h->left == 0) h->state = h->state == CHUNK ? CHUNK_END : DONE;
  return take;
}

enum iot_progress iot_http1_feed(iot_http1 *h, const char *p, size_t n) {
  size_t taken;
  if (n > 0) h->any = 1;
  while (n > 0 && h->error == NULL && h->state != DONE) {
    if (h->state == BODY || h->state == CHUNK || h->state == TO_EOF)
      taken = feed_body(h, p, n);
    else
      taken = feed_line(h, p, n);
    p += taken;
    n -= taken;
  }
  if (h->error != NULL) return IOT_BAD;
  if (n > 0) h->keep = 0;
  if (h->state != DONE) return IOT_MORE;
  h->reusable = h->keep;
  return IOT_DONE;
}

enum iot_progress iot_http1_eof(iot_http1 *h) {
  h->reusable = 0;
  if (h->error != NULL) return IOT_BAD;
  if (h->state == TO_EOF) h->state = DONE;
  if (h->state == DONE) return IOT_DONE;
  bad(h, "the connection was closed before the whole answer");
  return IOT_BAD;
}
