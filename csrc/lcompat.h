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

#if defined(__GNUC__)
#define IOT_EXPORT __attribute__((visibility("default")))
#else
#define IOT_EXPORT
#endif

#endif
