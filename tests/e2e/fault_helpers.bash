# Helpers of the tests in which the file system fails (tests/fault/fault.c): one
# command is run again and again, each time with another call failing, and after
# each the world is looked at. A file loads `helpers` first.
# shellcheck shell=bash disable=SC2154,SC2034  # STAVE_STORE is set by helpers; `complain` shows $stderr

# Builds the shim; skips where the command cannot be preloaded (a sanitizer wants to be first).
fault_shim() {
  require_client gcc || return 1
  gcc -shared -fPIC -O1 -o "$BATS_TEST_TMPDIR/fault.so" "$PROJECT/tests/fault/fault.c" -ldl -lpthread || return 1
  LD_PRELOAD=$BATS_TEST_TMPDIR/fault.so stave version >/dev/null 2>&1 || skip_because "this stave cannot be run with a preloaded library"
}

# faulty AT HOW ARGS...: stave with that call failing; AT 0 fails none.
faulty() {
  local at=$1 how=$2
  shift 2
  env "LD_PRELOAD=$BATS_TEST_TMPDIR/fault.so" "FAULT_AT=$at" "FAULT_HOW=$how" "FAULT_LOG=$BATS_TEST_TMPDIR/log" stave "$@"
}

# The world that every attempt begins with: a store and a cache with the image old:1, and the layout `src` with new:1.
seed_world() {
  head -c 1200000 /dev/urandom >big
  stave pack -q -t old --add big >/dev/null
  echo new >new
  stave --store "$PWD/other" pack -q -t new:1 --add new >/dev/null
  stave --store "$PWD/other" copy -q new:1 oci:src >/dev/null
  rm -r other
  old_digest=$(stave inspect --json old | jq -r .digest)
  cp -a "$STAVE_STORE" seed-store
  cp -a "$XDG_CACHE_HOME" seed-cache
}

# fresh_world [empty]
fresh_world() {
  rm -rf "$STAVE_STORE" "$XDG_CACHE_HOME" out "$BATS_TEST_TMPDIR/log"
  mkdir out "$XDG_CACHE_HOME"
  [ "${1:-}" = empty ] || { cp -a seed-store/. "$STAVE_STORE" && cp -a seed-cache/. "$XDG_CACHE_HOME"; }
}

# sound DIR: there is no layout, or one that promises nothing it does not have; what a dead writer left is mended.
sound() {
  local said troubles
  [ -e "$1" ] && [ -n "$(ls -A "$1")" ] || return 0
  ! said=$(stave fsck --progress none --json "$1" 2>/dev/null) || return 0
  troubles=$(jq -r '.findings[].trouble' <<<"$said" | sort -u | grep -vxE 'stray_file|layout|index')
  [ -z "$troubles" ] || complain "$1: $troubles" "$said" || return 1
  # A layout that is not finished has no references that could be lost.
  if jq -e '.findings[] | select(.trouble == "layout" or .trouble == "index")' <<<"$said" >/dev/null; then
    [ -z "$(find "$1/blobs" -type f ! -name '.stave-tmp-*' 2>/dev/null)" ] || complain "$1: blobs without an index: $said" || return 1
  fi
  stave fsck --progress none --repair "$1" >"$BATS_TEST_TMPDIR/mended" 2>&1 || complain "$1 is not mended: $(cat "$BATS_TEST_TMPDIR/mended")" || return 1
  stave fsck --progress none "$1" >/dev/null 2>&1 || complain "$1 is not clean after it was mended"
}

# one_fault AT HOW WORLD ARGS...: the AT-th call of `stave ARGS` fails so; what is true afterwards in any case.
one_fault() {
  local at=$1 how=$2 world=$3 status=0 output='' stderr=''
  shift 3
  fresh_world "$world"
  output=$(faulty "$at" "$how" "$@" 2>"$BATS_TEST_TMPDIR/stderr") || status=$?
  stderr=$(cat "$BATS_TEST_TMPDIR/stderr")
  # bash says 137 of a process that was killed; everything else is an answer of stave.
  [ "$status" -ne 70 ] && { [ "$status" -le 13 ] || [ "$status" = 137 ] || [ "$status" = 141 ]; } || complain "died of $status" || return 1
  sound "$STAVE_STORE" || return 1
  sound out/layout || return 1
  if [ "$world" != empty ]; then
    assert_equal "$(stave inspect --json old | jq -r .digest)" "$old_digest" || return 1
  fi
  # An archive is whole or not there.
  if [ -e out/archive.tar ]; then
    assert_equal "$(stave inspect --json oci-archive:out/archive.tar | jq -r .digest)" "$wanted" || return 1
  fi
  # Success means that it is done.
  if [ "$status" = 0 ]; then
    assert_equal "$(stave inspect --json "$result" | jq -r .digest)" "$wanted" || return 1
  fi
  output=$(stave "$@" 2>&1) || complain "the second run fails: $output" || return 1
  assert_equal "$(stave inspect --json "$result" | jq -r .digest)" "$wanted" || return 1
  local place
  for place in "$STAVE_STORE" out/layout; do
    [ ! -e "$place" ] || stave fsck -q "$place" >"$BATS_TEST_TMPDIR/left" || complain "$place: $(cat "$BATS_TEST_TMPDIR/left")" || return 1
  done
}

# all_faults STRIDE HOWS WORLD RESULT ARGS...: every STRIDE-th call of `stave ARGS` fails in each of HOWS; with "turn"
# before them, in one of them in turn. RESULT is what it makes.
all_faults() {
  local stride=$1 hows=$2 world=$3 calls at how turn=0 runs=0 list
  result=$4
  shift 4
  fresh_world "$world"
  faulty 0 EIO "$@" >/dev/null 2>&1 || complain "it fails without a fault" || return 1
  calls=$(wc -l <"$BATS_TEST_TMPDIR/log")
  wanted=$(stave inspect --json "$result" | jq -r .digest)
  [ "$calls" -gt 30 ] || complain "only $calls calls were seen" || return 1
  read -ra list <<<"${hows#turn }"
  # The calls of several threads vary a little in number; a fault behind the last call is none.
  for ((at = 1; at <= calls; at += stride)); do
    if [ "${hows#turn }" != "$hows" ]; then
      how=${list[turn++ % ${#list[@]}]}
      one_fault "$at" "$how" "$world" "$@" || complain "call $at of $calls ($how) of stave $*: $(sed -n "${at}p" "$BATS_TEST_TMPDIR/log")" || return 1
      runs=$((runs + 1))
    else
      for how in "${list[@]}"; do
        one_fault "$at" "$how" "$world" "$@" || complain "call $at of $calls ($how) of stave $*: $(sed -n "${at}p" "$BATS_TEST_TMPDIR/log")" || return 1
        runs=$((runs + 1))
      done
    fi
  done
  echo "# $runs faults in $calls calls (stride $stride) of stave $1" >&3
}
