/* lreader.c - binds the HTTP/1.1 reader: core.reader */
#include "lrecord.h"

#define READER "iotdataplane.core.reader"

typedef struct reader {
  iot_http1 http1;
  iot_memo memo; /* its table is the user value */
} reader;

/* reader([no_body]) -> reader of one HTTP/1.1 response after the other */
static int l_reader(lua_State *L) {
  int no_body = lua_toboolean(L, 1);
  reader *r = lua_newuserdata(L, sizeof(*r));
  iot_http1_init(&r->http1);
  iot_http1_reset(&r->http1, no_body);
  iot_memo_init(&r->memo);
  luaL_getmetatable(L, READER);
  lua_setmetatable(L, -2);
  lua_newtable(L);
  lua_setuservalue(L, -2);
  return 1;
}

static iot_http1 *check_reader(lua_State *L) {
  reader *r = luaL_checkudata(L, 1, READER);
  return &r->http1;
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

/* reader:response() -> status, fields, body, reusable, head. The fields are
** by name; headers(head) are all of them, in their order. */
static int reader_response(lua_State *L) {
  reader *r = luaL_checkudata(L, 1, READER);
  const iot_http1 *h = &r->http1;
  iot_str head = iot_buf_contents(&h->fields);
  lua_settop(L, 1);
  lua_getuservalue(L, 1);
  lua_pushinteger(L, h->status);
  iot_push_fields(L, head, &r->memo, 2);
  iot_push_str(L, iot_buf_contents(&h->body));
  lua_pushboolean(L, h->reusable);
  iot_push_str(L, head);
  return 5;
}

/* headers(head) -> {{name, value}, ...} of a reader's, or an exchange's */
static int l_headers(lua_State *L) {
  iot_push_headers(L, iot_check_str(L, 1));
  return 1;
}

static int reader_gc(lua_State *L) {
  reader *r = luaL_checkudata(L, 1, READER);
  iot_http1_free(&r->http1);
  iot_memo_free(&r->memo);
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
  lua_pushcfunction(L, l_headers);
  lua_setfield(L, -2, "headers");
}
