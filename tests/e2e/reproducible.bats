# Same input, same digest: whoever packs it, wherever, whenever, with how many threads.

load helpers
load pack_helpers

# The tree that all of these pack: enough blocks for several threads, names whose order locales disagree on,
# hardlinks, links, a hole.
setup() {
  fresh
  mkdir -p tree/a tree/a-b tree/B tree/Ä tree/empty
  seq 1 400000 >tree/a/numbers
  head -c 2000000 /dev/zero >tree/a-b/zeros
  seq 1 9 >tree/B/small
  ln tree/B/small tree/a/link
  ln -s ../B tree/Ä/up
  truncate -s 3M tree/hole
  touch tree/a.b "tree/a b" tree/ä tree/Z tree/_
  chmod 640 tree/Z
  find tree -exec touch -h -d @1600000000 {} +
  wanted=$(digest_of --owner 0 --layer tree --add tree:/again --cmd x)
}

# same ARGS...: packing gives the same digest as in `setup`.
same() { assert_digest "$(digest_of --owner 0 --layer tree --add tree:/again --cmd x "$@")" "$wanted"; }

@test "twice" { same; }

@test "into another, new store" {
  STAVE_STORE=$BATS_TEST_TMPDIR/other same
}

@test "with -j 1, 2 and 7" {
  local jobs
  for jobs in 1 2 7; do same -j "$jobs"; done
}

@test "with -j 1, 2 and 7 in every codec" {
  local codec jobs first
  for codec in gzip:1 zstd none; do
    first=$(digest_of -j 1 --compression "$codec" --owner 0 --layer tree)
    for jobs in 2 7; do
      assert_digest "$(digest_of -j "$jobs" --compression "$codec" --owner 0 --layer tree)" "$first"
    done
  done
}

@test "under umask 077 and 0" {
  umask 077
  same
  umask 0
  same
}

@test "in every time zone" {
  TZ=Asia/Kathmandu same
  TZ=America/St_Johns same
  TZ=UTC+12 same
}

@test "under LC_ALL=C, C.UTF-8 and a locale that does not exist" {
  local locale
  for locale in C C.UTF-8 xx_XX.UTF-8; do LC_ALL=$locale same; done
}

@test "from another directory, by relative and absolute paths, with slashes and dots" {
  local there=$PWD name
  mkdir elsewhere
  cd elsewhere
  for name in ../tree "$there/tree" "$there/tree/" ../elsewhere/.././tree; do
    assert_digest "$(digest_of --owner 0 --layer "$name" --add "$name:/again" --cmd x)" "$wanted"
  done
}

@test "through a symlink to the directory" {
  ln -s tree link
  assert_digest "$(digest_of --owner 0 --layer link --add link:/again --cmd x)" "$wanted"
}

@test "of a copy whose inodes and ctimes are others" {
  cp -a tree copy
  rm -r tree
  mv copy tree
  same
}

@test "as another user" {
  require_root "becoming another user"
  chmod 644 tree/Z
  wanted=$(digest_of --owner 0 --layer tree --add tree:/again --cmd x)
  user_dir
  cp -a tree "$USER_DIR/tree"
  run as_user stave pack -q -t t --owner 0 --layer tree --add tree:/again --cmd x
  assert_exit 0
  assert_digest "$output" "$wanted"
}

@test "under a shuffled and a reversed readdir" {
  local said mode
  mkdir mounted
  for mode in --shuffle-dirents=yes --reverse-dirents=yes; do
    said=$(disorderfs "$mode" tree mounted 2>&1) || skip_because "disorderfs does not run here: $said"
    # Without FUSE some versions say so and exit 0 all the same.
    mountpoint -q mounted || skip_because "disorderfs mounted nothing: $said"
    run stave pack -q -t t --owner 0 --layer mounted --add mounted:/again --cmd x
    fusermount -u mounted
    assert_exit 0
    assert_digest "$output" "$wanted"
  done
}

@test "whatever the environment holds" {
  # shellcheck disable=SC2016  # literally
  run env -i PATH="$PATH" HOME="$HOME" STAVE_STORE="$STAVE_STORE" NO_COLOR=1 COLUMNS=3 TERM=xterm \
    GZIP=-9 ZSTD_CLEVEL=19 ZSTD_NBTHREADS=3 TAR_OPTIONS=--sort=none USER=x HOSTNAME=y \
    stave pack -q -t t --owner 0 --layer tree --add tree:/again --cmd x
  assert_exit 0
  assert_digest "$output" "$wanted"
}

@test "whatever the image is called" {
  assert_digest "$(stave pack -q -t another/name:tag --owner 0 --layer tree --add tree:/again --cmd x)" "$wanted"
}

@test "from a tar of the tree, rewritten" {
  tar -C tree --owner=0 --group=0 --numeric-owner -cf tree.tar .
  local of_directory
  of_directory=$(digest_of --owner 0 --layer tree)
  assert_digest "$(digest_of --recompress --layer tree.tar)" "$of_directory"
  # In another order, in pax, with names.
  tar -C tree --format=pax --sort=none --owner=root:0 --group=root:0 -cf - ./ä ./a.b ./a\ b ./Ä ./_ ./Z ./B ./a ./a-b ./empty ./hole |
    tar -tf - >/dev/null
  assert_digest "$(tar -C tree --format=pax --owner=root:0 --group=root:0 -cf - ./ä ./a.b ./Ä ./_ ./Z ./B ./a ./a-b ./empty ./hole './a b' |
    stave pack -q -t t --recompress --layer -)" "$of_directory"
}

@test "SOURCE_DATE_EPOCH clamps later mtimes of --layer DIR and keeps earlier ones" {
  touch -d @1700000000 tree/a.b
  touch -d @1500000000 tree/_
  SOURCE_DATE_EPOCH=1650000000 pack --owner 0 --layer tree
  assert_entry 0 "-rw-r--r-- 0/0 0 2022-04-15 05:20:00 a.b"
  assert_entry 0 "-rw-r--r-- 0/0 0 2017-07-14 02:40:00 _"
}

@test "SOURCE_DATE_EPOCH clamps --add with --mtime keep" {
  touch -d @1700000000 tree/a.b
  SOURCE_DATE_EPOCH=1650000000 pack --mtime keep --add tree/a.b --add tree/_
  assert_entry 0 "-rw-r--r-- 0/0 0 2022-04-15 05:20:00 a.b"
  assert_entry 0 "-rw-r--r-- 0/0 0 2020-09-13 12:26:40 _"
}

@test "SOURCE_DATE_EPOCH is the mtime of --add, whatever the file's" {
  touch -d @1500000000 tree/_
  SOURCE_DATE_EPOCH=1650000000 pack --add tree/_
  assert_entry 0 "-rw-r--r-- 0/0 0 2022-04-15 05:20:00 _"
}

@test "with SOURCE_DATE_EPOCH a tree that was built later gives the same digest" {
  local first
  find tree -exec touch -h -d @1700000000 {} +
  first=$(SOURCE_DATE_EPOCH=1650000000 digest_of --owner 0 --layer tree)
  find tree -exec touch -h -d @1700086400 {} +
  assert_digest "$(SOURCE_DATE_EPOCH=1650000000 digest_of --owner 0 --layer tree)" "$first"
}

@test "SOURCE_DATE_EPOCH leaves a tar byte for byte" {
  touch -d @1700000000 tree/a.b
  tar -C tree -cf tree.tar a.b
  SOURCE_DATE_EPOCH=1650000000 pack --layer tree.tar
  assert_file_digest tree.tar "$(layer_digest 0)"
}

@test "SOURCE_DATE_EPOCH that is no number is usage" {
  SOURCE_DATE_EPOCH=yesterday fails_cleanly 2 SOURCE_DATE_EPOCH -- pack -t t --add tree/_
}

@test "what differs gives another digest: content, mode, owner, mtime" {
  echo 1 >tree/_
  touch -d @1600000000 tree/_ tree
  [ "$(digest_of --owner 0 --layer tree --add tree:/again --cmd x)" != "$wanted" ]
  : >tree/_
  touch -d @1600000000 tree/_ tree
  same
  chmod 600 tree/_
  [ "$(digest_of --owner 0 --layer tree --add tree:/again --cmd x)" != "$wanted" ]
  chmod 644 tree/_
  touch -d @1600000001 tree/_
  [ "$(digest_of --owner 0 --layer tree --add tree:/again --cmd x)" != "$wanted" ]
  touch -d @1600000000 tree/_
  [ "$(digest_of --owner 1 --layer tree --add tree:/again --cmd x)" != "$wanted" ]
}
