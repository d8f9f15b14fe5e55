/* lcurl.c - require "iotdataplane.curl": binds pools of libcurl's connections,
** and exchanges over them */
#include "clock.h"
#include "lexchange.h"

#include <string.h>

#define POOL "iotdataplane.curl.pool"
#define EXCHANGE "iotdataplane.curl.exchange"

/* NULL when closed; born so, so that __gc may come at any time. */
typedef struct pool_box {
  iot_pool *pool;
} pool_box;

typedef struct exchange_box {
  iot_exchange x;
  int open;
  iot_header headers[IOT_MAX_HEADERS];
  iot_memo memo; /* its table is the user value */
} exchange_box;

/* ---- pools ---- */

/* pool(max_idle_seconds, max_size) -> pool */
static int l_pool(lua_State *L) {
  double max_idle = luaL_checknumber(L, 1);
  long max_size = (long)luaL_checkinteger(L, 2);
  pool_box *box = lua_newuserdata(L, sizeof(*box));
  box->pool = NULL;
  luaL_getmetatable(L, POOL);
  lua_setmetatable(L, -2);
  box->pool = iot_pool_new(max_idle, max_size);
  if (box->pool == NULL) return luaL_error(L, "libcurl cannot be used");
  return 1;
}

/* pool:exchange() -> exchange, for one request after the other */
static int pool_exchange(lua_State *L) {
  pool_box *box = iot_check_self(L, POOL);
  exchange_box *e = lua_newuserdata(L, sizeof(*e));
  e->open = 0;
  luaL_getmetatable(L, EXCHANGE);
  lua_setmetatable(L, -2);
  if (box->pool == NULL) return luaL_error(L, "the pool is closed");
  lua_newtable(L);
  lua_setuservalue(L, -2);
  iot_exchange_init(&e->x, box->pool);
  iot_memo_init(&e->memo);
  e->open = 1;
  return 1;
}

/* pool:clear() closes what is idle */
static int pool_clear(lua_State *L) {
  pool_box *box = iot_check_self(L, POOL);
  if (box->pool != NULL) iot_pool_clear(box->pool);
  return 0;
}

static int pool_gc(lua_State *L) {
  pool_box *box = iot_check_self(L, POOL);
  iot_pool *pool = box->pool;
  box->pool = NULL;
  iot_pool_unref(pool);
  return 0;
}

/* ---- exchanges ---- */

static exchange_box *check_exchange(lua_State *L) {
  exchange_box *e = iot_check_self(L, EXCHANGE);
  if (!e->open) luaL_error(L, "the exchange is closed");
  return e;
}

static int run(lua_State *L, exchange_box *e, double now) {
  iot_exchange *x = &e->x;
  lua_Hook hook = lua_gethook(L);
  for (;;) {
    double left;
    iot_exchange_step(x, now);
    if (x->wants == 0) {
      lua_settop(L, 1);
      lua_getuservalue(L, 1);
      return iot_push_exchange(L, x, &e->memo, 2);
    }
    left = iot_exchange_deadline(x) - now;
    iot_exchange_wait(x, left < IOT_SLICE ? left : IOT_SLICE);
    if (iot_is_interrupted(L, hook)) break;
    now = iot_monotonic();
  }
  lua_pushboolean(L, 0);
  return 1;
}

/* exchange:send(identity, method, path, query, headers, body,
** connect_timeout, read_timeout, deadline, replay [, authority [, headless
** [, unseen]]])
** -> status, fields, body, head, replayed (it was sent twice)
** | nil, the failure's name, message, sent
** | false (interrupted: exchange:resume() goes on)
** The identity names the connection: see iot_pool_open. */
static int exchange_send(lua_State *L) {
  exchange_box *e = check_exchange(L);
  double now = iot_monotonic();
  const char *wrong = iot_check_exchange(L, &e->x, e->headers);
  if (wrong != NULL) return iot_push_refusal(L, wrong);
  iot_exchange_start(&e->x, now, 0);
  return run(L, e, now);
}

/* exchange:resume() -> as exchange:send */
static int exchange_resume(lua_State *L) {
  exchange_box *e = check_exchange(L);
  return run(L, e, iot_monotonic());
}

/* exchange:connection() -> the last one's number, was it a kept one */
static int exchange_connection(lua_State *L) {
  const iot_exchange *x = &check_exchange(L)->x;
  lua_pushnumber(L, (lua_Number)x->number);
  lua_pushboolean(L, x->kept);
  return 2;
}

/* exchange:close(), __gc and __close */
static int exchange_close(lua_State *L) {
  exchange_box *e = iot_check_self(L, EXCHANGE);
  if (!e->open) return 0;
  e->open = 0;
  iot_exchange_free(&e->x);
  iot_memo_free(&e->memo);
  return 0;
}

/* ---- sleeping ---- */

/* pause(until, on core.monotonic) -> true
** | false (interrupted: call it again) */
static int l_pause(lua_State *L) {
  double until = luaL_checknumber(L, 1), left;
  lua_Hook hook = lua_gethook(L);
  while ((left = until - iot_monotonic()) > 0) {
    iot_pause(left < IOT_SLICE ? left : IOT_SLICE);
    if (iot_is_interrupted(L, hook)) {
      lua_pushboolean(L, 0);
      return 1;
    }
  }
  lua_pushboolean(L, 1);
  return 1;
}

static const luaL_Reg pool_methods[] = {
    {"exchange", pool_exchange}, {"clear", pool_clear}, {"__gc", pool_gc},
    {"__close", pool_gc},        {NULL, NULL},
};

static const luaL_Reg exchange_methods[] = {
    {"connection", exchange_connection},
    {"send", exchange_send},
    {"resume", exchange_resume},
    {"close", exchange_close},
    {"__gc", exchange_close},
    {"__close", exchange_close},
    {NULL, NULL},
};

static const luaL_Reg functions[] = {
    {"pool", l_pool},
    {"pause", l_pause},
    {NULL, NULL},
};

IOT_EXPORT int luaopen_iotdataplane_curl(lua_State *L);

IOT_EXPORT int luaopen_iotdataplane_curl(lua_State *L) {
  if (iot_process_init() != 0) return luaL_error(L, "not enough memory");
  iot_new_class(L, POOL, pool_methods);
  iot_new_class(L, EXCHANGE, exchange_methods);
  lua_newtable(L);
  iot_setfuncs(L, functions, 0);
  iot_open_loop(L);
  return 1;
}
