/* crypto.c - SHA-256, SHA-1 and HMAC, by OpenSSL
**
** By the functions of the algorithms themselves, deprecated since OpenSSL 3.0
** and there unless it was built with no-deprecated: a signature is four digests
** of a block or two, and by EVP each takes as long as a block more, a program's
** first one 0.5 ms. A FIPS provider is not asked. */
#define _DEFAULT_SOURCE /* getentropy */
#define OPENSSL_SUPPRESS_DEPRECATED

#include "iot.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <openssl/rand.h>
#include <openssl/sha.h>

#define BLOCK_SIZE 64 /* of SHA-256, which HMAC pads its key to */
#define MAX_BEGINNING (64 * BLOCK_SIZE)

/* What one text begins with after the other, in whole blocks: the third reads
** no more of it. */
typedef struct beginning {
  SHA256_CTX ctx; /* has read it, if `is_read` */
  int is_read;
  size_t n;
  char text[MAX_BEGINNING];
} beginning;

struct iot_crypto {
  SHA256_CTX work;
  SHA256_CTX inner; /* has read key ^ ipad */
  SHA256_CTX outer; /* has read key ^ opad */
  beginning plain;
  beginning keyed; /* behind key ^ ipad */
};

iot_crypto *iot_crypto_new(void) {
  return calloc(1, sizeof(iot_crypto));
}

void iot_crypto_free(iot_crypto *c) {
  if (c == NULL) return;
  iot_wipe(c, sizeof(*c));
  free(c);
}

static int finish(SHA256_CTX *ctx, iot_str s, unsigned char *out) {
  if (SHA256_Update(ctx, s.p, s.n) != 1) return -1;
  return SHA256_Final(out, ctx) == 1 ? 0 : -1;
}

int iot_sha256(iot_str s, unsigned char out[IOT_SHA256_SIZE]) {
  SHA256_CTX ctx;
  int status = SHA256_Init(&ctx) == 1 ? finish(&ctx, s, out) : -1;
  iot_wipe(&ctx, sizeof(ctx));
  return status;
}

/* Has `work` read what the text begins with, behind what it has read already,
** and leaves the rest in `s`. A text ends in the hex of a digest, which is
** never that of the last one. */
static int begin(SHA256_CTX *work, beginning *b, iot_str *s) {
  size_t n = s->n > IOT_SHA256_HEX ? s->n - IOT_SHA256_HEX : 0;
  if (n > MAX_BEGINNING) n = MAX_BEGINNING;
  n -= n % BLOCK_SIZE;
  if (n == 0) return 0;
  if (n != b->n || memcmp(b->text, s->p, n) != 0) {
    memcpy(b->text, s->p, n);
    b->n = n;
    b->is_read = 0;
    return 0;
  }
  if (!b->is_read) {
    b->ctx = *work;
    if (SHA256_Update(&b->ctx, s->p, n) != 1) return -1;
    b->is_read = 1;
  }
  *work = b->ctx;
  s->p += n;
  s->n -= n;
  return 0;
}

int iot_sha256_again(iot_crypto *c, iot_str s,
                     unsigned char out[IOT_SHA256_SIZE]) {
  if (SHA256_Init(&c->work) != 1) return -1;
  if (begin(&c->work, &c->plain, &s) != 0) return -1;
  return finish(&c->work, s, out);
}

/* Starts `ctx` with the padded key, each byte xored with `pad`. */
static int absorb(SHA256_CTX *ctx, const unsigned char key[BLOCK_SIZE],
                  unsigned char pad) {
  unsigned char block[BLOCK_SIZE];
  int i, ok;
  for (i = 0; i < BLOCK_SIZE; i++) block[i] = key[i] ^ pad;
  ok = SHA256_Init(ctx) == 1 && SHA256_Update(ctx, block, BLOCK_SIZE) == 1;
  iot_wipe(block, sizeof(block));
  return ok ? 0 : -1;
}

int iot_hmac_key(iot_crypto *c, iot_str key) {
  unsigned char padded[BLOCK_SIZE] = {0};
  int status = 0;
  c->keyed.n = 0;
  if (key.n > BLOCK_SIZE)
    status = iot_sha256(key, padded);
  else if (key.n > 0)
    memcpy(padded, key.p, key.n);
  if (status == 0) status = absorb(&c->inner, padded, 0x36);
  if (status == 0) status = absorb(&c->outer, padded, 0x5c);
  iot_wipe(padded, sizeof(padded));
  return status;
}

int iot_hmac(iot_crypto *c, iot_str s, unsigned char out[IOT_SHA256_SIZE]) {
  iot_str digest;
  digest.p = (const char *)out;
  digest.n = IOT_SHA256_SIZE;
  c->work = c->inner;
  if (begin(&c->work, &c->keyed, &s) != 0) return -1;
  if (finish(&c->work, s, out) != 0) return -1;
  c->work = c->outer;
  return finish(&c->work, digest, out);
}

/* Rarely asked for. */
int iot_sha1(iot_str s, unsigned char out[IOT_SHA1_SIZE]) {
  SHA_CTX ctx;
  if (SHA1_Init(&ctx) != 1 || SHA1_Update(&ctx, s.p, s.n) != 1) return -1;
  return SHA1_Final(out, &ctx) == 1 ? 0 : -1;
}

/* Linux's, but for glibc before 2.25. */
#if defined(__linux__) && \
    !(defined(__GLIBC__) && __GLIBC__ * 100 + __GLIBC_MINOR__ < 225)
#define HAS_GETENTROPY
#endif

/* The system is asked: to set up OpenSSL's own generator is a fourteenth of a
** program's first publish. */
int iot_random(void *p, size_t n) {
#ifdef HAS_GETENTROPY
  if (n <= 256 && getentropy(p, n) == 0) return 0; /* of kernels since 3.17 */
#endif
  return RAND_bytes(p, (int)n) == 1 ? 0 : -1;
}
