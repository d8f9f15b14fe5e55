/* curl_tls.h - what libcurl's TLS is told through OpenSSL: curl_tls.c */
#ifndef curl_tls_h
#define curl_tls_h

#include "pipe.h"

#include <curl/curl.h>

#if defined(__GNUC__)
#pragma GCC visibility push(hidden)
#endif

/* The TLS to the origin of one handle; zeroed where libcurl does all. */
typedef struct iot_tls {
  CURL *easy;
  const enum iot_route *route;
  void *store;     /* whom it trusts: see iot_trust_take; or NULL */
  char *protocols; /* offered by ALPN, as iot_target has them; or NULL */
  int agreed;      /* has the server taken one of them? */
  int ahead; /* does it read more than the next record, if it is there? */
  void *ssl; /* once connected, or NULL where that is not known */
} iot_tls;

/* Takes over the store, of iot_trust's `name`, and has the handle trust that,
** and no file; nothing where it is NULL. `route` says how far it has come, and
** stays where it is, as `t` does. 0 where there is no memory. */
int iot_tls_trust(iot_tls *t, CURL *e, void *store, const char *name,
                  const enum iot_route *route);
/* NULL, or why this libcurl can offer no protocols of ours. */
const char *iot_tls_lack(void);
/* Where nothing is lacking: has the handle offer them, and nothing else. 0
** where there is no memory. */
int iot_tls_offer(iot_tls *t, CURL *e, const char *protocols,
                  const enum iot_route *route);
/* Has it read a record's head, its body and what is behind it at once, if this
** libcurl allows that. `route` is that of one without a proxy. */
void iot_tls_read_ahead(iot_tls *t, CURL *e, const enum iot_route *route);
/* Has it read more than was asked for? */
int iot_tls_holds(const iot_tls *t);
/* Once it is connected: is all as it was asked for? */
int iot_tls_is_agreed(const iot_tls *t);
/* To be called after the handle is gone. */
void iot_tls_free(iot_tls *t);

#if defined(__GNUC__)
#pragma GCC visibility pop
#endif

#endif
