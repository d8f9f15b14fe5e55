/* curl_tls.c - ALPN protocols of our own choice in libcurl's TLS, CA
** certificates that were read before, and records that are read at once
**
** libcurl has no option for these, but hands out its SSL_CTX.
*/
#define _POSIX_C_SOURCE 200809L

#include "curl_tls.h"

#include "curl_openssl.h"
#include "curl_trust.h"

#include <stdlib.h>
#include <string.h>

#define OFFER "SSL_CTX_set_alpn_protos"
#define AGREED "SSL_get0_alpn_selected"
#define CONTROL "SSL_CTX_ctrl"
#define PENDING "SSL_has_pending"
#define SET_READ_AHEAD 41 /* openssl/ssl.h: SSL_CTRL_SET_READ_AHEAD */

typedef int offer_fn(void *ctx, const unsigned char *list, unsigned n);
typedef void agreed_fn(const void *ssl, const unsigned char **p, unsigned *n);
typedef long control_fn(void *ctx, int command, long larg, void *parg);
typedef int pending_fn(const void *ssl);

static pending_fn *has_pending; /* where anybody reads ahead */

const char *iot_tls_lack(void) {
#if LIBCURL_VERSION_NUM < 0x075000
  return "config.alpn needs a libcurl from 7.80 on: use port 8443 without it";
#else
  if (iot_openssl_find(OFFER) != NULL && iot_openssl_find(AGREED) != NULL)
    return NULL;
  return "config.alpn needs a libcurl that has its TLS from OpenSSL: use port "
         "8443 without it";
#endif
}

static int offer(void *ssl_ctx, const char *protocols) {
  offer_fn *call = (offer_fn *)iot_openssl_find(OFFER);
  return call != NULL && call(ssl_ctx, (const unsigned char *)protocols,
                              (unsigned)strlen(protocols)) == 0;
}

static int is_in(const char *list, const unsigned char *p, unsigned n) {
  size_t size;
  for (; (size = (unsigned char)*list) != 0; list += size + 1)
    if (size == n && memcmp(list + 1, p, n) == 0) return 1;
  return 0;
}

static int is_agreed(const void *ssl, const char *protocols) {
  agreed_fn *call = (agreed_fn *)iot_openssl_find(AGREED);
  const unsigned char *p = NULL;
  unsigned n = 0;
  if (call == NULL || ssl == NULL) return 0;
  call(ssl, &p, &n);
  return p != NULL && is_in(protocols, p, n);
}

/* A TLS begins. A proxy's own comes first, and is as libcurl has it. */
static CURLcode on_tls(CURL *e, void *ssl_ctx, void *tls) {
  const iot_tls *t = tls;
  (void)e;
  if (*t->route == IOT_TUNNEL) return CURLE_OK;
  if (t->protocols != NULL && !offer(ssl_ctx, t->protocols))
    return CURLE_SSL_CONNECT_ERROR;
  if (t->store != NULL && !iot_trust_use(t->store, ssl_ctx))
    return CURLE_OUT_OF_MEMORY;
  if (t->ahead)
    ((control_fn *)iot_openssl_find(CONTROL))(ssl_ctx, SET_READ_AHEAD, 1,
                                              NULL);
  return CURLE_OK;
}

static int hear(iot_tls *t, CURL *e, const enum iot_route *route) {
  t->easy = e;
  t->route = route;
  return curl_easy_setopt(e, CURLOPT_SSL_CTX_FUNCTION, on_tls) == CURLE_OK &&
         curl_easy_setopt(e, CURLOPT_SSL_CTX_DATA, t) == CURLE_OK;
}

/* libcurl is to read none itself; without a directory, which has none either,
** some would trust the system's. */
int iot_tls_trust(iot_tls *t, CURL *e, void *store, const char *name,
                  const enum iot_route *route) {
  t->store = store;
  if (store == NULL) return 1;
  if (!hear(t, e, route)) { /* libcurl reads the file itself */
    iot_trust_give(store);
    t->store = NULL;
    return 1;
  }
  return curl_easy_setopt(e, CURLOPT_CAINFO, NULL) == CURLE_OK &&
         curl_easy_setopt(e, CURLOPT_CAPATH, name) == CURLE_OK;
}

#if LIBCURL_VERSION_NUM >= 0x075000

/* All is connected: the last time that libcurl shows its SSL. */
static int on_connected(void *tls, char *ip, char *own_ip, int port,
                        int own_port) {
  iot_tls *t = tls;
  struct curl_tlssessioninfo *info = NULL;
  (void)ip, (void)own_ip, (void)port, (void)own_port;
  curl_easy_getinfo(t->easy, CURLINFO_TLS_SSL_PTR, &info);
  if (info == NULL) return CURL_PREREQFUNC_OK;
  t->ssl = info->internals;
  t->agreed = t->protocols != NULL && is_agreed(t->ssl, t->protocols);
  return CURL_PREREQFUNC_OK;
}

static int observe(iot_tls *t) {
  return curl_easy_setopt(t->easy, CURLOPT_PREREQFUNCTION, on_connected) ==
             CURLE_OK &&
         curl_easy_setopt(t->easy, CURLOPT_PREREQDATA, t) == CURLE_OK;
}

#else

static int observe(iot_tls *t) {
  (void)t, (void)is_agreed;
  return 0;
}

#endif

/* libcurl's own list is left out, or it might come over ours. */
int iot_tls_offer(iot_tls *t, CURL *e, const char *protocols,
                  const enum iot_route *route) {
  t->protocols = strdup(protocols);
  return t->protocols != NULL && hear(t, e, route) && observe(t) &&
         curl_easy_setopt(e, CURLOPT_SSL_ENABLE_ALPN, 0L) == CURLE_OK;
}

/* From version 8 on libcurl itself may read ahead of TLS. */
static int can_read_ahead(void) {
  static int known = -1;
  if (known >= 0) return known;
  has_pending = (pending_fn *)iot_openssl_find(PENDING);
  known = has_pending != NULL && iot_openssl_find(CONTROL) != NULL &&
          curl_version_info(CURLVERSION_NOW)->version_num < 0x080000;
  return known;
}

void iot_tls_read_ahead(iot_tls *t, CURL *e, const enum iot_route *route) {
  t->ahead = can_read_ahead() && hear(t, e, route) && observe(t);
}

int iot_tls_holds(const iot_tls *t) {
  return t->ahead && (t->ssl == NULL || has_pending(t->ssl));
}

int iot_tls_is_agreed(const iot_tls *t) {
  return t->protocols == NULL || t->agreed;
}

void iot_tls_free(iot_tls *t) {
  iot_trust_give(t->store);
  free(t->protocols);
  t->store = t->protocols = NULL;
}
