/* loop.c - many exchanges at once, each gone on with when it can be */
#include "loop.h"

#include <stdlib.h>

#define NEVER 1e300
#define MAX_SECONDS 1000.0 /* of one wait */

iot_loop *iot_loop_new(double max_idle, long max_size, int by_poll) {
  iot_loop *l = calloc(1, sizeof(*l));
  if (l == NULL) return NULL;
  l->pool = iot_pool_new(max_idle, max_size);
  if (l->pool == NULL) {
    free(l);
    return NULL;
  }
  l->forks = iot_forks();
  iot_poller_init(&l->poller, by_poll);
  return l;
}

void iot_loop_free(iot_loop *l) {
  size_t i;
  if (l->forks != iot_forks()) iot_poller_leave(&l->poller);
  for (i = 0; i < l->count; i++) {
    iot_exchange_free(&l->tasks[i]->x);
    free(l->tasks[i]);
  }
  iot_pool_unref(l->pool);
  iot_poller_free(&l->poller);
  free(l->tasks);
  free(l->heap.tasks);
  free(l);
}

/* ---- what is ready ---- */

static void append(iot_queue *q, iot_task *t) {
  t->next = NULL;
  if (q->last != NULL)
    q->last->next = t;
  else
    q->first = t;
  q->last = t;
}

static void make_ready(iot_loop *l, iot_task *t) {
  if (t->is_ready) return;
  t->is_ready = 1;
  append(&l->ready, t);
}

static void take_first(iot_loop *l) {
  iot_task *t = l->ready.first;
  l->ready.first = t->next;
  if (t->next == NULL) l->ready.last = NULL;
  t->is_ready = 0;
}

/* ---- tasks ---- */

static int make_room(iot_loop *l) {
  size_t room = l->room > 0 ? 2 * l->room : 16;
  iot_task **tasks;
  if (l->count < l->room) return 0;
  tasks = realloc(l->tasks, room * sizeof(*tasks));
  if (tasks == NULL) return -1;
  l->tasks = tasks;
  tasks = realloc(l->heap.tasks, room * sizeof(*tasks));
  if (tasks == NULL) return -1;
  l->heap.tasks = tasks;
  l->room = room;
  return 0;
}

static iot_task *new_task(iot_loop *l) {
  iot_task *t = make_room(l) == 0 ? calloc(1, sizeof(*t)) : NULL;
  if (t == NULL) return NULL;
  iot_exchange_init(&t->x, l->pool);
  t->x.poller = &l->poller;
  t->x.user = t;
  l->tasks[l->count++] = t;
  t->id = (long)l->count;
  return t;
}

iot_task *iot_loop_spare(iot_loop *l) {
  if (l->spare == NULL) l->spare = new_task(l);
  return l->spare;
}

static void take_spare(iot_loop *l, iot_task *t, enum iot_task_state state) {
  l->spare = t->next;
  t->next = NULL;
  t->state = state;
  l->busy++;
}

/* After a fork: what is under way is the parent's. */
static void leave_parent(iot_loop *l) {
  size_t i;
  if (l->forks == iot_forks()) return;
  l->forks = iot_forks();
  iot_poller_leave(&l->poller);
  for (i = 0; i < l->count; i++) {
    iot_task *t = l->tasks[i];
    if (t->state != IOT_TASK_EXCHANGE || t->x.wants == 0) continue;
    iot_exchange_fail(&t->x, IOT_CLOSED, "it is another process's");
    make_ready(l, t);
  }
}

/* libcurl may want to go on before its time is over. */
static double due_of(const iot_task *t, double now) {
  double due = iot_exchange_deadline(&t->x);
  long ms = -1;
  if (t->x.wants & IOT_WANTS_CONNECT)
    ms = iot_pipe_connect_ms(t->x.conn->pipe);
  if (ms >= 0 && now + (double)ms / 1000 < due) due = now + (double)ms / 1000;
  return due;
}

/* Has it looked at again when that is worth it. A time that has moved away
** stays as it is until it comes. */
static void settle(iot_loop *l, iot_task *t, double now) {
  int wants = t->x.wants;
  double due;
  if (wants & IOT_WANTS_TURN) {
    t->is_ready = 1;
    append(&l->turned, t);
    return;
  }
  if (wants != IOT_WANTS_CONNECT)
    iot_poller_change(&l->poller, t->x.conn->watches, wants);
  due = due_of(t, now);
  if (t->at == 0 || due < t->due) iot_heap_put(&l->heap, t, due);
}

/* Goes on with it; true where it has ended. */
static int go_on(iot_loop *l, iot_task *t, double now) {
  if (t->state == IOT_TASK_PAUSE) return 1;
  iot_exchange_step(&t->x, now);
  if (t->x.wants == 0) return 1;
  settle(l, t, now);
  return 0;
}

void iot_loop_send(iot_loop *l, iot_task *t, double now, int trusts) {
  leave_parent(l);
  take_spare(l, t, IOT_TASK_EXCHANGE);
  iot_exchange_start(&t->x, now, trusts);
  if (go_on(l, t, now)) make_ready(l, t);
}

void iot_loop_pause(iot_loop *l, iot_task *t, double until) {
  take_spare(l, t, IOT_TASK_PAUSE);
  iot_heap_put(&l->heap, t, until);
}

/* Those whose time has come, or only seemed to. */
static void expire(iot_loop *l, double now) {
  iot_heap *h = &l->heap;
  while (h->count > 0 && h->tasks[0]->due <= now) {
    iot_task *t = h->tasks[0];
    double due = t->due;
    if (t->state == IOT_TASK_EXCHANGE && !(t->x.wants & IOT_WANTS_CONNECT))
      due = iot_exchange_deadline(&t->x);
    if (due > now) {
      iot_heap_put(h, t, due);
    } else {
      iot_heap_remove(h, t);
      if (t->state != IOT_TASK_SPARE && !t->is_claimed) make_ready(l, t);
    }
  }
}

void iot_loop_claim(iot_loop *l, iot_task *t) {
  take_first(l);
  t->is_claimed = 1;
}

void iot_loop_put_back(iot_loop *l, iot_task *t) {
  t->is_claimed = 0;
  t->is_ready = 1;
  t->next = l->ready.first;
  l->ready.first = t;
  if (t->next == NULL) l->ready.last = t;
}

iot_task *iot_loop_next(iot_loop *l, double now) {
  iot_task *t;
  leave_parent(l);
  expire(l, now);
  while ((t = l->ready.first) != NULL) {
    if (t->state == IOT_TASK_EXCHANGE && t->x.wants == 0) return t;
    if (t->state == IOT_TASK_PAUSE) return t;
    take_first(l);
    if (!go_on(l, t, now)) continue;
    iot_loop_put_back(l, t);
  }
  return NULL;
}

/* It stays in the heap: mostly it is soon due later than it was. */
void iot_loop_release(iot_loop *l, iot_task *t) {
  t->is_claimed = 0;
  t->state = IOT_TASK_SPARE;
  t->next = l->spare;
  l->spare = t;
  l->busy--;
}

/* ---- waiting ---- */

static void tell(void *loop, iot_watch *w) {
  iot_conn *c = w->owner;
  w->fired = 1;
  c->quiet = 0;
  if (c->user != NULL) make_ready(loop, c->user);
}

static void ready_turned(iot_loop *l) {
  iot_task *t = l->turned.first, *next;
  l->turned.first = l->turned.last = NULL;
  for (; t != NULL; t = next) {
    next = t->next;
    t->is_ready = 0;
    make_ready(l, t);
  }
}

double iot_loop_timeout(const iot_loop *l, double now) {
  double left;
  if (l->ready.first != NULL || l->turned.first != NULL) return 0;
  if (l->busy == 0 || l->heap.count == 0) return NEVER;
  left = l->heap.tasks[0]->due - now;
  return left > 0 ? left : 0;
}

void iot_loop_wait(iot_loop *l, double now, double seconds) {
  double left = iot_loop_timeout(l, now);
  if (seconds < left) left = seconds;
  if (left > MAX_SECONDS) left = MAX_SECONDS;
  iot_poller_wait(&l->poller, iot_milliseconds(left), tell, l);
  l->pool->turn++;
  ready_turned(l);
}

int iot_loop_fd(iot_loop *l, double now) {
  int fd = iot_poller_fd(&l->poller);
  double left = iot_loop_timeout(l, now);
  if (left < NEVER) iot_poller_arm(&l->poller, now, now + left);
  return fd;
}

void iot_loop_clear(iot_loop *l) {
  leave_parent(l);
  iot_pool_clear(l->pool);
  if (l->busy == 0) iot_poller_rest(&l->poller);
}
