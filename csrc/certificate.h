/* certificate.h - a client's certificate and its private key, in PEM */
#ifndef certificate_h
#define certificate_h

#include "iot.h"

#if defined(__GNUC__)
#pragma GCC visibility push(hidden)
#endif

/* Do the texts have a certificate, and the private key that belongs to it?
** Of several the first counts, as it does to a server. NULL, or what is wrong;
** `in_key` then says whether with the key's text. Nobody is ever asked for a
** pass phrase. */
const char *iot_certificate_check(iot_str cert, iot_str key, int *in_key);

#if defined(__GNUC__)
#pragma GCC visibility pop
#endif

#endif
