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

iot_function *iot_openssl_find(const char *name) {
  iot_function *function = NULL;
  void *found = is_openssl(backend()) ? find(name) : NULL;
  memcpy(&function, &found, sizeof(function));
  return function;
}
