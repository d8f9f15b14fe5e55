/* poller_cases.h - what a poller does, by epoll or by poll: included by two
** tests */
#ifndef poller_cases_h
#define poller_cases_h

#include "check.h"
#include "pipe.h"
#include "poller.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#define MANY 600 /* more than are told of at once */

static int told;

static void tell(void *who, iot_watch *w) {
  check(who == &told);
  told++;
  w->fired++;
}

static int wait_for(iot_poller *p, int ms) {
  told = 0;
  iot_poller_wait(p, ms, tell, &told);
  return told;
}

static void open_pair(int fds[2]) {
  check(socketpair(AF_UNIX, SOCK_STREAM, 0, fds) == 0);
}

static void close_pair(const int fds[2]) {
  close(fds[0]);
  close(fds[1]);
}

static void test_readable(int by_poll) {
  iot_poller p;
  iot_watch *w;
  int fds[2];
  open_pair(fds);
  iot_poller_init(&p, by_poll);
  check(wait_for(&p, 0) == 0);
  w = iot_poller_add(&p, fds[0], IOT_WANTS_READ, 0);
  check(w != NULL && wait_for(&p, 1) == 0);
  check(write(fds[1], "a", 1) == 1);
  check(wait_for(&p, 1000) == 1 && w->fired == 1);
  check(wait_for(&p, 0) == 1); /* as it was not read */
  check(iot_poller_change(&p, w, IOT_WANTS_READ | IOT_WANTS_WRITE) == 0);
  check(wait_for(&p, 0) == 1);
  iot_poller_drop(&p, w);
  check(wait_for(&p, 0) == 0);
  iot_poller_free(&p);
  close_pair(fds);
}

/* One that lasts is told of once, by epoll; by poll, while it wants it. */
static void test_lasting(int by_poll) {
  iot_poller p;
  iot_watch *w;
  int fds[2];
  open_pair(fds);
  iot_poller_init(&p, by_poll);
  w = iot_poller_add(&p, fds[0], 0, 1);
  wait_for(&p, 0); /* that it can be written to */
  check(wait_for(&p, 0) == 0);
  check(iot_poller_change(&p, w, IOT_WANTS_READ) == 0);
  check(write(fds[1], "a", 1) == 1);
  check(wait_for(&p, 1000) == 1);
  check(wait_for(&p, 0) == p.by_poll);
  close(fds[1]);
  check(wait_for(&p, 1000) == 1);
  iot_poller_drop(&p, w);
  iot_poller_free(&p);
  close(fds[0]);
}

static void test_many(int by_poll) {
  static int fds[MANY][2];
  static iot_watch *w[MANY];
  iot_poller p;
  int i, all = 0;
  iot_poller_init(&p, by_poll);
  for (i = 0; i < MANY; i++) {
    open_pair(fds[i]);
    w[i] = iot_poller_add(&p, fds[i][0], IOT_WANTS_READ, i % 2);
    check(w[i] != NULL && write(fds[i][1], "a", 1) == 1);
  }
  for (i = 0; i < MANY && all < MANY; i++) {
    int j;
    wait_for(&p, 0);
    for (j = all = 0; j < MANY; j++) all += w[j]->fired > 0;
  }
  check(all == MANY);
  for (i = 0; i < MANY; i++) iot_poller_drop(&p, w[i * 7 % MANY]);
  check(p.count == 0 && wait_for(&p, 0) == 0);
  for (i = 0; i < MANY; i++) close_pair(fds[i]);
  iot_poller_free(&p);
}

/* One that cannot be watched is not. */
static void test_refused(int by_poll) {
  iot_poller p;
  iot_watch *w;
  int fd = open("/dev/null", O_RDONLY);
  iot_poller_init(&p, by_poll);
  w = iot_poller_add(&p, fd, IOT_WANTS_READ, 1);
  check((w == NULL) == !p.by_poll);
  check(p.count == (w != NULL));
  if (w != NULL) iot_poller_drop(&p, w);
  iot_poller_free(&p);
  close(fd);
}

static void test_rest(int by_poll) {
  iot_poller p;
  iot_watch *w;
  int fds[2];
  open_pair(fds);
  iot_poller_init(&p, by_poll);
  w = iot_poller_add(&p, fds[0], IOT_WANTS_READ, 1);
  iot_poller_rest(&p);
  check((p.fd >= 0) == !p.by_poll);
  iot_poller_drop(&p, w);
  iot_poller_rest(&p);
  check(p.fd < 0 && p.timer < 0);
  w = iot_poller_add(&p, fds[0], IOT_WANTS_READ, 1);
  check(write(fds[1], "a", 1) == 1 && wait_for(&p, 1000) == 1);
  iot_poller_drop(&p, w);
  iot_poller_free(&p);
  close_pair(fds);
}

static void test_poller(int by_poll) {
  test_readable(by_poll);
  test_lasting(by_poll);
  test_many(by_poll);
  test_refused(by_poll);
  test_rest(by_poll);
}

#endif
