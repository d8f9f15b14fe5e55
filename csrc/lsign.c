/* lsign.c - binds the signer: core.sign and its steps */
#include "lrecord.h"

#include <string.h>

/* sign's flags, which add to IOT_SIGN_RAW_PATH */
#define TOKEN_AFTER 2 /* the token is added, but not signed */
#define SIGN_BODY 4   /* x-amz-content-sha256 is added and signed */

#define MAX_ADDED 4

/* What every function works in, its first upvalue. */
typedef struct workspace {
  iot_signer signer;
  char hash[IOT_SHA256_HEX];
  char date[IOT_DATE_SIZE]; /* of the pair in DATE_PAIR */
  double second;            /* that `date` was made for */
  iot_str token;            /* of the pair in TOKEN_PAIR, which keeps it */
  iot_header headers[IOT_MAX_HEADERS + MAX_ADDED];
} workspace;

/* Upvalues of `sign` beside it: headers that stay the same from one request
** to the next. */
#define DATE_PAIR lua_upvalueindex(2)
#define TOKEN_PAIR lua_upvalueindex(3)

static workspace *get_workspace(lua_State *L) {
  return lua_touserdata(L, lua_upvalueindex(1));
}

static int workspace_gc(lua_State *L) {
  workspace *w = lua_touserdata(L, 1);
  iot_signer_free(&w->signer);
  return 0;
}

/* Region, service and date, from three arguments on. */
static void get_scope(lua_State *L, int arg, iot_scope *scope) {
  iot_str date = iot_check_str(L, arg + 2);
  scope->region = iot_check_str(L, arg);
  scope->service = iot_check_str(L, arg + 1);
  luaL_argcheck(L, date.n == IOT_DATE_SIZE - 1, arg + 2, "not a date");
  memcpy(scope->date, date.p, IOT_DATE_SIZE);
}

/* canonical_request(request [, flags])
** -> canonical request, signed headers | nil, reason */
static int l_canonical_request(lua_State *L) {
  workspace *w = get_workspace(L);
  iot_request r = iot_get_request(L, 1, w->headers);
  int flags = (int)luaL_optinteger(L, 2, 0);
  if (iot_sigv4_canonical(&w->signer, &r, flags) != 0)
    return iot_push_failure(L, "signing failed");
  return iot_push_buf(L, &w->signer.canonical) +
         iot_push_buf(L, &w->signer.signed_headers);
}

/* string_to_sign(canonical_request, region, service, date) -> string */
static int l_string_to_sign(lua_State *L) {
  workspace *w = get_workspace(L);
  iot_scope scope;
  get_scope(L, 2, &scope);
  iot_buf_reset(&w->signer.canonical);
  iot_buf_str(&w->signer.canonical, iot_check_str(L, 1));
  if (iot_sigv4_to_sign(&w->signer, &scope) != 0)
    return iot_push_failure(L, "signing failed");
  return iot_push_buf(L, &w->signer.to_sign);
}

/* signature(string_to_sign, secret_key, region, service, date) -> hex */
static int l_signature(lua_State *L) {
  workspace *w = get_workspace(L);
  unsigned char out[IOT_SHA256_SIZE];
  iot_scope scope;
  get_scope(L, 3, &scope);
  if (iot_sigv4_key(&w->signer, iot_check_str(L, 2), &scope) != 0 ||
      iot_hmac(w->signer.crypto, iot_check_str(L, 1), out) != 0)
    return iot_push_failure(L, "signing failed");
  iot_buf_reset(&w->signer.text);
  iot_hex(&w->signer.text, out, sizeof(out));
  return iot_push_buf(L, &w->signer.text);
}

static iot_header header(const char *name, const char *value, size_t n) {
  iot_header h;
  h.name.p = name;
  h.name.n = strlen(name);
  h.value.p = value;
  h.value.n = n;
  return h;
}

/* What signing sets itself, and drops first where it is there already. */
static int is_ours(iot_str name) {
  int first = name.n > 0 ? name.p[0] | 0x20 : 0;
  if (first == 'a') return iot_header_is(name, "authorization");
  return first == 'x' && (iot_header_is(name, "x-amz-date") ||
                          iot_header_is(name, "x-amz-security-token"));
}

/* A credential that is no header's value, nor ever was one of AWS's. */
static int has_control(iot_str s) {
  size_t i;
  if (iot_is_plain(s)) return 0;
  for (i = 0; i < s.n; i++)
    if ((unsigned char)s.p[i] < ' ' || s.p[i] == 127) return 1;
  return 0;
}

static const char *bad_credential(const iot_credentials *c, iot_str token) {
  if (has_control(c->access_key)) return "access_key";
  if (has_control(c->secret_key)) return "secret_key";
  return has_control(token) ? "token" : NULL;
}

/* The headers at 1 that stay: their pairs go, as they are, into a new table
** on the top of the stack, their bytes to the front of `w->headers`. */
static void keep_headers(lua_State *L, workspace *w, iot_request *r) {
  size_t i, n = r->nheaders, kept = 0;
  lua_createtable(L, (int)n + MAX_ADDED, 0);
  for (i = 0; i < n; i++) {
    if (is_ours(w->headers[i].name)) continue;
    w->headers[kept++] = w->headers[i];
    lua_rawgeti(L, 1, (int)i + 1);
    lua_rawseti(L, -2, (int)kept);
  }
  r->nheaders = kept;
}

/* Adds a header, and its pair, which is on the top of the stack. */
static void add(lua_State *L, iot_request *r, workspace *w, iot_header h) {
  w->headers[r->nheaders++] = h;
  lua_rawseti(L, -2, (int)r->nheaders);
}

static void add_new(lua_State *L, iot_request *r, workspace *w, iot_header h) {
  iot_push_header(L, &h);
  add(L, r, w, h);
}

static void add_date(lua_State *L, iot_request *r, workspace *w) {
  iot_header h = header("x-amz-date", w->date, IOT_DATE_SIZE - 1);
  lua_pushvalue(L, DATE_PAIR);
  add(L, r, w, h);
}

static void add_token(lua_State *L, iot_request *r, workspace *w,
                      iot_str token) {
  iot_header h = header("x-amz-security-token", token.p, token.n);
  if (w->token.p != token.p) {
    iot_push_header(L, &h);
    lua_replace(L, TOKEN_PAIR);
    w->token = token;
  }
  lua_pushvalue(L, TOKEN_PAIR);
  add(L, r, w, h);
}

/* x-amz-content-sha256, whose value stays in the workspace. */
static int add_body_hash(lua_State *L, iot_request *r, workspace *w) {
  unsigned char digest[IOT_SHA256_SIZE];
  iot_buf *b = &w->signer.text;
  if (iot_sha256(w->signer.crypto, r->body, digest) != 0) return -1;
  iot_buf_reset(b);
  iot_hex(b, digest, sizeof(digest));
  if (b->failed) return -1;
  memcpy(w->hash, b->data, sizeof(w->hash));
  add_new(L, r, w, header("x-amz-content-sha256", w->hash, sizeof(w->hash)));
  return 0;
}

/* Signs, adding to the headers on the top of the stack. */
static int sign(lua_State *L, workspace *w, iot_request *r,
                const iot_credentials *c, iot_str token,
                const iot_scope *scope, int flags) {
  int late = flags & TOKEN_AFTER;
  add_date(L, r, w);
  if ((flags & SIGN_BODY) && add_body_hash(L, r, w) != 0) return -1;
  if (token.n > 0 && !late) add_token(L, r, w, token);
  if (iot_sigv4_sign(&w->signer, r, c, scope, flags) != 0) return -1;
  add_new(L, r, w,
          header("authorization", w->signer.text.data, w->signer.text.len));
  if (token.n > 0 && late) add_token(L, r, w, token);
  return 0;
}

/* Makes `w->date` and its pair those of this second; 0, or -1. */
static int set_date(lua_State *L, workspace *w, double now) {
  iot_header h;
  if (now >= w->second && now < w->second + 1) return 0;
  if (iot_sigv4_date(now, w->date) != 0) return -1;
  h = header("x-amz-date", w->date, IOT_DATE_SIZE - 1);
  iot_push_header(L, &h);
  lua_replace(L, DATE_PAIR);
  w->second = (double)(int64_t)now;
  return 0;
}

/* The parts of a request come one by one: fetching them from a table would
** cost more than signing it. */
static iot_request get_parts(lua_State *L, workspace *w) {
  iot_request r;
  r.method = iot_check_str(L, 2);
  r.path = iot_check_str(L, 3);
  r.query = iot_check_str(L, 4);
  r.body = iot_check_str(L, 5);
  r.headers = w->headers;
  r.nheaders = iot_get_headers(L, 1, w->headers);
  return r;
}

/* Three booleans. */
static int get_flags(lua_State *L, int arg) {
  return (lua_toboolean(L, arg) ? IOT_SIGN_RAW_PATH : 0) |
         (lua_toboolean(L, arg + 1) ? TOKEN_AFTER : 0) |
         (lua_toboolean(L, arg + 2) ? SIGN_BODY : 0);
}

/* sign(headers, method, path, query, body, access_key, secret_key,
** token | nil, region, service, now, raw_path, late_token, sign_body)
** -> headers, with ours | nil, reason [, the wrong credential] */
static int l_sign(lua_State *L) {
  workspace *w = get_workspace(L);
  int flags = get_flags(L, 12);
  iot_request r = get_parts(L, w);
  iot_credentials c;
  iot_scope scope;
  iot_str token = {"", 0};
  const char *bad;
  c.access_key = iot_check_str(L, 6);
  c.secret_key = iot_check_str(L, 7);
  if (!lua_isnil(L, 8)) token = iot_check_str(L, 8);
  scope.region = iot_check_str(L, 9);
  scope.service = iot_check_str(L, 10);
  if (set_date(L, w, luaL_checknumber(L, 11)) != 0)
    return iot_push_failure(L, "the time is outside the years 0 to 9999");
  memcpy(scope.date, w->date, sizeof(scope.date));
  bad = bad_credential(&c, token);
  if (bad != NULL) {
    iot_push_failure(L, "it has a control byte");
    lua_pushstring(L, bad);
    return 3;
  }
  keep_headers(L, w, &r);
  if (r.nheaders + MAX_ADDED > IOT_MAX_HEADERS ||
      sign(L, w, &r, &c, token, &scope, flags) != 0)
    return iot_push_failure(L, "signing failed");
  return 1;
}

static const luaL_Reg functions[] = {
    {"canonical_request", l_canonical_request},
    {"string_to_sign", l_string_to_sign},
    {"signature", l_signature},
    {NULL, NULL},
};

/* Zeroed and with its metatable before it holds anything. */
static void new_workspace(lua_State *L) {
  workspace *w = lua_newuserdata(L, sizeof(*w));
  memset(w, 0, sizeof(*w));
  lua_createtable(L, 0, 1);
  lua_pushcfunction(L, workspace_gc);
  lua_setfield(L, -2, "__gc");
  lua_setmetatable(L, -2);
  if (iot_signer_init(&w->signer) != 0)
    luaL_error(L, "OpenSSL has no SHA-256, or no memory is left");
  w->second = -1e300;
}

void iot_open_sign(lua_State *L) {
  new_workspace(L);
  lua_pushvalue(L, -1);
  lua_pushnil(L);
  lua_pushnil(L);
  lua_pushcclosure(L, l_sign, 3);
  lua_setfield(L, -3, "sign");
  iot_setfuncs(L, functions, 1);
}
