/* poller.c - waits for many descriptors at once, by epoll or else by poll */
#define _GNU_SOURCE /* POLLRDHUP */

#include "pipe.h"
#include "poller.h"

#include <poll.h>
#include <stdlib.h>
#include <unistd.h>

#if defined(__linux__) && !defined(IOT_NO_EPOLL)
#define HAS_EPOLL 1
#include <sys/epoll.h>
#include <sys/timerfd.h>
#else
#define HAS_EPOLL 0
#endif

#define NEVER 1e300
#define BATCH 256 /* that are told of at once */

void iot_poller_init(iot_poller *p, int by_poll) {
  memset(p, 0, sizeof(*p));
  p->fd = p->timer = -1;
  p->armed = NEVER;
  p->by_poll = by_poll || !HAS_EPOLL;
}

static void close_own(iot_poller *p) {
  if (p->timer >= 0) close(p->timer);
  if (p->fd >= 0) close(p->fd);
  p->fd = p->timer = -1;
  p->armed = NEVER;
}

void iot_poller_free(iot_poller *p) {
  close_own(p);
  while (p->spare != NULL) {
    iot_watch *w = p->spare;
    p->spare = w->next;
    free(w);
  }
  free(p->all);
  free(p->polled);
}

void iot_poller_rest(iot_poller *p) {
  if (p->count == 0) close_own(p);
}

void iot_poller_leave(iot_poller *p) {
  close_own(p);
}

/* ---- epoll ---- */

#if HAS_EPOLL

static int open_epoll(iot_poller *p) {
  if (p->fd < 0) p->fd = epoll_create1(EPOLL_CLOEXEC);
  return p->fd >= 0 ? 0 : -1;
}

/* One that lasts is told of all things, once each. */
static int control(iot_poller *p, int what, iot_watch *w) {
  struct epoll_event e;
  memset(&e, 0, sizeof(e));
  e.events = EPOLLRDHUP;
  if (w->lasting) e.events |= EPOLLIN | EPOLLOUT | EPOLLET;
  if (w->wants & IOT_WANTS_READ) e.events |= EPOLLIN;
  if (w->wants & IOT_WANTS_WRITE) e.events |= EPOLLOUT;
  e.data.ptr = w;
  return epoll_ctl(p->fd, what, w->fd, &e);
}

static int enter(iot_poller *p, iot_watch *w) {
  return open_epoll(p) == 0 && control(p, EPOLL_CTL_ADD, w) == 0 ? 0 : -1;
}

/* Not left to close(): a child may have the descriptor as well. */
static void leave(iot_poller *p, iot_watch *w) {
  struct epoll_event unused;
  if (p->fd >= 0) epoll_ctl(p->fd, EPOLL_CTL_DEL, w->fd, &unused);
}

static int modify(iot_poller *p, iot_watch *w) {
  return w->lasting || p->fd < 0 ? 0 : control(p, EPOLL_CTL_MOD, w);
}

static void wait_by_epoll(iot_poller *p, int ms,
                          void (*tell)(void *, iot_watch *), void *who) {
  struct epoll_event events[BATCH];
  int i, n;
  if (open_epoll(p) != 0) {
    poll(NULL, 0, ms);
    return;
  }
  n = epoll_wait(p->fd, events, BATCH, ms);
  for (i = 0; i < n; i++) {
    iot_watch *w = events[i].data.ptr;
    if (w == NULL)
      p->armed = NEVER;
    else
      tell(who, w);
  }
}

/* Edge-triggered, it need not be read. */
static int open_timer(iot_poller *p) {
  struct epoll_event e;
  if (p->timer >= 0) return 0;
  p->timer = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
  memset(&e, 0, sizeof(e));
  e.events = EPOLLIN | EPOLLET;
  if (p->timer >= 0 && epoll_ctl(p->fd, EPOLL_CTL_ADD, p->timer, &e) == 0)
    return 0;
  close_own(p);
  return -1;
}

int iot_poller_fd(iot_poller *p) {
  if (p->by_poll || open_epoll(p) != 0 || open_timer(p) != 0) return -1;
  return p->fd;
}

void iot_poller_arm(iot_poller *p, double now, double at) {
  struct itimerspec t;
  double left = at > now ? at - now : 0;
  if (p->timer < 0 || at >= p->armed || left > 1e9) return;
  memset(&t, 0, sizeof(t));
  t.it_value.tv_sec = (time_t)left;
  t.it_value.tv_nsec = (long)((left - (double)t.it_value.tv_sec) * 1e9);
  if (t.it_value.tv_sec == 0 && t.it_value.tv_nsec == 0)
    t.it_value.tv_nsec = 1;
  if (timerfd_settime(p->timer, 0, &t, NULL) == 0) p->armed = at;
}

#else

static int enter(iot_poller *p, iot_watch *w) {
  (void)p;
  (void)w;
  return -1;
}

static void leave(iot_poller *p, iot_watch *w) {
  (void)p;
  (void)w;
}

static int modify(iot_poller *p, iot_watch *w) {
  return enter(p, w);
}

static void wait_by_epoll(iot_poller *p, int ms,
                          void (*tell)(void *, iot_watch *), void *who) {
  (void)p;
  (void)ms;
  (void)tell;
  (void)who;
}

int iot_poller_fd(iot_poller *p) {
  (void)p;
  return -1;
}

void iot_poller_arm(iot_poller *p, double now, double at) {
  (void)p;
  (void)now;
  (void)at;
}

#endif

/* ---- poll ---- */

static void wait_by_poll(iot_poller *p, int ms,
                         void (*tell)(void *, iot_watch *), void *who) {
  size_t i, n = p->count;
  for (i = 0; i < n; i++) {
    int wants = p->all[i]->wants;
    p->polled[i].fd = wants != 0 ? p->all[i]->fd : -1;
    p->polled[i].events = (short)((wants & IOT_WANTS_READ ? POLLIN : 0) |
                                  (wants & IOT_WANTS_WRITE ? POLLOUT : 0));
    p->polled[i].revents = 0;
  }
  if (poll(p->polled, (nfds_t)n, ms) <= 0) return;
  for (i = 0; i < n; i++)
    if (p->polled[i].revents != 0) tell(who, p->all[i]);
}

/* ---- either ---- */

void iot_poller_wait(iot_poller *p, int ms,
                     void (*tell)(void *who, iot_watch *w), void *who) {
  if (p->by_poll)
    wait_by_poll(p, ms, tell, who);
  else
    wait_by_epoll(p, ms, tell, who);
}

static int make_room(iot_poller *p) {
  size_t room = p->room > 0 ? 2 * p->room : 16;
  iot_watch **all;
  struct pollfd *polled;
  if (p->count < p->room) return 0;
  all = realloc(p->all, room * sizeof(*all));
  if (all == NULL) return -1;
  p->all = all;
  polled = realloc(p->polled, room * sizeof(*polled));
  if (polled == NULL) return -1;
  p->polled = polled;
  p->room = room;
  return 0;
}

static iot_watch *take_spare(iot_poller *p) {
  iot_watch *w = p->spare;
  if (w == NULL) return calloc(1, sizeof(*w));
  p->spare = w->next;
  return w;
}

static void give_spare(iot_poller *p, iot_watch *w) {
  memset(w, 0, sizeof(*w));
  w->next = p->spare;
  p->spare = w;
}

iot_watch *iot_poller_add(iot_poller *p, int fd, int wants, int lasting) {
  iot_watch *w = make_room(p) == 0 ? take_spare(p) : NULL;
  if (w == NULL) return NULL;
  w->next = NULL;
  w->fd = fd;
  w->wants = wants;
  w->lasting = lasting;
  if (!p->by_poll && enter(p, w) != 0) {
    give_spare(p, w);
    return NULL;
  }
  w->at = p->count++;
  p->all[w->at] = w;
  return w;
}

int iot_poller_change(iot_poller *p, iot_watch *w, int wants) {
  if (w->wants == wants) return 0;
  w->wants = wants;
  return p->by_poll ? 0 : modify(p, w);
}

void iot_poller_drop(iot_poller *p, iot_watch *w) {
  iot_watch *last = p->all[--p->count];
  if (!p->by_poll) leave(p, w);
  p->all[w->at] = last;
  last->at = w->at;
  give_spare(p, w);
}
