/* curl_trust.c - reads a bundle of CA certificates once for many connections
**
** libcurl keeps what it has read for the connections of one multi handle, and
** each of ours has its own. A system's bundle takes 28 ms and a megabyte.
*/
#define _POSIX_C_SOURCE 200809L

#include "curl_trust.h"

#include "curl_openssl.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* As libcurl has it: an intermediate in the bundle is trusted by itself. */
#define FLAGS 0x88000UL /* X509_V_FLAG_TRUSTED_FIRST, PARTIAL_CHAIN */

/* OpenSSL's functions. */
typedef void *new_fn(void);
typedef int load_fn(void *store, const char *file, const char *directory);
typedef int flags_fn(void *store, unsigned long flags);
typedef int ref_fn(void *store);
typedef void free_fn(void *store);
typedef void set_fn(void *ssl_ctx, void *store);
typedef void clear_fn(void);

static struct {
  new_fn *create;
  load_fn *load;
  flags_fn *set_flags;
  ref_fn *ref;
  free_fn *release;
  set_fn *set;
  clear_fn *clear;
} ssl;

static int find_all(void) {
  static int found = -1;
  if (found >= 0) return found;
  ssl.create = (new_fn *)iot_openssl_find("X509_STORE_new");
  ssl.load = (load_fn *)iot_openssl_find("X509_STORE_load_locations");
  ssl.set_flags = (flags_fn *)iot_openssl_find("X509_STORE_set_flags");
  ssl.ref = (ref_fn *)iot_openssl_find("X509_STORE_up_ref");
  ssl.release = (free_fn *)iot_openssl_find("X509_STORE_free");
  ssl.set = (set_fn *)iot_openssl_find("SSL_CTX_set_cert_store");
  ssl.clear = (clear_fn *)iot_openssl_find("ERR_clear_error");
  found = ssl.create && ssl.load && ssl.set_flags && ssl.ref && ssl.release &&
          ssl.set && ssl.clear;
  return found;
}

static int is_same_time(struct timespec a, struct timespec b) {
  return a.tv_sec == b.tv_sec && a.tv_nsec == b.tv_nsec;
}

static int is_current(const iot_trust *t, const char *path,
                      const struct stat *now) {
  const struct stat *then = &t->file;
  return t->store != NULL && strcmp(t->path, path) == 0 &&
         then->st_dev == now->st_dev && then->st_ino == now->st_ino &&
         then->st_size == now->st_size &&
         is_same_time(then->st_mtim, now->st_mtim) &&
         is_same_time(then->st_ctim, now->st_ctim);
}

static void *load(const char *path) {
  void *store = ssl.create();
  if (store == NULL) return NULL;
  if (ssl.load(store, path, NULL) == 1 && ssl.set_flags(store, FLAGS) == 1)
    return store;
  ssl.clear();
  ssl.release(store);
  return NULL;
}

void iot_trust_free(iot_trust *t) {
  if (t->store != NULL) ssl.release(t->store);
  free(t->path);
  memset(t, 0, sizeof(*t));
}

/* Below what is no directory. libcurl takes up TLS sessions again where this
** name is the same: so it is of these very bytes, as far as stat knows. */
static void set_name(iot_trust *t) {
  const struct stat *f = &t->file;
  snprintf(
      t->name, sizeof(t->name), "/dev/null/%llx.%llx.%llx.%llx.%lx.%llx.%lx",
      (unsigned long long)f->st_dev, (unsigned long long)f->st_ino,
      (unsigned long long)f->st_size, (unsigned long long)f->st_mtim.tv_sec,
      (unsigned long)f->st_mtim.tv_nsec, (unsigned long long)f->st_ctim.tv_sec,
      (unsigned long)f->st_ctim.tv_nsec);
}

static void read_again(iot_trust *t, const char *path,
                       const struct stat *file) {
  iot_trust_free(t);
  t->path = strdup(path);
  if (t->path == NULL) return;
  t->file = *file;
  set_name(t);
  t->store = load(path);
}

void *iot_trust_take(iot_trust *t, const char *path) {
  struct stat file;
  if (!find_all() || stat(path, &file) != 0 || !S_ISREG(file.st_mode))
    return NULL;
  if (!is_current(t, path, &file)) read_again(t, path, &file);
  return t->store != NULL && ssl.ref(t->store) == 1 ? t->store : NULL;
}

void iot_trust_give(void *store) {
  if (store != NULL) ssl.release(store);
}

int iot_trust_use(void *store, void *ssl_ctx) {
  if (ssl.ref(store) != 1) return 0;
  ssl.set(ssl_ctx, store);
  return 1;
}
