/* cputime.c - runs a command and prints the CPU seconds it took, user + sys.
 * The command's own output goes to stderr. */
#define _DEFAULT_SOURCE
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/time.h>
#include <sys/types.h>
#include <sys/wait.h>
#include <unistd.h>

static double seconds(struct timeval t) {
  return (double)t.tv_sec + (double)t.tv_usec * 1e-6;
}

static void run(char **argv) {
  dup2(STDERR_FILENO, STDOUT_FILENO);
  execvp(argv[0], argv);
  perror(argv[0]);
  _exit(127);
}

int main(int argc, char **argv) {
  struct rusage used;
  int status;
  pid_t child;
  if (argc < 2) {
    fputs("usage: cputime COMMAND [ARGUMENT ...]\n", stderr);
    return 2;
  }
  child = fork();
  if (child == 0) run(argv + 1);
  if (child < 0 || wait4(child, &status, 0, &used) != child) {
    perror("cputime");
    return 1;
  }
  if (!WIFEXITED(status)) return 1;
  if (WEXITSTATUS(status) != 0) return WEXITSTATUS(status);
  printf("%.6f\n", seconds(used.ru_utime) + seconds(used.ru_stime));
  return 0;
}
