/* curl_share.h - what a pipe takes of the share: curl_share.c */
#ifndef curl_share_h
#define curl_share_h

#include "curl_trust.h"
#include "pipe.h"

#include <curl/curl.h>

#if defined(__GNUC__)
#pragma GCC visibility push(hidden)
#endif

/* The share itself, with one more that uses it. */
iot_share *iot_share_ref(iot_share *s);
/* For a handle of libcurl's, as long as the share is in use. */
CURLSH *iot_share_handle(const iot_share *s);
/* Whom they trust. */
iot_trust *iot_share_trust(iot_share *s);
/* The caller's own: the spare one, or new. NULL where there is no memory. */
CURLM *iot_share_take_multi(iot_share *s);
/* Keeps it as the spare one, or frees it; NULL is none. */
void iot_share_give_multi(iot_share *s, CURLM *m);

#if defined(__GNUC__)
#pragma GCC visibility pop
#endif

#endif
