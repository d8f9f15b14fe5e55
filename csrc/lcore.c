/* lcore.c - require "iotdataplane.core": binds the pure core */
#include "certificate.h"
#include "lrecord.h"

#include <string.h>

#define RANDOM_SIZE 256 /* bytes asked for at once: getentropy gives no more */

#define RESULT "iotdataplane.core.result"

/* What every function has as its first upvalue: no memory is taken or given
** back by a call. */
typedef struct scratch {
  iot_header headers[IOT_MAX_HEADERS];
  unsigned char random[RANDOM_SIZE];
  size_t random_left;
  unsigned long random_of; /* the process they are for, in forks */
} scratch;

static scratch *get_scratch(lua_State *L) {
  return lua_touserdata(L, lua_upvalueindex(1));
}

/* A workspace: a buffer for the result. */
typedef struct result {
  iot_workspace workspace;
  iot_buf buf;
} result;

static void push_result(lua_State *L) {
  result *out = lua_newuserdata(L, sizeof(*out));
  out->workspace.taken = 0;
  iot_buf_init(&out->buf, IOT_MAX_REQUEST);
  luaL_getmetatable(L, RESULT);
  lua_setmetatable(L, -2);
}

/* No room is left in it: what is used now would not be freed again. */
static int result_gc(lua_State *L) {
  result *out = luaL_checkudata(L, 1, RESULT);
  iot_buf_free(&out->buf);
  out->buf.max = 0;
  out->workspace.taken = 0;
  return 0;
}

/* The function has `nargs` arguments. */
static result *take(lua_State *L, int nargs) {
  result *out = iot_take(L, nargs, push_result);
  if (out->buf.max == 0) iot_closing(L, &out->workspace);
  iot_buf_reset(&out->buf);
  return out;
}

/* uri_encode(s [, keep_slash]) -> string */
static int l_uri_encode(lua_State *L) {
  result *out = take(L, 2);
  iot_uri_encode(&out->buf, iot_check_str(L, 1), lua_toboolean(L, 2));
  return iot_end(L, &out->workspace, &out->buf);
}

/* uri_normalize(path) -> string */
static int l_uri_normalize(lua_State *L) {
  result *out = take(L, 1);
  iot_uri_normalize(&out->buf, iot_check_str(L, 1));
  return iot_end(L, &out->workspace, &out->buf);
}

/* base64_encode(s) -> string */
static int l_base64_encode(lua_State *L) {
  result *out = take(L, 1);
  iot_str in = iot_check_str(L, 1);
  iot_base64(&out->buf, in.p, in.n);
  return iot_end(L, &out->workspace, &out->buf);
}

/* base64_decode(s) -> string | nil, reason */
static int l_base64_decode(lua_State *L) {
  result *out = take(L, 1);
  iot_str in = iot_check_str(L, 1);
  if (iot_unbase64(&out->buf, in.p, in.n) != 0 && !out->buf.failed)
    return iot_end_failed(L, &out->workspace, "not base64");
  return iot_end(L, &out->workspace, &out->buf);
}

/* sha256(s) -> hex */
static int l_sha256(lua_State *L) {
  result *out = take(L, 1);
  unsigned char digest[IOT_SHA256_SIZE];
  if (iot_sha256(iot_check_str(L, 1), digest) != 0)
    return iot_end_failed(L, &out->workspace, "SHA-256 failed");
  iot_hex(&out->buf, digest, sizeof(digest));
  return iot_end(L, &out->workspace, &out->buf);
}

/* sha1(s) -> hex */
static int l_sha1(lua_State *L) {
  result *out = take(L, 1);
  unsigned char digest[IOT_SHA1_SIZE];
  if (iot_sha1(iot_check_str(L, 1), digest) != 0)
    return iot_end_failed(L, &out->workspace, "SHA-1 failed");
  iot_hex(&out->buf, digest, sizeof(digest));
  return iot_end(L, &out->workspace, &out->buf);
}

/* check_certificate(cert, key), both PEM -> true | nil, reason, is it about
** the key's text? */
static int l_check_certificate(lua_State *L) {
  iot_str cert = iot_check_str(L, 1), key = iot_check_str(L, 2);
  int in_key = 0;
  const char *wrong = iot_certificate_check(cert, key, &in_key);
  if (wrong != NULL) iot_push_failure(L, wrong);
  lua_pushboolean(L, wrong == NULL || in_key);
  return wrong == NULL ? 1 : 3;
}

/* header_ok(name, value) -> boolean */
static int l_header_ok(lua_State *L) {
  iot_str name = iot_check_str(L, 1), value = iot_check_str(L, 2);
  lua_pushboolean(L, iot_header_name_ok(name) && iot_header_value_ok(value));
  return 1;
}

/* date(now) -> "20150830T123600Z" | nil, reason */
static int l_date(lua_State *L) {
  char date[IOT_DATE_SIZE];
  if (iot_sigv4_date(luaL_checknumber(L, 1), date) != 0)
    return iot_push_failure(L, "the time is outside the years 0 to 9999");
  lua_pushstring(L, date);
  return 1;
}

/* Asking for a few bytes costs as much as asking for many. */
static const unsigned char *take_random(lua_State *L, scratch *s, size_t n) {
  if (s->random_left < n || s->random_of != iot_forks()) {
    if (iot_random(s->random, RANDOM_SIZE) != 0)
      luaL_error(L, "there is no randomness");
    s->random_left = RANDOM_SIZE;
    s->random_of = iot_forks();
  }
  s->random_left -= n;
  return s->random + s->random_left;
}

/* random() -> a number from 0 up to, but not, 1 */
static int l_random(lua_State *L) {
  uint32_t n;
  memcpy(&n, take_random(L, get_scratch(L), sizeof(n)), sizeof(n));
  lua_pushnumber(L, (lua_Number)n / 4294967296.0);
  return 1;
}

/* uuid() -> a random UUID (RFC 9562, version 4) */
static int l_uuid(lua_State *L) {
  static const char hex[] = "0123456789abcdef";
  static const unsigned char at[16] = {0,  2,  4,  6,  9,  11, 14, 16,
                                       19, 21, 24, 26, 28, 30, 32, 34};
  char text[] = "01234567-9012-4567-9012-456789012345";
  unsigned char u[16];
  size_t i;
  memcpy(u, take_random(L, get_scratch(L), sizeof(u)), sizeof(u));
  u[6] = (unsigned char)((u[6] & 0x0f) | 0x40);
  u[8] = (unsigned char)((u[8] & 0x3f) | 0x80);
  for (i = 0; i < sizeof(u); i++) {
    text[at[i]] = hex[u[i] >> 4];
    text[at[i] + 1] = hex[u[i] & 15];
  }
  lua_pushlstring(L, text, sizeof(text) - 1);
  return 1;
}

/* write_request(method, path, query, headers, body [, authority])
** -> bytes | nil, reason */
static int l_write_request(lua_State *L) {
  result *out = take(L, 6);
  iot_str authority = {"", 0};
  iot_request r;
  const char *wrong;
  if (!lua_isnil(L, 6)) authority = iot_check_str(L, 6);
  r = iot_get_parts(L, 1, get_scratch(L)->headers);
  wrong = iot_http1_write(&out->buf, &r, authority);
  if (wrong != NULL) return iot_end_failed(L, &out->workspace, wrong);
  return iot_end(L, &out->workspace, &out->buf);
}

static const luaL_Reg functions[] = {
    {"uri_encode", l_uri_encode},
    {"uri_normalize", l_uri_normalize},
    {"base64_encode", l_base64_encode},
    {"base64_decode", l_base64_decode},
    {"sha256", l_sha256},
    {"sha1", l_sha1},
    {"check_certificate", l_check_certificate},
    {"header_ok", l_header_ok},
    {"date", l_date},
    {"random", l_random},
    {"uuid", l_uuid},
    {"write_request", l_write_request},
    {NULL, NULL},
};

/* Adds the functions to the table under the scratch on the top of the stack,
** each with a buffer of its own. */
static void set_functions(lua_State *L) {
  const luaL_Reg *f;
  luaL_newmetatable(L, RESULT);
  lua_pushcfunction(L, result_gc);
  lua_setfield(L, -2, "__gc");
  lua_pop(L, 1);
  for (f = functions; f->name != NULL; f++) {
    lua_pushvalue(L, -1);
    push_result(L);
    lua_pushcclosure(L, f->func, 2);
    lua_setfield(L, -3, f->name);
  }
  lua_pop(L, 1);
}

IOT_EXPORT int luaopen_iotdataplane_core(lua_State *L);

IOT_EXPORT int luaopen_iotdataplane_core(lua_State *L) {
  if (iot_process_init() != 0) return luaL_error(L, "not enough memory");
  lua_newtable(L);
  memset(lua_newuserdata(L, sizeof(scratch)), 0, sizeof(scratch));
  set_functions(L);
  iot_open_sign(L);
  iot_open_reader(L);
  iot_open_compose(L);
  iot_open_spawn(L);
  return 1;
}
