/* request.c - writes a request as it goes on the wire */
#include "iot.h"

/* May this stand in a request line? No space, no control, as it is sent. */
static int target_ok(iot_str s) {
  size_t i;
  if (iot_is_plain(s)) return 1;
  for (i = 0; i < s.n; i++)
    if ((unsigned char)s.p[i] <= ' ' || s.p[i] == 127) return 0;
  return 1;
}

/* Framing is written here, and by nobody else. */
static int is_framing(iot_str name) {
  return iot_header_is(name, "content-length") ||
         iot_header_is(name, "transfer-encoding");
}

static const char *invalid(const iot_request *r, iot_str authority) {
  size_t i;
  if (!iot_header_name_ok(r->method)) return "invalid method";
  if (r->path.n == 0 || r->path.p[0] != '/') return "invalid path";
  if (!target_ok(r->path)) return "invalid path";
  if (!target_ok(r->query)) return "invalid query";
  if (!target_ok(authority)) return "invalid authority";
  for (i = 0; i < r->nheaders; i++) {
    if (!iot_header_name_ok(r->headers[i].name)) return "invalid header name";
    if (is_framing(r->headers[i].name)) return "a header of framing";
    if (!iot_header_value_ok(r->headers[i].value))
      return "CR, LF or NUL in a header value";
  }
  return NULL;
}

/* Methods whose empty body is not even announced, as botocore's
** AWSRequestPreparer has it. */
static int is_bodiless(iot_str method) {
  return iot_header_is(method, "get") || iot_header_is(method, "head") ||
         iot_header_is(method, "options");
}

static void write_line(iot_buf *b, const iot_request *r, iot_str authority) {
  iot_buf_str(b, r->method);
  iot_buf_byte(b, ' ');
  iot_buf_str(b, authority);
  iot_buf_str(b, r->path);
  if (r->query.n > 0) {
    iot_buf_byte(b, '?');
    iot_buf_str(b, r->query);
  }
  iot_buf_lit(b, " HTTP/1.1\r\n");
}

const char *iot_http1_write(iot_buf *b, const iot_request *r,
                            iot_str authority) {
  const char *wrong = invalid(r, authority);
  size_t i;
  if (wrong != NULL) return wrong;
  write_line(b, r, authority);
  for (i = 0; i < r->nheaders; i++)
    iot_header_write(b, r->headers[i].name, r->headers[i].value);
  if (r->body.n > 0 || !is_bodiless(r->method)) {
    iot_buf_lit(b, "Content-Length: ");
    iot_buf_uint(b, r->body.n);
    iot_buf_lit(b, "\r\n");
  }
  iot_buf_lit(b, "\r\n");
  iot_buf_str(b, r->body);
  return b->failed ? "the request is too large" : NULL;
}
