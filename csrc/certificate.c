/* certificate.c - do a client's certificate and private key go together? */
#include "certificate.h"

#include <limits.h>

#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509.h>

/* In place of OpenSSL's own, which would ask on the terminal: says that there
** is no pass phrase, and notes that one was wanted. */
static int no_pass_phrase(char *to, int size, int writing, void *wanted) {
  (void)to;
  (void)size;
  (void)writing;
  *(int *)wanted = 1;
  return -1;
}

static BIO *reader_of(iot_str s) {
  return s.n <= INT_MAX ? BIO_new_mem_buf(s.p, (int)s.n) : NULL;
}

static X509 *read_certificate(iot_str s) {
  int wanted = 0;
  BIO *in = reader_of(s);
  X509 *cert = in != NULL
                   ? PEM_read_bio_X509_AUX(in, NULL, no_pass_phrase, &wanted)
                   : NULL;
  BIO_free(in);
  return cert;
}

static EVP_PKEY *read_key(iot_str s, int *encrypted) {
  BIO *in = reader_of(s);
  EVP_PKEY *key =
      in != NULL ? PEM_read_bio_PrivateKey(in, NULL, no_pass_phrase, encrypted)
                 : NULL;
  BIO_free(in);
  return key;
}

static const char *check_key(X509 *cert, iot_str s) {
  int encrypted = 0;
  EVP_PKEY *key = read_key(s, &encrypted);
  int fits = key != NULL && X509_check_private_key(cert, key) == 1;
  EVP_PKEY_free(key);
  if (encrypted) return "it is encrypted, and no pass phrase can be given";
  if (key == NULL) return "it has no private key in PEM that can be read";
  return fits ? NULL : "it is not the key of the certificate";
}

/* OpenSSL's queue of errors is left as it was found: it is everybody's, and
** what lies there would be taken for a failure of the next TLS connection. */
const char *iot_certificate_check(iot_str cert, iot_str key, int *in_key) {
  const char *wrong;
  X509 *x;
  ERR_set_mark();
  x = read_certificate(cert);
  *in_key = x != NULL;
  wrong = x != NULL ? check_key(x, key)
                    : "it has no certificate in PEM that can be read";
  X509_free(x);
  ERR_pop_to_mark();
  return wrong;
}
