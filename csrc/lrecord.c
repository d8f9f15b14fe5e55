/* lrecord.c - the records, from Lua's tables to C's structs and back */
#include "lrecord.h"

void iot_setfuncs(lua_State *L, const luaL_Reg *l, int nup) {
  int i;
  for (; l->name != NULL; l++) {
    for (i = 0; i < nup; i++) lua_pushvalue(L, -nup);
    lua_pushcclosure(L, l->func, nup);
    lua_setfield(L, -(nup + 2), l->name);
  }
  lua_pop(L, nup);
}

#define WORKSPACE lua_upvalueindex(2)

void *iot_take(lua_State *L, int nargs, void (*push_new)(lua_State *L)) {
  iot_workspace *w = lua_touserdata(L, WORKSPACE);
  lua_settop(L, nargs);
  if (w == NULL || w->taken) {
    push_new(L);
    lua_pushvalue(L, -1);
    lua_replace(L, WORKSPACE);
    w = lua_touserdata(L, -1);
  } else {
    lua_pushvalue(L, WORKSPACE);
  }
  w->taken = 1;
  return w;
}

iot_str iot_check_str(lua_State *L, int arg) {
  iot_str s;
  s.p = lua_tolstring(L, arg, &s.n);
  if (s.p == NULL) s.p = luaL_checklstring(L, arg, &s.n); /* raises */
  return s;
}

int iot_push_failure(lua_State *L, const char *reason) {
  lua_pushnil(L);
  lua_pushstring(L, reason);
  return 2;
}

void iot_push_str(lua_State *L, iot_str s) {
  lua_pushlstring(L, s.p, s.n);
}

int iot_push_buf(lua_State *L, const iot_buf *b) {
  if (b->failed) return iot_push_failure(L, "not enough memory");
  iot_push_str(L, iot_buf_contents(b));
  return 1;
}

void iot_closing(lua_State *L, iot_workspace *w) {
  w->taken = 0;
  luaL_error(L, "Lua is closing");
}

int iot_end(lua_State *L, iot_workspace *w, const iot_buf *b) {
  int n = iot_push_buf(L, b);
  w->taken = 0;
  return n;
}

int iot_end_failed(lua_State *L, iot_workspace *w, const char *reason) {
  w->taken = 0;
  return iot_push_failure(L, reason);
}

/* Pushes the string that is the `i`th item of the pair at `t`, and stays in it;
** a number would not. */
static iot_str pair_item(lua_State *L, int t, int i) {
  iot_str s = {"", 0};
  if (iot_rawgeti(L, t, i) != LUA_TSTRING)
    luaL_error(L, "request.headers must be pairs of strings");
  s.p = lua_tolstring(L, -1, &s.n);
  return s;
}

size_t iot_get_headers(lua_State *L, int t,
                       iot_header headers[IOT_MAX_HEADERS]) {
  size_t n, i;
  if (lua_type(L, t) != LUA_TTABLE)
    luaL_error(L, "request.headers must be a table");
  n = lua_rawlen(L, t);
  if (n > IOT_MAX_HEADERS) luaL_error(L, "request.headers are too many");
  for (i = 0; i < n; i++) {
    if (iot_rawgeti(L, t, (int)i + 1) != LUA_TTABLE)
      luaL_error(L, "request.headers must be pairs of strings");
    headers[i].name = pair_item(L, -1, 1);
    headers[i].value = pair_item(L, -2, 2);
    lua_pop(L, 3);
  }
  return n;
}

iot_request iot_get_parts(lua_State *L, int arg,
                          iot_header headers[IOT_MAX_HEADERS]) {
  iot_request r;
  r.method = iot_check_str(L, arg);
  r.path = iot_check_str(L, arg + 1);
  r.query = iot_check_str(L, arg + 2);
  r.body = iot_check_str(L, arg + 4);
  r.nheaders = iot_get_headers(L, arg + 3, headers);
  r.headers = headers;
  return r;
}

void iot_push_header(lua_State *L, const iot_header *f) {
  lua_createtable(L, 2, 0);
  iot_push_str(L, f->name);
  lua_rawseti(L, -2, 1);
  iot_push_str(L, f->value);
  lua_rawseti(L, -2, 2);
}
