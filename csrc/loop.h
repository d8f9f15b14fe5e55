/* loop.h - many exchanges at once: heap.c, loop.c */
#ifndef loop_h
#define loop_h

#include "exchange.h"

#if defined(__GNUC__)
#pragma GCC visibility push(hidden)
#endif

enum iot_task_state { IOT_TASK_SPARE, IOT_TASK_EXCHANGE, IOT_TASK_PAUSE };

/* An exchange, or a pause. */
typedef struct iot_task {
  iot_exchange x;
  enum iot_task_state state;
  struct iot_task *next; /* ready after this one, or spare */
  int is_ready;
  int is_claimed; /* it has ended, and is not to be found any more */
  double due;     /* when to look at it at the latest */
  size_t at;      /* in the heap, from 1; 0: it is not there */
  long id;        /* from 1 */
  void *waiter;   /* its owner's, who waits for it */
} iot_task;

/* heap.c */

/* Tasks, the one that is due first on top. Its owner makes room. */
typedef struct iot_heap {
  iot_task **tasks;
  size_t count;
} iot_heap;

/* Puts it in, or where it belongs now that it is due at another time. */
void iot_heap_put(iot_heap *h, iot_task *t, double due);
void iot_heap_remove(iot_heap *h, iot_task *t);

/* loop.c */

typedef struct iot_queue {
  iot_task *first, *last;
} iot_queue;

typedef struct iot_loop {
  iot_pool *pool;
  iot_poller poller;
  iot_task **tasks; /* by id */
  size_t count, room;
  size_t busy; /* those that are not spare */
  iot_task *spare;
  iot_heap heap;
  iot_queue ready;
  iot_queue turned; /* those that are so after the next look at the others */
  unsigned long forks;
} iot_loop;

/* As iot_pool_new; `by_poll` does without epoll. */
iot_loop *iot_loop_new(double max_idle, long max_size, int by_poll);
/* Ends all that is under way. */
void iot_loop_free(iot_loop *l);
/* One to fill in for iot_loop_send; it stays spare until then. NULL where
** there is no memory. */
iot_task *iot_loop_spare(iot_loop *l);
/* Begins the exchange, and sends what goes at once; `trusts` as in
** iot_exchange_start. */
void iot_loop_send(iot_loop *l, iot_task *t, double now, int trusts);
void iot_loop_pause(iot_loop *l, iot_task *t, double until);
/* The next task that has ended, without waiting; NULL where none has. It stays
** so, and the next, until it is claimed. */
iot_task *iot_loop_next(iot_loop *l, double now);
void iot_loop_claim(iot_loop *l, iot_task *t);
/* One that was claimed is the next again, or over. */
void iot_loop_put_back(iot_loop *l, iot_task *t);
void iot_loop_release(iot_loop *l, iot_task *t);
/* Waits until something happens, `seconds` at most, or for a signal. */
void iot_loop_wait(iot_loop *l, double now, double seconds);
/* In how many seconds something is due; a large number for never. */
double iot_loop_timeout(const iot_loop *l, double now);
/* See iot_poller_fd: it is kept to what is due from then on. */
int iot_loop_fd(iot_loop *l, double now);
/* Closes what is idle, and what is in use once it is not. */
void iot_loop_clear(iot_loop *l);

#if defined(__GNUC__)
#pragma GCC visibility pop
#endif

#endif
