/* socket.c - a connected socket, where no TLS stands between us and it */
#define _POSIX_C_SOURCE 200809L

#include "pipe.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>

#ifndef MSG_NOSIGNAL
#define MSG_NOSIGNAL 0
#endif

static enum iot_io status(ssize_t n, size_t *done) {
  if (n >= 0) {
    *done = (size_t)n;
    return IOT_IO_OK;
  }
  return errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR
             ? IOT_IO_AGAIN
             : IOT_IO_FAILED;
}

enum iot_io iot_socket_send(iot_socket *s, const void *from, size_t n,
                            size_t *sent) {
  return status(send(s->fd, from, n, MSG_NOSIGNAL | MSG_DONTWAIT), sent);
}

/* Some of what iot_socket_await has read, and what may have come behind it. */
static enum iot_io take(iot_socket *s, void *to, size_t n, size_t *received) {
  size_t ahead = s->end - s->at, more = 0;
  if (ahead > n) ahead = n;
  memcpy(to, s->ahead + s->at, ahead);
  s->at += ahead;
  if (ahead < n && s->end == sizeof(s->ahead))
    s->failed =
        status(recv(s->fd, (char *)to + ahead, n - ahead, MSG_DONTWAIT),
               &more) == IOT_IO_FAILED;
  *received = ahead + more;
  return IOT_IO_OK;
}

enum iot_io iot_socket_recv(iot_socket *s, void *to, size_t n,
                            size_t *received) {
  if (s->at < s->end) return take(s, to, n, received);
  if (s->failed) return IOT_IO_FAILED;
  return status(recv(s->fd, to, n, MSG_DONTWAIT), received);
}

/* Lets `recv` wait, for so long that a signal that came just before it is
** noticed soon. */
static int be_patient(iot_socket *s) {
  struct timeval most = {IOT_SOCKET_PATIENCE, 0};
  int flags = fcntl(s->fd, F_GETFL);
  s->patient =
      flags >= 0 && fcntl(s->fd, F_SETFL, flags & ~O_NONBLOCK) == 0 &&
      setsockopt(s->fd, SOL_SOCKET, SO_RCVTIMEO, &most, sizeof(most)) == 0;
  return s->patient;
}

int iot_socket_await(iot_socket *s) {
  ssize_t n;
  if (s->at < s->end || s->failed) return 1;
  if (!s->patient && !be_patient(s)) return 0;
  s->at = s->end = 0;
  n = recv(s->fd, s->ahead, sizeof(s->ahead), 0);
  s->failed = status(n, &s->end) == IOT_IO_FAILED;
  return 1;
}

int iot_socket_is_empty(const iot_socket *s) {
  char next;
  size_t n;
  return status(recv(s->fd, &next, 1, MSG_PEEK | MSG_DONTWAIT), &n) ==
         IOT_IO_AGAIN;
}
