/* epoll_floor.c - what a publish costs with many in flight over bare sockets:
 * one epoll, edge-triggered, no library, a presigned request.
 * usage: epoll_floor PORT IN_FLIGHT N   prints CPU us a publish */
#define _GNU_SOURCE
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "bare.h"
#include "request.h"

#define MAX_EVENTS 256

typedef struct conn {
  int fd;
  size_t size;
  char answer[ANSWER_MAX + 1]; /* ended by a NUL */
} conn;

static char request[2048];
static size_t request_size;
static long left; /* to send */

static int send_next(conn *c) {
  c->size = 0;
  if (left <= 0) return 0;
  left--;
  need(send(c->fd, request, request_size, MSG_DONTWAIT) ==
           (ssize_t)request_size,
       "send failed");
  return 1;
}

/* Reads what is there; whether that is the whole answer. */
static int receive(conn *c) {
  ssize_t n = recv(c->fd, c->answer + c->size, ANSWER_MAX - c->size,
                   MSG_DONTWAIT);
  if (n < 0) return 0; /* it can only be written to */
  need(n > 0, "the server hung up");
  c->size += (size_t)n;
  c->answer[c->size] = '\0';
  if (!whole(c->answer, c->size)) return 0;
  need(memcmp(c->answer, "HTTP/1.1 200 ", 13) == 0, "no good answer");
  return 1;
}

/* Publishes n times. */
static void run(int epoll, conn *all, int count, long n) {
  struct epoll_event events[MAX_EVENTS];
  int i, flying = 0;
  left = n;
  for (i = 0; i < count; i++) flying += send_next(&all[i]);
  while (flying > 0) {
    int ready = epoll_wait(epoll, events, MAX_EVENTS, -1);
    for (i = 0; i < ready; i++) {
      conn *c = events[i].data.ptr;
      if (receive(c) && !send_next(c)) flying--;
    }
  }
}

static void open_all(int epoll, conn *all, int count, const char *port) {
  struct epoll_event event;
  int i;
  memset(&event, 0, sizeof event);
  event.events = EPOLLIN | EPOLLET;
  for (i = 0; i < count; i++) {
    all[i].fd = dial(port);
    event.data.ptr = &all[i];
    need(epoll_ctl(epoll, EPOLL_CTL_ADD, all[i].fd, &event) == 0, "epoll");
  }
}

static double seconds(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

int main(int argc, char **argv) {
  int count, epoll = epoll_create1(0);
  conn *all;
  clock_t began;
  double start_time;
  long n;
  need(argc == 4, "usage: epoll_floor PORT IN_FLIGHT N");
  count = atoi(argv[2]);
  n = atol(argv[3]);
  all = calloc((size_t)count, sizeof *all);
  need(epoll >= 0 && all != NULL && n > 0, "cannot start");
  request_size = (size_t)snprintf(request, sizeof request,
                                  "POST %s HTTP/1.1\r\n"
                                  "host: 127.0.0.1:%s\r\n" HEADERS("\r\n")
                                  "content-length: " BODY_SIZE
                                  "\r\n\r\n" BODY,
                                  TARGET, argv[1]);
  open_all(epoll, all, count, argv[1]);
  run(epoll, all, count, 32L * count);
  began = clock();
  start_time = seconds();
  run(epoll, all, count, n);
  printf("%.3f 0 %.1f\n",
         (double)(clock() - began) / CLOCKS_PER_SEC / (double)n * 1e6,
         (double)n / (seconds() - start_time));
  return 0;
}
