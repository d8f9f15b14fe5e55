/* test_exchange.c - which kept connections an exchange trusts, and what it
** notes of those that it has read */
#include "check.h"

#include "../../csrc/exchange.c"

static iot_pool pool;
static iot_conn conn;
static int trusted;        /* what the pool was told */
static const char *coming; /* what the pipe has to give */

iot_conn *iot_pool_take(iot_pool *p, iot_str identity, double now,
                        int trusts) {
  (void)p, (void)identity, (void)now;
  trusted = trusts;
  return &conn;
}

iot_conn *iot_pool_open(iot_pool *p, iot_str identity, double now,
                        long timeout_ms) {
  (void)p, (void)identity, (void)now, (void)timeout_ms;
  return NULL;
}

void iot_pool_give(iot_pool *p, iot_conn *c, double now) {
  (void)p, (void)c, (void)now;
}

void iot_pool_unref(iot_pool *p) {
  (void)p;
}

void iot_conn_close(iot_conn *c) {
  (void)c;
}

void iot_conn_watch(iot_conn *c, iot_poller *p) {
  (void)c, (void)p;
}

enum iot_io iot_conn_connect(iot_conn *c) {
  (void)c;
  return IOT_IO_FAILED;
}

int iot_conn_connected(iot_conn *c) {
  (void)c;
  return -1;
}

enum iot_io iot_pipe_send(iot_pipe *p, const void *from, size_t n,
                          size_t *sent) {
  (void)p, (void)from;
  *sent = n;
  return IOT_IO_OK;
}

enum iot_io iot_pipe_recv(iot_pipe *p, void *to, size_t n, size_t *received) {
  size_t left = strlen(coming);
  (void)p;
  if (n > left) n = left;
  memcpy(to, coming, n);
  coming += n;
  *received = n;
  return n > 0 ? IOT_IO_OK : IOT_IO_AGAIN;
}

enum iot_failure iot_pipe_failure(const iot_pipe *p) {
  (void)p;
  return IOT_CLOSED;
}

enum iot_failure iot_pipe_lateness(const iot_pipe *p) {
  (void)p;
  return IOT_CONNECT_TIMEOUT;
}

const char *iot_pipe_reason(const iot_pipe *p) {
  (void)p;
  return "";
}

int iot_pipe_sends_blindly(const iot_pipe *p) {
  (void)p;
  return 0;
}

static int holds; /* has TLS read ahead? */

int iot_pipe_holds(const iot_pipe *p) {
  (void)p;
  return holds;
}

static void begin(iot_exchange *x, int trusts, int replay) {
  iot_exchange_init(x, &pool);
  iot_buf_lit(&x->out, "GET / HTTP/1.1\r\n\r\n");
  x->call_by = x->read_timeout = 1e300;
  x->replay = replay;
  iot_exchange_start(x, 0, trusts);
}

/* Only a request that may be sent again can do without a look. */
static int is_trusted(int trusts, int replay) {
  iot_exchange x;
  begin(&x, trusts, replay);
  iot_exchange_free(&x);
  return trusted;
}

static void test_trust(void) {
  check(is_trusted(1, 1));
  check(!is_trusted(1, 0));
  check(!is_trusted(0, 1));
}

/* The answer fills what is read at once, or leaves room. */
static int is_quiet_after(size_t body) {
  static char answer[3 * READ_SIZE];
  iot_exchange x;
  int n = snprintf(answer, sizeof(answer),
                   "HTTP/1.1 200 OK\r\nContent-Length: %05u\r\n\r\n",
                   (unsigned)body);
  memset(answer + n, 'x', body);
  answer[(size_t)n + body] = '\0';
  coming = answer;
  conn.quiet = -1;
  begin(&x, 0, 1);
  iot_exchange_step(&x, 0);
  iot_exchange_step(&x, 0);
  check(x.wants == 0 && x.failure == IOT_OK && x.in.body.len == body);
  iot_exchange_free(&x);
  return conn.quiet;
}

static void test_quiet(void) {
  const size_t head =
      sizeof("HTTP/1.1 200 OK\r\nContent-Length: 00000\r\n\r\n");
  check(is_quiet_after(10) == 1);
  check(is_quiet_after(READ_SIZE - head) == 1);
  check(is_quiet_after(READ_SIZE - head + 1) == 0);
  check(is_quiet_after(READ_SIZE) == 1);
  check(is_quiet_after(2 * READ_SIZE - head + 1) == 0);
}

/* What TLS has read ahead, the socket does not tell of. */
static int wants_after_sending(int ahead) {
  iot_exchange x;
  int wants;
  coming = "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n";
  holds = ahead;
  begin(&x, 0, 1);
  iot_exchange_step(&x, 0);
  wants = x.wants;
  check(x.failure == IOT_OK);
  iot_exchange_free(&x);
  holds = 0;
  return wants;
}

static void test_read_ahead(void) {
  check(wants_after_sending(0) == IOT_WANTS_READ);
  check(wants_after_sending(1) == 0);
}

int main(void) {
  test_trust();
  test_quiet();
  test_read_ahead();
  return check_end();
}
