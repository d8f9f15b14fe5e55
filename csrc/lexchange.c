/* lexchange.c - an exchange's arguments from Lua, and what came of it */
#include "lexchange.h"

#define FOREVER 1e300

/* Names of enum iot_failure. */
static const char *const failure_names[] = {
    NULL,
    "EndpointConnectionError",
    "ConnectTimeoutError",
    "SSLError",
    "ProxyConnectionError",
    "ReadTimeoutError",
    "ConnectionClosedError",
    "HTTPClientError",
    "ApiCallTimeoutError",
};

static double seconds(lua_State *L, int arg) {
  return luaL_optnumber(L, arg, FOREVER);
}

const char *iot_check_exchange(lua_State *L, iot_exchange *x,
                               iot_header headers[IOT_MAX_HEADERS]) {
  iot_str authority = {"", 0};
  iot_request r = iot_get_parts(L, 3, headers);
  const char *wrong;
  if (!lua_isnoneornil(L, 12)) authority = iot_check_str(L, 12);
  iot_exchange_reset(x);
  iot_buf_str(&x->identity, iot_check_str(L, 2));
  wrong = iot_http1_write(&x->out, &r, authority);
  if (wrong != NULL) return wrong;
  x->connect_timeout = seconds(L, 8);
  x->read_timeout = seconds(L, 9);
  x->call_by = seconds(L, 10);
  x->replay = lua_toboolean(L, 11);
  x->headless = lua_toboolean(L, 13);
  x->unseen = lua_toboolean(L, 14);
  return NULL;
}

int iot_push_refusal(lua_State *L, const char *reason) {
  lua_pushnil(L);
  lua_pushliteral(L, "HTTPClientError");
  lua_pushstring(L, reason);
  lua_pushboolean(L, 0);
  return 4;
}

int iot_is_interrupted(lua_State *L, lua_Hook at_entry) {
  return lua_gethook(L) != at_entry;
}

void iot_new_class(lua_State *L, const char *name, const luaL_Reg *l) {
  luaL_newmetatable(L, name);
  lua_pushvalue(L, -1);
  iot_setfuncs(L, l, 1);
  lua_pushvalue(L, -1);
  lua_setfield(L, -2, "__index");
  lua_pop(L, 1);
}

void *iot_check_self(lua_State *L, const char *name) {
  void *self = lua_touserdata(L, 1);
  int same;
  if (self == NULL || !lua_getmetatable(L, 1))
    return luaL_checkudata(L, 1, name); /* raises */
  same = lua_rawequal(L, -1, lua_upvalueindex(1));
  lua_pop(L, 1);
  return same ? self : luaL_checkudata(L, 1, name);
}

int iot_push_unseen(lua_State *L, const iot_exchange *x) {
  if (!x->unseen || x->failure != IOT_OK || x->in.status >= 300) return 0;
  lua_pushinteger(L, x->in.status);
  return 1;
}

int iot_push_exchange(lua_State *L, const iot_exchange *x, iot_memo *m,
                      int t) {
  const iot_http1 *in = &x->in;
  iot_str fields = iot_buf_contents(&in->fields);
  if (x->failure != IOT_OK) {
    lua_pushnil(L);
    lua_pushstring(L, failure_names[x->failure]);
    lua_pushstring(L, x->reason);
    lua_pushboolean(L, x->sent);
    return 4;
  }
  if (iot_push_unseen(L, x)) return 1;
  lua_pushinteger(L, in->status);
  iot_push_fields(L, fields, m, t);
  iot_push_str(L, iot_buf_contents(&in->body));
  if (x->headless)
    lua_pushnil(L);
  else
    iot_push_str(L, fields);
  lua_pushboolean(L, x->replayed);
  return 5;
}
