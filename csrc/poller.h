/* poller.h - which descriptors have something to say: poller.c */
#ifndef poller_h
#define poller_h

#include <stddef.h>

#if defined(__GNUC__)
#pragma GCC visibility push(hidden)
#endif

/* A descriptor that is watched. It is not freed before its poller, but used
** again: what is reported of it too late harms nobody. */
typedef struct iot_watch {
  struct iot_watch *next; /* its owner's, or spare */
  void *owner;
  int fd;
  int wants;   /* IOT_WANTS_... */
  int lasting; /* see iot_poller_add */
  int fired;   /* something has happened; its owner clears it */
  size_t at;   /* in `all` */
} iot_watch;

/* epoll where it is, else poll. */
typedef struct iot_poller {
  int fd;       /* epoll's; -1: not open yet, or none */
  int timer;    /* a descriptor in it; -1: nobody waits for `fd` by himself */
  double armed; /* when it wakes him */
  int by_poll;  /* epoll is not to be used, or there is none */
  iot_watch *spare;
  iot_watch **all;
  struct pollfd *polled; /* as many as fit into `all` */
  size_t count, room;
} iot_poller;

void iot_poller_init(iot_poller *p, int by_poll);
/* All watches are dropped by now. */
void iot_poller_free(iot_poller *p);
/* Watches a descriptor; NULL where that cannot be done. One that is lasting is
** told of once for each thing that happens (where epoll is, whatever it wants:
** to say so costs nothing), others for as long as it is so. */
iot_watch *iot_poller_add(iot_poller *p, int fd, int wants, int lasting);
/* 0, or -1 where it cannot be done. */
int iot_poller_change(iot_poller *p, iot_watch *w, int wants);
/* To be called before the descriptor is closed. */
void iot_poller_drop(iot_poller *p, iot_watch *w);
/* Waits `ms` at most, or for a signal, and tells of every watch to which
** something has happened. What it tells may not drop one. */
void iot_poller_wait(iot_poller *p, int ms,
                     void (*tell)(void *who, iot_watch *w), void *who);
/* A descriptor that is readable when iot_poller_wait would not wait, or the
** time of iot_poller_arm has come; -1 where there is none. */
int iot_poller_fd(iot_poller *p);
/* `now` and `at` are of the clock that never steps. */
void iot_poller_arm(iot_poller *p, double now, double at);
/* Closes its own descriptors until they are needed, if nothing is watched. */
void iot_poller_rest(iot_poller *p);
/* In a forked child: these are the parent's, whose watches stay. */
void iot_poller_leave(iot_poller *p);

#if defined(__GNUC__)
#pragma GCC visibility pop
#endif

#endif
