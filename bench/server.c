/* server.c - answers every HTTP/1.1 request with one fixed 200, as AWS IoT
 * answers a publish: at once, or after so many ms. Prints its port; runs
 * until stdin ends or SIGTERM.
 * Bodies come with Content-Length only, and every connection is kept.
 * usage: server [MS] */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define MAX_REQUEST ((size_t)1 << 20) /* bytes; AWS IoT takes 128 KB bodies */
#define FIRST_BUFFER 4096             /* bytes */
#define MAX_EVENTS 64
#define BAD ((size_t)-1)

static const char answer[] =
    "HTTP/1.1 200 OK\r\n"
    "Date: Sun, 30 Aug 2015 12:36:00 GMT\r\n"
    "Content-Type: application/json\r\n"
    "Content-Length: 65\r\n"
    "x-amzn-RequestId: 11112222-3333-4444-5555-666677778888\r\n"
    "Connection: keep-alive\r\n"
    "\r\n"
    "{\"message\":\"OK\","
    "\"traceId\":\"11112222-3333-4444-5555-666677778888\"}";

typedef struct conn {
  int fd;      /* -1: hung up, but it is waited for */
  int waiting; /* answers */
  size_t len, cap;
  char *data;
} conn;

/* An answer that is to be given later. */
typedef struct later {
  conn *to;
  long due; /* ms */
} later;

static conn listener, input; /* told from clients by their addresses */
static long delay;           /* ms */
static later *queue;         /* a ring: all wait equally long */
static size_t first, waiting, room;

static void die(const char *what) {
  perror(what);
  exit(1);
}

/* The value of Content-Length in a head of n bytes; BAD if too large. */
static size_t body_length(const char *head, size_t n) {
  static const char name[] = "\ncontent-length:";
  const char *p = head, *end = head + n;
  while ((p = memchr(p, '\n', (size_t)(end - p))) != NULL) {
    if ((size_t)(end - p) >= sizeof name &&
        strncasecmp(p, name, sizeof name - 1) == 0) {
      unsigned long v = strtoul(p + sizeof name - 1, NULL, 10);
      return v < MAX_REQUEST ? (size_t)v : BAD;
    }
    p++;
  }
  return 0;
}

/* Bytes of the first whole request in p; 0 where more must come, or BAD. */
static size_t request_size(const char *p, size_t n) {
  const char *blank = memmem(p, n, "\r\n\r\n", 4);
  size_t head, body;
  if (blank == NULL) return n < MAX_REQUEST ? 0 : BAD;
  head = (size_t)(blank - p) + 4;
  body = body_length(p, head);
  if (body == BAD || head + body > MAX_REQUEST) return BAD;
  return n < head + body ? 0 : head + body;
}

/* Blocks while the peer does not read: fine for a bench's own clients. */
static int send_answer(int fd) {
  size_t done = 0, size = sizeof answer - 1;
  while (done < size) {
    ssize_t n = send(fd, answer + done, size - done, MSG_NOSIGNAL);
    if (n <= 0) return 0;
    done += (size_t)n;
  }
  return 1;
}

static long now(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (long)(t.tv_sec * 1000 + t.tv_nsec / 1000000);
}

static void more_room(void) {
  later *more = malloc(2 * (room + 1) * sizeof *more);
  size_t i;
  if (more == NULL) die("malloc");
  for (i = 0; i < waiting; i++) more[i] = queue[(first + i) % room];
  free(queue);
  queue = more;
  first = 0;
  room = 2 * (room + 1);
}

static int answer_later(conn *c) {
  later *l;
  if (waiting == room) more_room();
  l = &queue[(first + waiting++) % room];
  l->to = c;
  l->due = now() + delay;
  c->waiting++;
  return 1;
}

/* Gives what is due; in how many ms the next is, or -1. */
static int give_answers(void) {
  while (waiting > 0) {
    later *l = &queue[first];
    long left = l->due - now();
    conn *c = l->to;
    if (left > 0) return (int)left;
    first = (first + 1) % room;
    waiting--;
    if (c->fd >= 0) send_answer(c->fd);
    if (--c->waiting == 0 && c->fd < 0) free(c);
  }
  return -1;
}

/* Answers each whole request held, keeps what is left; 0 to hang up. */
static int answer_all(conn *c) {
  size_t used = 0, n;
  while ((n = request_size(c->data + used, c->len - used)) != 0) {
    if (n == BAD || !(delay ? answer_later(c) : send_answer(c->fd))) return 0;
    used += n;
    if (used == c->len) break;
  }
  c->len -= used;
  if (c->len > 0) memmove(c->data, c->data + used, c->len);
  return 1;
}

static void reserve(conn *c) {
  if (c->len < c->cap) return;
  c->cap = c->cap ? c->cap * 2 : FIRST_BUFFER;
  c->data = realloc(c->data, c->cap);
  if (c->data == NULL) die("realloc");
}

static int receive(conn *c) {
  ssize_t n;
  reserve(c);
  n = recv(c->fd, c->data + c->len, c->cap - c->len, 0);
  if (n <= 0) return 0;
  c->len += (size_t)n;
  return answer_all(c);
}

static void hang_up(conn *c) {
  close(c->fd);
  free(c->data);
  c->data = NULL;
  c->fd = -1;
  if (c->waiting == 0) free(c);
}

static void watch(int epoll, conn *c) {
  struct epoll_event event;
  memset(&event, 0, sizeof event);
  event.events = EPOLLIN;
  event.data.ptr = c;
  if (epoll_ctl(epoll, EPOLL_CTL_ADD, c->fd, &event) != 0) die("epoll_ctl");
}

static void take(int epoll) {
  int on = 1;
  conn *c;
  int fd = accept(listener.fd, NULL, NULL);
  if (fd < 0) return;
  c = calloc(1, sizeof *c);
  if (c == NULL) die("calloc");
  c->fd = fd;
  setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  watch(epoll, c);
}

static int input_ended(void) {
  char waste[256];
  return read(input.fd, waste, sizeof waste) <= 0;
}

static void serve(int epoll) {
  struct epoll_event events[MAX_EVENTS];
  for (;;) {
    int i, n = epoll_wait(epoll, events, MAX_EVENTS, give_answers());
    for (i = 0; i < n; i++) {
      conn *c = events[i].data.ptr;
      if (c == &listener)
        take(epoll);
      else if (c != &input) {
        if (!receive(c)) hang_up(c);
      } else if (input_ended())
        return;
    }
  }
}

static int open_listener(void) {
  struct sockaddr_in address;
  socklen_t size = sizeof address;
  int fd = socket(AF_INET, SOCK_STREAM, 0);
  memset(&address, 0, sizeof address);
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  if (fd < 0) die("socket");
  if (bind(fd, (struct sockaddr *)&address, size) != 0) die("bind");
  if (listen(fd, SOMAXCONN) != 0) die("listen");
  if (getsockname(fd, (struct sockaddr *)&address, &size) != 0) die("name");
  printf("%d\n", ntohs(address.sin_port));
  fflush(stdout);
  return fd;
}

int main(int argc, char **argv) {
  int epoll = epoll_create1(EPOLL_CLOEXEC);
  if (epoll < 0) die("epoll_create1");
  delay = argc > 1 ? atol(argv[1]) : 0;
  listener.fd = open_listener();
  input.fd = STDIN_FILENO;
  watch(epoll, &listener);
  watch(epoll, &input);
  serve(epoll);
  return 0;
}
