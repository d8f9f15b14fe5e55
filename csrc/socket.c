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

enum iot_io iot_socket_send(const iot_socket *s, const void *from, size_t n,
                            size_t *sent) {
  return status(send(s->fd, from, n, MSG_NOSIGNAL | MSG_DONTWAIT), sent);
}

enum iot_io iot_socket_recv(const iot_socket *s, void *to, size_t n,
                            size_t *received) {
  return status(recv(s->fd, to, n, MSG_DONTWAIT), received);
}

enum iot_io iot_socket_await(const iot_socket *s, void *to, size_t n,
                             size_t *received) {
  return status(recv(s->fd, to, n, 0), received);
}

int iot_socket_is_empty(const iot_socket *s) {
  char next;
  size_t n;
  return status(recv(s->fd, &next, 1, MSG_PEEK | MSG_DONTWAIT), &n) ==
         IOT_IO_AGAIN;
}

/* For so long that a signal that came just before a read is noticed soon. */
int iot_socket_be_patient(iot_socket *s) {
  struct timeval most = {IOT_SOCKET_PATIENCE, 0};
  int flags;
  if (s->patient) return 1;
  flags = fcntl(s->fd, F_GETFL);
  s->patient =
      flags >= 0 && fcntl(s->fd, F_SETFL, flags & ~O_NONBLOCK) == 0 &&
      setsockopt(s->fd, SOL_SOCKET, SO_RCVTIMEO, &most, sizeof(most)) == 0;
  return s->patient;
}
