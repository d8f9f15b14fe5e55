/* curl_alpn.c - has libcurl's TLS offer ALPN protocols of our own choice
**
** libcurl has no option for that, but hands out its SSL_CTX. OpenSSL's two
** functions for it are looked up in the libcurl that is loaded, not linked:
** so they are those of the very OpenSSL that made it, whichever others there
** are in the process, and a libcurl over GnuTLS has none of ours beside it.
*/
#define _GNU_SOURCE /* dladdr, RTLD_NOLOAD */

#include "curl_alpn.h"

#include <dlfcn.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#define OFFER "SSL_CTX_set_alpn_protos"
#define AGREED "SSL_get0_alpn_selected"

typedef int offer_fn(void *ctx, const unsigned char *list, unsigned n);
typedef void agreed_fn(const void *ssl, const unsigned char **p, unsigned *n);

/* A function of libcurl's, or of a library that it needs. */
static void *find(const char *name) {
  Dl_info info;
  void *library, *found;
  if (dladdr((const void *)(uintptr_t)curl_easy_init, &info) == 0) return NULL;
  library = dlopen(info.dli_fname, RTLD_LAZY | RTLD_NOLOAD);
  if (library == NULL) return NULL;
  found = dlsym(library, name);
  dlclose(library);
  return found;
}

/* What libcurl says of its TLS begins with that which is used; those that it
** could use as well are in parentheses. */
static const char *backend(void) {
  const char *name = curl_version_info(CURLVERSION_NOW)->ssl_version;
  while (name != NULL && *name == '(') {
    name = strchr(name, ' ');
    if (name != NULL) name++;
  }
  return name != NULL ? name : "";
}

/* OpenSSL, or one that has its functions. */
static int is_openssl(const char *name) {
  static const char *const family[] = {"OpenSSL", "LibreSSL", "BoringSSL",
                                       "AWS-LC", "quictls"};
  size_t i;
  for (i = 0; i < sizeof(family) / sizeof(family[0]); i++)
    if (strncmp(name, family[i], strlen(family[i])) == 0) return 1;
  return 0;
}

const char *iot_alpn_lack(void) {
#if LIBCURL_VERSION_NUM < 0x075000
  return "config.alpn needs a libcurl from 7.80 on: use port 8443 without it";
#else
  if (is_openssl(backend()) && find(OFFER) != NULL && find(AGREED) != NULL)
    return NULL;
  return "config.alpn needs a libcurl that has its TLS from OpenSSL: use port "
         "8443 without it";
#endif
}

static int offer(void *ssl_ctx, const char *protocols) {
  void *found = find(OFFER);
  offer_fn *call;
  if (found == NULL) return 0;
  memcpy(&call, &found, sizeof(call));
  return call(ssl_ctx, (const unsigned char *)protocols,
              (unsigned)strlen(protocols)) == 0;
}

static int is_in(const char *list, const unsigned char *p, unsigned n) {
  size_t size;
  for (; (size = (unsigned char)*list) != 0; list += size + 1)
    if (size == n && memcmp(list + 1, p, n) == 0) return 1;
  return 0;
}

static int is_agreed(const void *ssl, const char *protocols) {
  void *found = find(AGREED);
  agreed_fn *call;
  const unsigned char *p = NULL;
  unsigned n = 0;
  if (found == NULL || ssl == NULL) return 0;
  memcpy(&call, &found, sizeof(call));
  call(ssl, &p, &n);
  return p != NULL && is_in(protocols, p, n);
}

/* A TLS begins. A proxy's own comes first, and is offered nothing. */
static CURLcode on_tls(CURL *e, void *ssl_ctx, void *alpn) {
  const iot_alpn *a = alpn;
  (void)e;
  if (*a->route == IOT_TUNNEL || offer(ssl_ctx, a->protocols)) return CURLE_OK;
  return CURLE_SSL_CONNECT_ERROR;
}

#if LIBCURL_VERSION_NUM >= 0x075000

/* All is connected: the last time that libcurl shows its SSL. */
static int on_connected(void *alpn, char *ip, char *own_ip, int port,
                        int own_port) {
  iot_alpn *a = alpn;
  struct curl_tlssessioninfo *info = NULL;
  (void)ip, (void)own_ip, (void)port, (void)own_port;
  curl_easy_getinfo(a->easy, CURLINFO_TLS_SSL_PTR, &info);
  if (info != NULL) a->agreed = is_agreed(info->internals, a->protocols);
  return CURL_PREREQFUNC_OK;
}

static int observe(iot_alpn *a) {
  return curl_easy_setopt(a->easy, CURLOPT_PREREQFUNCTION, on_connected) ==
             CURLE_OK &&
         curl_easy_setopt(a->easy, CURLOPT_PREREQDATA, a) == CURLE_OK;
}

#else

static int observe(iot_alpn *a) {
  (void)a, (void)is_agreed;
  return 0;
}

#endif

/* libcurl's own list is left out, or it might come over ours. */
int iot_alpn_init(iot_alpn *a, CURL *e, const char *protocols,
                  const enum iot_route *route) {
  a->easy = e;
  a->route = route;
  a->protocols = strdup(protocols);
  return a->protocols != NULL && observe(a) &&
         curl_easy_setopt(e, CURLOPT_SSL_ENABLE_ALPN, 0L) == CURLE_OK &&
         curl_easy_setopt(e, CURLOPT_SSL_CTX_FUNCTION, on_tls) == CURLE_OK &&
         curl_easy_setopt(e, CURLOPT_SSL_CTX_DATA, a) == CURLE_OK;
}

void iot_alpn_free(iot_alpn *a) {
  free(a->protocols);
  a->protocols = NULL;
}

int iot_alpn_is_agreed(const iot_alpn *a) {
  return a->protocols == NULL || a->agreed;
}
