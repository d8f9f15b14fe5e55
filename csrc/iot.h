/* iot.h - the one header of the C core: records, limits, pure functions */
#ifndef iot_h
#define iot_h

#include <stddef.h>
#include <stdint.h>
#include <string.h>

/* What a peer may send, and what we build from it. */
#define IOT_MAX_LINE (16u * 1024u)         /* a line of a response's head */
#define IOT_MAX_HEAD (64u * 1024u)         /* all such lines together */
#define IOT_MAX_BODY (16u * 1024u * 1024u) /* a response's body */
#define IOT_MAX_INTERIM 16  /* 1xx answers before the real one */
#define IOT_MAX_HEADERS 128 /* header fields of a request */
#define IOT_MAX_REQUEST (256u * 1024u * 1024u) /* a request, head and body */

#define IOT_SHA256_SIZE 32
#define IOT_SHA1_SIZE 20
#define IOT_SHA256_HEX 64
#define IOT_DATE_SIZE 17 /* "20150830T123600Z" and its NUL */

#if defined(__GNUC__)
#pragma GCC visibility push(hidden)
#endif

/* Borrowed bytes: never freed, NUL is a byte like any other. */
typedef struct iot_str {
  const char *p;
  size_t n;
} iot_str;

typedef struct iot_header {
  iot_str name;
  iot_str value;
} iot_header;

/* `path` and `query` as they stand on the wire; query without its '?'. */
typedef struct iot_request {
  iot_str method;
  iot_str path;
  iot_str query;
  iot_str body;
  const iot_header *headers;
  size_t nheaders;
} iot_request;

/* buf.c */

/* A growable buffer. Once an addition fails (no memory, or over `max`) it
** stays failed, and adds nothing, until it is reset. */
typedef struct iot_buf {
  char *data;
  size_t len;
  size_t cap;
  size_t max;
  int failed;
} iot_buf;

/* An empty buffer that will never hold more than `max` bytes. */
void iot_buf_init(iot_buf *b, size_t max);
/* Forgets the contents and a failure; keeps the memory. */
void iot_buf_reset(iot_buf *b);
/* Wipes and releases the memory; the buffer is empty and usable again. */
void iot_buf_free(iot_buf *b);
/* iot_buf_room for when there is none yet. */
char *iot_buf_grow(iot_buf *b, size_t n);

/* Room for `n` more bytes at data + len, or NULL; the caller adds to len. */
static inline char *iot_buf_room(iot_buf *b, size_t n) {
  if (b->data != NULL && n <= b->cap - b->len && !b->failed)
    return b->data + b->len;
  return iot_buf_grow(b, n);
}

static inline void iot_buf_add(iot_buf *b, const void *p, size_t n) {
  char *room = n > 0 ? iot_buf_room(b, n) : NULL;
  if (room == NULL) return;
  memcpy(room, p, n);
  b->len += n;
}

static inline void iot_buf_str(iot_buf *b, iot_str s) {
  iot_buf_add(b, s.p, s.n);
}

static inline void iot_buf_byte(iot_buf *b, char c) {
  iot_buf_add(b, &c, 1);
}

/* Adds a string literal. */
#define iot_buf_lit(b, s) iot_buf_add((b), "" s, sizeof(s) - 1)
/* Adds `n` in decimal. */
void iot_buf_uint(iot_buf *b, uint64_t n);
/* Overwrites memory in a way that the compiler keeps. */
void iot_wipe(void *p, size_t n);

/* What it holds, until it changes. */
static inline iot_str iot_buf_contents(const iot_buf *b) {
  iot_str s;
  s.p = b->len > 0 ? b->data : "";
  s.n = b->len;
  return s;
}

/* encode.c */
void iot_hex(iot_buf *b, const void *p, size_t n);
void iot_base64(iot_buf *b, const void *p, size_t n);
/* Decodes RFC 4648 base64, padded, nothing else allowed; 0, or -1. */
int iot_unbase64(iot_buf *b, const char *p, size_t n);

/* uri.c */

/* Percent-encodes every byte outside A-Za-z0-9-._~ (RFC 3986, unreserved),
** but for '/' where `keep_slash`. */
void iot_uri_encode(iot_buf *b, iot_str s, int keep_slash);
/* Removes dot segments and doubled slashes, as botocore's
** remove_dot_segments (botocore/utils.py) does; "" becomes "/". */
void iot_uri_normalize(iot_buf *b, iot_str path);
/* Makes `b` the path as it is signed, normalized and encoded, unless it is
** that of `of`, which it becomes. `scratch` is overwritten. */
void iot_uri_path(iot_buf *b, iot_buf *of, iot_buf *scratch, iot_str path);
/* The query's pairs, encoded where they are not yet, sorted by name and then
** by value, as SigV4 wants them. 0, or -1 for more than IOT_MAX_PAIRS or no
** memory. `scratch` is overwritten. */
#define IOT_MAX_PAIRS 128
int iot_uri_query(iot_buf *b, iot_buf *scratch, iot_str query);

/* header.c */

/* An ASCII letter in lower case, any other byte as it is. */
static inline char iot_lower(char c) {
  return (char)(c >= 'A' && c <= 'Z' ? c + ('a' - 'A') : c);
}

/* A header that borrows both; the name ends in a NUL. */
iot_header iot_header_of(const char *name, const char *value, size_t n);
/* An HTTP token (RFC 9110, 5.6.2), one byte at least. */
int iot_header_name_ok(iot_str name);
/* A field value without CR, LF and NUL. */
int iot_header_value_ok(iot_str value);
/* Writes "name: value CR LF". */
void iot_header_write(iot_buf *b, iot_str name, iot_str value);
/* Reads a line without its end into `h`, spaces before the value gone (those
** after it stay, as in Python's http.client); 0, or -1 where the line is no
** header field. */
int iot_header_parse(iot_str line, iot_header *h);
/* Compares ASCII letters without their case; <0, 0, >0 as memcmp. */
int iot_header_compare(iot_str a, iot_str b);
/* Has it neither spaces nor controls nor bytes from 127 on? Most have not. */
int iot_is_plain(iot_str s);
/* Has it a byte under a space, or DEL? */
int iot_has_control(iot_str s);
/* Adds the value without spaces at its ends, each run of them as one; spaces
** are Python's, in UTF-8. */
void iot_header_trim(iot_buf *b, iot_str value);
/* Are the `n` bytes those of the lower-case `s`, whatever their case? */
int iot_header_same(const char *name, const char *s, size_t n);

/* The same of a whole name; mostly its length tells. */
static inline int iot_header_is(iot_str name, const char *s) {
  return name.n == strlen(s) && iot_header_same(name.p, s, name.n);
}

/* crypto.c */

/* A key, and what was signed before: less is hashed where it is the same. */
typedef struct iot_crypto iot_crypto;
iot_crypto *iot_crypto_new(void); /* NULL where there is no memory */
void iot_crypto_free(iot_crypto *c);
/* These return 0, or -1 where OpenSSL failed. */
int iot_sha256(iot_str s, unsigned char out[IOT_SHA256_SIZE]);
/* The same; less work where one text begins as the last one did, all but the
** hex of a digest at its end. So does iot_hmac. */
int iot_sha256_again(iot_crypto *c, iot_str s,
                     unsigned char out[IOT_SHA256_SIZE]);
int iot_hmac_key(iot_crypto *c, iot_str key);
int iot_sha1(iot_str s, unsigned char out[IOT_SHA1_SIZE]); /* of file names */
/* HMAC under the key that the last iot_hmac_key set. */
int iot_hmac(iot_crypto *c, iot_str s, unsigned char out[IOT_SHA256_SIZE]);
/* Random bytes, other ones in a forked child; 0, or -1. */
int iot_random(void *p, size_t n);

/* process.c */
/* Keeps the library mapped and forks counted; 0, or -1 for no memory. To be
** called before anything else, any number of times. */
int iot_process_init(void);
/* How many forks lie between the first process and this one. */
unsigned long iot_forks(void);

/* sigv4.c */

typedef struct iot_credentials {
  iot_str access_key;
  iot_str secret_key;
} iot_credentials;

typedef struct iot_scope {
  char date[IOT_DATE_SIZE];
  iot_str region;
  iot_str service;
} iot_scope;

#define IOT_SIGN_RAW_PATH 1 /* leave dot segments and doubled slashes */

/* What a signature is made in, again and again. */
typedef struct iot_signer {
  iot_crypto *crypto;
  iot_buf canonical;      /* canonical request */
  iot_buf signed_headers; /* "host;x-amz-date" */
  iot_buf to_sign;        /* string to sign */
  iot_buf scope;          /* "20150830/us-east-1/iotdata/aws4_request" */
  size_t region_size;     /* of the region in it */
  iot_buf key_of;         /* the secret whose key `crypto` holds... */
  int has_key;            /* ...for that scope, if it does */
  iot_buf text;           /* authorization, and scratch before it */
  iot_buf path_of, path;  /* the last normalized path, and what it became */
} iot_signer;

int iot_signer_init(iot_signer *s); /* 0, or -1 where there is no memory */
void iot_signer_free(iot_signer *s);
/* "20150830T123600Z" of seconds since the epoch, years 0 to 9999;
** 0, or -1 outside them (and for NaN). */
int iot_sigv4_date(double now, char out[IOT_DATE_SIZE]);
/* Is this lower- or mixed-case header left out of the signature? */
int iot_sigv4_unsigned(iot_str name);
/* The steps, each into its buffer of `s`; 0, or -1. */
int iot_sigv4_canonical(iot_signer *s, const iot_request *r, int flags);
int iot_sigv4_to_sign(iot_signer *s, const iot_scope *scope);
/* Sets `crypto` to the signing key, unless it holds that one already. */
int iot_sigv4_key(iot_signer *s, iot_str secret, const iot_scope *scope);
/* The authorization header's value, into `text`, from all of the above. */
int iot_sigv4_authorization(iot_signer *s, iot_str access_key);
/* All of them. */
int iot_sigv4_sign(iot_signer *s, const iot_request *r,
                   const iot_credentials *c, const iot_scope *scope,
                   int flags);

/* request.c */
/* Writes a whole request: line, headers, Content-Length where it belongs,
** body. `authority` non-empty makes the target absolute ("http://host:port"),
** as an HTTP proxy wants it. NULL, or what is wrong with the request. */
const char *iot_http1_write(iot_buf *b, const iot_request *r,
                            iot_str authority);

/* framing.c */

typedef struct iot_framing {
  uint64_t length;
  int has_length;
  int chunked;
  int coding; /* a Transfer-Encoding that we do not know */
  int close;
  int keep_alive;
} iot_framing;

/* Reads it from an iot_http1's `fields`; NULL, or what is wrong with it. */
const char *iot_framing_read(iot_framing *f, iot_str fields);

/* http1.c */

enum iot_progress { IOT_BAD = -1, IOT_MORE = 0, IOT_DONE = 1 };

/* The reader of one response. Its result does not depend on how the bytes
** are cut into pieces. */
typedef struct iot_http1 {
  iot_buf line;   /* a line that has not ended yet */
  iot_buf fields; /* name LF value LF ... */
  iot_buf body;
  const char *error; /* why it is IOT_BAD */
  uint64_t left;     /* bytes to come of the body or chunk */
  size_t head;       /* bytes of the head so far */
  int state;
  int status;
  int minor;    /* of HTTP/1.x */
  int interim;  /* 1xx answers so far */
  int no_body;  /* the request was a HEAD */
  int keep;     /* the peer would keep the connection */
  int reusable; /* it may carry another request: all was read, and no more */
  int any;      /* a byte has arrived */
} iot_http1;

void iot_http1_init(iot_http1 *h);
void iot_http1_free(iot_http1 *h);
/* Ready for the next response. */
void iot_http1_reset(iot_http1 *h, int no_body);
/* Reads bytes; after IOT_DONE any that are left over make the connection
** unusable for another request. */
enum iot_progress iot_http1_feed(iot_http1 *h, const char *p, size_t n);
/* The name and value that stand at `at` in an iot_http1's `fields`, 0 to begin
** with; where the next ones stand, or 0 where there are none. */
size_t iot_http1_field(iot_str fields, size_t at, iot_header *f);
/* The connection was closed: IOT_DONE for a body that ends so. */
enum iot_progress iot_http1_eof(iot_http1 *h);

#if defined(__GNUC__)
#pragma GCC visibility pop
#endif

#endif
