/* curl_openssl.h - the OpenSSL below libcurl: curl_openssl.c */
#ifndef curl_openssl_h
#define curl_openssl_h

#if defined(__GNUC__)
#pragma GCC visibility push(hidden)
#endif

typedef void iot_function(void); /* of any type, to be cast to its own */

/* One of its functions; NULL where it has none of that name, or libcurl's TLS
** is somebody else's. */
iot_function *iot_openssl_find(const char *name);

#if defined(__GNUC__)
#pragma GCC visibility pop
#endif

#endif
