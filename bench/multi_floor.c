/* multi_floor.c - what a publish costs a C program that uses libcurl's multi
 * interface well, with many in flight: kept handles, options set once, each
 * request signed as sign_floor.c does.
 * usage: multi_floor URL IN_FLIGHT N [CA]   prints CPU us a publish */
#define SIGN_FLOOR_INCLUDED
#define _DEFAULT_SOURCE /* clock_gettime */
#include "sign_floor.c"

#include <curl/curl.h>
#include <time.h>

#include "request.h"

#define POLL_MS 1000

typedef struct flight {
  CURL *easy;
  struct curl_slist *headers;
  size_t size;
  char answer[ANSWER_MAX];
} flight;

static CURLM *multi;
static long left; /* to send */

static void must(int ok, const char *what) {
  if (ok) return;
  fprintf(stderr, "multi_floor: %s\n", what);
  exit(1);
}

static size_t keep(char *p, size_t one, size_t n, void *to) {
  flight *f = to;
  if (n > sizeof f->answer - f->size) return 0;
  memcpy(f->answer + f->size, p, n);
  f->size += n;
  return one * n;
}

static struct curl_slist *append(struct curl_slist *list, const char *line) {
  list = curl_slist_append(list, line);
  must(list != NULL, "no memory");
  return list;
}

/* Signs, and makes the request's headers anew. */
static struct curl_slist *headers(void) {
  static const char name[] = "authorization: ";
  char line[sizeof name + sizeof authorization];
  size_t size = sign(BODY, sizeof BODY - 1, 0);
  struct curl_slist *list = append(NULL, "x-amz-date: " DATE_TIME);
  memcpy(line, name, sizeof name - 1);
  memcpy(line + sizeof name - 1, authorization, size);
  line[sizeof name - 1 + size] = '\0';
  list = append(list, line);
  list = append(list, "user-agent: iotdataplane/0.1.0 lang/lua#5.4");
  list = append(list, "amz-sdk-invocation-id: "
                      "1b671a64-40d5-491e-99b0-da01ff1f3341");
  list = append(list, "amz-sdk-request: attempt=1");
  list = append(list, "Expect:");
  list = append(list, "Accept:");
  return append(list, "Content-Type:");
}

static void set_options(flight *f, const char *url, const char *ca) {
  char whole[256];
  CURL *e = f->easy;
  snprintf(whole, sizeof whole, "%s%s", url, TARGET);
  curl_easy_setopt(e, CURLOPT_URL, whole);
  curl_easy_setopt(e, CURLOPT_PATH_AS_IS, 1L);
  curl_easy_setopt(e, CURLOPT_PROXY, "");
  curl_easy_setopt(e, CURLOPT_NOSIGNAL, 1L);
  curl_easy_setopt(e, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1);
  curl_easy_setopt(e, CURLOPT_POSTFIELDSIZE, (long)(sizeof BODY - 1));
  curl_easy_setopt(e, CURLOPT_POSTFIELDS, BODY);
  curl_easy_setopt(e, CURLOPT_WRITEFUNCTION, keep);
  curl_easy_setopt(e, CURLOPT_WRITEDATA, f);
  /* a publish gives its caller the headers, so they are kept here as well */
  curl_easy_setopt(e, CURLOPT_HEADERFUNCTION, keep);
  curl_easy_setopt(e, CURLOPT_HEADERDATA, f);
  curl_easy_setopt(e, CURLOPT_PRIVATE, f);
  if (ca == NULL) return;
  curl_easy_setopt(e, CURLOPT_CAINFO, ca);
  curl_easy_setopt(e, CURLOPT_CAPATH, NULL);
}

static int send_next(flight *f) {
  curl_slist_free_all(f->headers);
  f->headers = NULL;
  if (left <= 0) return 0;
  left--;
  f->size = 0;
  f->headers = headers();
  curl_easy_setopt(f->easy, CURLOPT_HTTPHEADER, f->headers);
  must(curl_multi_add_handle(multi, f->easy) == CURLM_OK, "cannot add");
  return 1;
}

/* Takes what has ended, and sends as much; how many ended for good. */
static int take_ended(void) {
  int queued, over = 0;
  CURLMsg *m;
  while ((m = curl_multi_info_read(multi, &queued)) != NULL) {
    flight *f;
    long status = 0;
    must(m->data.result == CURLE_OK, curl_easy_strerror(m->data.result));
    curl_easy_getinfo(m->easy_handle, CURLINFO_RESPONSE_CODE, &status);
    must(status == 200, "no good answer");
    curl_easy_getinfo(m->easy_handle, CURLINFO_PRIVATE, (char **)&f);
    curl_multi_remove_handle(multi, f->easy);
    over += !send_next(f);
  }
  return over;
}

/* Publishes n times. */
static void run(flight *all, int count, long n) {
  int i, running, flying = 0;
  left = n;
  for (i = 0; i < count; i++) flying += send_next(&all[i]);
  while (flying > 0) {
    curl_multi_perform(multi, &running);
    flying -= take_ended();
    if (flying > 0) curl_multi_poll(multi, NULL, 0, POLL_MS, NULL);
  }
}

static double seconds(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

int main(int argc, char **argv) {
  flight *all;
  clock_t began;
  double start_time;
  int i, count;
  long n;
  must(argc == 4 || argc == 5, "usage: multi_floor URL IN_FLIGHT N [CA]");
  count = atoi(argv[2]);
  n = atol(argv[3]);
  start();
  check();
  curl_global_init(CURL_GLOBAL_DEFAULT);
  multi = curl_multi_init();
  all = calloc((size_t)count, sizeof *all);
  must(multi != NULL && all != NULL && n > 0, "cannot start");
  curl_multi_setopt(multi, CURLMOPT_MAXCONNECTS, (long)count);
  for (i = 0; i < count; i++) {
    all[i].easy = curl_easy_init();
    must(all[i].easy != NULL, "no handle");
    set_options(&all[i], argv[1], argc == 5 ? argv[4] : NULL);
  }
  run(all, count, 32L * count);
  began = clock();
  start_time = seconds();
  run(all, count, n);
  printf("%.3f 0 %.1f\n",
         (double)(clock() - began) / CLOCKS_PER_SEC / (double)n * 1e6,
         (double)n / (seconds() - start_time));
  return 0;
}
