/* heap.c - which task is due first: a binary heap */
#include "loop.h"

/* Places are counted from 1: the two under `at` are 2 * at and the next. */
static void place(iot_heap *h, iot_task *t, size_t at) {
  h->tasks[at - 1] = t;
  t->at = at;
}

static void rise(iot_heap *h, iot_task *t) {
  size_t at = t->at;
  while (at > 1 && h->tasks[at / 2 - 1]->due > t->due) {
    place(h, h->tasks[at / 2 - 1], at);
    at /= 2;
  }
  place(h, t, at);
}

static void sink(iot_heap *h, iot_task *t) {
  size_t at = t->at, under;
  while ((under = 2 * at) <= h->count) {
    if (under < h->count && h->tasks[under]->due < h->tasks[under - 1]->due)
      under++;
    if (h->tasks[under - 1]->due >= t->due) break;
    place(h, h->tasks[under - 1], at);
    at = under;
  }
  place(h, t, at);
}

void iot_heap_put(iot_heap *h, iot_task *t, double due) {
  t->due = due;
  if (t->at == 0) place(h, t, ++h->count);
  rise(h, t);
  sink(h, t);
}

void iot_heap_remove(iot_heap *h, iot_task *t) {
  size_t at = t->at;
  iot_task *last;
  if (at == 0) return;
  last = h->tasks[--h->count];
  t->at = 0;
  if (last == t) return;
  place(h, last, at);
  rise(h, last);
  sink(h, last);
}
