/* curl_pipe.c - pipes that libcurl connects */
#define _POSIX_C_SOURCE 200809L

#include "curl_options.h"
#include "curl_share.h"
#include "curl_tls.h"
#include "curl_trust.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct iot_pipe {
  CURL *easy;
  CURLM *multi;
  iot_share *share;
  iot_socket socket;
  iot_watcher watcher;
  void *who; /* is told by it */
  int tls;   /* does libcurl have a TLS on it? */
  enum iot_route route;
  iot_tls origin;      /* of the TLS to it */
  const char *refusal; /* by us, of its TLS; NULL for none */
  CURLcode code;
  char reason[CURL_ERROR_SIZE];
};

/* An empty line ends each head of the proxy's: through it we are once that
** of its 200 has ended. Sizes are as fwrite's. */
static size_t on_proxy_header(char *line, size_t size, size_t n, void *pipe) {
  iot_pipe *p = pipe;
  long status = 0;
  curl_easy_getinfo(p->easy, CURLINFO_HTTP_CONNECTCODE, &status);
  if ((*line == '\r' || *line == '\n') && status == 200)
    p->route = IOT_TUNNELLED;
  return size * n;
}

/* Where libcurl cannot, that is told when it should connect. */
static int set_alpn(iot_pipe *p, const char *protocols) {
  p->refusal = iot_tls_lack();
  return p->refusal != NULL ||
         iot_tls_offer(&p->origin, p->easy, protocols, &p->route);
}

/* Trusts what the last connection has trusted, if it is the same. */
static int set_trust(iot_pipe *p, const iot_target *t) {
  const char *path = iot_curl_bundle(p->easy, t);
  iot_trust *last = iot_share_trust(p->share);
  void *store = path != NULL ? iot_trust_take(last, path) : NULL;
  return iot_tls_trust(&p->origin, p->easy, store, last->name, &p->route);
}

static int set_options(iot_pipe *p, const iot_target *t, long timeout_ms) {
  CURL *e = p->easy;
  if (t->tls && p->route == IOT_DIRECT)
    iot_tls_read_ahead(&p->origin, e, &p->route);
  curl_easy_setopt(e, CURLOPT_CONNECTTIMEOUT_MS, timeout_ms);
  curl_easy_setopt(e, CURLOPT_ERRORBUFFER, p->reason);
  curl_easy_setopt(e, CURLOPT_SHARE, iot_share_handle(p->share));
  curl_easy_setopt(e, CURLOPT_HEADERFUNCTION, on_proxy_header);
  curl_easy_setopt(e, CURLOPT_HEADERDATA, p);
  return iot_curl_target(e, t) && set_trust(p, t) &&
         (!t->tls || t->alpn == NULL || set_alpn(p, t->alpn));
}

iot_pipe *iot_pipe_open(iot_share *s, const iot_target *t, long timeout_ms) {
  iot_pipe *p = calloc(1, sizeof(*p));
  if (p == NULL) return NULL;
  p->share = iot_share_ref(s);
  p->socket.fd = -1;
  p->route = iot_route_of(t);
  p->tls = p->route == IOT_FORWARDED ? t->proxy.tls : t->tls;
  p->multi = iot_share_take_multi(s);
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
  if (p->multi != NULL) iot_pipe_watch(p, NULL, NULL);
  if (p->easy != NULL) {
    if (p->multi != NULL) curl_multi_remove_handle(p->multi, p->easy);
    curl_easy_cleanup(p->easy);
  }
  iot_share_give_multi(p->share, p->multi);
  iot_share_unref(p->share);
  iot_tls_free(&p->origin);
  free(p);
}

/* libcurl takes any 2xx for a tunnel. */
static void refuse_all_but_200(iot_pipe *p) {
  static const char reason[] = "the proxy did not answer CONNECT with 200";
  if (p->code != CURLE_OK || p->route != IOT_TUNNEL) return;
  p->code = CURLE_RECV_ERROR;
  memcpy(p->reason, reason, sizeof(reason));
}

/* AWS IoT finds its service by them: without, another would be reached. */
static void refuse_other_protocols(iot_pipe *p) {
  if (p->code == CURLE_OK && !iot_tls_is_agreed(&p->origin))
    p->refusal = "the server agreed to none of the protocols of config.alpn";
}

static enum iot_io connected(iot_pipe *p) {
  curl_socket_t fd = CURL_SOCKET_BAD;
  refuse_all_but_200(p);
  refuse_other_protocols(p);
  if (p->refusal != NULL) return IOT_IO_FAILED;
  if (p->code == CURLE_OK)
    p->code = curl_easy_getinfo(p->easy, CURLINFO_ACTIVESOCKET, &fd);
  if (p->code != CURLE_OK || fd == CURL_SOCKET_BAD) return IOT_IO_FAILED;
  p->socket.fd = (int)fd;
  return IOT_IO_OK;
}

/* What has come of going on. */
static enum iot_io progress(iot_pipe *p, CURLMcode code) {
  int left = 0;
  CURLMsg *m;
  if (code != CURLM_OK) {
    p->code = CURLE_FAILED_INIT;
    return IOT_IO_FAILED;
  }
  m = curl_multi_info_read(p->multi, &left);
  if (m == NULL || m->msg != CURLMSG_DONE) return IOT_IO_AGAIN;
  p->code = m->data.result;
  return connected(p);
}

enum iot_io iot_pipe_connect(iot_pipe *p) {
  int running = 0;
  if (p->refusal != NULL) return IOT_IO_FAILED;
  return progress(p, curl_multi_perform(p->multi, &running));
}

/* It looks by itself what has happened. */
enum iot_io iot_pipe_connect_at(iot_pipe *p, int fd) {
  curl_socket_t at = fd >= 0 ? (curl_socket_t)fd : CURL_SOCKET_TIMEOUT;
  int running = 0;
  if (p->refusal != NULL) return IOT_IO_FAILED;
  return progress(p, curl_multi_socket_action(p->multi, at, 0, &running));
}

long iot_pipe_connect_ms(iot_pipe *p) {
  long ms = -1;
  curl_multi_timeout(p->multi, &ms);
  return ms;
}

static int on_socket(CURL *e, curl_socket_t fd, int what, void *pipe,
                     void *unused) {
  iot_pipe *p = pipe;
  int wants = 0;
  (void)e;
  (void)unused;
  if (what == CURL_POLL_IN || what == CURL_POLL_INOUT) wants = IOT_WANTS_READ;
  if (what == CURL_POLL_OUT || what == CURL_POLL_INOUT)
    wants |= IOT_WANTS_WRITE;
  if (p->watcher != NULL) p->watcher(p->who, (int)fd, wants);
  return 0;
}

void iot_pipe_watch(iot_pipe *p, iot_watcher watcher, void *who) {
  p->watcher = watcher;
  p->who = who;
  curl_multi_setopt(p->multi, CURLMOPT_SOCKETFUNCTION,
                    watcher != NULL ? on_socket : NULL);
  curl_multi_setopt(p->multi, CURLMOPT_SOCKETDATA, p);
}

void iot_pipe_wait(iot_pipe *p, int ms) {
  int n = 0;
  curl_multi_poll(p->multi, NULL, 0, ms, &n);
}

/* Is it a proxy that is spoken to, not the origin? */
static int is_at_proxy(const iot_pipe *p) {
  return p->route == IOT_FORWARDED || p->route == IOT_TUNNEL;
}

/* A peer that refuses us within TLS says so in an alert, in TLS 1.3 after
** the handshake; OpenSSL's text for it has the word. */
static enum iot_failure late_failure(const iot_pipe *p) {
  if (!p->tls || strstr(p->reason, "alert") == NULL) return IOT_CLOSED;
  return is_at_proxy(p) ? IOT_NO_PROXY : IOT_NO_TLS;
}

/* What fails after TCP, and is no time-out, is TLS. */
static enum iot_failure early_failure(const iot_pipe *p) {
  switch (p->code) {
  case CURLE_COULDNT_RESOLVE_HOST:
  case CURLE_COULDNT_CONNECT: return IOT_NO_CONNECTION;
  case CURLE_OPERATION_TIMEDOUT: return IOT_CONNECT_TIMEOUT;
  case CURLE_OUT_OF_MEMORY:
  case CURLE_FAILED_INIT:
  case CURLE_URL_MALFORMAT: return IOT_NO_HTTP;
  default: return p->tls ? IOT_NO_TLS : IOT_NO_CONNECTION;
  }
}

enum iot_failure iot_pipe_failure(const iot_pipe *p) {
  enum iot_failure f;
  if (p->refusal != NULL) return IOT_NO_TLS;
  if (p->socket.fd >= 0) return late_failure(p);
  f = early_failure(p);
  return is_at_proxy(p) && f != IOT_NO_HTTP ? IOT_NO_PROXY : f;
}

enum iot_failure iot_pipe_lateness(const iot_pipe *p) {
  return is_at_proxy(p) ? IOT_NO_PROXY : IOT_CONNECT_TIMEOUT;
}

int iot_pipe_sends_blindly(const iot_pipe *p) {
  return p->tls;
}

const char *iot_pipe_reason(const iot_pipe *p) {
  if (p->refusal != NULL) return p->refusal;
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

int iot_pipe_holds(const iot_pipe *p) {
  return iot_tls_holds(&p->origin);
}

int iot_pipe_is_drained(const iot_pipe *p) {
  return !p->tls || (p->origin.ahead && !iot_pipe_holds(p));
}

int iot_pipe_is_still(const iot_pipe *p) {
  return p->tls && iot_pipe_is_drained(p) && iot_socket_is_empty(&p->socket);
}

/* Not within TLS: a record may take any number of reads, each of which would
** wait. */
int iot_pipe_await(iot_pipe *p) {
  return !p->tls && iot_socket_await(&p->socket);
}

int iot_pipe_fd(const iot_pipe *p) {
  return p->socket.fd;
}

int iot_pipe_is_foreign(const iot_pipe *p) {
  return iot_share_is_foreign(p->share);
}
