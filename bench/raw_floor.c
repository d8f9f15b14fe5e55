/* raw_floor.c - what a publish costs over a bare blocking socket: one write,
 * reads until the answer is whole, no library, a presigned request.
 * usage: raw_floor PORT N [token] */
#define _GNU_SOURCE
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "bare.h"
#include "request.h"

static char answer[ANSWER_MAX + 1]; /* ended by a NUL */

static void publish(int fd, const char *request, size_t n) {
  size_t size = 0;
  need(write(fd, request, n) == (ssize_t)n, "write failed");
  do {
    ssize_t got = read(fd, answer + size, ANSWER_MAX - size);
    need(got > 0, "read failed");
    size += (size_t)got;
    answer[size] = '\0';
  } while (!whole(answer, size));
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
