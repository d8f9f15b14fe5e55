/* exchange.h - requests over connections: pool.c, exchange.c, loop.c */
#ifndef exchange_h
#define exchange_h

#include "pipe.h"

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
  iot_buf identity;
} iot_conn;

typedef struct iot_pool {
  iot_share *share;
  iot_conn *idle; /* the last one used first */
  double max_idle;
  long max_size;
  long refs;
  unsigned long opened;
} iot_pool;

/* Keeps `max_size` idle connections at most, each for `max_idle` seconds;
** NULL where there is no memory. */
iot_pool *iot_pool_new(double max_idle, long max_size);
void iot_pool_unref(iot_pool *p);
/* Closes what is idle. */
void iot_pool_clear(iot_pool *p);
/* A kept connection of that identity on which nothing has come since, or
** NULL. Those that are too old, or closed, are dropped on the way. */
iot_conn *iot_pool_take(iot_pool *p, iot_str identity, double now);
/* A new one, connecting; NULL for no memory or a malformed identity. The
** identity is the target: scheme, host, port, verify ("1" or "0"), CA path,
** certificate, key, keepalive, the proxy's scheme, host, port, user and
** password, and ALPN's protocols as on the wire, each with NUL after it. */
iot_conn *iot_pool_open(iot_pool *p, iot_str identity, double now,
                        long timeout_ms);
void iot_pool_give(iot_pool *p, iot_conn *c, double now);
void iot_conn_close(iot_conn *c);

/* exchange.c */

enum {
  IOT_WANTS_READ = 1,
  IOT_WANTS_WRITE = 2,
  IOT_WANTS_CONNECT = 4, /* iot_pipe_wait knows for what */
  IOT_WANTS_TURN = 8     /* nothing, but a look at the clock */
};

/* One request and its answer. */
typedef struct iot_exchange {
  iot_pool *pool;
  iot_conn *conn;
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
  int replay;   /* it may be sent again where it may have arrived */
  int replayed; /* that was done */
  enum iot_failure failure;
  char reason[256];
} iot_exchange;

void iot_exchange_init(iot_exchange *x, iot_pool *pool);
void iot_exchange_free(iot_exchange *x);
/* Ends what was under way, and makes the buffers ready for a request. */
void iot_exchange_reset(iot_exchange *x);
/* Begins; `out`, `identity`, the times and `replay` are filled in. */
void iot_exchange_start(iot_exchange *x, double now);
/* Goes on as far as it can without waiting. */
void iot_exchange_step(iot_exchange *x, double now);
/* When it ends by itself if nothing happens. */
double iot_exchange_deadline(const iot_exchange *x);

/* loop.c */

/* Waits for what the exchange wants, `seconds` at most, or for a signal. */
void iot_exchange_wait(iot_exchange *x, double seconds);
/* Sleeps, until a signal at the most. */
void iot_pause(double seconds);

#if defined(__GNUC__)
#pragma GCC visibility pop
#endif

#endif
