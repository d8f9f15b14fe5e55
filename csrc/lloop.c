/* lloop.c - binds loops: many exchanges and pauses at once */
#include "clock.h"
#include "lwake.h"

#define LOOP "iotdataplane.curl.loop"

/* loop(max_idle_seconds, max_size [, by_poll [, yields]]) -> loop
** `yields`: may what it has resumed yield within C? */
static int l_loop(lua_State *L) {
  double max_idle = luaL_checknumber(L, 1);
  long max_size = (long)luaL_checkinteger(L, 2);
  int by_poll = lua_toboolean(L, 3);
  int yields = lua_toboolean(L, 4);
  iot_loop_box *box = lua_newuserdata(L, sizeof(*box));
  box->loop = NULL;
  box->is_driven = 0;
  box->yields = yields;
  box->current = NULL;
  box->awaited = NULL;
  box->told = NULL;
  box->number = 0;
  box->kept = 0;
  iot_memo_init(&box->memo);
  luaL_getmetatable(L, LOOP);
  lua_setmetatable(L, -2);
  lua_newtable(L);
  iot_prepare_telling(L);
  lua_setuservalue(L, -2);
  box->loop = iot_loop_new(max_idle, max_size, by_poll);
  if (box->loop == NULL) return luaL_error(L, "libcurl cannot be used");
  return 1;
}

static iot_loop_box *check_loop(lua_State *L) {
  iot_loop_box *box = iot_check_self(L, LOOP);
  if (box->loop == NULL) luaL_error(L, "the loop is closed");
  return box;
}

/* Whoever waits for the descriptor is to be woken in time. */
static void settle(iot_loop_box *box, double now) {
  if (box->is_driven) iot_loop_fd(box->loop, now);
}

/* ---- what is under way ---- */

/* loop:send(identity, method, path, query, headers, body, connect_timeout,
** read_timeout, deadline, replay [, authority [, headless
** [, unseen]]])
** -> true, its number | nil, the failure's name, message, sent
** In a coroutine that the loop has resumed it waits, and returns what came of
** it, as loop:next has it. The identity is that of iot_pool_open. */
static int loop_send(lua_State *L) {
  iot_loop_box *box = check_loop(L);
  iot_task *t = iot_loop_spare(box->loop);
  double now = iot_monotonic();
  const char *wrong;
  if (t == NULL) return iot_push_refusal(L, "not enough memory");
  wrong = iot_check_exchange(L, &t->x, box->headers);
  if (wrong != NULL) return iot_push_refusal(L, wrong);
  iot_loop_send(box->loop, t, now, box->current != NULL);
  settle(box, now);
  return iot_await(L, box, t);
}

/* loop:pause(until, on core.monotonic) -> true, its number | nil (no memory)
** Or it waits as loop:send does, and returns nothing. */
static int loop_pause(lua_State *L) {
  iot_loop_box *box = check_loop(L);
  double until = luaL_checknumber(L, 2);
  iot_task *t = iot_loop_spare(box->loop);
  if (t == NULL) return 0;
  iot_loop_pause(box->loop, t, until);
  settle(box, iot_monotonic());
  return iot_await(L, box, t);
}

/* ---- coroutines ---- */

/* loop:resume(coroutine, ...) -> true, what it has yielded or returned
** | false, what it has raised | nothing: it waits for the loop, which will go
** on with it. The caller keeps it until then. */
static int loop_resume(lua_State *L) {
  iot_loop_box *box = check_loop(L);
  lua_State *co = lua_tothread(L, 2);
  luaL_argcheck(L, co != NULL, 2, "coroutine expected");
  return iot_wake(L, box, co, lua_gettop(L) - 2);
}

/* Waits once where none has ended, but not for ever. */
static iot_task *next(iot_loop_box *box, double seconds) {
  double now = iot_monotonic();
  iot_task *t = iot_loop_next(box->loop, now);
  if (t == NULL && seconds >= 0) {
    iot_loop_wait(box->loop, now, seconds < IOT_SLICE ? seconds : IOT_SLICE);
    now = iot_monotonic();
    t = iot_loop_next(box->loop, now);
  }
  if (t == NULL) settle(box, now);
  return t;
}

#define AT_ONCE 4 /* values that come before it */

/* loop:next([seconds [, coroutine, ...]])
** -> the number of what has ended, and for what was sent
** status, fields, body, head, replayed | nil, the failure's name, message,
** sent
** | the coroutine that waited for it, and what loop:resume gives for that
** | true: all who waited for what has ended wait again
** | nothing: nothing has ended yet
** With `seconds` it waits, that long at most; it may come back sooner. A
** coroutine is resumed before; if it does not wait for the loop then, it is
** returned with four values of what loop:resume gives, and true. */
static int loop_next(lua_State *L) {
  iot_loop_box *box = check_loop(L);
  double seconds = luaL_optnumber(L, 2, -1);
  lua_State *co = lua_tothread(L, 3);
  iot_task *t;
  int n = 0;
  if (co != NULL && iot_wake(L, box, co, lua_gettop(L) - 3) > 0) {
    lua_settop(L, 3 + AT_ONCE);
    lua_pushboolean(L, 1);
    return 1 + AT_ONCE + 1;
  }
  t = next(box, seconds);
  if (t == NULL) return 0;
  lua_settop(L, 1);
  lua_getuservalue(L, 1);
  while (t != NULL && (n = iot_tell(L, box, t)) == 0)
    t = iot_loop_next(box->loop, iot_monotonic());
  if (n > 0) return n;
  lua_pushboolean(L, 1);
  return 1;
}

/* loop:connection() -> the last ended one's number, was it a kept one */
static int loop_connection(lua_State *L) {
  iot_loop_box *box = check_loop(L);
  lua_pushnumber(L, (lua_Number)box->number);
  lua_pushboolean(L, box->kept);
  return 2;
}

/* loop:fd() -> a descriptor that is readable once loop:next(0) has something
** to do | nil where there is none */
static int loop_fd(lua_State *L) {
  iot_loop_box *box = check_loop(L);
  int fd = iot_loop_fd(box->loop, iot_monotonic());
  if (fd < 0) return 0;
  box->is_driven = 1;
  lua_pushinteger(L, fd);
  return 1;
}

/* loop:timeout() -> seconds until loop:next(0) has something to do even if
** nothing comes | nil for never */
static int loop_timeout(lua_State *L) {
  iot_loop_box *box = check_loop(L);
  double left = iot_loop_timeout(box->loop, iot_monotonic());
  if (left > 1e200) return 0;
  lua_pushnumber(L, left);
  return 1;
}

/* loop:resize(max_size) keeps so many connections from now on */
static int loop_resize(lua_State *L) {
  iot_loop_box *box = check_loop(L);
  iot_pool_resize(box->loop->pool, (long)luaL_checkinteger(L, 2));
  return 0;
}

/* loop:clear() closes what is idle, and what is in use once it is not; the
** descriptor as well where nothing is under way */
static int loop_clear(lua_State *L) {
  iot_loop_box *box = check_loop(L);
  iot_loop_clear(box->loop);
  if (box->loop->poller.fd < 0) box->is_driven = 0;
  return 0;
}

static int loop_gc(lua_State *L) {
  iot_loop_box *box = iot_check_self(L, LOOP);
  iot_loop *loop = box->loop;
  box->loop = NULL;
  if (loop != NULL) iot_loop_free(loop);
  iot_memo_free(&box->memo);
  return 0;
}

static const luaL_Reg methods[] = {
    {"send", loop_send},
    {"pause", loop_pause},
    {"next", loop_next},
    {"resume", loop_resume},
    {"connection", loop_connection},
    {"fd", loop_fd},
    {"timeout", loop_timeout},
    {"resize", loop_resize},
    {"clear", loop_clear},
    {"__gc", loop_gc},
    {"__close", loop_gc},
    {NULL, NULL},
};

void iot_open_loop(lua_State *L) {
  iot_new_class(L, LOOP, methods);
  lua_pushcfunction(L, l_loop);
  lua_setfield(L, -2, "loop");
}
