/* watch.c - a connection in the eyes of a poller */
#include "exchange.h"

/* One that the poller will not watch is not told of: connecting then ends
** with its time. */
static void on_descriptor(void *who, int fd, int wants) {
  iot_conn *c = who;
  iot_watch **at = &c->watches, *w;
  while (*at != NULL && (*at)->fd != fd) at = &(*at)->next;
  w = *at;
  if (w == NULL && wants != 0) {
    w = iot_poller_add(c->poller, fd, wants, 0);
    if (w == NULL) return;
    w->owner = c;
    *at = w;
  } else if (w != NULL && wants == 0) {
    *at = w->next;
    iot_poller_drop(c->poller, w);
  } else if (w != NULL) {
    iot_poller_change(c->poller, w, wants);
  }
}

void iot_conn_watch(iot_conn *c, iot_poller *p) {
  c->poller = p;
  iot_pipe_watch(c->pipe, on_descriptor, c);
}

static void drop_watches(iot_conn *c) {
  while (c->watches != NULL) {
    iot_watch *w = c->watches;
    c->watches = w->next;
    iot_poller_drop(c->poller, w);
  }
}

void iot_conn_unwatch(iot_conn *c) {
  if (c->poller == NULL) return;
  if (c->pipe != NULL) iot_pipe_watch(c->pipe, NULL, NULL);
  drop_watches(c);
}

/* One that something has happened to; its descriptor, or -1. */
static int take_fired(const iot_conn *c) {
  iot_watch *w;
  for (w = c->watches; w != NULL; w = w->next) {
    if (!w->fired) continue;
    w->fired = 0;
    return w->fd;
  }
  return -1;
}

enum iot_io iot_conn_connect(iot_conn *c) {
  enum iot_io status = IOT_IO_AGAIN;
  int fd;
  if (c->poller == NULL) return iot_pipe_connect(c->pipe);
  while (status == IOT_IO_AGAIN && (fd = take_fired(c)) >= 0)
    status = iot_pipe_connect_at(c->pipe, fd);
  if (status == IOT_IO_AGAIN) status = iot_pipe_connect_at(c->pipe, -1);
  return status;
}

int iot_conn_connected(iot_conn *c) {
  if (c->poller == NULL) return 0;
  iot_pipe_watch(c->pipe, NULL, NULL);
  drop_watches(c);
  c->watches = iot_poller_add(c->poller, iot_pipe_fd(c->pipe), 0, 1);
  if (c->watches == NULL) return -1;
  c->watches->owner = c;
  return 0;
}
