/* header.c - a header field: valid? write its line, parse its line */
#include "iot.h"

#include <string.h>

/* Eight bytes: the high bit of each that is below `least`, or no ASCII that can
** be seen, is set. */
static inline uint64_t unseen(const char *p, unsigned char least) {
  const uint64_t each = 0x0101010101010101;
  uint64_t word;
  memcpy(&word, p, sizeof(word));
  return word | (word - each * least) | (word + each);
}

/* Eight bytes at a time, the last ones maybe once more. */
static inline int is_from(iot_str v, unsigned char least) {
  const size_t step = sizeof(uint64_t);
  uint64_t seen = 0;
  size_t i;
  if (v.n < step) {
    for (i = 0; i < v.n; i++)
      if ((unsigned char)v.p[i] < least || (unsigned char)v.p[i] >= 127)
        return 0;
    return 1;
  }
  for (i = 0; i + step <= v.n; i += step) seen |= unseen(v.p + i, least);
  seen |= unseen(v.p + v.n - step, least);
  return (seen & 0x8080808080808080) == 0;
}

int iot_is_plain(iot_str v) {
  return is_from(v, ' ' + 1);
}

int iot_has_control(iot_str s) {
  size_t i;
  if (is_from(s, ' ')) return 0;
  for (i = 0; i < s.n; i++)
    if ((unsigned char)s.p[i] < ' ' || s.p[i] == 127) return 1;
  return 0;
}

iot_header iot_header_of(const char *name, const char *value, size_t n) {
  iot_header h;
  h.name.p = name;
  h.name.n = strlen(name);
  h.value.p = value;
  h.value.n = n;
  return h;
}

/* Is it RFC 9110's tchar? For each byte of ASCII a digit; of the others none
** is one. */
static inline int is_token(char c) {
  static const char tchar[256] =
      "0000000000000000000000000000000001011111001101101111111111000000"
      "0111111111111111111111111110001111111111111111111111111111101010";
  return tchar[(unsigned char)c] == '1';
}

int iot_header_name_ok(iot_str name) {
  size_t i;
  for (i = 0; i < name.n; i++)
    if (!is_token(name.p[i])) return 0;
  return name.n > 0;
}

static int has(iot_str s, int c) {
  return memchr(s.p, c, s.n) != NULL;
}

int iot_header_value_ok(iot_str v) {
  if (is_from(v, ' ')) return 1;
  return !has(v, '\r') && !has(v, '\n') && !has(v, '\0');
}

void iot_header_write(iot_buf *b, iot_str name, iot_str value) {
  char *out = iot_buf_room(b, name.n + value.n + 4);
  if (out == NULL) return;
  memcpy(out, name.p, name.n);
  out += name.n;
  *out++ = ':';
  *out++ = ' ';
  if (value.n > 0) memcpy(out, value.p, value.n);
  out += value.n;
  *out++ = '\r';
  *out++ = '\n';
  b->len += name.n + value.n + 4;
}

static iot_str after_spaces(const char *p, const char *end) {
  iot_str s;
  while (p < end && (*p == ' ' || *p == '\t')) p++;
  s.p = p;
  s.n = (size_t)(end - p);
  return s;
}

int iot_header_parse(iot_str line, iot_header *h) {
  size_t n = 0;
  while (n < line.n && is_token(line.p[n])) n++;
  if (n == 0 || n == line.n || line.p[n] != ':') return -1;
  h->name.p = line.p;
  h->name.n = n;
  h->value = after_spaces(line.p + n + 1, line.p + line.n);
  return iot_header_value_ok(h->value) ? 0 : -1;
}

int iot_header_compare(iot_str a, iot_str b) {
  size_t n = a.n < b.n ? a.n : b.n, i;
  for (i = 0; i < n; i++) {
    int d =
        (unsigned char)iot_lower(a.p[i]) - (unsigned char)iot_lower(b.p[i]);
    if (d != 0) return d;
  }
  return a.n < b.n ? -1 : a.n > b.n;
}

int iot_header_same(const char *name, const char *s, size_t n) {
  size_t i;
  if (n > 0 && memcmp(name, s, n) == 0) return 1; /* mostly */
  for (i = 0; i < n; i++)
    if (iot_lower(name[i]) != s[i]) return 0;
  return 1;
}

/* The length of the white space that `p` begins with, or 0: what Python's
** str.split() takes for it, in UTF-8, since botocore trims values so. */
static size_t space(const char *p, size_t n) {
  const unsigned char *s = (const unsigned char *)p;
  if (s[0] <= ' ')
    return s[0] == ' ' || (s[0] >= 9 && s[0] <= 13) ||
           (s[0] >= 28 && s[0] <= 31);
  if (n >= 2 && s[0] == 0xc2) return s[1] == 0x85 || s[1] == 0xa0 ? 2 : 0;
  if (n < 3 || s[0] < 0xe1 || s[0] > 0xe3) return 0;
  if (s[0] == 0xe1) return s[1] == 0x9a && s[2] == 0x80 ? 3 : 0; /* 1680 */
  if (s[0] == 0xe3) return s[1] == 0x80 && s[2] == 0x80 ? 3 : 0; /* 3000 */
  if (s[1] == 0x81) return s[2] == 0x9f ? 3 : 0;                 /* 205f */
  if (s[1] != 0x80) return 0;
  if (s[2] >= 0x80 && s[2] <= 0x8a) return 3;
  return s[2] == 0xa8 || s[2] == 0xa9 || s[2] == 0xaf ? 3 : 0;
}

static void fold(iot_buf *b, iot_str v) {
  char *start = iot_buf_room(b, v.n), *out = start;
  size_t i = 0, skip, pending = 0;
  if (start == NULL) return;
  while (i < v.n) {
    skip = space(v.p + i, v.n - i);
    if (skip > 0) {
      pending = out > start;
      i += skip;
    } else {
      if (pending) *out++ = ' ';
      pending = 0;
      *out++ = v.p[i++];
    }
  }
  b->len += (size_t)(out - start);
}

void iot_header_trim(iot_buf *b, iot_str v) {
  if (iot_is_plain(v))
    iot_buf_str(b, v);
  else
    fold(b, v);
}
