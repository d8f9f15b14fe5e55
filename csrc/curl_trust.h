/* curl_trust.h - a bundle of CA certificates that is read once: curl_trust.c */
#ifndef curl_trust_h
#define curl_trust_h

#include <sys/stat.h>

#if defined(__GNUC__)
#pragma GCC visibility push(hidden)
#endif

/* The certificates of the last bundle; zeroed before. */
typedef struct iot_trust {
  void *store; /* OpenSSL's X509_STORE, or NULL */
  char *path;
  struct stat file; /* when it was read */
  char name[256];   /* of no directory: no other certificates have it */
} iot_trust;

/* The certificates of the file, read again if it has changed: the caller's,
** to be given back. NULL where libcurl has to read it, and to say what is
** wrong with it. */
void *iot_trust_take(iot_trust *t, const char *path);
void iot_trust_give(void *store);
/* Has OpenSSL's SSL_CTX trust them, and nobody else; 0 where it cannot. */
int iot_trust_use(void *store, void *ssl_ctx);
void iot_trust_free(iot_trust *t);

#if defined(__GNUC__)
#pragma GCC visibility pop
#endif

#endif
