/* lrecord.h - the records, from Lua's tables to C's structs and back */
#ifndef lrecord_h
#define lrecord_h

#include "iot.h"
#include "lcompat.h"

#if defined(__GNUC__)
#pragma GCC visibility push(hidden)
#endif

/* A string argument; raises for any other type. */
iot_str iot_check_str(lua_State *L, int arg);
/* The pairs of the table at `t`, which keeps the strings; how many. */
size_t iot_get_headers(lua_State *L, int t,
                       iot_header headers[IOT_MAX_HEADERS]);
/* A request from five arguments: method, path, query, headers, body. Nothing
** is allocated, so no finalizer runs; and fetching them from a table would
** cost more than signing them. */
iot_request iot_get_parts(lua_State *L, int arg,
                          iot_header headers[IOT_MAX_HEADERS]);
void iot_push_str(lua_State *L, iot_str s);
/* Pushes {name, value}. */
void iot_push_header(lua_State *L, const iot_header *h);
/* luaL_setfuncs, which Lua 5.1 has not: adds functions to the table under
** `nup` upvalues, which are popped. */
void iot_setfuncs(lua_State *L, const luaL_Reg *l, int nup);
/* What a function works in: a userdata that begins with this, and lies in its
** second upvalue. A call of the same function finds it taken where a finalizer
** makes it meanwhile, and where the one before has raised: that call makes a
** new one, and leaves the other to the collector. */
typedef struct iot_workspace {
  int taken;
} iot_workspace;

/* Makes the arguments `nargs`, and takes the workspace, which goes behind them
** on the stack; `push_new` makes a new one, not taken. */
void *iot_take(lua_State *L, int nargs, void (*push_new)(lua_State *L));
/* Raises: Lua is closing, and has finalized the workspace, which is left so
** and not replaced. Its finalizer sets `taken` to 0. */
void iot_closing(lua_State *L, iot_workspace *w);
/* As iot_push_buf and iot_push_failure, and the workspace is given back. */
int iot_end(lua_State *L, iot_workspace *w, const iot_buf *b);
int iot_end_failed(lua_State *L, iot_workspace *w, const char *reason);

/* lfields.c */

#define IOT_MEMO_FIELDS 16
#define IOT_MEMO_SIZE 4096u /* bytes */

/* The last response's headers, of which the next one's strings are taken. */
typedef struct iot_memo {
  iot_buf text;
  size_t names[IOT_MEMO_FIELDS]; /* their lengths */
  size_t values[IOT_MEMO_FIELDS];
  int n; /* 0: of none */
} iot_memo;

void iot_memo_init(iot_memo *m);
void iot_memo_free(iot_memo *m);
/* Pushes a response's headers, {{name, value}, ...}, of `fields` (see
** iot_http1). Values are Latin-1 on the wire, and pushed as UTF-8. */
void iot_push_headers(lua_State *L, iot_str fields);
/* The same by lower-case name; several values of one are joined by ", ". The
** table at `t` (no relative index) is for the memo's strings. */
void iot_push_fields(lua_State *L, iot_str fields, iot_memo *m, int t);

/* The bindings */

/* Adds `reader` to the table on the top of the stack (lreader.c). */
void iot_open_reader(lua_State *L);
/* Adds `sign` and the signer's steps likewise (lsign.c). */
void iot_open_sign(lua_State *L);
/* Adds `composer` likewise (lcompose.c). */
void iot_open_compose(lua_State *L);
/* Adds `run`, `now` and `monotonic` likewise (lspawn.c). */
void iot_open_spawn(lua_State *L);
/* Pushes the buffer's contents; 1. Or nil and a reason; 2. */
int iot_push_buf(lua_State *L, const iot_buf *b);
/* Pushes nil and the reason; 2. */
int iot_push_failure(lua_State *L, const char *reason);

#if defined(__GNUC__)
#pragma GCC visibility pop
#endif

#endif
