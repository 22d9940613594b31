# What pack remembers: the cache changes how long it takes, and nothing else.

load helpers
load pack_helpers

setup() {
  fresh
  make_tree
}

# A dozen blocks of gzip, that compress.
make_tree() {
  local name
  mkdir -p tree/d
  for name in a b c d e f g h; do
    awk -v seed="$name" 'BEGIN {for (i = 0; i < 40000; i++) print seed, i * 7919 % 10007, i}' >"tree/d/$name"
  done
  # Older than the tick in which the packing begins.
  sleep 0.05
}

cold() { stave pack -q --no-cache --store "$BATS_TEST_TMPDIR/cold" -t cold --layer tree "$@"; }
warm() { stave pack -q -t warm --layer tree "$@"; }
# Every byte of the image is what its digest says.
assert_sound() { rm -f sound.tar && stave copy -q warm oci-archive:sound.tar; }
cached() { find "$XDG_CACHE_HOME/stave/layers/$1" -type f -printf '%f\n'; }

@test "packing twice gives what packing without a cache gives" {
  local first
  first=$(warm)
  assert_equal "$(warm)" "$first"
  assert_equal "$(warm -j 1)" "$first"
  assert_equal "$(cold)" "$first"
}

@test "a file that grew, went, came or was renamed: the layer is the cold one" {
  warm
  echo more >>tree/d/d
  assert_equal "$(warm)" "$(cold)"
  rm tree/d/b
  assert_equal "$(warm)" "$(cold)"
  cp tree/d/a tree/d/ab
  assert_equal "$(warm)" "$(cold)"
  mv tree/d/c tree/d/z
  assert_equal "$(warm)" "$(cold)"
}

@test "an edit that keeps size and mtime is seen" {
  local before
  before=$(warm)
  touch -r tree/d/e stamp
  printf X | dd of=tree/d/e conv=notrunc status=none
  touch -r stamp tree/d/e
  [ "$(warm)" != "$before" ]
  assert_equal "$(warm)" "$(cold)"
}

@test "zstd and none are remembered apart from gzip" {
  local codec
  for codec in gzip zstd none zstd gzip; do
    assert_equal "$(warm --compression $codec)" "$(cold --compression $codec)"
  done
}

@test "a blob that only goes elsewhere is remembered, too" {
  stave pack -q -o oci-archive:one.tar --layer tree 2>/dev/null
  assert_equal "$(cached index | wc -l)" 1
  stave pack -q -o oci-archive:two.tar --layer tree 2>/dev/null
  cmp one.tar two.tar
}

@test "a damaged cache costs time and nothing else" {
  local blob
  warm
  blob=$XDG_CACHE_HOME/stave/layers/blob/$(cached blob)
  # Not in place: it is the store's file.
  cp "$blob" copy && printf X | dd of=copy bs=1 seek=100000 conv=notrunc status=none && mv copy "$blob"
  echo more >>tree/d/e
  assert_equal "$(warm)" "$(cold)"
  for file in $(cached index); do echo junk >"$XDG_CACHE_HOME/stave/layers/index/$file"; done
  assert_equal "$(warm)" "$(cold)"
  for file in $(cached index); do : >"$XDG_CACHE_HOME/stave/layers/index/$file"; done
  rm -r "$XDG_CACHE_HOME/stave/layers/blob"
  printf x >"$XDG_CACHE_HOME/stave/layers/secret"
  assert_equal "$(warm)" "$(cold)"
  assert_sound
  rm -rf "$XDG_CACHE_HOME"
  assert_equal "$(warm)" "$(cold)"
}

@test "a store that was emptied is filled from the cache" {
  local digest
  digest=$(warm)
  rm -rf "$STAVE_STORE"
  assert_equal "$(warm)" "$digest"
  assert_sound
}

@test "--no-cache neither reads nor writes one" {
  stave pack -q --no-cache -t t --layer tree
  [ ! -e "$XDG_CACHE_HOME/stave" ]
}

@test "--verify-cache is content with a cache that is right, and mends nothing" {
  local digest
  digest=$(warm)
  assert_equal "$(warm --verify-cache)" "$digest"
  echo more >>tree/d/e
  assert_equal "$(warm --verify-cache)" "$(cold)"
}

@test "a cache that cannot be made is no reason to fail" {
  : >file
  local digest
  digest=$(cold)
  XDG_CACHE_HOME=$PWD/file run_stave pack -t t --layer tree
  assert_exit 0
  assert_output "$digest"
  assert_stderr_has "not remembered"
  run --separate-stderr env -u HOME -u XDG_CACHE_HOME stave pack -t t --layer tree
  assert_exit 0
  assert_output "$digest"
  run --separate-stderr env -u HOME -u XDG_CACHE_HOME stave pack --verify-cache -t t --layer tree
  assert_exit 2
  assert_stderr_has "HOME or XDG_CACHE_HOME"
}

@test "a cache on another file system than the store works" {
  [ -w /dev/shm ] || skip_because "no second file system to write to"
  local elsewhere
  elsewhere=$(mktemp -d /dev/shm/stave-cache-XXXXXX)
  export XDG_CACHE_HOME=$elsewhere
  warm
  echo more >>tree/d/g
  local warm cold again
  warm=$(warm) cold=$(cold) again=$(warm)
  rm -rf "$elsewhere"
  assert_equal "$warm" "$cold"
  assert_equal "$again" "$cold"
}

@test "several that pack at once, and one that is killed" {
  local i digest
  digest=$(cold)
  for i in 1 2 3 4; do stave pack -q -t "t$i" --layer tree >"digest$i" 3>&- & done
  stave pack -q -t killed --layer tree >/dev/null 3>&- &
  kill -KILL $!
  wait
  for i in 1 2 3 4; do assert_equal "$(cat "digest$i")" "$digest"; done
  assert_equal "$(warm)" "$digest"
  [ -z "$(find "$XDG_CACHE_HOME" -name '.stave-tmp-*')" ]
}

@test "rm and gc free what the cache held as well" {
  warm
  [ "$(cached blob | wc -l)" = 1 ]
  stave rm -q warm >/dev/null
  run_stave gc --json
  assert_exit 0
  assert_equal "$(jq -c '[.blobs, .cachedLayers]' <<<"$output")" '[3,0]'
  assert_equal "$(cached blob)$(cached index)" ''
}

@test "gc keeps what images of the store share with the cache, gc --cache forgets it" {
  local digest
  digest=$(warm)
  stave gc -q
  [ "$(cached blob | wc -l)" = 1 ]
  run_stave gc --cache --json
  assert_equal "$(jq -c '[.blobs, .cachedLayers, .cachedBytes]' <<<"$output")" '[0,1,0]'
  assert_equal "$(cached blob)$(cached index)" ''
  assert_equal "$(warm)" "$digest"
}

@test "small layers, and work that fails, leave no cache behind" {
  echo x >file
  stave pack -q -t t --add file
  [ ! -e "$XDG_CACHE_HOME/stave" ]
  run_stave pack -t t --layer tree --rm nothing
  assert_exit 3
  run_stave pack -t t --layer nowhere
  assert_exit 3
}

@test "layers of --add and --tree are remembered like those of --layer" {
  local first
  first=$(stave pack -q -t t --add tree:/opt)
  assert_equal "$(stave pack -q -t t --add tree:/opt)" "$first"
  echo more >>tree/d/c
  assert_equal "$(stave pack -q -t t --add tree:/opt)" "$(stave pack -q --no-cache -t t --add tree:/opt)"
  stave pack -q -t u --tree tree >/dev/null
  assert_equal "$(stave pack -q -t u --tree tree)" "$(stave pack -q --no-cache -t u --tree tree)"
}

@test "somebody else's cache is no reason to fail" {
  require_root "another user's cache"
  local ours theirs
  ours=$(mktemp -d "$STAVE_CLIENTS/ours-XXXXXX")
  XDG_CACHE_HOME=$ours warm
  chmod -R go+rx "$ours"
  chmod 700 "$ours/stave/layers/index"
  user_dir
  cp -a tree "$USER_DIR/tree"
  run --separate-stderr as_user env "XDG_CACHE_HOME=$ours" stave pack -q -t t --layer tree
  rm -rf "$ours"
  assert_exit 0
  theirs=$output
  assert_digest "$(as_user stave pack -q --no-cache -t t --layer tree)" "$theirs"
}
