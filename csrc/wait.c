/* wait.c - waiting for what one exchange wants */
#define _POSIX_C_SOURCE 200809L

#include "exchange.h"

#include <poll.h>

int iot_milliseconds(double seconds) {
  double ms = seconds * 1000;
  int whole;
  if (!(ms > 0)) return 0;
  if (ms > 1e6) return 1000000;
  whole = (int)ms;
  return ms > whole ? whole + 1 : whole;
}

void iot_exchange_wait(iot_exchange *x, double seconds) {
  struct pollfd p;
  if (x->wants == 0 || x->wants == IOT_WANTS_TURN) return;
  if (x->wants & IOT_WANTS_CONNECT) {
    iot_pipe_wait(x->conn->pipe, iot_milliseconds(seconds));
    return;
  }
  if (x->wants == IOT_WANTS_READ && seconds >= IOT_SOCKET_PATIENCE &&
      iot_pipe_await(x->conn->pipe))
    return;
  p.fd = iot_pipe_fd(x->conn->pipe);
  p.events = (short)((x->wants & IOT_WANTS_READ ? POLLIN : 0) |
                     (x->wants & IOT_WANTS_WRITE ? POLLOUT : 0));
  p.revents = 0;
  poll(&p, 1, iot_milliseconds(seconds));
}

void iot_pause(double seconds) {
  poll(NULL, 0, iot_milliseconds(seconds));
}
