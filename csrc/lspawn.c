/* lspawn.c - binds the running of a program, and both clocks: core.run,
** core.now, core.monotonic */
#include "child.h"
#include "clock.h"
#include "lrecord.h"

#define OUTPUT "iotdataplane.core.output"
#define MAX_OUTPUT (1024u * 1024u) /* bytes of stdout, and of stderr */
#define FOREVER 1e300

/* What a program prints: a userdata of its own, as finalizers may run others
** while it is pushed. */
typedef struct output {
  iot_buf bufs[2];
} output;

static void free_output(output *o) {
  iot_buf_free(&o->bufs[0]);
  iot_buf_free(&o->bufs[1]);
}

static int output_gc(lua_State *L) {
  free_output(luaL_checkudata(L, 1, OUTPUT));
  return 0;
}

static output *new_output(lua_State *L) {
  output *o = lua_newuserdata(L, sizeof(*o));
  iot_buf_init(&o->bufs[0], MAX_OUTPUT);
  iot_buf_init(&o->bufs[1], MAX_OUTPUT);
  luaL_getmetatable(L, OUTPUT);
  lua_setmetatable(L, -2);
  return o;
}

/* The strings of the table at 1, which keeps them; NULL where one has a NUL.
** Nothing is allocated once the first is fetched, so no finalizer takes one
** away. */
static char **get_argv(lua_State *L) {
  size_t n = lua_rawlen(L, 1), size, i;
  char **argv;
  luaL_argcheck(L, n > 0 && n < INT32_MAX, 1, "a program's name expected");
  argv = lua_newuserdata(L, (n + 1) * sizeof(*argv));
  for (i = 0; i < n; i++) {
    lua_rawgeti(L, 1, (int)i + 1);
    if (lua_type(L, -1) != LUA_TSTRING)
      luaL_argerror(L, 1, "strings expected");
    argv[i] = (char *)lua_tolstring(L, -1, &size);
    if (strlen(argv[i]) != size) return NULL;
    lua_pop(L, 1);
  }
  argv[n] = NULL;
  return argv;
}

static void set_text(lua_State *L, const char *name, const iot_buf *b) {
  iot_str s = iot_buf_contents(b);
  lua_pushlstring(L, s.p, s.n);
  lua_setfield(L, -2, name);
}

static int push_output(lua_State *L, output *o, int status) {
  lua_createtable(L, 0, 3);
  if (status != IOT_UNKNOWN) {
    lua_pushinteger(L, status);
    lua_setfield(L, -2, "status");
  }
  set_text(L, "stdout", &o->bufs[0]);
  set_text(L, "stderr", &o->bufs[1]);
  free_output(o);
  return 1;
}

/* run(argv [, seconds]) -> {status, stdout, stderr} | nil, reason [, "timeout"]
** argv[1] is looked for in PATH. The status is that of exit, -n for signal n,
** nil where another part of the process has taken it. */
static int l_run(lua_State *L) {
  double seconds = luaL_optnumber(L, 2, FOREVER);
  const char *wrong;
  char **argv;
  output *o;
  int status;
  luaL_checktype(L, 1, LUA_TTABLE);
  o = new_output(L);
  argv = get_argv(L);
  if (argv == NULL) return iot_push_failure(L, "an argument has a NUL byte");
  wrong = iot_spawn(argv, seconds, o->bufs, &status);
  if (wrong == NULL) return push_output(L, o, status);
  free_output(o);
  iot_push_failure(L, wrong);
  if (status != IOT_LATE) return 2;
  lua_pushliteral(L, "timeout");
  return 3;
}

/* now() -> seconds since the epoch */
static int l_now(lua_State *L) {
  lua_pushnumber(L, iot_now());
  return 1;
}

/* monotonic() -> seconds that never step */
static int l_monotonic(lua_State *L) {
  lua_pushnumber(L, iot_monotonic());
  return 1;
}

void iot_open_spawn(lua_State *L) {
  luaL_newmetatable(L, OUTPUT);
  lua_pushcfunction(L, output_gc);
  lua_setfield(L, -2, "__gc");
  lua_pop(L, 1);
  lua_pushcfunction(L, l_run);
  lua_setfield(L, -2, "run");
  lua_pushcfunction(L, l_now);
  lua_setfield(L, -2, "now");
  lua_pushcfunction(L, l_monotonic);
  lua_setfield(L, -2, "monotonic");
}
