/* sigv4.c - AWS Signature Version 4: canonical request to authorization */
#include "iot.h"

#include <string.h>

#define ALGORITHM "AWS4-HMAC-SHA256"
#define TERMINATOR "aws4_request"
#define TAIL "/" TERMINATOR
#define TAIL_SIZE (sizeof(TAIL) - 1)
#define SECONDS_A_DAY 86400
#define LAST_DAY 2932896    /* 9999-12-31, days after 1970-01-01 */
#define FIRST_DAY (-719528) /* 0000-01-01 */

static iot_str str(const char *p, size_t n) {
  iot_str s;
  s.p = p;
  s.n = n;
  return s;
}

int iot_signer_init(iot_signer *s) {
  iot_buf_init(&s->canonical, IOT_MAX_REQUEST);
  iot_buf_init(&s->signed_headers, IOT_MAX_REQUEST);
  iot_buf_init(&s->to_sign, IOT_MAX_REQUEST);
  iot_buf_init(&s->scope, IOT_MAX_REQUEST);
  iot_buf_init(&s->key_of, IOT_MAX_REQUEST);
  iot_buf_init(&s->text, IOT_MAX_REQUEST);
  iot_buf_init(&s->path_of, IOT_MAX_REQUEST);
  iot_buf_init(&s->path, IOT_MAX_REQUEST);
  s->crypto = iot_crypto_new();
  return s->crypto != NULL ? 0 : -1;
}

void iot_signer_free(iot_signer *s) {
  iot_buf_free(&s->canonical);
  iot_buf_free(&s->signed_headers);
  iot_buf_free(&s->to_sign);
  iot_buf_free(&s->scope);
  iot_buf_free(&s->key_of);
  iot_buf_free(&s->text);
  iot_buf_free(&s->path_of);
  iot_buf_free(&s->path);
  iot_crypto_free(s->crypto);
  s->crypto = NULL;
}

static char *digits(char *out, unsigned value, int n) {
  int i;
  for (i = n - 1; i >= 0; i--, value /= 10) out[i] = (char)('0' + value % 10);
  return out + n;
}

/* The proleptic Gregorian date of a day, counted from 1970-01-01: eras of
** 400 years that begin on 1 March (H. Hinnant's civil_from_days). */
static char *civil(char *out, int32_t day) {
  uint32_t z = (uint32_t)(day - FIRST_DAY - 60 + 146097);
  uint32_t era = z / 146097, doe = z % 146097;
  uint32_t yoe = (doe - doe / 1460 + doe / 36524 - doe / 146096) / 365;
  uint32_t doy = doe - (365 * yoe + yoe / 4 - yoe / 100);
  uint32_t mp = (5 * doy + 2) / 153;
  uint32_t month = mp < 10 ? mp + 3 : mp - 9;
  uint32_t year = yoe + era * 400 + (month <= 2) - 400;
  out = digits(out, year, 4);
  out = digits(out, month, 2);
  return digits(out, doy - (153 * mp + 2) / 5 + 1, 2);
}

int iot_sigv4_date(double now, char out[IOT_DATE_SIZE]) {
  const double first = (double)FIRST_DAY * SECONDS_A_DAY;
  const double end = ((double)LAST_DAY + 1) * SECONDS_A_DAY;
  int64_t seconds;
  unsigned rest;
  if (!(now >= first && now < end)) return -1;
  seconds = (int64_t)now;
  if ((double)seconds > now) seconds--; /* before 1970 */
  seconds -= (int64_t)FIRST_DAY * SECONDS_A_DAY;
  rest = (unsigned)(seconds % SECONDS_A_DAY);
  out = civil(out, (int32_t)(seconds / SECONDS_A_DAY) + FIRST_DAY);
  *out++ = 'T';
  out = digits(out, rest / 3600, 2);
  out = digits(out, rest / 60 % 60, 2);
  out = digits(out, rest % 60, 2);
  *out++ = 'Z';
  *out = '\0';
  return 0;
}

/* botocore's SIGNED_HEADERS_BLACKLIST (auth.py), what it adds after signing
** (amz-sdk-*), and the header that the signature itself goes into. */
int iot_sigv4_unsigned(iot_str name) {
  switch (name.n > 0 ? name.p[0] | 0x20 : 0) {
  case 'a':
    return iot_header_is(name, "authorization") ||
           (name.n > 8 && iot_header_is(str(name.p, 8), "amz-sdk-"));
  case 'c': return iot_header_is(name, "connection");
  case 'e': return iot_header_is(name, "expect");
  case 't': return iot_header_is(name, "transfer-encoding");
  case 'u': return iot_header_is(name, "user-agent");
  case 'x': return iot_header_is(name, "x-amzn-trace-id");
  default: return 0;
  }
}

/* Adds the name in lower case, and gives what it added. */
static iot_str lowered(iot_buf *b, iot_str name) {
  char *out = iot_buf_room(b, name.n);
  size_t i;
  if (out == NULL) return str("", 0);
  for (i = 0; i < name.n; i++) out[i] = iot_lower(name.p[i]);
  b->len += name.n;
  return str(out, name.n);
}

/* The headers to sign, by name, those of one name in their order. */
static int sort_headers(const iot_header *sorted[IOT_MAX_HEADERS],
                        const iot_request *r) {
  int n = 0, at;
  size_t i;
  if (r->nheaders > IOT_MAX_HEADERS) return -1;
  for (i = 0; i < r->nheaders; i++) {
    const iot_header *h = &r->headers[i];
    if (iot_sigv4_unsigned(h->name)) continue;
    for (at = n++; at > 0; at--) {
      if (iot_header_compare(sorted[at - 1]->name, h->name) <= 0) break;
      sorted[at] = sorted[at - 1];
    }
    sorted[at] = h;
  }
  return n;
}

static int canonical_headers(iot_signer *s, const iot_request *r) {
  const iot_header *sorted[IOT_MAX_HEADERS];
  int n = sort_headers(sorted, r), i;
  for (i = 0; i < n; i++) {
    int same =
        i > 0 && iot_header_compare(sorted[i - 1]->name, sorted[i]->name) == 0;
    if (same) {
      s->canonical.data[s->canonical.len - 1] = ',';
    } else {
      if (i > 0) iot_buf_byte(&s->signed_headers, ';');
      iot_buf_str(&s->canonical, lowered(&s->signed_headers, sorted[i]->name));
      iot_buf_byte(&s->canonical, ':');
    }
    iot_header_trim(&s->canonical, sorted[i]->value);
    iot_buf_byte(&s->canonical, '\n');
    if (s->canonical.failed) return -1;
  }
  return n < 0 ? -1 : 0;
}

/* Most publish to the same topic again. */
static void canonical_path(iot_signer *s, iot_str path, int flags) {
  if (flags & IOT_SIGN_RAW_PATH) {
    iot_uri_encode(&s->canonical, path, 1);
    return;
  }
  iot_uri_path(&s->path, &s->path_of, &s->text, path);
  iot_buf_str(&s->canonical, iot_buf_contents(&s->path));
}

int iot_sigv4_canonical(iot_signer *s, const iot_request *r, int flags) {
  unsigned char digest[IOT_SHA256_SIZE];
  iot_buf *b = &s->canonical;
  iot_buf_reset(b);
  iot_buf_reset(&s->signed_headers);
  iot_buf_str(b, r->method);
  iot_buf_byte(b, '\n');
  canonical_path(s, r->path, flags);
  iot_buf_byte(b, '\n');
  if (iot_uri_query(b, &s->text, r->query) != 0) return -1;
  iot_buf_byte(b, '\n');
  if (canonical_headers(s, r) != 0) return -1;
  iot_buf_byte(b, '\n');
  iot_buf_str(b, iot_buf_contents(&s->signed_headers));
  iot_buf_byte(b, '\n');
  if (iot_sha256(r->body, digest) != 0) return -1;
  iot_hex(b, digest, sizeof(digest));
  if (s->signed_headers.failed || s->text.failed || s->path.failed) return -1;
  return b->failed ? -1 : 0;
}

static int is_at(const char *p, iot_str s) {
  return p[0] == '/' && memcmp(p + 1, s.p, s.n) == 0;
}

/* Is `s->scope` still the text of that one? */
static int same_scope(const iot_signer *s, const iot_scope *scope) {
  const char *p = s->scope.data;
  size_t region = scope->region.n, service = scope->service.n;
  if (s->scope.len != 8 + 1 + region + 1 + service + TAIL_SIZE) return 0;
  if (s->region_size != region) return 0; /* "a/b", "c" is not "a", "b/c" */
  return memcmp(p, scope->date, 8) == 0 && is_at(p + 8, scope->region) &&
         is_at(p + 9 + region, scope->service);
}

/* Makes `s->scope` "20150830/us-east-1/iotdata/aws4_request"; a key of
** another scope is forgotten. */
static int set_scope(iot_signer *s, const iot_scope *scope) {
  iot_buf *b = &s->scope;
  if (same_scope(s, scope)) return 0;
  s->has_key = 0;
  s->region_size = scope->region.n;
  iot_buf_reset(b);
  iot_buf_add(b, scope->date, 8);
  iot_buf_byte(b, '/');
  iot_buf_str(b, scope->region);
  iot_buf_byte(b, '/');
  iot_buf_str(b, scope->service);
  iot_buf_add(b, TAIL, TAIL_SIZE);
  return b->failed ? -1 : 0;
}

int iot_sigv4_to_sign(iot_signer *s, const iot_scope *scope) {
  unsigned char digest[IOT_SHA256_SIZE];
  iot_buf *b = &s->to_sign;
  if (set_scope(s, scope) != 0) return -1;
  iot_buf_reset(b);
  iot_buf_lit(b, ALGORITHM "\n");
  iot_buf_add(b, scope->date, IOT_DATE_SIZE - 1);
  iot_buf_byte(b, '\n');
  iot_buf_str(b, iot_buf_contents(&s->scope));
  iot_buf_byte(b, '\n');
  if (iot_sha256_again(s->crypto, iot_buf_contents(&s->canonical), digest) !=
      0)
    return -1;
  iot_hex(b, digest, sizeof(digest));
  return b->failed ? -1 : 0;
}

/* One link of the key's chain: the next key from the last one's HMAC. */
static int link_key(iot_crypto *c, iot_str message) {
  unsigned char key[IOT_SHA256_SIZE];
  int status = iot_hmac(c, message, key);
  if (status == 0)
    status = iot_hmac_key(c, str((const char *)key, sizeof(key)));
  iot_wipe(key, sizeof(key));
  return status;
}

static int derive(iot_signer *s, iot_str secret, const iot_scope *scope) {
  iot_crypto *c = s->crypto;
  int status;
  iot_buf_reset(&s->text);
  iot_buf_lit(&s->text, "AWS4");
  iot_buf_str(&s->text, secret);
  status = s->text.failed ? -1 : iot_hmac_key(c, iot_buf_contents(&s->text));
  if (s->text.data != NULL) iot_wipe(s->text.data, s->text.len);
  if (status != 0) return -1;
  if (link_key(c, str(scope->date, 8)) != 0) return -1;
  if (link_key(c, scope->region) != 0) return -1;
  if (link_key(c, scope->service) != 0) return -1;
  return link_key(c, str(TERMINATOR, sizeof(TERMINATOR) - 1));
}

/* The key of the scope that is set. */
static int set_key(iot_signer *s, iot_str secret, const iot_scope *scope) {
  iot_buf *b = &s->key_of;
  if (s->has_key && b->len == secret.n &&
      (secret.n == 0 || memcmp(b->data, secret.p, secret.n) == 0))
    return 0;
  s->has_key = 0;
  if (derive(s, secret, scope) != 0) return -1;
  iot_buf_reset(b);
  iot_buf_str(b, secret);
  s->has_key = !b->failed;
  return s->has_key ? 0 : -1;
}

int iot_sigv4_key(iot_signer *s, iot_str secret, const iot_scope *scope) {
  return set_scope(s, scope) == 0 ? set_key(s, secret, scope) : -1;
}

int iot_sigv4_authorization(iot_signer *s, iot_str access_key) {
  unsigned char signature[IOT_SHA256_SIZE];
  iot_buf *b = &s->text;
  if (iot_hmac(s->crypto, iot_buf_contents(&s->to_sign), signature) != 0)
    return -1;
  iot_buf_reset(b);
  iot_buf_lit(b, ALGORITHM " Credential=");
  iot_buf_str(b, access_key);
  iot_buf_byte(b, '/');
  iot_buf_str(b, iot_buf_contents(&s->scope));
  iot_buf_lit(b, ", SignedHeaders=");
  iot_buf_str(b, iot_buf_contents(&s->signed_headers));
  iot_buf_lit(b, ", Signature=");
  iot_hex(b, signature, sizeof(signature));
  return b->failed ? -1 : 0;
}

int iot_sigv4_sign(iot_signer *s, const iot_request *r,
                   const iot_credentials *c, const iot_scope *scope,
                   int flags) {
  if (iot_sigv4_canonical(s, r, flags) != 0) return -1;
  if (iot_sigv4_to_sign(s, scope) != 0) return -1;
  if (set_key(s, c->secret_key, scope) != 0) return -1;
  return iot_sigv4_authorization(s, c->access_key);
}
