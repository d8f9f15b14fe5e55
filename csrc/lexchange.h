/* lexchange.h - what both bindings of exchanges need: lexchange.c, lloop.c */
#ifndef lexchange_h
#define lexchange_h

#include "exchange.h"
#include "lrecord.h"

#if defined(__GNUC__)
#pragma GCC visibility push(hidden)
#endif

/* How long no Ctrl-C is looked for, at the most, in seconds. */
#define IOT_SLICE 1.0

/* Fills in an exchange from the arguments 2 to 14: identity, method, path,
** query, headers, body, connect_timeout, read_timeout, deadline, replay;
** authority, headless, unseen (or nil). NULL, or why it cannot be sent. */
const char *iot_check_exchange(lua_State *L, iot_exchange *x,
                               iot_header headers[IOT_MAX_HEADERS]);
/* Pushes nil and the failure of one that cannot be sent; 4. */
int iot_push_refusal(lua_State *L, const char *reason);
/* Pushes the status of a success that is unseen; 1, or 0 of any other. Nothing
** is allocated, nor raised. */
int iot_push_unseen(lua_State *L, const iot_exchange *x);
/* Pushes status, fields, body, head (nil where headless), replayed; 5, or the
** status of a success that is unseen; 1. Or nil, the failure's name,
** message, sent; 4. The memo and its table: see iot_push_fields. */
int iot_push_exchange(lua_State *L, const iot_exchange *x, iot_memo *m, int t);
/* Has a hook been set since, as `lua` does on Ctrl-C? It runs, and raises,
** once Lua is in control again. */
int iot_is_interrupted(lua_State *L, lua_Hook at_entry);
/* Makes a class of userdata with these methods. */
void iot_new_class(lua_State *L, const char *name, const luaL_Reg *l);
/* The first argument of such a method; raises where it is no such userdata. As
** luaL_checkudata, which looks the class up by its name. */
void *iot_check_self(lua_State *L, const char *name);
/* Adds `loop` to the table on the top of the stack (lloop.c). */
void iot_open_loop(lua_State *L);

#if defined(__GNUC__)
#pragma GCC visibility pop
#endif

#endif
