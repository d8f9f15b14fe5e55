/* cputime.c - runs a command and prints the CPU seconds it took, user + sys,
 * or with -m the most memory it had, in kB. Its own output goes to stderr. */
#define _DEFAULT_SOURCE
#include <stdio.h>
#include <string.h>
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
  int status, memory = argc > 1 && strcmp(argv[1], "-m") == 0;
  pid_t child;
  argv += memory;
  argc -= memory;
  if (argc < 2) {
    fputs("usage: cputime [-m] COMMAND [ARGUMENT ...]\n", stderr);
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
  if (memory)
    printf("%ld\n", used.ru_maxrss);
  else
    printf("%.6f\n", seconds(used.ru_utime) + seconds(used.ru_stime));
  return 0;
}
