/* crypto.c - SHA-256, SHA-1 and HMAC: the only file that includes OpenSSL */
#define _DEFAULT_SOURCE /* getentropy */

#include "iot.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <openssl/evp.h>
#include <openssl/rand.h>

#define BLOCK_SIZE 64 /* of SHA-256, which HMAC pads its key to */
#define MAX_BEGINNING (64 * BLOCK_SIZE)

/* What one text begins with after the other, in whole blocks: the third reads
** no more of it. */
typedef struct beginning {
  EVP_MD_CTX *ctx; /* has read it, if `is_read` */
  int is_read;
  size_t n;
  char text[MAX_BEGINNING];
} beginning;

struct iot_crypto {
  EVP_MD *fetched; /* ours to free; NULL with OpenSSL before 3 */
  const EVP_MD *sha256;
  EVP_MD_CTX *work;
  EVP_MD_CTX *fresh; /* has read nothing: copying it is half an Init */
  EVP_MD_CTX *inner; /* has read key ^ ipad */
  EVP_MD_CTX *outer; /* has read key ^ opad */
  beginning plain;
  beginning keyed; /* behind key ^ ipad */
};

/* EVP_sha256() would look the implementation up at every use. */
static void find_digest(iot_crypto *c) {
#if OPENSSL_VERSION_NUMBER >= 0x30000000L
  c->sha256 = c->fetched = EVP_MD_fetch(NULL, "SHA256", NULL);
#else
  c->sha256 = EVP_sha256();
#endif
}

iot_crypto *iot_crypto_new(void) {
  iot_crypto *c = calloc(1, sizeof(*c));
  if (c == NULL) return NULL;
  find_digest(c);
  c->work = EVP_MD_CTX_new();
  c->fresh = EVP_MD_CTX_new();
  c->inner = EVP_MD_CTX_new();
  c->outer = EVP_MD_CTX_new();
  c->plain.ctx = EVP_MD_CTX_new();
  c->keyed.ctx = EVP_MD_CTX_new();
  if (c->sha256 != NULL && c->work && c->fresh && c->inner && c->outer &&
      c->plain.ctx && c->keyed.ctx &&
      EVP_DigestInit_ex(c->fresh, c->sha256, NULL) == 1)
    return c;
  iot_crypto_free(c);
  return NULL;
}

/* EVP_MD_CTX_free cleanses what the contexts hold. */
void iot_crypto_free(iot_crypto *c) {
  if (c == NULL) return;
  EVP_MD_CTX_free(c->work);
  EVP_MD_CTX_free(c->fresh);
  EVP_MD_CTX_free(c->inner);
  EVP_MD_CTX_free(c->outer);
  EVP_MD_CTX_free(c->plain.ctx);
  EVP_MD_CTX_free(c->keyed.ctx);
  iot_wipe(c->plain.text, sizeof(c->plain.text)); /* tokens, of any length */
  iot_wipe(c->keyed.text, sizeof(c->keyed.text));
#if OPENSSL_VERSION_NUMBER >= 0x30000000L
  EVP_MD_free(c->fetched);
#endif
  free(c);
}

static int finish(EVP_MD_CTX *ctx, iot_str s, unsigned char *out) {
  if (EVP_DigestUpdate(ctx, s.p, s.n) != 1) return -1;
  return EVP_DigestFinal_ex(ctx, out, NULL) == 1 ? 0 : -1;
}

int iot_sha256(iot_crypto *c, iot_str s, unsigned char out[IOT_SHA256_SIZE]) {
  if (EVP_MD_CTX_copy_ex(c->work, c->fresh) != 1) return -1;
  return finish(c->work, s, out);
}

/* Has `work` read what the text begins with, behind what `from` has read, and
** leaves the rest in `s`. A text ends in the hex of a digest, which is never
** that of the last one. */
static int begin(iot_crypto *c, beginning *b, const EVP_MD_CTX *from,
                 iot_str *s) {
  size_t n = s->n > IOT_SHA256_HEX ? s->n - IOT_SHA256_HEX : 0;
  if (n > MAX_BEGINNING) n = MAX_BEGINNING;
  n -= n % BLOCK_SIZE;
  if (n > 0 && n == b->n && memcmp(b->text, s->p, n) == 0) {
    if (!b->is_read)
      b->is_read = EVP_MD_CTX_copy_ex(b->ctx, from) == 1 &&
                   EVP_DigestUpdate(b->ctx, s->p, n) == 1;
    if (!b->is_read) return -1;
    from = b->ctx;
    s->p += n;
    s->n -= n;
  } else if (n > 0) {
    memcpy(b->text, s->p, n);
    b->n = n;
    b->is_read = 0;
  }
  return EVP_MD_CTX_copy_ex(c->work, from) == 1 ? 0 : -1;
}

int iot_sha256_again(iot_crypto *c, iot_str s,
                     unsigned char out[IOT_SHA256_SIZE]) {
  if (begin(c, &c->plain, c->fresh, &s) != 0) return -1;
  return finish(c->work, s, out);
}

/* Rarely asked for, so nothing of it is kept. */
int iot_sha1(iot_str s, unsigned char out[IOT_SHA1_SIZE]) {
  return EVP_Digest(s.p, s.n, out, NULL, EVP_sha1(), NULL) == 1 ? 0 : -1;
}

/* Starts `ctx` with the padded key, each byte xored with `pad`. */
static int absorb(const iot_crypto *c, EVP_MD_CTX *ctx,
                  const unsigned char key[BLOCK_SIZE], unsigned char pad) {
  unsigned char block[BLOCK_SIZE];
  int i, ok;
  for (i = 0; i < BLOCK_SIZE; i++) block[i] = key[i] ^ pad;
  ok = EVP_MD_CTX_copy_ex(ctx, c->fresh) == 1 &&
       EVP_DigestUpdate(ctx, block, BLOCK_SIZE) == 1;
  iot_wipe(block, sizeof(block));
  return ok ? 0 : -1;
}

int iot_hmac_key(iot_crypto *c, iot_str key) {
  unsigned char padded[BLOCK_SIZE] = {0};
  int status = 0;
  c->keyed.n = 0;
  if (key.n > BLOCK_SIZE)
    status = iot_sha256(c, key, padded);
  else if (key.n > 0)
    memcpy(padded, key.p, key.n);
  if (status == 0) status = absorb(c, c->inner, padded, 0x36);
  if (status == 0) status = absorb(c, c->outer, padded, 0x5c);
  iot_wipe(padded, sizeof(padded));
  return status;
}

int iot_hmac(iot_crypto *c, iot_str s, unsigned char out[IOT_SHA256_SIZE]) {
  iot_str digest;
  digest.p = (const char *)out;
  digest.n = IOT_SHA256_SIZE;
  if (begin(c, &c->keyed, c->inner, &s) != 0) return -1;
  if (finish(c->work, s, out) != 0) return -1;
  if (EVP_MD_CTX_copy_ex(c->work, c->outer) != 1) return -1;
  return finish(c->work, digest, out);
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
