/* test_poller_bare.c - a poller where the system has no epoll */
#define IOT_NO_EPOLL 1
#include "../../csrc/poller.c"

#include "poller_cases.h"

int main(void) {
  iot_poller p;
  test_poller(0);
  iot_poller_init(&p, 0);
  check(p.by_poll && iot_poller_fd(&p) == -1);
  iot_poller_arm(&p, 0, 1);
  iot_poller_free(&p);
  return check_end();
}
