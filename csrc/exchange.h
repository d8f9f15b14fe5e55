/* exchange.h - requests over connections: pool.c, watch.c, exchange.c, wait.c
 */
#ifndef exchange_h
#define exchange_h

#include "pipe.h"
#include "poller.h"

#if defined(__GNUC__)
#pragma GCC visibility push(hidden)
#endif

/* pool.c */

/* A connection, and what it is connected to. All times are seconds of one
** clock that never steps. */
typedef struct iot_conn {
  struct iot_conn *next;
  iot_pipe *pipe;
  double born;
  double idle_since;
  unsigned long number; /* of those the pool has opened, from 1 */
  unsigned long turn;   /* the pool's, when it was given back */
  int quiet;            /* the last read gave all, or all of a TLS record */
  void *user;           /* who is told when something happens to it */
  iot_poller *poller;   /* where it is watched, or NULL */
  iot_watch *watches;
  iot_buf identity;
} iot_conn;

typedef struct iot_pool {
  iot_share *share;
  iot_conn *idle; /* the last one used first */
  long size;      /* how many these are */
  double max_idle;
  long max_size;
  long refs;
  unsigned long opened;
  unsigned long closed; /* those up to that number are not to be kept */
  unsigned long turn;   /* of a loop that waits for them all; or 0 */
} iot_pool;

/* Keeps `max_size` idle connections at most, each for `max_idle` seconds;
** NULL where there is no memory. */
iot_pool *iot_pool_new(double max_idle, long max_size);
void iot_pool_unref(iot_pool *p);
/* Closes what is idle, and what is in use once it is given back. */
void iot_pool_clear(iot_pool *p);
/* Keeps so many from now on. */
void iot_pool_resize(iot_pool *p, long max_size);
/* A kept connection of that identity on which nothing has come since, or
** NULL. Those that are too old, or closed, are dropped on the way. `trusts`:
** one that was read to its end in this turn, a moment ago, is not read again;
** for a request that may be sent again where it was closed since. */
iot_conn *iot_pool_take(iot_pool *p, iot_str identity, double now, int trusts);
/* A new one, connecting; NULL for no memory or a malformed identity. The
** identity is the target: scheme, host, port, verify ("1" or "0"), CA path,
** certificate, key, keepalive, the proxy's scheme, host, port, user and
** password, and ALPN's protocols as on the wire, each with NUL after it. */
iot_conn *iot_pool_open(iot_pool *p, iot_str identity, double now,
                        long timeout_ms);
void iot_pool_give(iot_pool *p, iot_conn *c, double now);
void iot_conn_close(iot_conn *c);

/* watch.c */

/* Has the poller watch a new connection while it connects. */
void iot_conn_watch(iot_conn *c, iot_poller *p);
/* Goes on connecting as far as it can without waiting. */
enum iot_io iot_conn_connect(iot_conn *c);
/* Has its poller, if any, watch it from now on; 0, or -1 for no memory. */
int iot_conn_connected(iot_conn *c);
void iot_conn_unwatch(iot_conn *c);

/* exchange.c */

/* One request and its answer. */
typedef struct iot_exchange {
  iot_pool *pool;
  iot_conn *conn;
  iot_poller *poller; /* of a loop that it is part of, or NULL */
  void *user;         /* of its connection then */
  iot_buf identity;
  iot_buf out; /* the request; not moved until it is sent */
  size_t offset;
  iot_http1 in;
  double connect_timeout;
  double read_timeout;
  double connect_by;
  double read_by;
  double call_by;
  int state;
  int wants;            /* IOT_WANTS_..., or 0 at its end */
  int kept;             /* this connection has carried a request before */
  unsigned long number; /* the connection's */
  int sent;     /* a byte of the request may have left, on any connection */
  int unseen;   /* is a success's status all that is asked for? */
  int headless; /* does nobody ask for the answer's head as it came? */
  int replay;   /* it may be sent again where it may have arrived */
  int replayed; /* that was done */
  enum iot_failure failure;
  char reason[256];
} iot_exchange;

void iot_exchange_init(iot_exchange *x, iot_pool *pool);
void iot_exchange_free(iot_exchange *x);
/* Ends what was under way, and makes the buffers ready for a request. */
void iot_exchange_reset(iot_exchange *x);
/* Begins; `out`, `identity`, the times and `replay` are filled in. `trusts`:
** see iot_pool_take; it counts where the request may be replayed. */
void iot_exchange_start(iot_exchange *x, double now, int trusts);
/* Goes on as far as it can without waiting. */
void iot_exchange_step(iot_exchange *x, double now);
/* Ends it, with a failure. */
void iot_exchange_fail(iot_exchange *x, enum iot_failure f,
                       const char *reason);
/* When it ends by itself if nothing happens. */
double iot_exchange_deadline(const iot_exchange *x);

/* wait.c */

/* Rounded up: waking before a deadline would only mean waiting again. */
int iot_milliseconds(double seconds);
/* Waits for what the exchange wants, `seconds` at most, or for a signal. */
void iot_exchange_wait(iot_exchange *x, double seconds);
/* Sleeps, until a signal at the most. */
void iot_pause(double seconds);

#if defined(__GNUC__)
#pragma GCC visibility pop
#endif

#endif
