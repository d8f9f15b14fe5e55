/* test_pool.c - kept connections: which, for how long, how many */
#include "check.h"

#include "../../csrc/pool.c"

#define MAX_IDLE 50.0
#define MAX_SIZE 3

/* Pipes that are nothing but what the test says of them. */
struct iot_pipe {
  int number;
};

struct iot_share {
  int refs;
};

static int opened, closed, is_foreign;
static enum iot_io answer = IOT_IO_AGAIN; /* of a pipe that is read */
static int is_tls, is_still, holds;
static int trusts; /* does who takes one? */

iot_share *iot_share_new(void) {
  iot_share *s = calloc(1, sizeof(*s));
  if (s == NULL) abort();
  s->refs = 1;
  return s;
}

void iot_share_unref(iot_share *s) {
  if (--s->refs == 0) free(s);
}

static int rests;

void iot_share_rest(iot_share *s) {
  (void)s;
  rests++;
}

void iot_conn_unwatch(iot_conn *c) {
  (void)c;
}

int iot_share_is_foreign(const iot_share *s) {
  (void)s;
  return is_foreign;
}

iot_pipe *iot_pipe_open(iot_share *s, const iot_target *t, long timeout_ms) {
  iot_pipe *p = malloc(sizeof(*p));
  (void)s;
  (void)timeout_ms;
  check(strcmp(t->host, "h") == 0);
  if (p == NULL) abort();
  p->number = ++opened;
  return p;
}

void iot_pipe_close(iot_pipe *p) {
  closed++;
  free(p);
}

enum iot_io iot_pipe_recv(iot_pipe *p, void *to, size_t n, size_t *received) {
  (void)p;
  (void)to;
  *received = answer == IOT_IO_OK ? n : 0;
  return answer;
}

int iot_pipe_is_still(const iot_pipe *p) {
  (void)p;
  return is_still;
}

int iot_pipe_is_drained(const iot_pipe *p) {
  (void)p;
  return !is_tls;
}

int iot_pipe_holds(const iot_pipe *p) {
  (void)p;
  return holds;
}

/* Of a port: all else is the same. */
static iot_str identity(char port) {
  static char text[64];
  static const char fields[] =
      "http\0h\0000\0001\0\0\0\0000\0\0\0\0\0\0"; /* the last one's NUL too */
  memcpy(text, fields, sizeof(fields));
  text[7] = port;
  return str_n(text, sizeof(fields));
}

static iot_conn *open_one(iot_pool *p, char port, double born) {
  iot_conn *c = iot_pool_open(p, identity(port), born, 1000);
  check(c != NULL);
  return c;
}

/* A new connection that was used, and is idle from `now` on. */
static void keep(iot_pool *p, char port, double born, double now) {
  iot_pool_give(p, open_one(p, port, born), now);
}

static int take(iot_pool *p, char port, double now) {
  iot_conn *c = iot_pool_take(p, identity(port), now, trusts);
  int number = c != NULL ? c->pipe->number : 0;
  if (c != NULL) iot_conn_close(c);
  return number;
}

static iot_pool *new_pool(void) {
  opened = closed = rests = 0;
  answer = IOT_IO_AGAIN;
  return iot_pool_new(MAX_IDLE, MAX_SIZE);
}

static void end(iot_pool *p) {
  iot_pool_unref(p);
  check(opened == closed);
}

static void test_identity(void) {
  iot_pool *p = new_pool();
  keep(p, '1', 0, 0);
  check(take(p, '2', 1) == 0);
  check(take(p, '1', 1) == 1);
  check(take(p, '1', 1) == 0);
  check(iot_pool_open(p, str_of("malformed"), 0, 1) == NULL);
  end(p);
}

static void test_idle_time(void) {
  iot_pool *p = new_pool();
  keep(p, '1', 0, 10);
  check(take(p, '1', 10 + MAX_IDLE) == 1);
  keep(p, '1', 0, 10);
  check(take(p, '1', 10.1 + MAX_IDLE) == 0);
  check(closed == 2);
  end(p);
}

/* However busy it was. */
static void test_life(void) {
  iot_pool *p = new_pool();
  keep(p, '1', 0, 599);
  check(take(p, '1', 600) == 1);
  keep(p, '1', 0, 599);
  check(take(p, '1', 600.1) == 0);
  end(p);
}

static void test_stray(void) {
  iot_pool *p = new_pool();
  keep(p, '1', 0, 0);
  keep(p, '1', 0, 0);
  answer = IOT_IO_OK; /* closed, or bytes that nobody asked for */
  check(take(p, '1', 1) == 0);
  check(closed == 2);
  keep(p, '1', 0, 0);
  answer = IOT_IO_FAILED;
  check(take(p, '1', 1) == 0);
  keep(p, '1', 0, 0);
  answer = IOT_IO_AGAIN;
  holds = 1; /* the beginning of a TLS record */
  check(take(p, '1', 1) == 0);
  holds = 0;
  end(p);
}

static void test_size(void) {
  iot_pool *p = new_pool();
  int i;
  for (i = 0; i < MAX_SIZE + 2; i++) keep(p, '1', 0, i);
  check(closed == 2);
  check(take(p, '1', 5) == 5); /* the last one used first */
  check(take(p, '1', 5) == 4);
  check(take(p, '1', 5) == 3);
  check(take(p, '1', 5) == 0);
  end(p);
}

static void test_clear(void) {
  iot_pool *p = new_pool();
  keep(p, '1', 0, 0);
  iot_pool_clear(p);
  check(closed == 1 && rests == 1 && take(p, '1', 1) == 0);
  end(p);
}

/* What is in use then is closed when it is given back; a later one is kept. */
static void test_clear_in_use(void) {
  iot_pool *p = new_pool();
  iot_conn *old = open_one(p, '1', 0), *new;
  iot_pool_clear(p);
  new = open_one(p, '1', 0);
  iot_pool_give(p, old, 0);
  check(closed == 1);
  iot_pool_give(p, new, 0);
  check(closed == 1 && take(p, '1', 1) == 2);
  end(p);
}

static void test_resize(void) {
  iot_pool *p = new_pool();
  int i;
  iot_pool_resize(p, MAX_SIZE + 2);
  for (i = 0; i < MAX_SIZE + 2; i++) keep(p, '1', 0, i);
  check(closed == 0);
  iot_pool_resize(p, 1);
  check(closed == MAX_SIZE + 1);
  check(take(p, '1', 5) == MAX_SIZE + 2);
  end(p);
}

/* One that was read to the end in this turn, a moment ago, is not read again,
** where that is trusted. */
static int is_read(unsigned long turn, int quiet, double now) {
  iot_pool *p = new_pool();
  iot_conn *c = open_one(p, '1', 0);
  int is_lost;
  c->quiet = quiet;
  iot_pool_give(p, c, 0);
  p->turn += turn;
  answer = IOT_IO_FAILED;
  is_lost = take(p, '1', now) == 0;
  end(p);
  return is_lost;
}

static void test_trust(void) {
  check(is_read(0, 1, 0.0005));
  trusts = 1;
  check(!is_read(0, 1, 0.0005));
  check(is_read(1, 1, 0.0005));
  check(is_read(0, 0, 0.0005));
  check(is_read(0, 1, 0.002));
  is_tls = 1;
  check(is_read(0, 1, 0.0005));
  is_still = 1;
  check(!is_read(0, 1, 0.0005));
  check(!is_read(1, 1, 40));
  check(is_read(0, 0, 0.0005));
  is_tls = is_still = 0;
  trusts = 0;
}

static void test_fork(void) {
  iot_pool *p = new_pool();
  keep(p, '1', 0, 0);
  is_foreign = 1;
  check(take(p, '1', 1) == 0);
  is_foreign = 0;
  check(closed == 1);
  end(p);
}

int main(void) {
  test_identity();
  test_idle_time();
  test_life();
  test_stray();
  test_size();
  test_clear();
  test_clear_in_use();
  test_resize();
  test_trust();
  test_fork();
  return check_end();
}
