/* alloc.c - a Lua state within a spec's, whose memory can be made to fail
**
**   local state = alloc.new()         or nil where this Lua cannot have one
**   state:load(code, ...)             runs it there, with strings for "..."
**                                     -> true | nil, message; the function it
**                                     returns is the one that is called
**   state:call([n [, once]])          calls it; the n-th allocation from then
**                                     on fails, and each that follows unless
**                                     `once` -> "ok" | "memory" (a memory
**                                     error) | "error", its text, and whether
**                                     an allocation has failed
**   state:close()                     -> bytes still in use
**   alloc.descriptors()               how many files are open */
#include <lua.h>

#include <lauxlib.h>
#include <lualib.h>

#include <dirent.h>
#include <stdlib.h>
#include <string.h>

#define CLASS "iotdataplane.spec.alloc"
#define FUNCTION 1 /* where it lies on the state's stack */

/* What an allocator knows. */
typedef struct budget {
  lua_State *L; /* NULL when closed */
  size_t used;  /* bytes */
  long left;    /* allocations until one fails; below 0: none will */
  int once;
  int failed;
} budget;

/* Before each block: its size, for LuaJIT does not always know it. */
typedef union head {
  size_t size;
  double align[2];
} head;

/* Is it this one's turn to fail? */
static int fails(budget *b) {
  if (b->left < 0 || --b->left > 0) return 0;
  b->left = b->once ? -1 : 1;
  b->failed = 1;
  return 1;
}

/* Lua relies on it that memory can always be made smaller. */
static void *allocate(void *ud, void *p, size_t told, size_t size) {
  budget *b = ud;
  head *h = p != NULL ? (head *)p - 1 : NULL;
  size_t old = h != NULL ? h->size : 0;
  (void)told;
  if (size > old && fails(b)) return NULL;
  b->used += size - old;
  if (size == 0) {
    free(h);
    return NULL;
  }
  h = realloc(h, sizeof(head) + size);
  if (h == NULL) abort();
  h->size = size;
  return h + 1;
}

static int open_libs(lua_State *L) {
  luaL_openlibs(L);
  return 0;
}

/* Calls what lies under `nargs` arguments. */
static int protect(lua_State *L, int nargs, int nresults) {
  return lua_pcall(L, nargs, nresults, 0);
}

/* Pushes a text on `to`; of any value on the top of `from`, which is popped. */
static void move_text(lua_State *from, lua_State *to) {
  const char *text;
  size_t n = 0;
  lua_getglobal(from, "tostring");
  lua_insert(from, -2);
  text = protect(from, 1, 1) == 0 ? lua_tolstring(from, -1, &n) : "?";
  lua_pushlstring(to, text, n > 0 ? n : strlen(text));
  lua_pop(from, 1);
}

static budget *check_state(lua_State *L) {
  budget *b = luaL_checkudata(L, 1, CLASS);
  if (b->L == NULL) luaL_error(L, "the state is closed");
  return b;
}

static int l_new(lua_State *L) {
  budget *b = lua_newuserdata(L, sizeof(*b));
  memset(b, 0, sizeof(*b));
  b->left = -1;
  luaL_getmetatable(L, CLASS);
  lua_setmetatable(L, -2);
  b->L = lua_newstate(allocate, b);
  if (b->L == NULL) return 0; /* LuaJIT on x64 may take none but its own */
  lua_pushcfunction(b->L, open_libs);
  if (protect(b->L, 0, 0) != 0) return luaL_error(L, "no libraries");
  return 1;
}

static int state_load(lua_State *L) {
  budget *b = check_state(L);
  int i, nargs = lua_gettop(L) - 2, status;
  size_t size;
  const char *code = luaL_checklstring(L, 2, &size);
  lua_settop(b->L, 0);
  status = luaL_loadbuffer(b->L, code, size, "=loaded");
  if (status == 0) {
    for (i = 0; i < nargs; i++)
      lua_pushstring(b->L, luaL_checkstring(L, 3 + i));
    status = protect(b->L, nargs, 1);
  }
  if (status == 0) {
    lua_pushboolean(L, 1);
    return 1;
  }
  lua_pushnil(L);
  move_text(b->L, L);
  return 2;
}

static int state_call(lua_State *L) {
  budget *b = check_state(L);
  int status;
  lua_pushvalue(b->L, FUNCTION);
  b->left = (long)luaL_optinteger(L, 2, -1);
  b->once = lua_toboolean(L, 3);
  b->failed = 0;
  status = protect(b->L, 0, 1);
  b->left = -1;
  lua_pushstring(L, status == 0            ? "ok"
                    : status == LUA_ERRMEM ? "memory"
                                           : "error");
  move_text(b->L, L);
  lua_pushboolean(L, b->failed);
  return 3;
}

static int state_close(lua_State *L) {
  budget *b = luaL_checkudata(L, 1, CLASS);
  lua_State *inner = b->L;
  b->L = NULL;
  if (inner != NULL) lua_close(inner);
  lua_pushinteger(L, (lua_Integer)b->used);
  return 1;
}

static int l_descriptors(lua_State *L) {
  DIR *dir = opendir("/proc/self/fd");
  int n = 0;
  if (dir == NULL) return luaL_error(L, "no /proc/self/fd");
  while (readdir(dir) != NULL) n++;
  closedir(dir);
  lua_pushinteger(L, n);
  return 1;
}

static void set(lua_State *L, const char *name, lua_CFunction f) {
  lua_pushcfunction(L, f);
  lua_setfield(L, -2, name);
}

int luaopen_alloc(lua_State *L);

int luaopen_alloc(lua_State *L) {
  luaL_newmetatable(L, CLASS);
  set(L, "load", state_load);
  set(L, "call", state_call);
  set(L, "close", state_close);
  set(L, "__gc", state_close);
  lua_pushvalue(L, -1);
  lua_setfield(L, -2, "__index");
  lua_newtable(L);
  set(L, "new", l_new);
  set(L, "descriptors", l_descriptors);
  return 1;
}
