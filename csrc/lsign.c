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
  iot_header headers[IOT_MAX_HEADERS + MAX_ADDED];
} workspace;

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
  return iot_header_is(name, "x-amz-date") ||
         iot_header_is(name, "x-amz-security-token") ||
         iot_header_is(name, "authorization");
}

/* The request's headers without ours; moves those that stay to the front. */
static void drop_ours(iot_request *r, iot_header *headers) {
  size_t i, n = 0;
  for (i = 0; i < r->nheaders; i++)
    if (!is_ours(headers[i].name)) headers[n++] = headers[i];
  r->nheaders = n;
}

/* A credential that is no header's value, nor ever was one of AWS's. */
static int has_control(iot_str s) {
  size_t i;
  for (i = 0; i < s.n; i++)
    if ((unsigned char)s.p[i] < ' ' || s.p[i] == 127) return 1;
  return 0;
}

static const char *bad_credential(const iot_credentials *c, iot_str token) {
  if (has_control(c->access_key)) return "access_key";
  if (has_control(c->secret_key)) return "secret_key";
  return has_control(token) ? "token" : NULL;
}

/* Adds x-amz-content-sha256, whose value stays in the workspace. */
static int add_body_hash(workspace *w, iot_request *r) {
  unsigned char digest[IOT_SHA256_SIZE];
  iot_buf *b = &w->signer.text;
  if (iot_sha256(w->signer.crypto, r->body, digest) != 0) return -1;
  iot_buf_reset(b);
  iot_hex(b, digest, sizeof(digest));
  if (b->failed) return -1;
  memcpy(w->hash, b->data, sizeof(w->hash));
  w->headers[r->nheaders++] =
      header("x-amz-content-sha256", w->hash, sizeof(w->hash));
  return 0;
}

/* Signs with what is in `w->headers` from `kept` on added to it, and leaves
** the authorization and a late token there too. */
static int sign(workspace *w, iot_request *r, const iot_credentials *c,
                iot_str token, const iot_scope *scope, int flags) {
  iot_header *h = w->headers;
  int late = token.n > 0 && (flags & TOKEN_AFTER);
  h[r->nheaders++] = header("x-amz-date", scope->date, IOT_DATE_SIZE - 1);
  if ((flags & SIGN_BODY) && add_body_hash(w, r) != 0) return -1;
  if (token.n > 0 && !late)
    h[r->nheaders++] = header("x-amz-security-token", token.p, token.n);
  if (iot_sigv4_sign(&w->signer, r, c, scope, flags) != 0) return -1;
  h[r->nheaders++] = header("authorization", w->signer.text.data,
                            w->signer.text.len);
  if (late)
    h[r->nheaders++] = header("x-amz-security-token", token.p, token.n);
  return 0;
}

/* Pushes the headers of the request at 1 that stay, as they are, and those
** from `kept` on new. */
static void push_headers(lua_State *L, const iot_request *r, size_t kept) {
  size_t i, n, from;
  lua_createtable(L, (int)r->nheaders, 0);
  lua_pushliteral(L, "headers");
  lua_rawget(L, 1);
  n = lua_rawlen(L, -1);
  for (i = 0, from = 0; i < kept && from < n; from++) {
    const char *name;
    lua_rawgeti(L, -1, (int)from + 1);
    lua_rawgeti(L, -1, 1);
    name = lua_tostring(L, -1);
    lua_pop(L, 1);
    if (name == r->headers[i].name.p)
      lua_rawseti(L, -3, (int)++i);
    else
      lua_pop(L, 1);
  }
  lua_pop(L, 1);
  for (; i < r->nheaders; i++) {
    iot_push_header(L, &r->headers[i]);
    lua_rawseti(L, -2, (int)i + 1);
  }
}

/* A copy of the request at 1 with the headers on the top of the stack. */
static void push_copy(lua_State *L) {
  int headers = lua_gettop(L);
  lua_createtable(L, 0, 16); /* room for what the transport is told */
  lua_pushnil(L);
  while (lua_next(L, 1) != 0) {
    lua_pushvalue(L, -2);
    lua_insert(L, -2);
    lua_rawset(L, headers + 1);
  }
  lua_pushliteral(L, "headers");
  lua_pushvalue(L, headers);
  lua_rawset(L, headers + 1);
}

/* sign(request, access_key, secret_key, token | nil, region, service, now
** [, flags]) -> new request | nil, reason [, the wrong credential's name] */
static int l_sign(lua_State *L) {
  workspace *w = get_workspace(L);
  int flags = (int)luaL_optinteger(L, 8, 0);
  iot_credentials c;
  iot_scope scope;
  iot_request r;
  iot_str token = {"", 0};
  const char *bad;
  size_t kept;
  c.access_key = iot_check_str(L, 2);
  c.secret_key = iot_check_str(L, 3);
  if (!lua_isnil(L, 4)) token = iot_check_str(L, 4);
  scope.region = iot_check_str(L, 5);
  scope.service = iot_check_str(L, 6);
  if (iot_sigv4_date(luaL_checknumber(L, 7), scope.date) != 0)
    return iot_push_failure(L, "the time is outside the years 0 to 9999");
  r = iot_get_request(L, 1, w->headers);
  bad = bad_credential(&c, token);
  if (bad != NULL) {
    iot_push_failure(L, "it has a control byte");
    lua_pushstring(L, bad);
    return 3;
  }
  drop_ours(&r, w->headers);
  kept = r.nheaders;
  if (kept + MAX_ADDED > IOT_MAX_HEADERS ||
      sign(w, &r, &c, token, &scope, flags) != 0)
    return iot_push_failure(L, "signing failed");
  push_headers(L, &r, kept);
  push_copy(L);
  return 1;
}

static const luaL_Reg functions[] = {
    {"sign", l_sign},
    {"canonical_request", l_canonical_request},
    {"string_to_sign", l_string_to_sign},
    {"signature", l_signature},
    {NULL, NULL}};

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
}

void iot_open_sign(lua_State *L) {
  new_workspace(L);
  iot_setfuncs(L, functions, 1);
}
