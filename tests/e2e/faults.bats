# The file system fails once, at any call, or the process dies there: what had been
# committed is still there, no name stands for nothing, and the same command again
# does it. All calls in all ways: tests/e2e-big/faults_big.bats.

load helpers
load fault_helpers

setup() {
  fresh
  fault_shim
  seed_world
}

ways="turn EIO KILL ENOSPC KILLED HALF"

@test "a pack into a store survives a fault" {
  all_faults 23 "$ways" seeded new:1 pack -q -j1 -t new:1 --add big --add new
}

@test "a pack into a store that is not there yet survives a fault" {
  all_faults 19 "$ways" empty new:1 pack -q -j1 -t new:1 --add new
}

@test "a copy into the store survives a fault" {
  all_faults 19 "$ways" seeded new:1 copy -q -j1 oci:src new:1
}

@test "a copy into a new layout survives a fault" {
  all_faults 23 "$ways" seeded oci:out/layout copy -q -j1 oci:src oci:out/layout
}

@test "a copy into an archive survives a fault" {
  all_faults 19 "$ways" seeded oci-archive:out/archive.tar copy -q -j1 -f oci:src oci-archive:out/archive.tar
}

# --- fsck itself ---

# spoil: a store with every sort of damage that can be mended; the names `old:latest` and `kept:1` are whole.
spoil() {
  fresh_world
  stave pack -q -t kept:1 --env A=1 >/dev/null
  stave pack -q -t gone:1 --env A=2 >/dev/null
  rm "$STAVE_STORE/blobs/$(stave inspect --json gone:1 | jq -r .digest | tr : /)" "$STAVE_STORE/oci-layout"
  echo x >"$STAVE_STORE/blobs/sha256/README"
  echo x >"$STAVE_STORE/.stave-tmp-1-0"
  if [ "$1" = broken ]; then truncate -s -2 "$STAVE_STORE/index.json"; fi
}

@test "a repair that dies or fails anywhere is done by the next one, and loses nothing" {
  local at calls how index stride=${FAULT_STRIDE:-13}
  for index in whole broken; do
    spoil "$index"
    rm -f "$BATS_TEST_TMPDIR/log"
    faulty 0 EIO fsck -q -j1 --repair >/dev/null
    calls=$(wc -l <"$BATS_TEST_TMPDIR/log")
    for ((at = 1; at <= calls; at += stride)); do
      how=KILLED
      ((at % 2)) || how=EIO
      spoil "$index"
      faulty "$at" "$how" fsck -q -j1 --repair >/dev/null 2>&1 || true
      stave fsck -q --repair >said 2>&1 || complain "call $at of $calls ($how), $index index: $(cat said)" || return 1
      stave fsck -q >said || complain "call $at of $calls ($how), $index index: $(cat said)" || return 1
      assert_equal "$(stave inspect --json old | jq -r .digest)" "$old_digest" || return 1
      stave inspect kept:1 >/dev/null || complain "call $at of $calls ($how), $index index: kept:1 is lost" || return 1
      assert_equal "$(cat "$STAVE_STORE/.stave-damaged/README")" x
      grep -q gone:1 "$STAVE_STORE"/.stave-damaged/index.json || complain "call $at of $calls ($how): gone:1 is said nowhere" || return 1
    done
    echo "# every $stride-th of $calls calls of a repair, $index index" >&3
  done
}

# --- power loss: what index.json refers to is on the disk before index.json is ---

# lasting LOG: prints the number of blobs that were published, and everything that came too early.
lasting() {
  awk -F'\t' '
    $2 == "fsync" { synced[$3] = NR }
    $2 == "link" && $4 ~ /\/blobs\/sha(256|512)\/[0-9a-f]+$/ {
      ++blobs
      if (!($3 in synced)) print "a blob has a name before it is on the disk: " $4
      directory = $4; sub(/\/[^\/]*$/, "", directory); named[directory] = NR
    }
    $2 == "link" && $4 ~ /\/\.stave-tmp-/ { behind[$4] = $3 }
    $2 == "rename" && $4 ~ /\/index\.json$/ {
      ++indexes
      for (directory in named) if (synced[directory] < named[directory]) print "before the names in " directory " are on the disk: " $4
      if (!(behind[$3] in synced)) print "index.json is not on the disk: " $3
      root = $4; sub(/\/[^\/]*$/, "", root); renamed[root] = NR
    }
    END {
      for (root in renamed) if (synced[root] < renamed[root]) print "the last index.json may be lost: " root
      print blobs + 0 " blobs, " indexes + 0 " indexes"
    }' "$1"
}

@test "power loss: pack, warm and cold, writes index.json when its blobs are on the disk" {
  faulty 0 EIO pack -q -t new:1 --add big --env A=1 >/dev/null
  faulty 0 EIO pack -q -t new:2 --add new >/dev/null
  assert_equal "$(lasting "$BATS_TEST_TMPDIR/log")" "5 blobs, 2 indexes"
}

@test "power loss: copy writes index.json when its blobs are on the disk" {
  mkdir out
  stave copy -q oci:src oci:out/layout >/dev/null
  faulty 0 EIO copy -q old oci:out/layout:old >/dev/null
  assert_equal "$(lasting "$BATS_TEST_TMPDIR/log")" "3 blobs, 1 indexes"
}

@test "power loss: an archive has a name when it is on the disk" {
  faulty 0 EIO copy -q oci:src oci-archive:archive.tar >/dev/null
  assert_equal "$(awk -F'\t' '$2 == "fsync" { ++synced[$3] } $2 == "link" && $4 ~ /archive.tar$/ { print synced[$3] + 0 }' "$BATS_TEST_TMPDIR/log")" 1
}

# --- disk full ---

@test "a full disk, at any size: what was committed is there, and with room the same command does it" {
  require_root "mounting a small file system"
  unshare -m true 2>/dev/null || skip_because "this host lets nobody mount"
  local size want
  want=$(stave --store "$PWD/roomy" pack -q -t new:1 --add big)
  for size in 4 16 40 100 1000 1200 1210 1220 1230 1300 2600; do
    rm -rf small && mkdir small
    # shellcheck disable=SC2016
    unshare -m bash -euc '
      mount -t tmpfs -o "size=$1k" tmpfs small
      status=0
      stave --store small/store pack -q --no-cache -t first --env A=1 >/dev/null 2>&1 || status=$?
      [ "$status" = 0 ] || [ "$status" = 11 ]
      before=$status
      status=0
      stave --store small/store pack -q --no-cache -t new:1 --add big >/dev/null 2>said || status=$?
      [ "$status" = 0 ] || [ "$status" = 11 ]
      mount -o remount,size=50m small
      if [ -n "$(ls -A small/store 2>/dev/null)" ]; then stave fsck -q --repair small/store >/dev/null 2>&1; fi
      if [ "$before" = 0 ]; then stave --store small/store inspect first >/dev/null; fi
      [ "$(stave --store small/store pack -q --no-cache -t new:1 --add big)" = "$2" ]
      stave fsck -q small/store
    ' bash "$size" "$want" || complain "with $size KiB"
  done
}
