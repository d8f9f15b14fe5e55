/* encode.c - hex; base64 both ways (RFC 4648) */
#include "iot.h"

static const char base64_digits[] =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

/* Four bytes as eight digits, all at once: a nibble a byte, then '0' added,
** and what lies between '9' and 'a' where it is over 9. */
static uint64_t hex_of(const unsigned char *in) {
  uint64_t v = (uint64_t)in[3] << 48 | (uint64_t)in[2] << 32 |
               (uint64_t)in[1] << 16 | in[0];
  uint64_t nibbles =
      (v >> 4 & 0x000f000f000f000f) | (v & 0x000f000f000f000f) << 8;
  uint64_t letters = (nibbles + 0x0606060606060606) >> 4 & 0x0101010101010101;
  return nibbles + 0x3030303030303030 + letters * ('a' - '9' - 1);
}

static void put_hex(char *out, uint64_t digits, size_t n) {
  for (; n > 0; n--, digits >>= 8) *out++ = (char)(digits & 0xff);
}

void iot_hex(iot_buf *b, const void *p, size_t n) {
  const unsigned char *in = p;
  char *out = iot_buf_room(b, 2 * n);
  if (out == NULL) return;
  b->len += 2 * n;
  for (; n >= 4; n -= 4, in += 4, out += 8) put_hex(out, hex_of(in), 8);
  if (n > 0) {
    unsigned char last[4] = {0};
    memcpy(last, in, n);
    put_hex(out, hex_of(last), 2 * n);
  }
}

/* Three bytes, or the last one or two, as four digits. */
static void quartet(char *out, const unsigned char *in, size_t n) {
  uint32_t v = (uint32_t)in[0] << 16;
  if (n > 1) v |= (uint32_t)in[1] << 8;
  if (n > 2) v |= in[2];
  out[0] = base64_digits[v >> 18];
  out[1] = base64_digits[v >> 12 & 63];
  out[2] = n > 1 ? base64_digits[v >> 6 & 63] : '=';
  out[3] = n > 2 ? base64_digits[v & 63] : '=';
}

void iot_base64(iot_buf *b, const void *p, size_t n) {
  const unsigned char *in = p;
  size_t size = (n / 3 + (n % 3 != 0)) * 4;
  char *out = iot_buf_room(b, size);
  if (out == NULL) return;
  for (; n > 0; in += n < 3 ? n : 3, n -= n < 3 ? n : 3, out += 4)
    quartet(out, in, n);
  b->len += size;
}

static int digit_value(char c) {
  if (c >= 'A' && c <= 'Z') return c - 'A';
  if (c >= 'a' && c <= 'z') return c - 'a' + 26;
  if (c >= '0' && c <= '9') return c - '0' + 52;
  if (c == '+') return 62;
  return c == '/' ? 63 : -1;
}

/* Four digits, the last `pad` of them '='; -1 for any that is no digit or
** for bits that are lost. */
static int unquartet(unsigned char *out, const char *in, size_t pad) {
  uint32_t v = 0;
  size_t i;
  for (i = 0; i < 4; i++) {
    int d = i < 4 - pad ? digit_value(in[i]) : 0;
    if (d < 0) return -1;
    v = v << 6 | (uint32_t)d;
  }
  out[0] = (unsigned char)(v >> 16);
  if (pad < 2) out[1] = (unsigned char)(v >> 8);
  if (pad < 1) out[2] = (unsigned char)v;
  return (v & (pad == 2 ? 0xffffu : pad == 1 ? 0xffu : 0u)) ? -1 : 0;
}

int iot_unbase64(iot_buf *b, const char *p, size_t n) {
  size_t pad = 0, i, size;
  unsigned char *out;
  if (n % 4 != 0) return -1;
  if (n > 0 && p[n - 1] == '=') pad = p[n - 2] == '=' ? 2 : 1;
  size = n / 4 * 3 - pad;
  out = (unsigned char *)iot_buf_room(b, size);
  if (out == NULL) return -1;
  for (i = 0; i < n; i += 4, out += 3)
    if (unquartet(out, p + i, i + 4 == n ? pad : 0) != 0) return -1;
  b->len += size;
  return 0;
}
