/* pipe.h - a connection as a pipe of bytes; nothing of libcurl leaks out */
#ifndef pipe_h
#define pipe_h

#include "iot.h"

#if defined(__GNUC__)
#pragma GCC visibility push(hidden)
#endif

/* What happened to a request that has no answer; each is one exception. */
enum iot_failure {
  IOT_OK,
  IOT_NO_CONNECTION,   /* EndpointConnectionError */
  IOT_CONNECT_TIMEOUT, /* ConnectTimeoutError */
  IOT_NO_TLS,          /* SSLError */
  IOT_NO_PROXY,        /* ProxyConnectionError */
  IOT_READ_TIMEOUT,    /* ReadTimeoutError */
  IOT_CLOSED,          /* ConnectionClosedError */
  IOT_NO_HTTP,         /* HTTPClientError */
  IOT_CALL_TIMEOUT     /* ApiCallTimeoutError */
};

enum iot_io { IOT_IO_OK, IOT_IO_AGAIN, IOT_IO_FAILED };

/* What is waited for. */
enum {
  IOT_WANTS_READ = 1,
  IOT_WANTS_WRITE = 2,
  IOT_WANTS_CONNECT = 4, /* the pipe knows for what */
  IOT_WANTS_TURN = 8     /* nothing, but a look at the clock */
};

/* An HTTP proxy, spoken to over TLS or not; `user` NULL for nobody. */
typedef struct iot_proxy {
  int tls;
  const char *host; /* NULL: there is none */
  long port;
  const char *user;
  const char *password;
} iot_proxy;

/* Where to and how; the strings are borrowed until iot_pipe_open returns,
** NULL where there is none. `verify` and `ca` are for the proxy as well. */
typedef struct iot_target {
  const char *host; /* without the brackets of an IPv6 address */
  long port;
  int tls;
  int verify;
  const char *ca; /* a bundle's path, or a directory's; NULL: the system's */
  const char *cert;
  const char *key;
  int keepalive;
  const char *alpn; /* protocols as on the wire: each after its length */
  iot_proxy proxy;
} iot_target;

enum iot_route {
  IOT_DIRECT,
  IOT_FORWARDED, /* the proxy reads, and passes on, what is sent */
  IOT_TUNNEL,    /* it is asked for one with CONNECT, and has not agreed */
  IOT_TUNNELLED  /* it has */
};

/* What is meant for TLS goes through a tunnel. */
static inline enum iot_route iot_route_of(const iot_target *t) {
  if (t->proxy.host == NULL) return IOT_DIRECT;
  return t->tls ? IOT_TUNNEL : IOT_FORWARDED;
}

/* curl_share.c */

/* What connections have in common: names and TLS sessions. One a Lua state;
** another in a forked child. Counts those that use it. */
typedef struct iot_share iot_share;

iot_share *iot_share_new(void); /* NULL where there is no memory */
void iot_share_unref(iot_share *s);
/* Gives up what is only kept for the next connection. */
void iot_share_rest(iot_share *s);
/* Is this another process than the one that made it? */
int iot_share_is_foreign(const iot_share *s);

/* socket.c */

#define IOT_SOCKET_PATIENCE 1 /* seconds */

/* Zeroed, but for its descriptor. */
typedef struct iot_socket {
  int fd;
  int patient; /* does `recv` wait? */
  int failed;  /* while it was waited for */
  size_t at, end;
  char ahead[4096]; /* what came then */
} iot_socket;

/* Both without waiting. OK with 0 bytes received: the peer closed. One that
** gives less than there is room for has given all that had come. */
enum iot_io iot_socket_send(iot_socket *s, const void *from, size_t n,
                            size_t *sent);
enum iot_io iot_socket_recv(iot_socket *s, void *to, size_t n,
                            size_t *received);
/* Waits until there is something to receive, IOT_SOCKET_PATIENCE at most, or
** for a signal: one system call, where poll would be one more. False where
** this socket cannot do so. */
int iot_socket_await(iot_socket *s);
/* Is there nothing in it to receive, not even its end? */
int iot_socket_is_empty(const iot_socket *s);

/* curl_pipe.c */

typedef struct iot_pipe iot_pipe;

/* Begins to connect; NULL where there is no memory. `timeout_ms` is when
** libcurl should give up, the caller's own clock decides. */
iot_pipe *iot_pipe_open(iot_share *s, const iot_target *t, long timeout_ms);
void iot_pipe_close(iot_pipe *p);
/* Goes on connecting as far as it can without waiting. */
enum iot_io iot_pipe_connect(iot_pipe *p);
/* Waits until connecting can go on, `ms` at most, or for a signal. */
void iot_pipe_wait(iot_pipe *p, int ms);
/* Says for which descriptors it waits while it connects; nothing of `wants` is
** for one that it waits for no longer. It may be told so when it is closed. */
typedef void (*iot_watcher)(void *who, int fd, int wants);
/* To be called before it begins to connect; then iot_pipe_connect_at goes on
** connecting. A watcher that is NULL is told nothing any more. */
void iot_pipe_watch(iot_pipe *p, iot_watcher watcher, void *who);
/* Goes on, as something has happened at `fd`; -1 for time that has passed. */
enum iot_io iot_pipe_connect_at(iot_pipe *p, int fd);
/* After how many ms it wants to go on whatever happens; -1 for never. */
long iot_pipe_connect_ms(iot_pipe *p);
/* May a send that failed have sent something? TLS hands over more than one
** record at a time, and does not say how many went. */
int iot_pipe_sends_blindly(const iot_pipe *p);
/* Why it failed: connecting, or TLS later (IOT_CLOSED otherwise). */
enum iot_failure iot_pipe_failure(const iot_pipe *p);
/* Whose fault it is that connecting takes too long. */
enum iot_failure iot_pipe_lateness(const iot_pipe *p);
const char *iot_pipe_reason(const iot_pipe *p);
/* After IOT_IO_AGAIN the same bytes must be offered again. */
enum iot_io iot_pipe_send(iot_pipe *p, const void *from, size_t n,
                          size_t *sent);
/* OK with 0 bytes: the peer closed. With fewer than there is room for: that
** was all there is, or the end of a TLS record. */
enum iot_io iot_pipe_recv(iot_pipe *p, void *to, size_t n, size_t *received);
/* Has TLS read more than it gave? No event of the socket's tells of that. */
int iot_pipe_holds(const iot_pipe *p);
/* After a read that gave less than it had room for: was that all that had
** come? Of TLS it is known only where that reads ahead. */
int iot_pipe_is_drained(const iot_pipe *p);
/* Then: does TLS's socket tell that nothing has come since? A system call,
** where a read takes more. */
int iot_pipe_is_still(const iot_pipe *p);
/* As iot_socket_await; false where only the descriptor can be waited for. */
int iot_pipe_await(iot_pipe *p);
/* The socket, to wait for. */
int iot_pipe_fd(const iot_pipe *p);
/* Was it opened by another process? Then only closing it is allowed. */
int iot_pipe_is_foreign(const iot_pipe *p);

#if defined(__GNUC__)
#pragma GCC visibility pop
#endif

#endif
