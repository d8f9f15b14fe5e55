/* test_heap.c - which task is due first, whatever was done to the others */
#include "check.h"
#include "loop.h"

#define TASKS 50
#define ROUNDS 20000

static iot_task task[TASKS], *room[TASKS];
static unsigned long state = 1;

static unsigned pick(unsigned n) {
  state = (state * 1103515245 + 12345) & 0x7fffffff;
  return (unsigned)(state >> 8) % n;
}

/* The first by looking at all of them. */
static double least(size_t *count) {
  double first = 1e300;
  int i;
  *count = 0;
  for (i = 0; i < TASKS; i++) {
    if (task[i].at == 0) continue;
    ++*count;
    if (task[i].due < first) first = task[i].due;
  }
  return first;
}

static void check_heap(const iot_heap *h) {
  size_t i, count;
  double first = least(&count);
  int ok = h->count == count;
  for (i = 0; i < h->count; i++) ok = ok && h->tasks[i]->at == i + 1;
  ok = ok && (count == 0 || h->tasks[0]->due <= first);
  if (!ok) check(ok);
}

int main(void) {
  iot_heap h = {room, 0};
  long i;
  for (i = 0; i < ROUNDS; i++) {
    iot_task *t = &task[pick(TASKS)];
    if (pick(3) == 0)
      iot_heap_remove(&h, t);
    else
      iot_heap_put(&h, t, pick(100));
    check_heap(&h);
  }
  check(i == ROUNDS && h.count > 0);
  while (h.count > 0) {
    double first = h.tasks[0]->due;
    iot_heap_remove(&h, h.tasks[0]);
    check(h.count == 0 || h.tasks[0]->due >= first);
  }
  return check_end();
}
