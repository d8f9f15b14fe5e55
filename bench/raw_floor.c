/* raw_floor.c - what a publish costs over a bare blocking socket: one write,
 * reads until the answer is whole, no library, a presigned request.
 * usage: raw_floor PORT N [token] */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "request.h"

static char answer[ANSWER_MAX + 1]; /* ended by a NUL */

static void need(int ok, const char *what) {
  if (ok) return;
  fprintf(stderr, "raw_floor: %s\n", what);
  exit(1);
}

static int dial(const char *port) {
  struct sockaddr_in address;
  int on = 1, fd = socket(AF_INET, SOCK_STREAM, 0);
  memset(&address, 0, sizeof address);
  address.sin_family = AF_INET;
  address.sin_port = htons((unsigned short)atoi(port));
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  need(fd >= 0, "no socket");
  need(connect(fd, (struct sockaddr *)&address, sizeof address) == 0,
       "no connection");
  setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  return fd;
}

/* Whether answer[] holds a whole head and the body it announces. */
static int whole(size_t size) {
  const char *length, *blank = strstr(answer, "\r\n\r\n");
  if (blank == NULL) return 0;
  length = strcasestr(answer, "\r\ncontent-length:");
  need(length != NULL && length < blank, "no length");
  return size >= (size_t)(blank + 4 - answer) +
                     strtoul(length + sizeof "\r\ncontent-length:" - 1, NULL,
                             10);
}

static void publish(int fd, const char *request, size_t n) {
  size_t size = 0;
  need(write(fd, request, n) == (ssize_t)n, "write failed");
  do {
    ssize_t got = read(fd, answer + size, ANSWER_MAX - size);
    need(got > 0, "read failed");
    size += (size_t)got;
    answer[size] = '\0';
  } while (!whole(size));
  need(memcmp(answer, "HTTP/1.1 200 ", 13) == 0, "no good answer");
}

int main(int argc, char **argv) {
  char request[2048];
  size_t size;
  long i, n;
  int fd;
  need(argc == 3 || argc == 4, "usage: raw_floor PORT N [token]");
  fd = dial(argv[1]);
  size = (size_t)snprintf(request, sizeof request,
                          "POST %s HTTP/1.1\r\n"
                          "host: 127.0.0.1:%s\r\n"
                          HEADERS("\r\n") "%s"
                          "content-length: " BODY_SIZE "\r\n\r\n" BODY,
                          TARGET, argv[1],
                          argc == 4 ? TOKEN_HEADER("\r\n") : "");
  n = atol(argv[2]);
  for (i = 0; i < n; i++) publish(fd, request, size);
  puts(answer);
  close(fd);
  return 0;
}
