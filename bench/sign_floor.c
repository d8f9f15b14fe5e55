/* sign_floor.c - the least that signing one publish can cost with OpenSSL:
 * a kept key, prefetched digests, nothing allocated by us, nothing parsed.
 * usage: sign_floor N [token]   prints the last signature and a checksum */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/evp.h>

#define HASH 32   /* bytes of a SHA-256 */
#define BLOCK 64  /* bytes of its block, which HMAC pads a key to */
#define TOKEN 800 /* bytes of a session token */
#define DATE "20150830"
#define DATE_TIME DATE "T123600Z"
#define HOST "data-ats.iot.us-east-1.amazonaws.com"
#define SCOPE DATE "/us-east-1/iotdata/aws4_request"
#define ACCESS_KEY "AKIDEXAMPLE"
#define SECRET_KEY "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"
#define PUT(p, literal) put(p, literal, sizeof(literal) - 1)

/* Of the recorded vector: path /topics/test, body "hello", no token. */
static const char known[] =
    "6a19ef966212bf96a131418c23ab508bbd32738891ea425043c24196c6424631";

static EVP_MD_CTX *work, *inner, *outer; /* inner, outer: the padded key */
static char token[TOKEN], text[4096], authorization[512];
static char signature[2 * HASH];

static void need(int ok) {
  if (ok) return;
  fputs("sign_floor: OpenSSL failed\n", stderr);
  exit(1);
}

static char *put(char *p, const char *s, size_t n) {
  memcpy(p, s, n);
  return p + n;
}

static char *put_hex(char *p, const unsigned char *bytes) {
  static const char digits[] = "0123456789abcdef";
  size_t i;
  for (i = 0; i < HASH; i++) {
    *p++ = digits[bytes[i] >> 4];
    *p++ = digits[bytes[i] & 15];
  }
  return p;
}

/* The digest is kept in the context: NULL starts it over, fetching nothing. */
static void hash(const void *p, size_t n, unsigned char *out) {
  need(EVP_DigestInit_ex(work, NULL, NULL) &&
       EVP_DigestUpdate(work, p, n) && EVP_DigestFinal_ex(work, out, NULL));
}

static void start_pad(EVP_MD_CTX *ctx, const unsigned char *key, size_t n,
                      unsigned char fill) {
  unsigned char block[BLOCK];
  size_t i;
  memset(block, fill, sizeof block);
  for (i = 0; i < n; i++) block[i] ^= key[i];
  need(EVP_DigestInit_ex(ctx, NULL, NULL) &&
       EVP_DigestUpdate(ctx, block, sizeof block));
}

static void set_key(const unsigned char *key, size_t n) {
  start_pad(inner, key, n, 0x36);
  start_pad(outer, key, n, 0x5c);
}

static void finish(const EVP_MD_CTX *from, const void *p, size_t n,
                   unsigned char *out) {
  need(EVP_MD_CTX_copy_ex(work, from) && EVP_DigestUpdate(work, p, n) &&
       EVP_DigestFinal_ex(work, out, NULL));
}

static void hmac(const void *p, size_t n, unsigned char *out) {
  unsigned char first[HASH];
  finish(inner, p, n, first);
  finish(outer, first, sizeof first, out);
}

static void derive_key(void) {
  static const char *const steps[] = {DATE, "us-east-1", "iotdata",
                                      "aws4_request"};
  unsigned char key[HASH];
  size_t i;
  set_key((const unsigned char *)"AWS4" SECRET_KEY,
          sizeof("AWS4" SECRET_KEY) - 1);
  for (i = 0; i < sizeof steps / sizeof steps[0]; i++) {
    hmac(steps[i], strlen(steps[i]), key);
    set_key(key, sizeof key);
  }
}

static void start(void) {
  static const char part[] = "IQoJb3JpZ2luX2Vj";
  EVP_MD *md = EVP_MD_fetch(NULL, "SHA256", NULL);
  size_t i;
  work = EVP_MD_CTX_new();
  inner = EVP_MD_CTX_new();
  outer = EVP_MD_CTX_new();
  need(md && work && inner && outer && EVP_DigestInit_ex(work, md, NULL) &&
       EVP_DigestInit_ex(inner, md, NULL) &&
       EVP_DigestInit_ex(outer, md, NULL));
  for (i = 0; i < TOKEN; i++) token[i] = part[i % (sizeof part - 1)];
  derive_key();
}

static char *put_names(char *p, int with_token) {
  p = PUT(p, "host;x-amz-date");
  return with_token ? PUT(p, ";x-amz-security-token") : p;
}

static size_t canonical_request(const char *body, size_t n, int with_token) {
  unsigned char digest[HASH];
  char *p = text;
  p = PUT(p, "POST\n/topics/test\n\n");
  p = PUT(p, "host:" HOST "\nx-amz-date:" DATE_TIME "\n");
  if (with_token) {
    p = PUT(p, "x-amz-security-token:");
    p = put(p, token, sizeof token);
    *p++ = '\n';
  }
  *p++ = '\n';
  p = put_names(p, with_token);
  *p++ = '\n';
  hash(body, n, digest);
  return (size_t)(put_hex(p, digest) - text);
}

static size_t string_to_sign(size_t canonical) {
  unsigned char digest[HASH];
  char *p = text;
  hash(text, canonical, digest);
  p = PUT(p, "AWS4-HMAC-SHA256\n" DATE_TIME "\n" SCOPE "\n");
  return (size_t)(put_hex(p, digest) - text);
}

static size_t authorize(const unsigned char *mac, int with_token) {
  char *p = authorization;
  p = PUT(p, "AWS4-HMAC-SHA256 Credential=" ACCESS_KEY "/" SCOPE
             ", SignedHeaders=");
  p = put_names(p, with_token);
  p = PUT(p, ", Signature=");
  put_hex(signature, mac);
  return (size_t)(put(p, signature, sizeof signature) - authorization);
}

static size_t sign(const char *body, size_t n, int with_token) {
  unsigned char mac[HASH];
  size_t size = string_to_sign(canonical_request(body, n, with_token));
  hmac(text, size, mac);
  return authorize(mac, with_token);
}

static void check(void) {
  sign("hello", 5, 0);
  if (memcmp(signature, known, sizeof signature) == 0) return;
  fprintf(stderr, "sign_floor: wrong signature %.64s\n", signature);
  exit(1);
}

#ifndef SIGN_FLOOR_INCLUDED /* by multi_floor.c, which signs as we do */

int main(int argc, char **argv) {
  char body[] = "{\"device\":\"sensor-1\",\"temperature\":21.0}";
  const size_t size = sizeof body - 1;
  long i, n = argc > 1 ? atol(argv[1]) : 0;
  int with_token = argc > 2 && strcmp(argv[2], "token") == 0;
  unsigned long sum = 0;
  start();
  check();
  for (i = 0; i < n; i++) {
    body[size - 2] = (char)('0' + i % 10);
    sum += (unsigned char)authorization[sign(body, size, with_token) - 1];
  }
  printf("%.64s %lu\n", n > 0 ? signature : known, sum);
  return 0;
}

#endif
