/* lfields.c - a response's headers as Lua has them */
#include "lrecord.h"

static int is_ascii(iot_str s) {
  size_t i;
  for (i = 0; i < s.n; i++)
    if ((unsigned char)s.p[i] > 127) return 0;
  return 1;
}

/* Pushes Latin-1, which is what HTTP's header values are, as UTF-8. */
static void push_latin1(lua_State *L, iot_str s) {
  luaL_Buffer b;
  size_t i;
  luaL_buffinit(L, &b);
  for (i = 0; i < s.n; i++) {
    unsigned char c = (unsigned char)s.p[i];
    if (c > 127) luaL_addchar(&b, (char)(0xc0 | c >> 6));
    luaL_addchar(&b, (char)(c > 127 ? 0x80 | (c & 63) : c));
  }
  luaL_pushresult(&b);
}

static void push_value(lua_State *L, iot_str v) {
  if (iot_is_plain(v) || is_ascii(v))
    iot_push_str(L, v);
  else
    push_latin1(L, v);
}

void iot_push_headers(lua_State *L, iot_str fields) {
  iot_header f;
  size_t at = 0;
  int n = 0;
  lua_newtable(L);
  while ((at = iot_http1_field(fields, at, &f)) != 0) {
    lua_createtable(L, 2, 0);
    iot_push_str(L, f.name);
    lua_rawseti(L, -2, 1);
    push_value(L, f.value);
    lua_rawseti(L, -2, 2);
    lua_rawseti(L, -2, ++n);
  }
}

static void push_lower(lua_State *L, iot_str name) {
  char usual[64];
  luaL_Buffer b;
  size_t i;
  if (name.n <= sizeof(usual)) {
    for (i = 0; i < name.n; i++) usual[i] = iot_lower(name.p[i]);
    lua_pushlstring(L, usual, name.n);
    return;
  }
  luaL_buffinit(L, &b);
  for (i = 0; i < name.n; i++) luaL_addchar(&b, iot_lower(name.p[i]));
  luaL_pushresult(&b);
}

/* Puts ", " between the value that the name has, and the one on the top;
** nonzero where it has one. */
static int join(lua_State *L) {
  lua_pushvalue(L, -2);
  lua_rawget(L, -4);
  if (lua_isnil(L, -1)) {
    lua_pop(L, 1);
    return 0;
  }
  lua_pushliteral(L, ", ");
  lua_pushvalue(L, -3);
  lua_concat(L, 3);
  lua_replace(L, -2);
  return 1;
}

/* ---- what the last response had ----
**
** A server's answers are much alike: a name or a value that stands where the
** last answer had it is the same Lua string, which need not be made again. */

void iot_memo_init(iot_memo *m) {
  m->n = 0;
  iot_buf_init(&m->text, IOT_MEMO_SIZE);
}

void iot_memo_free(iot_memo *m) {
  m->n = 0;
  iot_buf_free(&m->text);
}

/* Keeps a copy of the string on the top of the stack at `i` of the memo's
** table, which is at `t`. */
static void keep(lua_State *L, int t, int i) {
  lua_pushvalue(L, -1);
  lua_rawseti(L, t, i);
}

static void remember(iot_memo *m, iot_str fields, int n) {
  iot_buf_reset(&m->text);
  iot_buf_str(&m->text, fields);
  m->n = m->text.failed ? 0 : n;
}

static void push_new(lua_State *L, iot_str fields, iot_memo *m, int t) {
  iot_header f;
  size_t at = 0;
  int n = 0, joined = 0;
  while ((at = iot_http1_field(fields, at, &f)) != 0) {
    push_lower(L, f.name);
    if (n < IOT_MEMO_FIELDS) keep(L, t, 2 * n + 1);
    push_value(L, f.value);
    if (n < IOT_MEMO_FIELDS) {
      keep(L, t, 2 * n + 2);
      m->names[n] = f.name.n;
      m->values[n] = f.value.n;
    }
    joined |= join(L);
    lua_rawset(L, -3);
    n++;
  }
  if (!joined && n <= IOT_MEMO_FIELDS) remember(m, fields, n);
}

/* Do both go on with the same `n` bytes and the end of a name or value? */
static int is_same(iot_str a, iot_str b, size_t n) {
  return n < a.n && n < b.n && memcmp(a.p, b.p, n + 1) == 0;
}

static iot_str after(iot_str s, size_t n) {
  s.p += n + 1;
  s.n -= n + 1;
  return s;
}

/* Pushes the value that `left` begins with, which the memo has not, and sets
** its length; 0 where it has no end. */
static int push_other(lua_State *L, iot_str left, size_t *n, int t, int i) {
  const char *end = left.n > 0 ? memchr(left.p, '\n', left.n) : NULL;
  if (end == NULL) return 0;
  left.n = *n = (size_t)(end - left.p);
  push_value(L, left);
  keep(L, t, i);
  return 1;
}

/* The same for an answer with the last one's names; 0 where they are others.
** The memo is of nothing meanwhile: memory may run out. */
static int push_known(lua_State *L, iot_str fields, iot_memo *m, int t) {
  iot_str left = fields, last = iot_buf_contents(&m->text);
  int n = m->n, i;
  m->n = 0;
  for (i = 0; i < n; i++) {
    size_t size = m->names[i];
    if (!is_same(left, last, size)) return 0;
    left = after(left, size);
    last = after(last, size);
    lua_rawgeti(L, t, 2 * i + 1);
    size = m->values[i];
    if (is_same(left, last, size))
      lua_rawgeti(L, t, 2 * i + 2);
    else if (!push_other(L, left, &m->values[i], t, 2 * i + 2))
      return 0;
    last = after(last, size);
    left = after(left, m->values[i]);
    lua_rawset(L, -3);
  }
  if (left.n > 0) return 0;
  remember(m, fields, n);
  return 1;
}

void iot_push_fields(lua_State *L, iot_str fields, iot_memo *m, int t) {
  int top = lua_gettop(L);
  lua_createtable(L, 0, 8);
  if (m->n > 0) {
    if (push_known(L, fields, m, t)) return;
    lua_settop(L, top);
    lua_createtable(L, 0, 8);
  }
  push_new(L, fields, m, t);
}
