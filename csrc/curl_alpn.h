/* curl_alpn.h - ALPN protocols of our own choice in libcurl's TLS */
#ifndef curl_alpn_h
#define curl_alpn_h

#include "pipe.h"

#include <curl/curl.h>

#if defined(__GNUC__)
#pragma GCC visibility push(hidden)
#endif

/* What one handle offers, and what came of it; zeroed for what libcurl offers
** by itself. */
typedef struct iot_alpn {
  CURL *easy;
  char *protocols;
  const enum iot_route *route;
  int agreed; /* has the server taken one of them? */
} iot_alpn;

/* NULL, or why this libcurl can offer none. */
const char *iot_alpn_lack(void);
/* Where nothing is lacking: has the handle offer them, as iot_target has them,
** and nothing else. `route` says how far it has come, and stays where it is,
** as `a` does. 0 where there is no memory. */
int iot_alpn_init(iot_alpn *a, CURL *e, const char *protocols,
                  const enum iot_route *route);
/* To be called after the handle is gone. */
void iot_alpn_free(iot_alpn *a);
/* Once it is connected: is all as it was asked for? */
int iot_alpn_is_agreed(const iot_alpn *a);

#if defined(__GNUC__)
#pragma GCC visibility pop
#endif

#endif
