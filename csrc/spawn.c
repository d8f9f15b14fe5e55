/* spawn.c - runs a program, and gathers what it prints */
#define _GNU_SOURCE /* pipe2, posix_spawn_file_actions_addclosefrom_np */

#include "child.h"
#include "clock.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#define READ_SIZE 4096u
#define GRACE 0.5 /* seconds for who still has its pipes after its end */
#define SLICE 5   /* milliseconds between looks whether it has ended */

#if defined(__APPLE__)
#define pipe2(ends, flags) pipe(ends)
#endif
#if __GLIBC__ * 100 + __GLIBC_MINOR__ < 234 /* O_CLOEXEC has to do */
#define posix_spawn_file_actions_addclosefrom_np(actions, from) 0
#endif
extern char **environ;
static const char too_late[] = "it took too long, and was killed";

typedef struct child {
  pid_t pid; /* 0 once it has ended */
  int status;
  double till; /* on the monotonic clock */
  int ends[4]; /* of the pipes of its stdout and stderr: ours, its own */
} child;

/* Both ends above the three that the child gets. 0, or errno. */
static int open_pipe(int ends[2]) {
  int raw[2], i, e = 0;
  if (pipe2(raw, O_CLOEXEC) != 0) return errno;
  for (i = 0; i < 2; i++) {
    ends[i] = fcntl(raw[i], F_DUPFD_CLOEXEC, STDERR_FILENO + 1);
    if (ends[i] < 0) e = errno;
    close(raw[i]);
  }
  return e;
}

static void close_end(int *fd) {
  if (*fd >= 0) close(*fd);
  *fd = -1;
}

/* Nothing on stdin, none of our other descriptors. 0, or no memory. */
static int set_files(posix_spawn_file_actions_t *a, const int ends[4]) {
  return posix_spawn_file_actions_addopen(a, 0, "/dev/null", O_RDONLY, 0) ||
         posix_spawn_file_actions_adddup2(a, ends[1], STDOUT_FILENO) ||
         posix_spawn_file_actions_adddup2(a, ends[3], STDERR_FILENO) ||
         posix_spawn_file_actions_addclosefrom_np(a, STDERR_FILENO + 1);
}

/* With the default signals, whatever ours are. 0, or errno. */
static int start(child *c, char *const argv[]) {
  posix_spawn_file_actions_t files;
  posix_spawnattr_t attr;
  sigset_t set;
  int e = ENOMEM;
  if (posix_spawn_file_actions_init(&files) != 0) return e;
  if (posix_spawnattr_init(&attr) == 0) {
    sigemptyset(&set);
    posix_spawnattr_setsigmask(&attr, &set);
    sigaddset(&set, SIGPIPE);
    posix_spawnattr_setsigdefault(&attr, &set);
    posix_spawnattr_setflags(&attr,
                             POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
    if (set_files(&files, c->ends) == 0)
      e = posix_spawnp(&c->pid, argv[0], &files, &attr, argv, environ);
    posix_spawnattr_destroy(&attr);
  }
  posix_spawn_file_actions_destroy(&files);
  if (e != 0) c->pid = 0;
  return e;
}

/* Has it ended? Then who inherited its pipes, say a daemon that it started,
** has little time left. Somebody else may have reaped it: nginx reaps all. */
static void look(child *c, int flags) {
  int status;
  pid_t pid = waitpid(c->pid, &status, flags);
  if (pid == 0 || (pid < 0 && errno != ECHILD)) return;
  if (pid > 0)
    c->status = WIFSIGNALED(status) ? -WTERMSIG(status) : WEXITSTATUS(status);
  c->pid = 0;
  if (iot_monotonic() + GRACE < c->till) c->till = iot_monotonic() + GRACE;
}

/* Reads once; NULL, or what is wrong. */
static const char *take(int *end, iot_buf *out) {
  char bytes[READ_SIZE];
  ssize_t n = read(*end, bytes, sizeof(bytes));
  int over = (size_t)n > out->max - out->len;
  if (n < 0) return errno == EINTR ? NULL : strerror(errno);
  if (n == 0) close_end(end);
  iot_buf_add(out, bytes, (size_t)n);
  iot_wipe(bytes, (size_t)n);
  if (over) return "it printed too much";
  return out->failed ? "not enough memory" : NULL;
}

/* Until it has ended and its pipes have, or are quiet after their grace;
** NULL, or what is wrong. */
static const char *gather(child *c, iot_buf outs[2]) {
  const char *wrong = NULL;
  while (wrong == NULL) {
    struct pollfd in[2] = {{c->ends[0], POLLIN, 0}, {c->ends[2], POLLIN, 0}};
    int i, n, late;
    if (c->pid != 0) look(c, WNOHANG);
    if (c->pid == 0 && in[0].fd < 0 && in[1].fd < 0) break;
    late = !(iot_monotonic() < c->till);
    if (late && c->pid != 0) return too_late;
    n = poll(in, 2, late ? 0 : SLICE);
    if (n == 0 && late) break;
    if (n < 0 && errno != EINTR) return strerror(errno);
    for (i = 0; i < 2 && n > 0 && wrong == NULL; i++)
      if (in[i].revents != 0) wrong = take(&c->ends[2 * i], &outs[i]);
  }
  return wrong;
}

const char *iot_spawn(char *const argv[], double seconds, iot_buf outs[2],
                      int *status) {
  child c = {0, IOT_UNKNOWN, iot_monotonic() + seconds, {-1, -1, -1, -1}};
  const char *wrong = NULL;
  int i, e = open_pipe(c.ends);
  if (e == 0) e = open_pipe(c.ends + 2);
  if (e == 0) e = start(&c, argv);
  close_end(&c.ends[1]);
  close_end(&c.ends[3]);
  if (e == 0) wrong = gather(&c, outs);
  if (c.pid != 0) look(&c, WNOHANG);
  if (c.pid != 0) kill(c.pid, SIGKILL);
  while (c.pid != 0) look(&c, 0);
  for (i = 0; i < 4; i++) close_end(&c.ends[i]);
  *status = wrong == too_late ? IOT_LATE : c.status;
  return e == 0 ? wrong : strerror(e);
}
