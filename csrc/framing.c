/* framing.c - what an answer's headers say of its body and its connection */
#include "iot.h"

static iot_str without_end(const char *p, size_t n) {
  iot_str s;
  while (n > 0 && (p[n - 1] == ' ' || p[n - 1] == '\t')) n--;
  s.p = p;
  s.n = n;
  return s;
}

static const char *read_length(iot_framing *f, iot_str v) {
  uint64_t n = 0;
  size_t i;
  if (v.n == 0) return "Content-Length is malformed";
  for (i = 0; i < v.n; i++) {
    if (v.p[i] < '0' || v.p[i] > '9') return "Content-Length is malformed";
    n = n * 10 + (uint64_t)(v.p[i] - '0');
    if (n > IOT_MAX_BODY) return "the body is too large";
  }
  if (f->has_length && f->length != n) return "Content-Length is there twice";
  f->has_length = 1;
  f->length = n;
  return NULL;
}

/* Is `token` one of the comma-separated list's, whatever its case? */
static int has_token(iot_str list, const char *token) {
  const char *p = list.p, *end = list.p + list.n;
  while (p < end) {
    const char *comma = memchr(p, ',', (size_t)(end - p));
    const char *stop = comma != NULL ? comma : end;
    while (p < stop && (*p == ' ' || *p == '\t')) p++;
    if (iot_header_is(without_end(p, (size_t)(stop - p)), token)) return 1;
    p = comma != NULL ? comma + 1 : end;
  }
  return 0;
}

const char *iot_framing_read(iot_framing *f, iot_str fields) {
  const char *wrong = NULL;
  iot_header field;
  size_t at = 0;
  memset(f, 0, sizeof(*f));
  while (wrong == NULL && (at = iot_http1_field(fields, at, &field)) != 0) {
    iot_str value = without_end(field.value.p, field.value.n);
    if (iot_header_is(field.name, "content-length")) {
      wrong = read_length(f, value);
    } else if (iot_header_is(field.name, "transfer-encoding")) {
      if (iot_header_is(value, "chunked") && !f->chunked)
        f->chunked = 1;
      else
        f->coding |= !iot_header_is(value, "identity");
    } else if (iot_header_is(field.name, "connection")) {
      f->close |= has_token(value, "close");
      f->keep_alive |= has_token(value, "keep-alive");
    }
  }
  if (wrong != NULL) return wrong;
  return f->coding ? "the Transfer-Encoding is unknown" : NULL;
}
