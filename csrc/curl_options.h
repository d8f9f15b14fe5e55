/* curl_options.h - what libcurl is told of a target: curl_options.c */
#ifndef curl_options_h
#define curl_options_h

#include "pipe.h"

#include <curl/curl.h>

#if defined(__GNUC__)
#pragma GCC visibility push(hidden)
#endif

/* Tells a new handle to connect to the target, and to do no more. The strings
** are copied. 0 where there is no memory, or libcurl lacks what is needed. */
int iot_curl_target(CURL *e, const iot_target *t);
/* The bundle of CA certificates that it will read then for the URL's TLS;
** NULL where there is none, or it is none. It is the target's or libcurl's. */
const char *iot_curl_bundle(CURL *e, const iot_target *t);

#if defined(__GNUC__)
#pragma GCC visibility pop
#endif

#endif
