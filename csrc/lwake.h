/* lwake.h - the coroutines that wait for a loop: lwake.c */
#ifndef lwake_h
#define lwake_h

#include "lexchange.h"
#include "loop.h"

#if defined(__GNUC__)
#pragma GCC visibility push(hidden)
#endif

/* NULL when closed; born so, so that __gc may come at any time. */
typedef struct iot_loop_box {
  iot_loop *loop;
  int is_driven;        /* by somebody who waits for its descriptor */
  int yields;           /* may what it resumes yield within C? */
  lua_State *current;   /* the coroutine that it has resumed, or NULL */
  iot_task *awaited;    /* what that one yields for, or NULL */
  iot_task *told;       /* whose answer is being made Lua's, or NULL */
  unsigned long number; /* of the last one's connection */
  int kept;
  iot_header headers[IOT_MAX_HEADERS];
  iot_memo memo; /* its table is the user value */
} iot_loop_box;

/* Puts what telling needs into the loop's user value, on the top of the stack;
** its memo begins at 1. */
void iot_prepare_telling(lua_State *L);
/* Ends a C function that has begun a task: it waits there and then in a
** coroutine that the loop has resumed; all others get true, and its number. */
int iot_await(lua_State *L, iot_loop_box *box, iot_task *t);
/* Resumes a coroutine with the `nargs` values on the top of the stack, and
** puts in their place what loop:resume gives; how many, 0 where it waits. */
int iot_wake(lua_State *L, iot_loop_box *box, lua_State *co, int nargs);
/* Tells who waits for one that has ended; what loop:next gives. The loop and
** its user value are at 1 and 2. */
int iot_tell(lua_State *L, iot_loop_box *box, iot_task *t);

#if defined(__GNUC__)
#pragma GCC visibility pop
#endif

#endif
