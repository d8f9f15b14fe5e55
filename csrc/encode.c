/* encode.c - hex; base64 both ways (RFC 4648) */
#include "iot.h"

static const char base64_digits[] =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

/* The two digits of every byte. */
static const char hex_pairs[] =
    "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f"
    "202122232425262728292a2b2c2d2e2f303132333435363738393a3b3c3d3e3f"
    "404142434445464748494a4b4c4d4e4f505152535455565758595a5b5c5d5e5f"
    "606162636465666768696a6b6c6d6e6f707172737475767778797a7b7c7d7e7f"
    "808182838485868788898a8b8c8d8e8f909192939495969798999a9b9c9d9e9f"
    "a0a1a2a3a4a5a6a7a8a9aaabacadaeafb0b1b2b3b4b5b6b7b8b9babbbcbdbebf"
    "c0c1c2c3c4c5c6c7c8c9cacbcccdcecfd0d1d2d3d4d5d6d7d8d9dadbdcdddedf"
    "e0e1e2e3e4e5e6e7e8e9eaebecedeeeff0f1f2f3f4f5f6f7f8f9fafbfcfdfeff";

static inline void put_hex(char *out, unsigned char c) {
  memcpy(out, hex_pairs + 2 * (size_t)c, 2);
}

/* Four at a time: counting them would take as long as writing them. */
void iot_hex(iot_buf *b, const void *p, size_t n) {
  const unsigned char *in = p;
  char *out = iot_buf_room(b, 2 * n);
  if (out == NULL) return;
  b->len += 2 * n;
  for (; n >= 4; n -= 4, in += 4, out += 8) {
    put_hex(out, in[0]);
    put_hex(out + 2, in[1]);
    put_hex(out + 4, in[2]);
    put_hex(out + 6, in[3]);
  }
  for (; n > 0; n--, in++, out += 2) put_hex(out, *in);
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
