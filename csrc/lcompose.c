/* lcompose.c - binds what most calls need: core.composer */
#include "lrecord.h"

#define TEXT 2048 /* bytes of path and query; longer ones are Lua's */
#define MAX_MEMBERS 64
#define EXACT 9007199254740992.0 /* 2^53 */

/* What a member's value must be. */
enum kind { STRING, BOOLEAN, INTEGER };

static const char *const kinds[] = {"string", "boolean", "integer", NULL};

/* And where it goes. */
enum place { URI, QUERY, PAYLOAD, ELSEWHERE };

static const char *const places[] = {"uri", "query", "payload", NULL};

typedef struct member {
  const char *name; /* in a string that the members keep, as `wire` is */
  int kind;
  int place;
  int required;
  iot_str wire;
  double least; /* value of an integer, length of a string */
} member;

typedef struct plan {
  iot_str prefix, suffix; /* of the path */
  int n;
  member members[1];
} plan;

/* Upvalues: the plan, the members, and the two ends of the path. */
#define PLAN lua_upvalueindex(1)

#define BODY 4 /* where it stands on the stack, behind the arguments */

/* Adds "&name=", or without the '&' where it is the first. */
static void add_name(iot_buf *query, iot_str wire) {
  if (query->len > 0) iot_buf_byte(query, '&');
  iot_buf_str(query, wire);
  iot_buf_byte(query, '=');
}

static void add_integer(iot_buf *b, double n) {
  if (n < 0) iot_buf_byte(b, '-');
  iot_buf_uint(b, (uint64_t)(n < 0 ? -n : n));
}

/* Is it an integer, not under the least, and exact? */
static int is_integer(double n, double least) {
  return n >= least && n > -EXACT && n < EXACT && n == (double)(int64_t)n;
}

/* Adds the value at `at` of the stack; 0 where it is not plain. */
static int add_value(lua_State *L, const member *m, int at, iot_buf *b) {
  int type = lua_type(L, at);
  if (m->kind == INTEGER) {
    double n = type == LUA_TNUMBER ? (double)lua_tonumber(L, at) : EXACT;
    if (!is_integer(n, m->least)) return 0;
    add_integer(b, n);
  } else if (m->kind == BOOLEAN) {
    if (type != LUA_TBOOLEAN) return 0;
    if (lua_toboolean(L, at))
      iot_buf_lit(b, "true");
    else
      iot_buf_lit(b, "false");
  } else {
    iot_str s;
    if (type != LUA_TSTRING) return 0;
    s = iot_check_str(L, at);
    if ((double)s.n < m->least) return 0;
    iot_uri_encode(b, s, 0);
  }
  return 1;
}

static int put(lua_State *L, const member *m, int at, iot_buf *path,
               iot_buf *query) {
  switch (m->place) {
  case URI: return add_value(L, m, at, path);
  case QUERY: add_name(query, m->wire); return add_value(L, m, at, query);
  case PAYLOAD:
    lua_pushvalue(L, at);
    lua_replace(L, BODY);
    return lua_type(L, at) == LUA_TSTRING;
  default: return 0;
  }
}

/* Which member the string on the top of the stack is the name of, or -1.
** Equal strings are one, where they are as short as names are. */
static int member_of(lua_State *L, const plan *p) {
  const char *name = lua_type(L, -1) == LUA_TSTRING ? lua_tostring(L, -1) : "";
  int i;
  for (i = 0; i < p->n; i++)
    if (p->members[i].name == name) return i;
  return -1;
}

/* Puts the values of the table at 1 onto the stack, and where each member's
** is into `at`; 0 where there are others. */
static int spread(lua_State *L, const plan *p, int at[MAX_MEMBERS]) {
  luaL_checkstack(L, p->n + LUA_MINSTACK, "too many members");
  memset(at, 0, (size_t)p->n * sizeof(at[0]));
  lua_pushnil(L);
  while (lua_next(L, 1)) {
    int i;
    lua_insert(L, -2);
    i = member_of(L, p);
    if (i < 0) return 0;
    at[i] = lua_gettop(L) - 1;
  }
  return 1;
}

/* Puts each value where it goes, the body to BODY; 0 where one is not plain,
** or missing. */
static int put_all(lua_State *L, const plan *p, const int at[MAX_MEMBERS],
                   iot_buf *path, iot_buf *query) {
  int i;
  for (i = 0; i < p->n; i++) {
    const member *m = &p->members[i];
    if (at[i] == 0 ? m->required : !put(L, m, at[i], path, query)) return 0;
  }
  return 1;
}

static iot_buf on_stack(char text[TEXT]) {
  iot_buf b;
  iot_buf_init(&b, TEXT); /* it has all that it may have: it will not grow */
  b.data = text;
  b.cap = TEXT;
  return b;
}

static int push_texts(lua_State *L, const iot_buf *path,
                      const iot_buf *query) {
  iot_str p = iot_buf_contents(path), q = iot_buf_contents(query);
  if (path->failed || query->failed) return 0;
  lua_pushlstring(L, p.p, p.n);
  lua_pushlstring(L, q.p, q.n);
  lua_pushvalue(L, BODY);
  return 3;
}

/* compose(params, base_path, base_query) -> path, query, body | nothing,
** where a value is missing, wrong, for a header, of Lua's to judge, or long.
** Nothing is allocated but the results. */
static int l_compose(lua_State *L) {
  const plan *p = lua_touserdata(L, PLAN);
  char path_text[TEXT], query_text[TEXT];
  iot_buf path = on_stack(path_text), query = on_stack(query_text);
  int at[MAX_MEMBERS];
  lua_settop(L, 3);
  luaL_checktype(L, 1, LUA_TTABLE);
  if (lua_getmetatable(L, 1)) return 0;
  lua_pushliteral(L, "");
  iot_buf_str(&path, iot_check_str(L, 2));
  iot_buf_str(&path, p->prefix);
  iot_buf_str(&query, iot_check_str(L, 3));
  if (!spread(L, p, at) || !put_all(L, p, at, &path, &query)) return 0;
  iot_buf_str(&path, p->suffix);
  return push_texts(L, &path, &query);
}

/* The position of the string at `t[name]` in the list, or that of its end. */
static int find(lua_State *L, const char *name, const char *const *list) {
  const char *s;
  int i = 0;
  lua_getfield(L, -1, name);
  s = luaL_optstring(L, -1, "");
  while (list[i] != NULL && strcmp(list[i], s) != 0) i++;
  lua_pop(L, 1);
  return i;
}

/* Reads the member on the top of the stack. */
static void read_member(lua_State *L, member *m) {
  m->kind = find(L, "type", kinds);
  m->place = find(L, "place", places);
  if (m->place == PAYLOAD) m->kind = STRING;
  if (kinds[m->kind] == NULL) m->place = ELSEWHERE;
  lua_getfield(L, -1, "required");
  m->required = lua_toboolean(L, -1);
  lua_getfield(L, -2, "min");
  m->least = luaL_optnumber(L, -1, -EXACT);
  lua_getfield(L, -3, "wire");
  m->wire = iot_check_str(L, -1);
  lua_getfield(L, -4, "name");
  m->name = iot_check_str(L, -1).p;
  lua_pop(L, 4);
}

/* composer(prefix, suffix, members) -> compose, of an operation whose path
** is its one uri member's between those two. The members are {name, type,
** place, wire, min}. */
static int l_composer(lua_State *L) {
  int i, n = (int)lua_rawlen(L, 3);
  plan *p;
  luaL_argcheck(L, n <= MAX_MEMBERS, 3, "too many");
  p = lua_newuserdata(L, sizeof(*p) + (size_t)n * sizeof(p->members[0]));
  p->n = n;
  p->prefix = iot_check_str(L, 1);
  p->suffix = iot_check_str(L, 2);
  lua_pushvalue(L, 3);
  lua_pushvalue(L, 1);
  lua_pushvalue(L, 2);
  for (i = 0; i < n; i++) {
    lua_rawgeti(L, 3, i + 1);
    read_member(L, &p->members[i]);
    lua_pop(L, 1);
  }
  lua_pushcclosure(L, l_compose, 4);
  return 1;
}

void iot_open_compose(lua_State *L) {
  lua_pushcfunction(L, l_composer);
  lua_setfield(L, -2, "composer");
}
