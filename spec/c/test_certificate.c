/* test_certificate.c - what lies in OpenSSL's queue of errors stays as it was:
** libcurl would take what is new there for its own */
#include "check.h"

#include "../../csrc/certificate.h"

#include <openssl/err.h>

static void fail_all(void) {
  static const char *const bad[] = {
      "", "junk", "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----",
      "-----BEGIN CERTIFICATE-----\n?"};
  size_t i;
  for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
    int in_key = 1;
    check(iot_certificate_check(str_of(bad[i]), str_of(bad[i]), &in_key) != NULL);
    check(!in_key);
  }
}

int main(void) {
  fail_all();
  check(ERR_peek_error() == 0);
  ERR_put_error(ERR_LIB_USER, 0, 7, __FILE__, __LINE__);
  fail_all();
  check(ERR_GET_REASON(ERR_get_error()) == 7);
  check(ERR_get_error() == 0);
  return check_end();
}
