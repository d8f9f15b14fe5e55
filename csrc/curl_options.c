/* curl_options.c - tells libcurl where to connect to, through what, and how */
#define _POSIX_C_SOURCE 200809L

#include "curl_options.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

/* Both options have a C type of their own, which curl_easy_setopt checks. */
static int set_long(CURL *e, CURLoption o, long value) {
  return curl_easy_setopt(e, o, value) == CURLE_OK;
}

static int set_str(CURL *e, CURLoption o, const char *value) {
  return curl_easy_setopt(e, o, value) == CURLE_OK;
}

static int set_url(CURL *e, CURLoption o, int tls, const char *host,
                   long port) {
  int ipv6 = strchr(host, ':') != NULL;
  size_t size = strlen(host) + 32;
  char *url = malloc(size);
  int ok;
  if (url == NULL) return 0;
  snprintf(url, size, ipv6 ? "%s://[%s]:%ld/" : "%s://%s:%ld/",
           tls ? "https" : "http", host, port);
  ok = set_str(e, o, url);
  free(url);
  return ok;
}

/* ---- TLS ---- */

/* The options of one TLS, of which there may be two, one in the other. */
typedef struct tls_options {
  CURLoption verify_peer, verify_host, version, ca_bundle, ca_directory;
} tls_options;

static const tls_options tls_of_url = {
    CURLOPT_SSL_VERIFYPEER, CURLOPT_SSL_VERIFYHOST, CURLOPT_SSLVERSION,
    CURLOPT_CAINFO, CURLOPT_CAPATH};

static const tls_options tls_of_proxy = {
    CURLOPT_PROXY_SSL_VERIFYPEER, CURLOPT_PROXY_SSL_VERIFYHOST,
    CURLOPT_PROXY_SSLVERSION, CURLOPT_PROXY_CAINFO, CURLOPT_PROXY_CAPATH};

static int is_directory(const char *path) {
  struct stat st;
  return stat(path, &st) == 0 && S_ISDIR(st.st_mode);
}

/* The CA bundle of the system's that this libcurl knows by itself, or NULL.
** Where there is one, its directory of certificates is not needed. */
static const char *default_bundle(CURL *e) {
  char *path = NULL;
#if LIBCURL_VERSION_NUM >= 0x075400
  curl_easy_getinfo(e, CURLINFO_CAINFO, &path);
#endif
  return path;
}

static int set_ca(CURL *e, const tls_options *o, const char *ca) {
  if (ca == NULL)
    return default_bundle(e) == NULL || set_str(e, o->ca_directory, NULL);
  if (is_directory(ca)) return set_str(e, o->ca_directory, ca);
  return set_str(e, o->ca_bundle, ca) && set_str(e, o->ca_directory, NULL);
}

static int set_tls(CURL *e, const tls_options *o, const iot_target *t) {
  return set_long(e, o->verify_peer, t->verify != 0) &&
         set_long(e, o->verify_host, t->verify ? 2 : 0) &&
         set_long(e, o->version, CURL_SSLVERSION_TLSv1_2) &&
         set_ca(e, o, t->ca);
}

/* An encrypted key fails: without a pass phrase OpenSSL would ask for one on
** the terminal, and wait. No session is taken up again: it would stand for
** the certificate that was shown then, which a new file may have replaced. */
static int set_certificate(CURL *e, const iot_target *t) {
  return t->cert == NULL ||
         (set_str(e, CURLOPT_SSLCERT, t->cert) &&
          (t->key == NULL || set_str(e, CURLOPT_SSLKEY, t->key)) &&
          set_str(e, CURLOPT_KEYPASSWD, "") &&
          set_long(e, CURLOPT_SSL_SESSIONID_CACHE, 0));
}

const char *iot_curl_bundle(CURL *e, const iot_target *t) {
  if (iot_route_of(t) == IOT_FORWARDED ? !t->proxy.tls : !t->tls) return NULL;
  if (!t->verify) return NULL;
  return t->ca != NULL ? t->ca : default_bundle(e);
}

/* ---- the ways ---- */

static int set_origin(CURL *e, const iot_target *t) {
  return set_url(e, CURLOPT_URL, t->tls, t->host, t->port) &&
         (!t->tls || (set_tls(e, &tls_of_url, t) && set_certificate(e, t)));
}

/* To libcurl it is the origin: the request itself says whose it is. */
static int set_forwarder(CURL *e, const iot_target *t) {
  const iot_proxy *p = &t->proxy;
  return set_url(e, CURLOPT_URL, p->tls, p->host, p->port) &&
         (!p->tls || set_tls(e, &tls_of_url, t));
}

/* Basic, which asks no question first. */
static int set_user(CURL *e, const iot_proxy *p) {
  return set_long(e, CURLOPT_PROXYAUTH, (long)CURLAUTH_BASIC) &&
         set_str(e, CURLOPT_PROXYUSERNAME, p->user) &&
         set_str(e, CURLOPT_PROXYPASSWORD, p->password);
}

static int set_tunnel(CURL *e, const iot_target *t) {
  const iot_proxy *p = &t->proxy;
  return set_url(e, CURLOPT_PROXY, p->tls, p->host, p->port) &&
         set_long(e, CURLOPT_HTTPPROXYTUNNEL, 1) &&
         (p->user == NULL || set_user(e, p)) &&
         (!p->tls || set_tls(e, &tls_of_proxy, t));
}

/* The environment is not asked: no proxy is "", and so is the list of hosts
** to which none leads. */
static int set_route(CURL *e, const iot_target *t) {
  int ok = set_str(e, CURLOPT_PROXY, "") && set_str(e, CURLOPT_NOPROXY, "");
  switch (iot_route_of(t)) {
  case IOT_FORWARDED: return ok && set_forwarder(e, t);
  case IOT_TUNNEL: return ok && set_tunnel(e, t) && set_origin(e, t);
  default: return ok && set_origin(e, t);
  }
}

/* CONNECT_ONLY: libcurl resolves, connects and shakes hands, no more. No
** signal is used, and a slow name server does not outlast a closed handle. */
int iot_curl_target(CURL *e, const iot_target *t) {
  int ok = set_route(e, t) && set_long(e, CURLOPT_CONNECT_ONLY, 1) &&
           set_long(e, CURLOPT_NOSIGNAL, 1) &&
           set_long(e, CURLOPT_HTTP_VERSION, CURL_HTTP_VERSION_1_1) &&
           set_long(e, CURLOPT_TCP_KEEPALIVE, t->keepalive != 0);
#if LIBCURL_VERSION_NUM >= 0x075700
  ok = ok && set_long(e, CURLOPT_QUICK_EXIT, 1);
#endif
  return ok;
}
