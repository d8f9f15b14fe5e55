/* lreader.c - binds the HTTP/1.1 reader: core.reader */
#include "lrecord.h"

#define READER "iotdataplane.core.reader"

/* reader([no_body]) -> reader of one HTTP/1.1 response after the other */
static int l_reader(lua_State *L) {
  int no_body = lua_toboolean(L, 1);
  iot_http1 *h = lua_newuserdata(L, sizeof(*h));
  iot_http1_init(h);
  iot_http1_reset(h, no_body);
  luaL_getmetatable(L, READER);
  lua_setmetatable(L, -2);
  return 1;
}

static iot_http1 *check_reader(lua_State *L) {
  return luaL_checkudata(L, 1, READER);
}

static int push_progress(lua_State *L, const iot_http1 *h,
                         enum iot_progress p) {
  if (p == IOT_BAD) return iot_push_failure(L, h->error);
  lua_pushboolean(L, p == IOT_DONE);
  return 1;
}

/* reader:feed(bytes) -> true (done) | false (needs more) | nil, reason */
static int reader_feed(lua_State *L) {
  iot_http1 *h = check_reader(L);
  iot_str s = iot_check_str(L, 2);
  return push_progress(L, h, iot_http1_feed(h, s.p, s.n));
}

/* reader:eof() -> true | nil, reason */
static int reader_eof(lua_State *L) {
  iot_http1 *h = check_reader(L);
  return push_progress(L, h, iot_http1_eof(h));
}

/* reader:reset([no_body]) */
static int reader_reset(lua_State *L) {
  iot_http1_reset(check_reader(L), lua_toboolean(L, 2));
  return 0;
}

/* reader:response() -> status, headers, body, reusable */
static int reader_response(lua_State *L) {
  const iot_http1 *h = check_reader(L);
  lua_pushinteger(L, h->status);
  iot_push_headers(L, iot_buf_contents(&h->fields));
  lua_pushlstring(L, h->body.len > 0 ? h->body.data : "", h->body.len);
  lua_pushboolean(L, h->reusable);
  return 4;
}

static int reader_gc(lua_State *L) {
  iot_http1_free(check_reader(L));
  return 0;
}

static const luaL_Reg reader_methods[] = {
    {"feed", reader_feed},   {"eof", reader_eof},
    {"reset", reader_reset}, {"response", reader_response},
    {"__gc", reader_gc},     {NULL, NULL},
};

void iot_open_reader(lua_State *L) {
  luaL_newmetatable(L, READER);
  iot_setfuncs(L, reader_methods, 0);
  lua_pushvalue(L, -1);
  lua_setfield(L, -2, "__index");
  lua_pop(L, 1);
  lua_pushcfunction(L, l_reader);
  lua_setfield(L, -2, "reader");
}
