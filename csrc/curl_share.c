/* curl_share.c - what libcurl's connections have in common */
#include "curl_share.h"

#include <stdlib.h>

struct iot_share {
  CURLSH *handle;
  CURLM *spare; /* of a closed pipe */
  iot_trust trust;
  unsigned long forks; /* when it was made */
  long refs;
};

static int init_once(void) {
  static int done = 0;
  if (!done) done = curl_global_init(CURL_GLOBAL_DEFAULT) == CURLE_OK;
  return done;
}

iot_share *iot_share_new(void) {
  iot_share *s = init_once() ? calloc(1, sizeof(*s)) : NULL;
  if (s == NULL) return NULL;
  s->refs = 1;
  s->forks = iot_forks();
  s->handle = curl_share_init();
  if (s->handle == NULL) {
    free(s);
    return NULL;
  }
  curl_share_setopt(s->handle, CURLSHOPT_SHARE, CURL_LOCK_DATA_DNS);
  curl_share_setopt(s->handle, CURLSHOPT_SHARE, CURL_LOCK_DATA_SSL_SESSION);
  return s;
}

iot_share *iot_share_ref(iot_share *s) {
  s->refs++;
  return s;
}

/* A spare one has descriptors of its own. */
void iot_share_rest(iot_share *s) {
  if (s->spare != NULL) curl_multi_cleanup(s->spare);
  s->spare = NULL;
}

void iot_share_unref(iot_share *s) {
  if (s == NULL || --s->refs > 0) return;
  iot_share_rest(s);
  iot_trust_free(&s->trust);
  curl_share_cleanup(s->handle);
  free(s);
}

int iot_share_is_foreign(const iot_share *s) {
  return s->forks != iot_forks();
}

CURLSH *iot_share_handle(const iot_share *s) {
  return s->handle;
}

iot_trust *iot_share_trust(iot_share *s) {
  return &s->trust;
}

CURLM *iot_share_take_multi(iot_share *s) {
  CURLM *m = s->spare;
  s->spare = NULL;
  return m != NULL ? m : curl_multi_init();
}

void iot_share_give_multi(iot_share *s, CURLM *m) {
  if (m == NULL) return;
  if (s->spare == NULL && !iot_share_is_foreign(s))
    s->spare = m;
  else
    curl_multi_cleanup(m);
}
