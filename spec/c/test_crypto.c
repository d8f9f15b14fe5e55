/* test_crypto.c - SHA-256, HMAC, randomness, and the signing key that is kept
** from one signature to the next: never the wrong one, and never made anew */
#define _POSIX_C_SOURCE 200809L

#include "check.h"

#include <sys/wait.h>
#include <unistd.h>

/* sigv4.c makes its keys and HMACs through these, which count and can fail. */
static int spy_hmac_key(iot_crypto *c, iot_str key);
static int spy_hmac(iot_crypto *c, iot_str s, unsigned char *out);

#define iot_hmac_key spy_hmac_key
#define iot_hmac spy_hmac
#include "../../csrc/sigv4.c"
#undef iot_hmac_key
#undef iot_hmac

static int calls, fail_at; /* of both; the call that fails, or 0 */

static int spy_hmac_key(iot_crypto *c, iot_str key) {
  return ++calls == fail_at ? -1 : iot_hmac_key(c, key);
}

static int spy_hmac(iot_crypto *c, iot_str s, unsigned char *out) {
  return ++calls == fail_at ? -1 : iot_hmac(c, s, out);
}

static int hex_is(const unsigned char *digest, size_t n, const char *hex) {
  iot_buf b;
  int same;
  iot_buf_init(&b, 2 * n);
  iot_hex(&b, digest, n);
  same = buf_is(&b, hex);
  iot_buf_free(&b);
  return same;
}

/* A byte, so many times over. */
static iot_str run(char *bytes, int byte, size_t n) {
  memset(bytes, byte, n);
  return str_n(bytes, n);
}

/* The text, or where there is none, a byte so many times over. */
typedef struct bytes {
  const char *text;
  int byte;
  size_t n;
} bytes;

static iot_str of_bytes(char *space, bytes b) {
  return b.text != NULL ? str_of(b.text) : run(space, b.byte, b.n);
}

static char space1[256], space2[256];

/* RFC 4231, 4.2 to 4.8; the fifth's digest is cut to 128 bits. */
static const struct {
  bytes key, data;
  const char *mac;
} rfc4231[] = {
    {{NULL, 0x0b, 20},
     {"Hi There", 0, 0},
     "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7"},
    {{"Jefe", 0, 0},
     {"what do ya want for nothing?", 0, 0},
     "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"},
    {{NULL, 0xaa, 20},
     {NULL, 0xdd, 50},
     "773ea91e36800e46854db8ebd09181a72959098b3ef8c122d9635514ced565fe"},
    {{"\1\2\3\4\5\6\7\10\11\12\13\14\15\16\17\20\21\22\23\24\25\26\27\30\31",
      0, 0},
     {NULL, 0xcd, 50},
     "82558a389a443c0ea4cc819899f2083a85f0faa3e578f8077a2e3ff46729665b"},
    {{NULL, 0x0c, 20},
     {"Test With Truncation", 0, 0},
     "a3b6167473100ee06e0c796c2955552b"},
    {{NULL, 0xaa, 131},
     {"Test Using Larger Than Block-Size Key - Hash Key First", 0, 0},
     "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54"},
    {{NULL, 0xaa, 131},
     {"This is a test using a larger than block-size key and a larger than "
      "block-size data. The key needs to be hashed before being used by the "
      "HMAC algorithm.",
      0, 0},
     "9b09ffa71b942fcb27635fbcd5b0e944bfdc63644f0713938a7f51535c3a35e2"},
};

static void test_rfc4231(iot_crypto *c) {
  unsigned char mac[IOT_SHA256_SIZE];
  size_t i;
  for (i = 0; i < sizeof(rfc4231) / sizeof(*rfc4231); i++) {
    check(iot_hmac_key(c, of_bytes(space1, rfc4231[i].key)) == 0);
    check(iot_hmac(c, of_bytes(space2, rfc4231[i].data), mac) == 0);
    check(hex_is(mac, strlen(rfc4231[i].mac) / 2, rfc4231[i].mac));
  }
}

/* Keys about the block's length, of 'k'; the data is "data". Digests as
** Python's hmac makes them. */
static void test_key_lengths(iot_crypto *c) {
  static const struct {
    size_t n;
    const char *mac;
  } cases[] = {
      {0, "e528c4d99e6177f5841f712a143b90843299a4aa181a06501422d9ca862bd2a5"},
      {1, "98755ce7a0d431b5d7b8ec8e343ada3bcaa4f6c44ca468cffcbaa9c273634dd7"},
      {63, "ac606b54f050fbdd53bb5848b99dd0bb6f1222bd375ea2aaf66f1af02fcf73e7"},
      {64, "93244b031118b8060c6619e5900fcf916faefb2d8d020fecb22ae0f62275db08"},
      {65, "a79b53d0bf1cb4bb00c301979e6e60ef792a435cafabd76ab9e8989bbdef2dff"},
      {128,
       "e7253241ed03396aedff1964aa008bef574a400a908c1d8370fedea094954cd3"},
      {200,
       "0163658d479ec73f2b801df07141db1426aaae2c6b5e8e6d9e6789f92f5e2b4f"},
  };
  unsigned char mac[IOT_SHA256_SIZE];
  size_t i;
  for (i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
    iot_str key = run(space1, 'k', cases[i].n);
    if (cases[i].n == 0) key.p = NULL;
    check(iot_hmac_key(c, key) == 0);
    check(iot_hmac(c, str_of("data"), mac) == 0);
    check(hex_is(mac, sizeof(mac), cases[i].mac));
  }
}

/* One key serves any number of messages, with digests between them. */
static void test_one_key(iot_crypto *c) {
  unsigned char first[IOT_SHA256_SIZE], other[IOT_SHA256_SIZE];
  int i;
  check(iot_hmac_key(c, str_of("Jefe")) == 0);
  check(iot_hmac(c, str_of("data"), first) == 0);
  for (i = 0; i < 3; i++) {
    check(iot_sha256(str_n(NULL, 0), other) == 0);
    check(hex_is(other, sizeof(other),
                 "e3b0c44298fc1c149afbf4c8996fb924"
                 "27ae41e4649b934ca495991b7852b855"));
    check(iot_hmac(c, str_of("other"), other) == 0);
    check(memcmp(first, other, sizeof(first)) != 0);
    check(iot_hmac(c, str_of("data"), other) == 0);
    check(memcmp(first, other, sizeof(first)) == 0);
  }
}

/* Texts that begin alike, or nearly, one after the other and again: the digest
** is always what it is for somebody who has seen none before. */
static void check_text(iot_crypto *c, iot_crypto *other, iot_str key,
                       iot_str text) {
  unsigned char ours[IOT_SHA256_SIZE], theirs[IOT_SHA256_SIZE];
  check(iot_sha256_again(c, text, ours) == 0);
  check(iot_sha256(text, theirs) == 0);
  check(memcmp(ours, theirs, sizeof(ours)) == 0);
  check(iot_hmac(c, text, ours) == 0);
  check(iot_hmac_key(other, key) == 0);
  check(iot_hmac(other, text, theirs) == 0);
  check(memcmp(ours, theirs, sizeof(ours)) == 0);
}

static void test_beginnings(iot_crypto *c) {
  static const size_t sizes[] = {0,   1,   63,  64,   65,   127,  128,  129,
                                 191, 192, 193, 1000, 4159, 4160, 4161, 5000};
  const size_t count = sizeof(sizes) / sizeof(*sizes);
  static char text[5000];
  iot_crypto *other = iot_crypto_new();
  const char *key = "first";
  size_t i, at;
  check(other != NULL);
  for (i = 0; i < count * 40; i++) {
    size_t n = sizes[i / 40];
    if (i % 20 == 0) {
      key = i % 40 == 0 ? "first" : "second";
      check(iot_hmac_key(c, str_of(key)) == 0);
    }
    memset(text, 'a', sizeof(text));
    at = i % 5 == 4 ? i * 7 : i; /* what differs: mostly the end */
    if (n > 0)
      text[i % 5 == 4 ? at % n : n - 1 - at % (n < 64 ? n : 64)] = 'b';
    check_text(c, other, str_of(key), str_n(text, n));
    if (i % 3 == 0) check_text(c, other, str_of(key), str_n(text, n / 2));
  }
  iot_crypto_free(other);
}

static const iot_header host = {{"host", 4}, {"example.com", 11}};

/* Signs the same request with that; nothing where signing fails. */
static iot_str sign(iot_signer *s, const char *secret, const char *date,
                    const char *region, const char *service) {
  iot_request r = {{"POST", 4}, {"/a", 2}, {"b=c", 3}, {"d", 1}, &host, 1};
  iot_credentials c = {{"AKID", 4}, {NULL, 0}};
  iot_scope scope;
  memcpy(scope.date, date, sizeof(scope.date));
  scope.region = str_of(region);
  scope.service = str_of(service);
  c.secret_key = str_of(secret);
  if (iot_sigv4_sign(s, &r, &c, &scope, 0) != 0) return str_n(NULL, 0);
  return str_n(s->text.data, s->text.len);
}

/* The calls that a signature takes: the key and its four links, then one. */
enum { WITH_KEPT_KEY = 1, WITH_NEW_KEY = 1 + 4 * 2 + 1 };

static void check_signed(iot_signer *s, int expected, const char *secret,
                         const char *date, const char *region,
                         const char *service) {
  iot_signer fresh;
  iot_str ours, theirs;
  calls = 0;
  ours = sign(s, secret, date, region, service);
  check(calls == expected);
  check(iot_signer_init(&fresh) == 0);
  theirs = sign(&fresh, secret, date, region, service);
  check(ours.n > 0 && ours.n == theirs.n);
  check(ours.n == theirs.n && memcmp(ours.p, theirs.p, ours.n) == 0);
  iot_signer_free(&fresh);
}

static const char today[] = "20150830T123600Z";
static const char later[] = "20150830T235959Z";
static const char other_day[] = "20150831T123600Z";

/* Secret, date, region, service, of one signature after the other. */
static const struct {
  const char *secret, *date, *region, *service;
  int expected;
} signatures[] = {
    {"secret", today, "region", "service", WITH_NEW_KEY},
    {"secret", today, "region", "service", WITH_KEPT_KEY},
    {"secret", later, "region", "service", WITH_KEPT_KEY},
    {"secreT", today, "region", "service", WITH_NEW_KEY},
    {"secreT", today, "region", "service", WITH_KEPT_KEY},
    {"secret", today, "region", "service", WITH_NEW_KEY},
    {"secret", other_day, "region", "service", WITH_NEW_KEY},
    {"secret", other_day, "regioN", "service", WITH_NEW_KEY},
    {"secret", other_day, "regioN", "servicE", WITH_NEW_KEY},
    {"secret", other_day, "regioN", "servicE", WITH_KEPT_KEY},
    {"secret", today, "region", "service", WITH_NEW_KEY},
    {"secre", today, "region", "service", WITH_NEW_KEY},
    {"secrett", today, "region", "service", WITH_NEW_KEY},
    {"", today, "region", "service", WITH_NEW_KEY},
    {"", today, "region", "service", WITH_KEPT_KEY},
    {"", today, "", "service", WITH_NEW_KEY},
    {"", today, "", "", WITH_NEW_KEY},
    {"", today, "", "", WITH_KEPT_KEY},
    /* the same bytes in a row, cut elsewhere */
    {"secret", today, "regions", "ervice", WITH_NEW_KEY},
    {"secret", today, "region", "service", WITH_NEW_KEY},
    {"secret", today, "a/b", "c", WITH_NEW_KEY},
    {"secret", today, "a", "b/c", WITH_NEW_KEY},
    {"secret", today, "a/b", "c", WITH_NEW_KEY},
    {"a", today, "20150830/b", "c", WITH_NEW_KEY},
    {"a20150830/", today, "b", "c", WITH_NEW_KEY},
};

static void test_kept_key(void) {
  iot_signer s;
  size_t i;
  check(iot_signer_init(&s) == 0);
  for (i = 0; i < sizeof(signatures) / sizeof(*signatures); i++)
    check_signed(&s, signatures[i].expected, signatures[i].secret,
                 signatures[i].date, signatures[i].region,
                 signatures[i].service);
  iot_signer_free(&s);
  iot_signer_free(&s); /* twice is harmless */
}

/* Wherever a key fails to be made, no half of one is used afterwards. */
static void test_failed_key(void) {
  iot_signer s;
  int at;
  for (at = 1; at <= WITH_NEW_KEY; at++) {
    check(iot_signer_init(&s) == 0);
    check_signed(&s, WITH_NEW_KEY, "old", today, "region", "service");
    calls = 0;
    fail_at = at;
    check(sign(&s, "new", today, "region", "service").n == 0);
    fail_at = 0;
    check_signed(&s, at < WITH_NEW_KEY ? WITH_NEW_KEY : WITH_KEPT_KEY, "new",
                 today, "region", "service");
    check_signed(&s, WITH_NEW_KEY, "old", today, "region", "service");
    calls = 0;
    fail_at = at;
    check(sign(&s, "new", today, "region", "service").n == 0);
    fail_at = 0;
    check_signed(&s, WITH_NEW_KEY, "old", today, "region", "service");
    calls = 0;
    fail_at = at;
    check(sign(&s, "new", other_day, "region", "service").n == 0);
    fail_at = 0;
    check_signed(&s, WITH_NEW_KEY, "old", today, "region", "service");
    iot_signer_free(&s);
  }
}

/* Random bytes, and those of a child that was forked after them. */
static void test_random(void) {
  unsigned char ours[64], childs[64], before[64], many[320] = {0};
  int ends[2], status = -1;
  pid_t pid;
  memset(before, 0, sizeof(before));
  check(iot_random(before, 0) == 0 && before[0] == 0);
  check(iot_random(before, sizeof(before)) == 0);
  memset(space1, 0, sizeof(space1));
  check(iot_random(many, sizeof(many)) == 0); /* more than the system gives */
  check(memcmp(many + 256, space1, sizeof(many) - 256) != 0);
  check(pipe(ends) == 0);
  fflush(NULL);
  pid = fork();
  check(iot_random(ours, sizeof(ours)) == 0);
  if (pid == 0)
    _exit(write(ends[1], ours, sizeof(ours)) == (ssize_t)sizeof(ours) ? 0 : 1);
  check(read(ends[0], childs, sizeof(childs)) == (ssize_t)sizeof(childs));
  check(waitpid(pid, &status, 0) == pid && status == 0);
  check(memcmp(ours, childs, sizeof(ours)) != 0);
  check(memcmp(ours, before, sizeof(ours)) != 0);
  close(ends[0]);
  close(ends[1]);
}

int main(void) {
  iot_crypto *c = iot_crypto_new();
  check(c != NULL);
  if (c != NULL) {
    test_rfc4231(c);
    test_key_lengths(c);
    test_one_key(c);
    test_beginnings(c);
  }
  iot_crypto_free(c);
  iot_crypto_free(NULL);
  test_kept_key();
  test_failed_key();
  test_random();
  return check_end();
}
