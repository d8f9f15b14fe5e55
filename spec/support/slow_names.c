/* slow_names.c - a getaddrinfo to preload: names whose server never answers
**
** NAME.invalid is unknown at once, NAME.silent has no answer ever, NAME.slow
** none for 50 ms; for others the system is asked. */
#define _GNU_SOURCE

#include <dlfcn.h>
#include <netdb.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define SLOW_NS 50000000L

typedef int lookup(const char *, const char *, const struct addrinfo *,
                   struct addrinfo **);

static int ends_in(const char *name, const char *end) {
  size_t n = strlen(name), m = strlen(end);
  return n >= m && strcmp(name + n - m, end) == 0;
}

int getaddrinfo(const char *name, const char *service,
                const struct addrinfo *hints, struct addrinfo **found) {
  const struct timespec slow = {0, SLOW_NS};
  lookup *real;
  if (name != NULL && ends_in(name, ".silent"))
    for (;;) pause();
  if (name != NULL && ends_in(name, ".slow")) {
    nanosleep(&slow, NULL);
    return EAI_AGAIN;
  }
  if (name != NULL && ends_in(name, ".invalid")) return EAI_NONAME;
  *(void **)&real = dlsym(RTLD_NEXT, "getaddrinfo");
  return real(name, service, hints, found);
}
