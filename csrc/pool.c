/* pool.c - connections that wait for another request */
#include "exchange.h"

#include <stdlib.h>
#include <string.h>

#define MAX_LIFE 600.0  /* seconds: names and certificates change */
#define MAX_TRUST 0.001 /* seconds */
#define TARGET_FIELDS 14
#define MAX_IDENTITY (64u * 1024u)

iot_pool *iot_pool_new(double max_idle, long max_size) {
  iot_pool *p = calloc(1, sizeof(*p));
  if (p == NULL) return NULL;
  p->share = iot_share_new();
  if (p->share == NULL) {
    free(p);
    return NULL;
  }
  p->max_idle = max_idle;
  p->max_size = max_size;
  p->refs = 1;
  return p;
}

void iot_conn_close(iot_conn *c) {
  iot_conn_unwatch(c);
  if (c->pipe != NULL) iot_pipe_close(c->pipe);
  iot_buf_free(&c->identity);
  free(c);
}

void iot_pool_clear(iot_pool *p) {
  p->closed = p->opened;
  p->size = 0;
  while (p->idle != NULL) {
    iot_conn *c = p->idle;
    p->idle = c->next;
    iot_conn_close(c);
  }
  iot_share_rest(p->share);
}

void iot_pool_unref(iot_pool *p) {
  if (p == NULL || --p->refs > 0) return;
  iot_pool_clear(p);
  iot_share_unref(p->share);
  free(p);
}

/* Was it read to the end in this very turn? A loop that carries on with one
** request after the other need not do so once more. */
static int is_fresh(const iot_pool *p, const iot_conn *c, double now) {
  return c->turn == p->turn && now - c->idle_since < MAX_TRUST &&
         iot_pipe_is_drained(c->pipe);
}

/* Anything but "nothing yet" makes a kept connection useless. */
static int is_alive(const iot_pool *p, iot_conn *c, double now, int trusts) {
  char stray;
  size_t n;
  if (now - c->idle_since > p->max_idle || now - c->born > MAX_LIFE) return 0;
  if (c->quiet &&
      ((trusts && is_fresh(p, c, now)) || iot_pipe_is_still(c->pipe)))
    return 1;
  c->quiet = 1;
  return iot_pipe_recv(c->pipe, &stray, 1, &n) == IOT_IO_AGAIN &&
         !iot_pipe_holds(c->pipe);
}

static int is_same(const iot_conn *c, iot_str identity) {
  return c->identity.len == identity.n &&
         memcmp(c->identity.data, identity.p, identity.n) == 0;
}

/* After a fork: connections, names and TLS sessions are the parent's. */
static void leave_parent(iot_pool *p) {
  iot_share *share;
  if (!iot_share_is_foreign(p->share)) return;
  iot_pool_clear(p);
  share = iot_share_new();
  if (share == NULL) return;
  iot_share_unref(p->share);
  p->share = share;
}

iot_conn *iot_pool_take(iot_pool *p, iot_str identity, double now,
                        int trusts) {
  iot_conn **at = &p->idle;
  leave_parent(p);
  while (*at != NULL) {
    iot_conn *c = *at;
    if (!is_same(c, identity)) {
      at = &c->next;
      continue;
    }
    *at = c->next;
    c->next = NULL;
    p->size--;
    if (is_alive(p, c, now, trusts)) return c;
    iot_conn_close(c);
  }
  return NULL;
}

/* The identity's fields, each with a NUL at its end, as pointers into it. */
static int split(const iot_buf *b, const char *field[TARGET_FIELDS]) {
  const char *p = b->data, *end = b->data + b->len;
  int n = 0;
  if (b->len == 0 || end[-1] != '\0') return -1;
  while (p < end && n < TARGET_FIELDS) {
    field[n++] = p;
    p += strlen(p) + 1;
  }
  return n == TARGET_FIELDS && p == end ? 0 : -1;
}

static const char *optional(const char *s) {
  return *s != '\0' ? s : NULL;
}

static int is_https(const char *scheme) {
  return strcmp(scheme, "https") == 0;
}

static iot_pipe *open_pipe(iot_pool *p, const iot_buf *identity, long ms) {
  const char *field[TARGET_FIELDS];
  iot_target t;
  if (split(identity, field) != 0) return NULL;
  t.tls = is_https(field[0]);
  t.host = field[1];
  t.port = strtol(field[2], NULL, 10);
  t.verify = *field[3] == '1';
  t.ca = optional(field[4]);
  t.cert = optional(field[5]);
  t.key = optional(field[6]);
  t.keepalive = *field[7] == '1';
  t.alpn = optional(field[13]);
  t.proxy.tls = is_https(field[8]);
  t.proxy.host = optional(field[9]);
  t.proxy.port = strtol(field[10], NULL, 10);
  t.proxy.user = optional(field[11]);
  t.proxy.password = field[12];
  return iot_pipe_open(p->share, &t, ms);
}

iot_conn *iot_pool_open(iot_pool *p, iot_str identity, double now,
                        long timeout_ms) {
  iot_conn *c = calloc(1, sizeof(*c));
  if (c == NULL) return NULL;
  iot_buf_init(&c->identity, MAX_IDENTITY);
  iot_buf_str(&c->identity, identity);
  c->born = now;
  c->number = ++p->opened;
  if (!c->identity.failed) c->pipe = open_pipe(p, &c->identity, timeout_ms);
  if (c->pipe != NULL) return c;
  iot_conn_close(c);
  return NULL;
}

/* Drops those that wait longest where there are too many. */
static void trim(iot_pool *p) {
  iot_conn **at = &p->idle;
  long n;
  if (p->size <= p->max_size) return;
  for (n = 0; n < p->max_size; n++) at = &(*at)->next;
  while (*at != NULL) {
    iot_conn *c = *at;
    *at = c->next;
    p->size--;
    iot_conn_close(c);
  }
}

void iot_pool_resize(iot_pool *p, long max_size) {
  p->max_size = max_size;
  trim(p);
}

void iot_pool_give(iot_pool *p, iot_conn *c, double now) {
  if (c->number <= p->closed) {
    iot_conn_close(c);
    return;
  }
  c->user = NULL;
  c->turn = p->turn;
  c->idle_since = now;
  c->next = p->idle;
  p->idle = c;
  p->size++;
  trim(p);
}
