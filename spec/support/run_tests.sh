#!/bin/bash
# run_tests.sh - runs every check; its last line is "N passed, N failed"
#
#   LUAS="5.4 luajit"      the Luas to build for and to run the specs under
#   STEPS="specs lint"     some of: valgrind asan specs python c fuzz rocks
#                          lint
#   JOBS=1                 how many jobs side by side
#   LIMIT=1800             seconds that a job may take
#   FUZZ_SECONDS=20        seconds of fuzzing, of all targets together
#   run_tests.sh JOB       one job by itself, as specs-5.4: shows its output
#
# A job is a process of its own that ends with a line "N passed, N failed".
# One that has no such line, that ran nothing, or that ends with a status
# other than 0 while it counts no failure, counts as one failure.
# Each job's output is kept in build/log.
set -u
cd "$(dirname "$0")/../.." || exit 1

# The long ones are started first.
LUAS=${LUAS:-luajit 5.4 5.3 5.2 5.1}
STEPS=${STEPS:-valgrind asan specs python c fuzz rocks lint}
JOBS=${JOBS:-$(nproc)}
LIMIT=${LIMIT:-1800}
FUZZ_SECONDS=${FUZZ_SECONDS:-20}
log=build/log
closing='^[0-9]+ passed, [0-9]+ failed(, [0-9]+ skipped)?$'

# Ours are the builds below, whatever make started us.
unset MAKEFLAGS MFLAGS MAKELEVEL LUA_INIT LUA
unset LUA_PATH_5_2 LUA_PATH_5_3 LUA_PATH_5_4
unset LUA_CPATH_5_2 LUA_CPATH_5_3 LUA_CPATH_5_4

# Inside a job ---------------------------------------------------------------

passed=0 failed=0 skipped=0

# check WHAT COMMAND... - one check: passes where the command does
check() {
  local what=$1; shift
  if "$@"; then
    passed=$((passed + 1))
    echo "ok      $what"
  else
    failed=$((failed + 1))
    echo "FAILED  $what"
  fi
}

# add COMMAND... - runs what closes on its own count, and adds that
add() {
  local status line
  "$@" >"$part" 2>&1
  status=$?
  cat "$part"
  line=$(closing_line <"$part")
  rm -f "$part"
  count "$line" $status
  if [ -n "$wrong" ]; then echo "FAILED  $* $wrong"; fi
}

# The closing line of the text on stdin: busted's may be followed by what the
# interpreter says of the status.
closing_line() {
  tail -n 4 | grep -E "$closing" | tail -n 1
}

# count LINE STATUS - adds a closing line to passed, failed and skipped, and
# one failure where `wrong` is set: to what is wrong with the run that left it
count() {
  local p=0 f=0 s=0
  wrong=
  if [ -n "$1" ]; then
    read -r p _ f _ s _ <<<"$1"
    s=${s:-0}
  fi
  if [ "$2" -eq 124 ]; then
    wrong="took over $LIMIT seconds"
  elif [ -z "$1" ]; then
    wrong="ended without its closing line (status $2)"
  elif [ $((p + f)) -eq 0 ]; then
    wrong="ran no test"
  elif [ "$2" -ne 0 ] && [ "$f" -eq 0 ]; then
    wrong="ended with status $2, though no test failed"
  fi
  if [ -n "$wrong" ]; then f=$((f + 1)); fi
  passed=$((passed + p)) failed=$((failed + f)) skipped=$((skipped + s))
}

tally() {
  if [ "$skipped" -gt 0 ]; then
    echo "$passed passed, $failed failed, $skipped skipped"
  else
    echo "$passed passed, $failed failed"
  fi
  [ "$failed" -eq 0 ] && [ "$passed" -gt 0 ]
}

# The jobs -------------------------------------------------------------------

# What some steps need of 5.4 is built whatever LUAS says.
job_build() {
  local lua
  for lua in $(printf '%s\n' $LUAS 5.4 | sort -u); do
    check "gcc for $lua" make -s -j"$JOBS" CC=gcc LUA="$lua" all
  done
}

# busted LUA [WRAPPER...] -- [OPTION...]
run_busted() {
  local lua=$1 wrapper=(); shift
  while [ "$1" != -- ]; do wrapper+=("$1"); shift; done
  shift
  case $lua in 5.*) interpreter=lua$lua ;; *) interpreter=$lua ;; esac
  LUA_PATH="lua/?.lua;./?.lua;;" LUA_CPATH="build/$lua/?.so;;" \
    "${wrapper[@]}" "$(command -v "$interpreter")" "$(command -v busted)" \
    -o spec/support/busted_output.lua "$@"
}

# What nginx's worker plays is the same whatever Lua has it played, so that
# LuaJIT alone does; elsewhere it says that it is pending.
#
# Specs that are tagged #timing hold a time-out to its 50 ms: they run last,
# and alone.
job_specs() { # LUA
  add run_busted "$1" -- --exclude-tags=timing
}

job_timing() { # LUA
  add run_busted "$1" -- --tags=timing
}

# What is timed, valgrind changes.
job_valgrind() {
  local errors=$log/valgrind.errors
  rm -f "$errors"
  COUNT=300 add run_busted 5.4 valgrind --leak-check=full \
    --keep-debuginfo=yes \
    --num-callers=25 --suppressions=spec/support/valgrind.supp \
    --log-file="$errors" -- --exclude-tags=timing
  check "no error and no leak under valgrind" valgrind_clean "$errors"
}

# A process that forked has several summaries.
valgrind_clean() { # FILE
  grep -q 'ERROR SUMMARY: 0 errors' "$1" &&
    ! grep -q 'ERROR SUMMARY: [1-9]' "$1" && return
  cat "$1"
  return 1
}

# Specs of what time or resident memory something takes are left out ("leaves
# nothing": freed memory is kept back here, and LeakSanitizer looks as well).
# Leaks are looked for in Lua alone, and not in the programs that it starts.
job_asan() {
  local dir=build/asan lib libs=
  check "gcc with its sanitizers" make -s -j"$JOBS" CC=gcc BUILD=$dir LUA=5.4 \
    CFLAGS="-g -fsanitize=address,undefined -fno-sanitize-recover=all" all
  check "a library that keeps others mapped" \
    gcc -shared -fPIC -o $dir/keep_mapped.so spec/support/keep_mapped.c
  for lib in asan ubsan; do
    libs="$libs $(gcc -print-file-name=lib$lib.so)"
  done
  echo detect_leaks=1 >$dir/options.lua5.4
  add run_busted 5.4 env LD_PRELOAD="$libs $PWD/$dir/keep_mapped.so" \
    ASAN_OPTIONS="detect_leaks=0:include_if_exists=$PWD/$dir/options.%b" \
    LSAN_OPTIONS="suppressions=spec/support/lsan.supp:print_suppressions=0" \
    UBSAN_OPTIONS=print_stacktrace=1 LUA_CPATH="$dir/5.4/?.so;;" \
    -- --cpath="$dir/5.4/?.so" --exclude-tags=timing \
    --filter-out="leaves nothing"
}

job_c() { # COMPILER
  local program
  check "$1 for the tests in C" \
    make -s -j"$JOBS" CC="$1" BUILD="build/$1" ctests
  shopt -s nullglob
  for program in spec/c/test_*.c; do
    program=build/$1/c/$(basename "$program" .c)
    echo "$program"
    add "$program"
  done
}

# fuzz TARGET SECONDS - what it finds of new inputs stays in build/fuzz/corpus
fuzz() {
  local units
  mkdir -p "build/fuzz/corpus/$1"
  if ! ASAN_OPTIONS=quarantine_size_mb=32 "build/fuzz/fuzz_$1" -verbosity=0 \
    -max_total_time="$2" -timeout=10 -print_final_stats=1 \
    -artifact_prefix="build/fuzz/$1-" "build/fuzz/corpus/$1" \
    "spec/fuzz/corpus/$1" >"$part" 2>&1; then
    cat "$part"
    echo "Again: build/fuzz/fuzz_$1 $(grep -o "build/fuzz/$1-.*" "$part")"
    return 1
  fi
  units=$(sed -n 's/^stat::number_of_executed_units: *//p' "$part")
  rm -f "$part"
  echo "${units:=0} inputs"
  [ "$units" -ge 1000 ]
}

job_fuzz() { # TARGET
  local targets=(spec/fuzz/fuzz_*.c)
  check "clang for fuzz_$1" make -s CC=clang "build/fuzz/fuzz_$1"
  check "fuzz_$1" fuzz "$1" $((FUZZ_SECONDS / ${#targets[@]} + 1))
}

job_python() {
  add /usr/bin/python3 spec/support/dataplane_test.py
}

job_rocks() {
  add bash spec/support/rocks.sh
}

job_lint() {
  local lua
  check luacheck luacheck -q --no-color \
    $(ls -d lua spec examples bench 2>/dev/null)
  check clang-format clang-format --dry-run -Werror csrc/*.[ch]
  for lua in $LUAS; do
    check "clang for $lua" \
      make -s -j"$JOBS" CC=clang BUILD=build/clang LUA="$lua" all
  done
}

# Outside --------------------------------------------------------------------

# The jobs of a step.
jobs_of() {
  local lua target
  case $1 in
    specs)
      for lua in $LUAS; do
        echo "specs-$lua"
        # Time is kept in C, and by the same Lua in these two as in 5.4.
        case $lua in 5.2 | 5.3) ;; *) echo "timing-$lua" ;; esac
      done ;;
    c) echo c-gcc c-clang ;;
    fuzz)
      for target in spec/fuzz/fuzz_*.c; do
        target=${target##*/fuzz_}
        echo "fuzz-${target%.c}"
      done ;;
    python | valgrind | asan | rocks | lint) echo "$1" ;;
    *) echo "run_tests.sh: no step is called $1" >&2; return 1 ;;
  esac
}

declare -A name_of=() started=()
failures= # the names of jobs that failed

# start JOB - in a process group that ends with it, or at its limit
start() {
  timeout -k 10 "$LIMIT" bash "$0" "$1" >"$log/$1" 2>&1 </dev/null &
  name_of[$!]=$1 started[$!]=$(date +%s%N)
}

# what_failed JOB LINES - the end of what it printed, without the spec files
# that printed nothing
what_failed() {
  awk '/^skipped / { next }
    /^spec\/[^ ]*_spec\.lua$/ { file = $0 "\n"; next }
    { print file $0; file = "" }
    END { printf "%s", file }' "$log/$1" | tail -n "$2" | sed 's/^/        | /'
}

# finish_one - waits for a job and prints how it went
finish_one() {
  local pid status name line before=$failed mark=ok
  wait -n -p pid
  status=$?
  name=${name_of[$pid]}
  line=$(closing_line <"$log/$name")
  count "$line" "$status"
  [ "$failed" -eq "$before" ] || mark=FAILED
  awk -v ns=$(($(date +%s%N) - started[$pid])) -v mark="$mark" \
    -v name="$name" -v line="${line:-no closing line}" \
    'BEGIN { printf "%-7s %-14s %-36s %6.1f s\n", mark, name, line, ns/1e9 }'
  if [ "$mark" = ok ]; then
    grep '^skipped ' "$log/$name" | sed 's/^/        | /'
  else
    [ ! -f "$log/$name.part" ] || cat "$log/$name.part" >>"$log/$name"
    [ -z "$wrong" ] || echo "It $wrong." >>"$log/$name"
    what_failed "$name" 500
    failures="$failures $name"
  fi
  unset "name_of[$pid]"
}

run_jobs() { # JOB...
  local job
  for job; do
    while [ ${#name_of[@]} -ge "$JOBS" ]; do finish_one; done
    start "$job"
  done
  while [ ${#name_of[@]} -gt 0 ]; do finish_one; done
}

main() {
  local step job all jobs= timed=
  for step in $STEPS; do
    all=$(jobs_of "$step") || exit 2
    for job in $all; do
      case $job in timing-*) timed="$timed $job" ;; *) jobs="$jobs $job" ;; esac
    done
  done
  trap 'kill "${!name_of[@]}" 2>/dev/null; exit 130' INT TERM
  mkdir -p $log
  run_jobs build
  if [ "$failed" -eq 0 ]; then
    run_jobs $jobs
    JOBS=1 run_jobs $timed
  fi
  for job in $failures; do # again, where a log that is cut short has it
    echo "FAILED  $job"
    what_failed "$job" 40
  done
  echo "The output of each is in $log."
  tally
}

if [ $# -eq 1 ]; then
  mkdir -p $log
  part=$log/$1.part # what add runs has printed so far
  "job_${1%%-*}" "${1#*-}"
  tally
else
  main
fi
