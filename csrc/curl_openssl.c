/* curl_openssl.c - finds the functions of the OpenSSL below libcurl
**
** They are looked up in the libcurl that is loaded, not linked: so they are
** those of the very OpenSSL that it uses, whichever others there are in the
** process, and a libcurl over GnuTLS has none of ours beside it.
*/
#define _GNU_SOURCE /* dladdr, RTLD_NOLOAD */

#include "curl_openssl.h"

#include <curl/curl.h>
#include <dlfcn.h>
#include <stdint.h>
#include <string.h>

typedef const char *version_fn(int which); /* OpenSSL_version */

/* What libcurl says of its TLS begins with that which is used; those that it
** could use as well are in parentheses. */
static const char *backend(void) {
  const char *name = curl_version_info(CURLVERSION_NOW)->ssl_version;
  while (name != NULL && *name == '(') {
    name = strchr(name, ' ');
    if (name != NULL) name++;
  }
  return name != NULL ? name : "";
}

/* OpenSSL, or one that has its functions. */
static int is_openssl(const char *name) {
  static const char *const family[] = {"OpenSSL", "LibreSSL", "BoringSSL",
                                       "AWS-LC", "quictls"};
  size_t i;
  for (i = 0; i < sizeof(family) / sizeof(family[0]); i++)
    if (strncmp(name, family[i], strlen(family[i])) == 0) return 1;
  return 0;
}

/* Is what was found the OpenSSL of that name and version, "OpenSSL/3.0.17"?
** There may be another one, of a library that libcurl needs, where libcurl
** has its own within. */
static int is_libcurls(version_fn *version, const char *name) {
  const char *number = strchr(name, '/'), *text, *at;
  size_t n = number != NULL ? strcspn(number + 1, " ") : 0;
  if (version == NULL || n == 0) return 0;
  text = version(0);
  for (at = strchr(text, ' '); at != NULL; at = strchr(at + 1, ' '))
    if (strncmp(at + 1, number + 1, n) == 0 &&
        strchr(" -+", at[1 + n]) != NULL)
      return 1; /* the NUL at its end counts as well */
  return 0;
}

/* A function of libcurl's, or of a library that it needs. */
static void *find(const char *name) {
  Dl_info info;
  void *library, *found;
  if (dladdr((const void *)(uintptr_t)curl_easy_init, &info) == 0) return NULL;
  library = dlopen(info.dli_fname, RTLD_LAZY | RTLD_NOLOAD);
  if (library == NULL) return NULL;
  found = dlsym(library, name);
  dlclose(library);
  return found;
}

static iot_function *find_function(const char *name) {
  iot_function *function;
  void *found = find(name);
  memcpy(&function, &found, sizeof(function));
  return function;
}

static int is_there(void) {
  static int known = -1;
  if (known < 0)
    known =
        is_openssl(backend()) &&
        is_libcurls((version_fn *)find_function("OpenSSL_version"), backend());
  return known;
}

iot_function *iot_openssl_find(const char *name) {
  return is_there() ? find_function(name) : NULL;
}
