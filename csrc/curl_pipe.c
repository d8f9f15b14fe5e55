/* curl_pipe.c - pipes that libcurl connects: the only file with curl.h */
#define _POSIX_C_SOURCE 200809L

#include "pipe.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <curl/curl.h>

struct iot_share {
  CURLSH *handle;
  CURLM *spare; /* of a closed pipe: it has parsed the CA bundle already */
  unsigned long forks; /* when it was made */
  long refs;
};

struct iot_pipe {
  CURL *easy;
  CURLM *multi;
  iot_share *share;
  iot_socket socket;
  int tls;
  CURLcode code;
  char reason[CURL_ERROR_SIZE];
};

static int init_once(void) {
  static int done = 0;
  if (!done) done = curl_global_init(CURL_GLOBAL_DEFAULT) == CURLE_OK;
  return done;
}

iot_share *iot_share_new(void) {
  iot_share *s = init_once() ? calloc(1, sizeof(*s)) : NULL;
  if (s == NULL) return NULL;
  s->refs = 1;
  s->forks = iot_forks();
  s->handle = curl_share_init();
  if (s->handle == NULL) {
    free(s);
    return NULL;
  }
  curl_share_setopt(s->handle, CURLSHOPT_SHARE, CURL_LOCK_DATA_DNS);
  curl_share_setopt(s->handle, CURLSHOPT_SHARE, CURL_LOCK_DATA_SSL_SESSION);
  return s;
}

void iot_share_unref(iot_share *s) {
  if (s == NULL || --s->refs > 0) return;
  if (s->spare != NULL) curl_multi_cleanup(s->spare);
  curl_share_cleanup(s->handle);
  free(s);
}

int iot_share_is_foreign(const iot_share *s) {
  return s->forks != iot_forks();
}

static CURLM *take_multi(iot_share *s) {
  CURLM *m = s->spare;
  s->spare = NULL;
  return m != NULL ? m : curl_multi_init();
}

static void give_multi(iot_share *s, CURLM *m) {
  if (m == NULL) return;
  if (s->spare == NULL && !iot_share_is_foreign(s))
    s->spare = m;
  else
    curl_multi_cleanup(m);
}

/* Both options have a C type of their own, which curl_easy_setopt checks. */
static int set_long(CURL *e, CURLoption o, long value) {
  return curl_easy_setopt(e, o, value) == CURLE_OK;
}

static int set_str(CURL *e, CURLoption o, const char *value) {
  return curl_easy_setopt(e, o, value) == CURLE_OK;
}

static int set_url(CURL *e, const iot_target *t) {
  int ipv6 = strchr(t->host, ':') != NULL;
  const char *scheme = t->tls ? "https" : "http";
  size_t size = strlen(t->host) + 32;
  char *url = malloc(size);
  int ok;
  if (url == NULL) return 0;
  snprintf(url, size, ipv6 ? "%s://[%s]:%ld/" : "%s://%s:%ld/", scheme,
           t->host, t->port);
  ok = set_str(e, CURLOPT_URL, url);
  free(url);
  return ok;
}

static int is_directory(const char *path) {
  struct stat st;
  return stat(path, &st) == 0 && S_ISDIR(st.st_mode);
}

/* Does this libcurl know a CA bundle of the system's by itself? Then its
** directory of certificates is not needed, and would keep it from caching
** what it parsed. */
static int has_default_bundle(CURL *e) {
  char *path = NULL;
#if LIBCURL_VERSION_NUM >= 0x075400
  curl_easy_getinfo(e, CURLINFO_CAINFO, &path);
#endif
  return path != NULL;
}

static int set_ca(CURL *e, const char *ca) {
  if (ca == NULL)
    return !has_default_bundle(e) || set_str(e, CURLOPT_CAPATH, NULL);
  if (is_directory(ca)) return set_str(e, CURLOPT_CAPATH, ca);
  return set_str(e, CURLOPT_CAINFO, ca) && set_str(e, CURLOPT_CAPATH, NULL);
}

static int set_tls(CURL *e, const iot_target *t) {
  int ok = set_long(e, CURLOPT_SSL_VERIFYPEER, t->verify != 0) &&
           set_long(e, CURLOPT_SSL_VERIFYHOST, t->verify ? 2 : 0) &&
           set_long(e, CURLOPT_SSLVERSION, CURL_SSLVERSION_TLSv1_2) &&
           set_ca(e, t->ca);
  if (t->cert != NULL) ok = ok && set_str(e, CURLOPT_SSLCERT, t->cert);
  if (t->key != NULL) ok = ok && set_str(e, CURLOPT_SSLKEY, t->key);
  return ok;
}

/* CONNECT_ONLY: libcurl resolves, connects and shakes hands, no more. The
** environment's proxies are not asked ("" is none), no signal is used, and
** a slow name server does not outlast a closed handle. */
static int set_options(iot_pipe *p, const iot_target *t, long timeout_ms) {
  CURL *e = p->easy;
  int ok = set_url(e, t) && set_long(e, CURLOPT_CONNECT_ONLY, 1) &&
           set_long(e, CURLOPT_NOSIGNAL, 1) && set_str(e, CURLOPT_PROXY, "") &&
           set_long(e, CURLOPT_HTTP_VERSION, CURL_HTTP_VERSION_1_1) &&
           set_long(e, CURLOPT_CONNECTTIMEOUT_MS, timeout_ms) &&
           set_long(e, CURLOPT_TCP_KEEPALIVE, t->keepalive != 0);
#if LIBCURL_VERSION_NUM >= 0x075700
  ok = ok && set_long(e, CURLOPT_QUICK_EXIT, 1);
#endif
  curl_easy_setopt(e, CURLOPT_ERRORBUFFER, p->reason);
  curl_easy_setopt(e, CURLOPT_SHARE, p->share->handle);
  return ok && (!t->tls || set_tls(e, t));
}

iot_pipe *iot_pipe_open(iot_share *s, const iot_target *t, long timeout_ms) {
  iot_pipe *p = calloc(1, sizeof(*p));
  if (p == NULL) return NULL;
  s->refs++;
  p->share = s;
  p->socket.fd = -1;
  p->tls = t->tls;
  p->multi = take_multi(s);
  p->easy = curl_easy_init();
  if (p->multi != NULL && p->easy != NULL && set_options(p, t, timeout_ms) &&
      curl_multi_add_handle(p->multi, p->easy) == CURLM_OK)
    return p;
  iot_pipe_close(p);
  return NULL;
}

/* In a forked child: what libcurl says in parting (TLS's close_notify) must
** not reach the parent's connection. */
static void mute(int fd) {
  int null = open("/dev/null", O_RDWR | O_CLOEXEC);
  if (null < 0) return;
  dup2(null, fd);
  close(null);
}

void iot_pipe_close(iot_pipe *p) {
  if (p->socket.fd >= 0 && iot_pipe_is_foreign(p)) mute(p->socket.fd);
  if (p->easy != NULL) {
    if (p->multi != NULL) curl_multi_remove_handle(p->multi, p->easy);
    curl_easy_cleanup(p->easy);
  }
  give_multi(p->share, p->multi);
  iot_share_unref(p->share);
  free(p);
}

static enum iot_io connected(iot_pipe *p) {
  curl_socket_t fd = CURL_SOCKET_BAD;
  if (p->code == CURLE_OK)
    p->code = curl_easy_getinfo(p->easy, CURLINFO_ACTIVESOCKET, &fd);
  if (p->code != CURLE_OK || fd == CURL_SOCKET_BAD) return IOT_IO_FAILED;
  p->socket.fd = (int)fd;
  return IOT_IO_OK;
}

enum iot_io iot_pipe_connect(iot_pipe *p) {
  int running = 0, left = 0;
  CURLMsg *m;
  if (curl_multi_perform(p->multi, &running) != CURLM_OK) {
    p->code = CURLE_FAILED_INIT;
    return IOT_IO_FAILED;
  }
  m = curl_multi_info_read(p->multi, &left);
  if (m == NULL || m->msg != CURLMSG_DONE) return IOT_IO_AGAIN;
  p->code = m->data.result;
  return connected(p);
}

void iot_pipe_wait(iot_pipe *p, int ms) {
  int n = 0;
  curl_multi_poll(p->multi, NULL, 0, ms, &n);
}

/* A peer that refuses us within TLS says so in an alert, in TLS 1.3 after
** the handshake; OpenSSL's text for it has the word. */
static enum iot_failure late_failure(const iot_pipe *p) {
  int alert = p->tls && strstr(p->reason, "alert") != NULL;
  return alert ? IOT_NO_TLS : IOT_CLOSED;
}

int iot_pipe_sends_blindly(const iot_pipe *p) {
  return p->tls;
}

/* What fails after TCP, and is no time-out, is TLS. */
enum iot_failure iot_pipe_failure(const iot_pipe *p) {
  if (p->socket.fd >= 0) return late_failure(p);
  switch (p->code) {
  case CURLE_COULDNT_RESOLVE_PROXY: return IOT_NO_PROXY;
  case CURLE_COULDNT_RESOLVE_HOST:
  case CURLE_COULDNT_CONNECT: return IOT_NO_CONNECTION;
  case CURLE_OPERATION_TIMEDOUT: return IOT_CONNECT_TIMEOUT;
  case CURLE_OUT_OF_MEMORY:
  case CURLE_FAILED_INIT:
  case CURLE_URL_MALFORMAT: return IOT_NO_HTTP;
  default: return p->tls ? IOT_NO_TLS : IOT_NO_CONNECTION;
  }
}

const char *iot_pipe_reason(const iot_pipe *p) {
  return p->reason[0] != '\0' ? p->reason : curl_easy_strerror(p->code);
}

static enum iot_io io(CURLcode code) {
  if (code == CURLE_OK) return IOT_IO_OK;
  return code == CURLE_AGAIN ? IOT_IO_AGAIN : IOT_IO_FAILED;
}

enum iot_io iot_pipe_send(iot_pipe *p, const void *from, size_t n,
                          size_t *sent) {
  *sent = 0;
  if (!p->tls) return iot_socket_send(&p->socket, from, n, sent);
  return io(curl_easy_send(p->easy, from, n, sent));
}

enum iot_io iot_pipe_recv(iot_pipe *p, void *to, size_t n, size_t *received) {
  *received = 0;
  if (!p->tls) return iot_socket_recv(&p->socket, to, n, received);
  return io(curl_easy_recv(p->easy, to, n, received));
}

int iot_pipe_await(iot_pipe *p) {
  return !p->tls && iot_socket_await(&p->socket);
}

int iot_pipe_fd(const iot_pipe *p) {
  return p->socket.fd;
}

int iot_pipe_is_foreign(const iot_pipe *p) {
  return iot_share_is_foreign(p->share);
}
