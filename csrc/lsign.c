/* lsign.c - binds the signer: core.sign and its steps */
#include "lrecord.h"

#include <string.h>

/* sign's flags, which add to IOT_SIGN_RAW_PATH */
#define TOKEN_AFTER 2 /* the token is added, but not signed */
#define SIGN_BODY 4   /* x-amz-content-sha256 is added and signed */

#define MAX_ADDED 4  /* headers */
#define SIGN_ARGS 15 /* the last is in_place */

#define WORKSPACE "iotdataplane.core.workspace"

/* What a signature is made in. */
typedef struct workspace {
  iot_workspace workspace;
  iot_signer signer; /* without its `crypto` once it is closed */
  char hash[IOT_SHA256_HEX];
  double now;
  int authorization; /* where its pair is among the headers, or 0 */
  iot_header headers[IOT_MAX_HEADERS + MAX_ADDED];
} workspace;

/* Upvalues of `sign` beside its workspace: headers that stay the same from
** one request to the next, and what of. */
typedef struct desk {
  char date[IOT_DATE_SIZE]; /* of the pair in DATE_PAIR */
  double from, till;        /* the second that it is the date of */
  iot_str token;            /* of the pair in TOKEN_PAIR, which keeps it */
} desk;

#define DESK lua_upvalueindex(1)
#define DATE_PAIR lua_upvalueindex(3)
#define TOKEN_PAIR lua_upvalueindex(4)

/* Zeroed and with its metatable before it holds anything. */
static void push_workspace(lua_State *L) {
  workspace *w = lua_newuserdata(L, sizeof(*w));
  memset(w, 0, sizeof(*w));
  luaL_getmetatable(L, WORKSPACE);
  lua_setmetatable(L, -2);
  if (iot_signer_init(&w->signer) != 0) luaL_error(L, "not enough memory");
}

static int workspace_gc(lua_State *L) {
  workspace *w = luaL_checkudata(L, 1, WORKSPACE);
  iot_signer_free(&w->signer);
  w->workspace.taken = 0;
  return 0;
}

static workspace *take(lua_State *L, int nargs) {
  workspace *w = iot_take(L, nargs, push_workspace);
  if (w->signer.crypto == NULL) iot_closing(L, &w->workspace);
  return w;
}

/* Region, service and date, from three arguments on. */
static void get_scope(lua_State *L, int arg, iot_scope *scope) {
  iot_str date = iot_check_str(L, arg + 2);
  scope->region = iot_check_str(L, arg);
  scope->service = iot_check_str(L, arg + 1);
  luaL_argcheck(L, date.n == IOT_DATE_SIZE - 1, arg + 2, "not a date");
  memcpy(scope->date, date.p, IOT_DATE_SIZE);
}

/* canonical_request(method, path, query, headers, body [, raw_path])
** -> canonical request, signed headers | nil, reason */
static int l_canonical_request(lua_State *L) {
  workspace *w = take(L, 6);
  iot_request r = iot_get_parts(L, 1, w->headers);
  int flags = lua_toboolean(L, 6) ? IOT_SIGN_RAW_PATH : 0, n;
  if (iot_sigv4_canonical(&w->signer, &r, flags) != 0)
    return iot_end_failed(L, &w->workspace, "signing failed");
  n = iot_push_buf(L, &w->signer.canonical);
  return n + iot_end(L, &w->workspace, &w->signer.signed_headers);
}

/* string_to_sign(canonical_request, region, service, date) -> string */
static int l_string_to_sign(lua_State *L) {
  workspace *w = take(L, 4);
  iot_scope scope;
  get_scope(L, 2, &scope);
  iot_buf_reset(&w->signer.canonical);
  iot_buf_str(&w->signer.canonical, iot_check_str(L, 1));
  if (iot_sigv4_to_sign(&w->signer, &scope) != 0)
    return iot_end_failed(L, &w->workspace, "signing failed");
  return iot_end(L, &w->workspace, &w->signer.to_sign);
}

/* signature(string_to_sign, secret_key, region, service, date) -> hex */
static int l_signature(lua_State *L) {
  workspace *w = take(L, 5);
  unsigned char out[IOT_SHA256_SIZE];
  iot_scope scope;
  get_scope(L, 3, &scope);
  if (iot_sigv4_key(&w->signer, iot_check_str(L, 2), &scope) != 0 ||
      iot_hmac(w->signer.crypto, iot_check_str(L, 1), out) != 0)
    return iot_end_failed(L, &w->workspace, "signing failed");
  iot_buf_reset(&w->signer.text);
  iot_hex(&w->signer.text, out, sizeof(out));
  return iot_end(L, &w->workspace, &w->signer.text);
}

/* What signing sets itself, and drops first where it is there already. */
static int is_ours(iot_str name) {
  int first = name.n > 0 ? name.p[0] | 0x20 : 0;
  if (first == 'a') return iot_header_is(name, "authorization");
  return first == 'x' && (iot_header_is(name, "x-amz-date") ||
                          iot_header_is(name, "x-amz-security-token"));
}

/* The credential that is no header's value, nor ever was one of AWS's. */
static const char *bad_credential(const iot_credentials *c, iot_str token) {
  if (iot_has_control(c->access_key)) return "access_key";
  if (iot_has_control(c->secret_key)) return "secret_key";
  return iot_has_control(token) ? "token" : NULL;
}

/* Pushes the table for the signed headers: the one at 4, or a new one. To its
** front go the pairs that stay, as they are, and their bytes to that of
** `w->headers`; in place an authorization stays, to be written anew. */
static void keep_headers(lua_State *L, workspace *w, iot_request *r) {
  size_t i, n = r->nheaders, kept = 0;
  int in_place = lua_toboolean(L, SIGN_ARGS), moves = !in_place;
  w->authorization = 0;
  if (!moves) lua_pushvalue(L, 4);
  if (moves) lua_createtable(L, (int)n + MAX_ADDED, 0);
  for (i = 0; i < n; i++) {
    iot_str name = w->headers[i].name;
    if (is_ours(name)) {
      int stays = in_place && !w->authorization && (*name.p | 0x20) == 'a';
      moves |= !stays;
      if (!stays) continue;
      w->authorization = (int)kept + 1;
    }
    w->headers[kept++] = w->headers[i];
    if (!moves) continue;
    lua_rawgeti(L, 4, (int)i + 1);
    lua_rawseti(L, -2, (int)kept);
  }
  for (i = kept; i < n; i++) {
    lua_pushnil(L);
    lua_rawseti(L, -2, (int)i + 1);
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

/* The pair of this second's date, made anew once a second. */
static void add_date(lua_State *L, iot_request *r, workspace *w,
                     const iot_scope *scope) {
  desk *d = lua_touserdata(L, DESK);
  iot_header h = iot_header_of("x-amz-date", scope->date, IOT_DATE_SIZE - 1);
  if (memcmp(d->date, scope->date, IOT_DATE_SIZE) != 0) {
    iot_push_header(L, &h);
    lua_replace(L, DATE_PAIR);
    memcpy(d->date, scope->date, IOT_DATE_SIZE);
    d->from = (double)(int64_t)w->now;
    if (d->from > w->now) d->from--; /* before 1970 */
    d->till = d->from + 1;
  }
  lua_pushvalue(L, DATE_PAIR);
  add(L, r, w, h);
}

static void add_token(lua_State *L, iot_request *r, workspace *w,
                      iot_str token) {
  desk *d = lua_touserdata(L, DESK);
  iot_header h = iot_header_of("x-amz-security-token", token.p, token.n);
  if (d->token.p != token.p) {
    iot_push_header(L, &h);
    lua_pushvalue(L, 8); /* no copy: `token` is in this one, which is kept */
    lua_rawseti(L, -2, 2);
    lua_replace(L, TOKEN_PAIR);
    d->token = token;
  }
  lua_pushvalue(L, TOKEN_PAIR);
  add(L, r, w, h);
}

static int get_date(lua_State *L, double now, char date[IOT_DATE_SIZE]) {
  const desk *d = lua_touserdata(L, DESK);
  if (!(now >= d->from && now < d->till)) return iot_sigv4_date(now, date);
  memcpy(date, d->date, IOT_DATE_SIZE);
  return 0;
}

/* x-amz-content-sha256, whose value stays in the workspace. */
static int add_body_hash(lua_State *L, iot_request *r, workspace *w) {
  unsigned char digest[IOT_SHA256_SIZE];
  iot_buf *b = &w->signer.text;
  iot_buf_reset(b);
  if (iot_sha256(r->body, digest) != 0) return -1;
  iot_hex(b, digest, sizeof(digest));
  if (b->failed) return -1;
  memcpy(w->hash, b->data, sizeof(w->hash));
  add_new(L, r, w,
          iot_header_of("x-amz-content-sha256", w->hash, sizeof(w->hash)));
  return 0;
}

/* Writes it into its pair, or adds one. */
static void put_authorization(lua_State *L, workspace *w, iot_request *r) {
  iot_str value = iot_buf_contents(&w->signer.text);
  if (w->authorization == 0) {
    add_new(L, r, w, iot_header_of("authorization", value.p, value.n));
  } else {
    lua_rawgeti(L, -1, w->authorization);
    iot_push_str(L, value);
    lua_rawseti(L, -2, 2);
    lua_pop(L, 1);
  }
}

/* Signs, adding to the headers on the top of the stack. */
static int sign(lua_State *L, workspace *w, iot_request *r,
                const iot_credentials *c, iot_str token,
                const iot_scope *scope, int flags) {
  add_date(L, r, w, scope);
  if ((flags & SIGN_BODY) && add_body_hash(L, r, w) != 0) return -1;
  if (token.n > 0 && !(flags & TOKEN_AFTER)) add_token(L, r, w, token);
  if (iot_sigv4_sign(&w->signer, r, c, scope, flags) != 0) return -1;
  put_authorization(L, w, r);
  if (token.n > 0 && (flags & TOKEN_AFTER)) add_token(L, r, w, token);
  return 0;
}

static int get_flags(lua_State *L) {
  int raw = lua_type(L, 12) == LUA_TBOOLEAN && !lua_toboolean(L, 12);
  return (raw ? IOT_SIGN_RAW_PATH : 0) |
         (lua_toboolean(L, 13) ? TOKEN_AFTER : 0) |
         (lua_toboolean(L, 14) ? SIGN_BODY : 0);
}

/* sign(method, path, query, headers, body, access_key, secret_key,
** token | nil, region, service, now, normalize_path, late_token, sign_body,
** in_place) -> headers, with ours | nil, reason [, the wrong credential] */
static int l_sign(lua_State *L) {
  workspace *w = take(L, SIGN_ARGS);
  iot_request r = iot_get_parts(L, 1, w->headers);
  iot_credentials c;
  iot_scope scope;
  iot_str token = {"", 0};
  const char *bad;
  c.access_key = iot_check_str(L, 6);
  c.secret_key = iot_check_str(L, 7);
  if (!lua_isnil(L, 8)) token = iot_check_str(L, 8);
  scope.region = iot_check_str(L, 9);
  scope.service = iot_check_str(L, 10);
  w->now = luaL_checknumber(L, 11);
  if (get_date(L, w->now, scope.date) != 0)
    return iot_end_failed(L, &w->workspace,
                          "the time is outside the years 0 to 9999");
  bad = bad_credential(&c, token);
  if (bad != NULL) {
    iot_end_failed(L, &w->workspace, "it has a control byte");
    lua_pushstring(L, bad);
    return 3;
  }
  keep_headers(L, w, &r);
  if (r.nheaders + MAX_ADDED > IOT_MAX_HEADERS + (w->authorization > 0) ||
      sign(L, w, &r, &c, token, &scope, get_flags(L)) != 0)
    return iot_end_failed(L, &w->workspace, "signing failed");
  w->workspace.taken = 0;
  return 1;
}

void iot_open_sign(lua_State *L) {
  static const luaL_Reg steps[] = {
      {"canonical_request", l_canonical_request},
      {"string_to_sign", l_string_to_sign},
      {"signature", l_signature},
      {NULL, NULL},
  };
  luaL_newmetatable(L, WORKSPACE);
  lua_pushcfunction(L, workspace_gc);
  lua_setfield(L, -2, "__gc");
  lua_pop(L, 1);
  memset(lua_newuserdata(L, sizeof(desk)), 0, sizeof(desk));
  push_workspace(L);
  lua_pushnil(L);
  lua_pushnil(L);
  lua_pushcclosure(L, l_sign, 4);
  lua_setfield(L, -2, "sign");
  lua_pushnil(L);
  lua_pushnil(L);
  iot_setfuncs(L, steps, 2); /* the workspace is made by the first call */
}
