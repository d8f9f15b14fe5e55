/* easy_floor.c - what a publish costs a C program that uses libcurl's easy
 * interface well: one handle, options set once, a presigned request.
 * usage: easy_floor PORT N [token | CA]   over TLS with that CA's file */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <curl/curl.h>

#include "request.h"

static char answer[ANSWER_MAX];
static size_t answer_size;

static void need(int ok, const char *what) {
  if (ok) return;
  fprintf(stderr, "easy_floor: %s\n", what);
  exit(1);
}

static size_t keep(char *p, size_t one, size_t n, void *unused) {
  (void)unused;
  if (n > sizeof answer - answer_size) return 0;
  memcpy(answer + answer_size, p, n);
  answer_size += n;
  return one * n;
}

static struct curl_slist *append(struct curl_slist *list, char *lines) {
  char *line;
  for (line = strtok(lines, "\n"); line; line = strtok(NULL, "\n")) {
    list = curl_slist_append(list, line);
    need(list != NULL, "no memory");
  }
  return list;
}

/* The header lines of HEADERS as a list, and libcurl's own ones unset. */
static struct curl_slist *header_list(int with_token) {
  static char lines[] = HEADERS("\n") "Expect:\nAccept:\nContent-Type:\n";
  static char token[] = TOKEN_HEADER("\n");
  struct curl_slist *list = append(NULL, lines);
  return with_token ? append(list, token) : list;
}

static void set_options(CURL *curl, const char *port, const char *ca,
                        struct curl_slist *headers) {
  char url[128];
  snprintf(url, sizeof url, "%s:%s%s",
           ca ? "https://localhost" : "http://127.0.0.1", port, TARGET);
  if (ca) curl_easy_setopt(curl, CURLOPT_CAINFO, ca);
  curl_easy_setopt(curl, CURLOPT_URL, url);
  curl_easy_setopt(curl, CURLOPT_PATH_AS_IS, 1L);
  curl_easy_setopt(curl, CURLOPT_PROXY, "");
  curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
  curl_easy_setopt(curl, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1);
  curl_easy_setopt(curl, CURLOPT_HTTPHEADER, headers);
  curl_easy_setopt(curl, CURLOPT_POSTFIELDSIZE, (long)(sizeof BODY - 1));
  curl_easy_setopt(curl, CURLOPT_POSTFIELDS, BODY);
  curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, keep);
  /* a publish gives its caller the headers, so they are kept here as well */
  curl_easy_setopt(curl, CURLOPT_HEADERFUNCTION, keep);
}

static void publish(CURL *curl) {
  CURLcode code;
  long status = 0;
  answer_size = 0;
  code = curl_easy_perform(curl);
  need(code == CURLE_OK, curl_easy_strerror(code));
  curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &status);
  need(status == 200 && answer_size > 0, "no good answer");
}

int main(int argc, char **argv) {
  struct curl_slist *headers;
  const char *ca = NULL;
  CURL *curl;
  long i, n;
  need(argc == 3 || argc == 4, "usage: easy_floor PORT N [token | CA]");
  curl_global_init(CURL_GLOBAL_DEFAULT);
  curl = curl_easy_init();
  need(curl != NULL, "no handle");
  if (argc == 4 && strcmp(argv[3], "token") != 0) ca = argv[3];
  headers = header_list(argc == 4 && ca == NULL);
  set_options(curl, argv[1], ca, headers);
  n = atol(argv[2]);
  for (i = 0; i < n; i++) publish(curl);
  printf("%.*s\n", (int)answer_size, answer);
  curl_easy_cleanup(curl);
  curl_slist_free_all(headers);
  curl_global_cleanup();
  return 0;
}
