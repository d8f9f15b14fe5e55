/* bare.h - what both floors over bare sockets need; after _GNU_SOURCE. */
#ifndef bare_h
#define bare_h

#include <arpa/inet.h>
#include <err.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

static void need(int ok, const char *what) {
  if (!ok) errx(1, "%s", what);
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

/* Whether the answer has a whole head and the body that it announces. */
static int whole(const char *answer, size_t size) {
  const char *length, *blank = strstr(answer, "\r\n\r\n");
  if (blank == NULL) return 0;
  length = strcasestr(answer, "\r\ncontent-length:");
  need(length != NULL && length < blank, "no length");
  return size >= (size_t)(blank + 4 - answer) +
                     strtoul(length + sizeof "\r\ncontent-length:" - 1, NULL,
                             10);
}

#endif
