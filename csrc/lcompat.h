/* lcompat.h - what Lua 5.1 lacks of Lua 5.4's C API */
#ifndef lcompat_h
#define lcompat_h

#include <lua.h>

#include <lauxlib.h>

#if LUA_VERSION_NUM < 502 && !defined(lua_rawlen)
#define lua_rawlen lua_objlen
#endif

#if LUA_VERSION_NUM < 502
#define lua_getuservalue lua_getfenv
#define lua_setuservalue lua_setfenv
#endif

/* As Lua 5.4's lua_rawgeti, which gives the type of what it pushes. */
static inline int iot_rawgeti(lua_State *L, int t, int i) {
#if LUA_VERSION_NUM >= 503
  return lua_rawgeti(L, t, i);
#else
  lua_rawgeti(L, t, i);
  return lua_type(L, -1);
#endif
}

/* As Lua 5.4's lua_resume. */
static inline int iot_resume(lua_State *co, lua_State *from, int nargs,
                             int *nresults) {
#if LUA_VERSION_NUM >= 504
  return lua_resume(co, from, nargs, nresults);
#else
  int status;
#if LUA_VERSION_NUM >= 502
  status = lua_resume(co, from, nargs);
#else
  (void)from;
  status = lua_resume(co, nargs);
#endif
  *nresults = lua_gettop(co);
  return status;
#endif
}

#if LUA_VERSION_NUM < 503
#define lua_isyieldable(L) 1
#endif

#if defined(__GNUC__)
#define IOT_EXPORT __attribute__((visibility("default")))
#else
#define IOT_EXPORT
#endif

#endif
