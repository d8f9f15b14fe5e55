/* test_poller.c - a poller by epoll, and by poll beside it */
#include "poller_cases.h"

static int is_readable(int fd, int ms) {
  struct pollfd one;
  one.fd = fd;
  one.events = POLLIN;
  one.revents = 0;
  return poll(&one, 1, ms) == 1;
}

/* Its own descriptor is readable when it has something to say. */
static void test_own(void) {
  iot_poller p;
  iot_watch *w;
  int fds[2], fd;
  open_pair(fds);
  iot_poller_init(&p, 0);
  fd = iot_poller_fd(&p);
  check(fd >= 0 && iot_poller_fd(&p) == fd && !is_readable(fd, 0));
  w = iot_poller_add(&p, fds[0], IOT_WANTS_READ, 1);
  wait_for(&p, 0);
  check(!is_readable(fd, 0));
  check(write(fds[1], "a", 1) == 1 && is_readable(fd, 1000));
  check(wait_for(&p, 0) == 1 && !is_readable(fd, 0));
  iot_poller_drop(&p, w);
  iot_poller_free(&p);
  close_pair(fds);
}

/* The times are of a clock, of which the difference alone counts. */
static void test_timer(void) {
  iot_poller p;
  int fd;
  iot_poller_init(&p, 0);
  iot_poller_arm(&p, 0, 0); /* nobody waits for it */
  fd = iot_poller_fd(&p);
  check(!is_readable(fd, 10));
  iot_poller_arm(&p, 100, 100.01);
  check(!is_readable(fd, 0) && is_readable(fd, 1000));
  check(wait_for(&p, 0) == 0 && !is_readable(fd, 20));
  iot_poller_arm(&p, 100, 99); /* it is over already */
  check(is_readable(fd, 1000) && wait_for(&p, 0) == 0);
  iot_poller_arm(&p, 100, 200);
  iot_poller_arm(&p, 100, 300); /* not before the other */
  check(p.armed < 201);
  iot_poller_arm(&p, 100, 100.001);
  check(is_readable(fd, 1000));
  iot_poller_free(&p);
}

static void test_without(void) {
  iot_poller p;
  iot_poller_init(&p, 1);
  check(iot_poller_fd(&p) == -1);
  iot_poller_arm(&p, 0, 1);
  iot_poller_free(&p);
}

int main(void) {
  test_poller(0);
  test_poller(1);
  test_own();
  test_timer();
  test_without();
  return check_end();
}
