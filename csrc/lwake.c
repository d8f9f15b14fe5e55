/* lwake.c - coroutines that wait for a loop, and what they are told */
#include "lwake.h"

#define PUSH 0 /* where the user value has l_push */

/* It does not wait for that: it was kept from yielding, or did so to others. */
static void forget_awaited(iot_loop_box *box) {
  if (box->awaited != NULL) box->awaited->waiter = NULL;
  box->awaited = NULL;
}

int iot_await(lua_State *L, iot_loop_box *box, iot_task *t) {
  t->waiter = NULL;
  if (box->yields && L == box->current && lua_isyieldable(L)) {
    forget_awaited(box);
    box->awaited = t;
    t->waiter = L;
    return lua_yield(L, 0); /* it raises where Lua 5.1 and 5.2 cannot */
  }
  lua_pushboolean(L, 1);
  lua_pushinteger(L, (lua_Integer)t->id);
  return 2;
}

/* A new one has its function on its stack. */
static int is_suspended(lua_State *co) {
  return lua_status(co) == LUA_YIELD ||
         (lua_status(co) == 0 && lua_gettop(co) > 0);
}

int iot_wake(lua_State *L, iot_loop_box *box, lua_State *co, int nargs) {
  lua_State *before = box->current;
  iot_task *awaited = box->awaited;
  int status, n, waits;
  if (!is_suspended(co) || !lua_checkstack(co, nargs)) {
    lua_pop(L, nargs);
    lua_pushboolean(L, 0);
    lua_pushliteral(L, "somebody else has resumed what waits for the loop");
    return 2;
  }
  lua_xmove(L, co, nargs);
  box->current = co;
  box->awaited = NULL;
  status = iot_resume(co, L, nargs, &n);
  waits = status == LUA_YIELD && n == 0 && box->awaited != NULL;
  if (!waits) forget_awaited(box);
  box->current = before;
  box->awaited = awaited;
  if (waits) return 0;
  if (status != 0 && status != LUA_YIELD) n = 1;
  luaL_checkstack(L, 1 + n, "too many results");
  lua_pushboolean(L, status == 0 || status == LUA_YIELD);
  lua_xmove(co, L, n);
  return 1 + n;
}

/* push(loop, its user value, nested) -> what came of the task that is told. A
** finalizer that runs within another's has a memo that keeps nothing. */
static int l_push(lua_State *L) {
  iot_loop_box *box = lua_touserdata(L, 1);
  iot_memo none;
  if (!lua_toboolean(L, 3))
    return iot_push_exchange(L, &box->told->x, &box->memo, 2);
  iot_memo_init(&none);
  none.text.max = 0;
  lua_newtable(L);
  lua_replace(L, 2);
  return iot_push_exchange(L, &box->told->x, &none, 2);
}

void iot_prepare_telling(lua_State *L) {
  lua_pushcfunction(L, l_push);
  lua_rawseti(L, -2, PUSH);
}

/* Pushes what came of an exchange, or what was raised meanwhile; as lua_pcall
** gives it. */
static int push_exchange(lua_State *L, iot_loop_box *box, iot_task *t) {
  iot_task *outer = box->told;
  int status;
  if (iot_push_unseen(L, &t->x)) return 0;
  box->told = t;
  lua_rawgeti(L, 2, PUSH);
  lua_pushvalue(L, 1);
  lua_pushvalue(L, 2);
  lua_pushboolean(L, outer != NULL);
  status = lua_pcall(L, 3, LUA_MULTRET, 0);
  box->told = outer;
  return status;
}

/* Pushes what came of it; how many values. Finalizers that run meanwhile do
** not find it; where Lua has no memory for it, it is the next again. */
static int push_task(lua_State *L, iot_loop_box *box, iot_task *t) {
  int top = lua_gettop(L), status = 0;
  iot_loop_claim(box->loop, t);
  if (t->state == IOT_TASK_EXCHANGE) {
    status = push_exchange(L, box, t);
    box->number = t->x.number;
    box->kept = t->x.kept;
  }
  if (status != 0) {
    iot_loop_put_back(box->loop, t);
    return lua_error(L);
  }
  iot_loop_release(box->loop, t);
  return lua_gettop(L) - top;
}

int iot_tell(lua_State *L, iot_loop_box *box, iot_task *t) {
  lua_State *co = t->waiter;
  int n;
  lua_settop(L, 2);
  if (co == NULL) {
    lua_pushinteger(L, (lua_Integer)t->id);
    return 1 + push_task(L, box, t);
  }
  lua_pushthread(co);
  lua_xmove(co, L, 1);
  n = iot_wake(L, box, co, push_task(L, box, t));
  return n > 0 ? 1 + n : 0;
}
