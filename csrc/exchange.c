/* exchange.c - one request over one connection, as a state machine */
#include "exchange.h"

#include <string.h>

#define MAX_IDENTITY (64u * 1024u)
#define READ_SIZE (16u * 1024u) /* a TLS record */
#define MAX_TURNS 64 /* sends and receives without a look at the clock */

enum { ENDED, CONNECTING, SENDING, RECEIVING };

void iot_exchange_init(iot_exchange *x, iot_pool *pool) {
  memset(x, 0, sizeof(*x));
  pool->refs++;
  x->pool = pool;
  iot_buf_init(&x->identity, MAX_IDENTITY);
  iot_buf_init(&x->out, IOT_MAX_REQUEST);
  iot_http1_init(&x->in);
}

static void drop(iot_exchange *x) {
  if (x->conn != NULL) iot_conn_close(x->conn);
  x->conn = NULL;
}

void iot_exchange_free(iot_exchange *x) {
  drop(x);
  iot_buf_free(&x->identity);
  iot_buf_free(&x->out);
  iot_http1_free(&x->in);
  iot_pool_unref(x->pool);
  x->pool = NULL;
}

void iot_exchange_reset(iot_exchange *x) {
  drop(x);
  iot_buf_reset(&x->identity);
  iot_buf_reset(&x->out);
  x->offset = 0;
  x->kept = 0;
  x->sent = 0;
  x->replayed = 0;
  x->failure = IOT_OK;
  x->state = ENDED;
  x->wants = 0;
}

static void end(iot_exchange *x) {
  x->state = ENDED;
  x->wants = 0;
}

void iot_exchange_fail(iot_exchange *x, enum iot_failure f,
                       const char *reason) {
  x->failure = f;
  strncpy(x->reason, reason, sizeof(x->reason) - 1);
  x->reason[sizeof(x->reason) - 1] = '\0';
  drop(x);
  end(x);
}

static void ready(iot_exchange *x, double now) {
  x->conn->user = x->user;
  x->offset = 0;
  x->read_by = now + x->read_timeout;
  x->state = SENDING;
  iot_http1_reset(&x->in, 0);
}

/* A little over the time there is: our own clock is the one that decides. */
static long patience(const iot_exchange *x) {
  double ms = x->connect_timeout * 1000 + 1000;
  return ms < 2e9 ? (long)ms : 2000000000L;
}

static void open_connection(iot_exchange *x, double now) {
  x->kept = 0;
  x->connect_by = now + x->connect_timeout;
  x->conn =
      iot_pool_open(x->pool, iot_buf_contents(&x->identity), now, patience(x));
  if (x->conn == NULL) {
    iot_exchange_fail(x, IOT_NO_HTTP, "a connection could not be prepared");
    return;
  }
  x->number = x->conn->number;
  x->conn->user = x->user;
  if (x->poller != NULL) iot_conn_watch(x->conn, x->poller);
  x->state = CONNECTING;
}

void iot_exchange_start(iot_exchange *x, double now, int trusts) {
  x->conn = iot_pool_take(x->pool, iot_buf_contents(&x->identity), now,
                          trusts && x->replay);
  if (x->conn == NULL) {
    open_connection(x, now);
    return;
  }
  x->kept = 1;
  x->number = x->conn->number;
  ready(x, now);
}

/* The connection is gone without a byte of an answer: where it was a kept
** one, the server may just have grown tired of it. A fresh one is tried,
** unless the request could then arrive twice and must not. */
static void closed(iot_exchange *x, double now, const char *reason) {
  enum iot_failure f = iot_pipe_failure(x->conn->pipe);
  if (!x->kept && !x->in.any && f != IOT_CLOSED) {
    iot_exchange_fail(x, f, iot_pipe_reason(x->conn->pipe));
  } else if (x->kept && !x->in.any && (x->replay || !x->sent)) {
    x->replayed = x->sent;
    drop(x);
    open_connection(x, now);
  } else {
    iot_exchange_fail(x, IOT_CLOSED, reason);
  }
}

/* A success that comes before the whole request is out is none: what the
** server has cannot be the message. */
static void finish(iot_exchange *x, double now) {
  int whole = x->offset == x->out.len;
  if (!whole && x->in.status < 300) {
    iot_exchange_fail(x, IOT_NO_HTTP, "a success before the request was sent");
    return;
  }
  if (x->in.reusable && whole) {
    iot_pool_give(x->pool, x->conn, now);
    x->conn = NULL;
  }
  drop(x);
  end(x);
}

static void received(iot_exchange *x, const char *p, size_t n, double now) {
  x->read_by = now + x->read_timeout;
  switch (n > 0 ? iot_http1_feed(&x->in, p, n) : iot_http1_eof(&x->in)) {
  case IOT_DONE: finish(x, now); break;
  case IOT_MORE: break;
  default:
    if (n == 0)
      closed(x, now, x->in.error);
    else
      iot_exchange_fail(x, IOT_NO_HTTP, x->in.error);
  }
}

/* Reads what is there; nonzero where nothing was, or it is over. */
static int receive(iot_exchange *x, double now) {
  char bytes[READ_SIZE];
  size_t n;
  switch (iot_pipe_recv(x->conn->pipe, bytes, sizeof(bytes), &n)) {
  case IOT_IO_OK:
    x->conn->quiet = n < sizeof(bytes);
    received(x, bytes, n, now);
    break;
  case IOT_IO_AGAIN: x->conn->quiet = 1; return 1;
  default: closed(x, now, "the connection was reset");
  }
  return x->state != RECEIVING && x->state != SENDING;
}

/* A peer that takes no more may have answered before it hung up. */
static void send_failed(iot_exchange *x, double now) {
  x->sent |= iot_pipe_sends_blindly(x->conn->pipe);
  x->state = RECEIVING;
  while (x->state == RECEIVING && x->conn != NULL && !receive(x, now)) {}
  if (x->state == RECEIVING) closed(x, now, "the connection was reset");
}

/* Sends, and reads beside it once the peer takes no more for now. */
static void send_some(iot_exchange *x, double now) {
  size_t n;
  switch (iot_pipe_send(x->conn->pipe, x->out.data + x->offset,
                        x->out.len - x->offset, &n)) {
  case IOT_IO_OK:
    x->sent = 1;
    x->offset += n;
    x->read_by = now + x->read_timeout;
    if (x->offset == x->out.len) { /* the answer takes its time */
      x->state = RECEIVING;
      if (!iot_pipe_holds(x->conn->pipe)) x->wants = IOT_WANTS_READ;
    }
    break;
  case IOT_IO_AGAIN:
    x->sent = 1;
    while (x->state == SENDING && !receive(x, now)) {}
    if (x->state == SENDING) x->wants = IOT_WANTS_READ | IOT_WANTS_WRITE;
    break;
  default: send_failed(x, now);
  }
}

static void connect_some(iot_exchange *x, double now) {
  switch (iot_conn_connect(x->conn)) {
  case IOT_IO_OK:
    if (iot_conn_connected(x->conn) == 0)
      ready(x, now);
    else
      iot_exchange_fail(x, IOT_NO_HTTP, "the connection cannot be watched");
    break;
  case IOT_IO_AGAIN: break;
  default:
    iot_exchange_fail(x, iot_pipe_failure(x->conn->pipe),
                      iot_pipe_reason(x->conn->pipe));
  }
}

/* Which deadline has passed, if any. */
static void check_time(iot_exchange *x, double now) {
  if (now >= x->call_by)
    iot_exchange_fail(x, IOT_CALL_TIMEOUT, "the call took too long");
  else if (x->state == CONNECTING && now >= x->connect_by)
    iot_exchange_fail(x, iot_pipe_lateness(x->conn->pipe),
                      "connecting took too long");
  else if (x->state != CONNECTING && now >= x->read_by)
    iot_exchange_fail(x, IOT_READ_TIMEOUT, "no byte has moved for too long");
}

void iot_exchange_step(iot_exchange *x, double now) {
  int turns = MAX_TURNS;
  x->wants = 0;
  if (x->state != ENDED && now >= x->call_by) check_time(x, now);
  while (x->state != ENDED && x->wants == 0 && turns-- > 0) {
    int state = x->state;
    if (state == CONNECTING) {
      x->wants = IOT_WANTS_CONNECT;
      connect_some(x, now);
      if (x->state == SENDING) x->wants = 0;
    } else if (state == SENDING) {
      send_some(x, now);
    } else if (receive(x, now) && x->state == RECEIVING) {
      x->wants = IOT_WANTS_READ;
    }
  }
  if (x->state != ENDED) check_time(x, now);
  if (x->state != ENDED && x->wants == 0) x->wants = IOT_WANTS_TURN;
}

double iot_exchange_deadline(const iot_exchange *x) {
  double by = x->state == CONNECTING ? x->connect_by : x->read_by;
  return by < x->call_by ? by : x->call_by;
}
