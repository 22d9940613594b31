# Bad input: one clear error that names the thing, the exit code that
# docs/exit-codes.md gives it, and nothing left behind: not in the store, not in
# the working directory, not in TMPDIR, not under a hidden name.

load helpers
load pack_helpers

some_tar() {
  mkdir -p tree
  seq 50000 >tree/f
  tar -C tree --owner=0 --group=0 --numeric-owner -cf "$1" f
}

# After a failure gc finds nothing to do.
no_garbage() { assert_equal "$(stave gc --dry-run --json | jq '[.. | numbers] | add')" 0; }

# --- what is named does not exist ---

@test "an unknown reference: not found, with what was tried" {
  fails_cleanly 3 nope:latest localhost/nope -- pack -t t --base nope
  fails_cleanly 3 nope -- inspect nope
  fails_cleanly 3 nope -- copy nope oci:out
  fails_cleanly 3 nope -- config nope
}

@test "an unknown transport is usage and is named" {
  fails_cleanly 2 ftp -- pack -t t --base ftp://host/x
  fails_cleanly 2 ftp -- copy ftp://host/x oci:y
}

@test "a layout, an archive, a layer, a file that does not exist is named" {
  fails_cleanly 3 no-layout -- pack -t t --base oci:no-layout
  fails_cleanly 3 no-archive -- pack -t t --base oci-archive:no-archive
  fails_cleanly 3 no-layer -- pack -t t --layer no-layer
  fails_cleanly 3 no-file -- pack -t t --add no-file
  fails_cleanly 3 no/file -- pack -t t --add no/file:/x
}

@test "an image without the asked platform: not found, and it says which there are" {
  stave pack -q -t base --platform linux/amd64,linux/arm64 >/dev/null
  fails_cleanly 3 linux/riscv64 linux/amd64 linux/arm64 -- pack -t t --base base --platform linux/riscv64
  stave pack -q -t single --platform linux/amd64 >/dev/null
  fails_cleanly 3 linux/riscv64 linux/amd64 -- pack -t t --base single --platform linux/riscv64
}

# --- files ---

@test "an unreadable file: denied, by name" {
  as_user sh -c 'mkdir tree && echo x >tree/ok && echo x >tree/secret && chmod 0 tree/secret'
  run --separate-stderr as_user stave pack -t t --owner 0 --layer tree
  assert_exit 8
  assert_one_error tree/secret "permission denied"
  run --separate-stderr as_user stave pack -t t --add tree/secret
  assert_exit 8
  assert_one_error secret
  assert_empty_dir "$USER_DIR/store/blobs/sha256"
}

@test "an unreadable directory: denied, by name" {
  as_user sh -c 'mkdir -p tree/closed && echo x >tree/closed/f && chmod 0 tree/closed'
  run --separate-stderr as_user stave pack -t t --owner 0 --layer tree
  as_user chmod 700 tree/closed
  assert_exit 8
  assert_one_error tree/closed
  assert_empty_dir "$USER_DIR/store/blobs/sha256"
}

@test "an unreadable file after a layer that was made: that layer goes, too" {
  as_user sh -c 'mkdir tree && echo x >tree/f && echo x >secret && chmod 0 secret'
  run --separate-stderr as_user stave pack -t t --owner 0 --layer tree --add secret
  assert_exit 8
  assert_empty_dir "$USER_DIR/store/blobs/sha256"
}

@test "a failure on top of a base of the same store leaves the base alone" {
  mkdir one
  echo 1 >one/f
  echo x >x
  stave pack -q -t base --layer one >/dev/null
  fails_cleanly 3 no-file -- pack -t t --base base --add x --new-layer --add no-file
  no_garbage
}

@test "a failure after the first layer leaves what other images need" {
  mkdir one two
  echo 1 >one/f
  stave pack -q -t other --layer one >/dev/null
  fails_cleanly 3 no-file -- pack -t t --layer one --add no-file
  stored other | jq -e .layers[0] >/dev/null
  no_garbage
}

@test "a file that changes while it is read: changed, by name" {
  mkdir tree
  head -c 20000000 /dev/urandom >tree/moving
  stave gc -q >/dev/null
  # A writer that never rests: whichever block is read, the time of change has moved since the walk.
  perl -e '$SIG{TERM} = sub { exit }; open my $f, "+<", "tree/moving" or die;
    for (my $end = time + 60; time < $end;) { sysseek $f, 0, 0; syswrite $f, "x"; }' 3>&- &
  local writer=$! i
  for i in 1 2 3 4 5; do
    run_stave pack -t t --compression none --layer tree
    [ "$status" = 0 ] || break
  done
  kill "$writer"
  wait "$writer" || true
  assert_exit 10
  assert_one_error tree/moving "changed while it was read"
  assert_empty_dir "$STAVE_STORE/blobs/sha256"
}

@test "a file that shrinks or vanishes while it is read: changed, by name" {
  mkdir tree
  # The first file keeps the reader busy while the second, which the walk has seen, goes away.
  head -c 60000000 /dev/urandom >tree/a
  head -c 3000000 /dev/urandom >tree/b
  stave gc -q >/dev/null
  stave pack -j 1 -t t --compression gzip:12 --layer tree 2>err 3>&- &
  local child=$! code=0
  sleep 0.5
  rm tree/b
  wait "$child" || code=$?
  [ "$code" != 0 ] || skip_because "this machine walked too late, or packed 63 MB in half a second"
  stderr=$(cat err) status=$code output=
  assert_exit 10
  assert_one_error tree/b
  assert_empty_dir "$STAVE_STORE/blobs/sha256"
}

@test "a fifo, a device and a socket are no layers" {
  mkfifo fifo
  fails_cleanly 5 fifo -- pack -t t --layer fifo
  perl -MIO::Socket::UNIX -e 'IO::Socket::UNIX->new(Local => "socket", Listen => 1) or die'
  run_stave pack -t t --layer socket
  [ "$status" = 5 ] || [ "$status" = 13 ]
  assert_one_error socket
  fails_cleanly 5 socket -- pack -t t --add socket
}

@test "a name with a newline and an escape is shown escaped, on one line" {
  fails_cleanly 3 '\n' -- pack -t t --add $'no\nfile\e[31m'
  [[ "$stderr" != *$'\e'* ]] || complain "an escape got through"
  fails_cleanly 3 '\n' -- pack -t t --layer $'no\nlayer\e[31m'
  fails_cleanly 2 '\n' -- pack -t t --cmd $'"a\nb'
}

@test "a name of bytes that are no UTF-8 is shown escaped" {
  fails_cleanly 3 '\xff' -- pack -t t --add $'no\xff'
}

# --- no space ---

@test "no space left: no_space, and the place" {
  require_root "mounting a tmpfs"
  mkdir tree "$BATS_TEST_TMPDIR/small"
  head -c 3000000 /dev/urandom >tree/f
  mount -t tmpfs -o size=1m tmpfs "$BATS_TEST_TMPDIR/small" || skip_because "this host mounts no tmpfs"
  export STAVE_STORE=$BATS_TEST_TMPDIR/small/store
  stave gc -q >/dev/null
  local before
  before=$(cd "$STAVE_STORE" && find . | sort)
  run_stave pack -t t --owner 0 --layer tree
  local after
  after=$(cd "$STAVE_STORE" && find . | sort)
  umount "$BATS_TEST_TMPDIR/small"
  assert_exit 11
  assert_one_error "small/store" "No space left"
  assert_equal "$after" "$before"
}

@test "no space left in the second layer: the first goes, too" {
  require_root "mounting a tmpfs"
  mkdir tree one "$BATS_TEST_TMPDIR/small"
  head -c 3000000 /dev/urandom >tree/f
  head -c 300000 /dev/urandom >one/f
  mount -t tmpfs -o size=1m tmpfs "$BATS_TEST_TMPDIR/small" || skip_because "this host mounts no tmpfs"
  export STAVE_STORE=$BATS_TEST_TMPDIR/small/store
  run_stave pack -t t --owner 0 --layer one --layer tree
  local left
  left=$(ls -A "$STAVE_STORE/blobs/sha256")
  umount "$BATS_TEST_TMPDIR/small"
  assert_exit 11
  assert_equal "$left" ""
}

# --- damage ---

@test "a gzip that is damaged anywhere is invalid or a mismatch, by name" {
  some_tar layer.tar
  gzip -n layer.tar
  local size at
  size=$(stat -c %s layer.tar.gz)
  # Behind the magic that sniffing needs: method, flags, the deflate stream at several places, CRC and length.
  for at in 2 3 10 11 100 $((size / 3)) $((size / 2)) $((size - 9)) $((size - 6)) $((size - 2)); do
    cp layer.tar.gz damaged.tar.gz
    perl -e 'open my $f, "+<", $ARGV[0]; sysseek $f, $ARGV[1], 0; sysread $f, my $b, 1; sysseek $f, $ARGV[1], 0;
      syswrite $f, chr(ord($b) ^ 0xff)' damaged.tar.gz "$at"
    run_stave pack -t t --layer damaged.tar.gz
    [[ "$status" == [567] ]] || complain "byte $at" || return 1
    assert_one_error damaged.tar.gz || return 1
  done
  assert_empty_dir "$STAVE_STORE/blobs/sha256"
}

@test "a gzip, a zstd, a tar cut off is invalid, by name" {
  some_tar layer.tar
  gzip -nk layer.tar
  zstd -q layer.tar
  local file part size
  for file in layer.tar layer.tar.gz layer.tar.zst; do
    size=$(stat -c %s $file)
    # A tar ends in up to 10 KiB of zeros that nobody needs.
    for part in 5 20 $((size / 2)) $((size - size / 10)); do
      head -c "$part" "$file" >cut
      fails_cleanly 5 '"cut"' -- pack -t t --layer cut || return 1
    done
  done
}

@test "a tar without its end marker is told" {
  some_tar layer.tar
  head -c $((512 + $(stat -c %s tree/f) + 511)) layer.tar | head -c -511 >cut
  truncate -s %512 cut
  run_stave pack -t t --layer cut
  [[ "$stderr" == *cut*end* ]] || complain "nothing of the end"
}

@test "text, an empty file, zeros and random bytes are no layers, by name" {
  echo hello >text
  : >empty
  head -c 5000 /dev/urandom >random
  printf 'x' >random2
  fails_cleanly 5 text -- pack -t t --layer text
  fails_cleanly 5 empty "empty" -- pack -t t --layer empty
  fails_cleanly 5 random -- pack -t t --layer random
  fails_cleanly 5 random2 -- pack -t t --layer random2
}

@test "an empty standard input is no layer" {
  fails_cleanly 5 "standard input" empty -- pack -t t --layer - </dev/null
}

damage_layout() {
  mkdir root
  touch root/f
  stave pack -q -t base --owner 0 --layer root -o oci:layout >/dev/null
  stave rm -q base && stave gc -q >/dev/null
  manifest_file=layout/blobs/$(jq -r '.manifests[0].digest' layout/index.json | tr : /)
}

@test "a blob that is not what its digest says: mismatch, with the digest" {
  damage_layout
  local layer
  layer=$(jq -r '.layers[0].digest' "$manifest_file")
  perl -pi -e 'substr($_, 5, 1) ^= "\x01" if $. == 1' "layout/blobs/${layer/://}"
  touch a
  fails_cleanly 6 "$layer" -- pack -t t --base oci:layout --add a
}

@test "a manifest that is not what its digest says: mismatch" {
  damage_layout
  perl -pi -e 's/"schemaVersion":2/"schemaVersion":3/' "$manifest_file"
  fails_cleanly 6 "sha256:${manifest_file##*/}" -- pack -t t --base oci:layout
}

@test "a layer that is missing: not found, with the digest" {
  damage_layout
  local layer
  layer=$(jq -r '.layers[0].digest' "$manifest_file")
  rm "layout/blobs/${layer/://}"
  fails_cleanly 3 "$layer" -- pack -t t --base oci:layout
}

# manifest_says JSON: the layout's image is that document.
manifest_says() {
  local digest
  printf %s "$1" >document
  digest=$(sha256sum <document | cut -d' ' -f1)
  mkdir -p layout/blobs/sha256
  cp document "layout/blobs/sha256/$digest"
  echo '{"imageLayoutVersion":"1.0.0"}' >layout/oci-layout
  jq -n --arg d "sha256:$digest" --argjson s "$(stat -c %s document)" \
    '{schemaVersion: 2, manifests: [{mediaType: "application/vnd.oci.image.manifest.v1+json", digest: $d, size: $s}]}' >layout/index.json
}

@test "a JSON that is too deep: refused by its limit" {
  manifest_says "$(perl -e 'print q({"schemaVersion":2,"x":) . "[" x 100000 . "]" x 100000 . "}"')"
  run_stave pack -t t --base oci:layout
  [[ "$status" == [59] ]] || complain "exit 5 or 9 expected"
  assert_one_error deep
  assert_empty_dir "$STAVE_STORE/blobs/sha256"
}

@test "an index.json that is too deep, broken or no JSON is named" {
  mkdir -p layout/blobs/sha256
  echo '{"imageLayoutVersion":"1.0.0"}' >layout/oci-layout
  perl -e 'print "[" x 100000' >layout/index.json
  run_stave pack -t t --base oci:layout
  [[ "$status" == [59] ]]
  assert_one_error layout/index.json
  echo '{"schemaVersion":2,' >layout/index.json
  fails_cleanly 5 layout/index.json -- pack -t t --base oci:layout
  echo 'no json' >layout/index.json
  fails_cleanly 5 layout/index.json -- pack -t t --base oci:layout
}

@test "a JSON with one member twice is invalid" {
  manifest_says '{"schemaVersion":2,"schemaVersion":2}'
  fails_cleanly 5 schemaVersion -- pack -t t --base oci:layout
}

@test "a directory that is no layout: invalid, and says what a layout has" {
  mkdir nothing
  fails_cleanly 5 nothing oci-layout -- pack -t t --base oci:nothing
}

@test "a store that is something else is not touched" {
  mkdir precious
  echo mine >precious/file
  NO_STORE=1 fails_cleanly 4 precious -- pack --store precious -t t
  assert_equal "$(ls -A precious)" file
}

@test "an archive that is none is invalid, by name" {
  echo hello >text
  fails_cleanly 5 text -- pack -t t --base oci-archive:text
}

# --- outputs ---

@test "an output file that exists stays; --force replaces it" {
  echo precious >file
  fails_cleanly 4 file --force -- pack -t t -o oci-archive:file
  fails_cleanly 4 file --force -- pack -t t -o docker-archive:file
  assert_equal "$(cat file)" precious
  stave pack -q -t t --force -o oci-archive:file >/dev/null
  tar -tf file >/dev/null
}

@test "an output directory that holds something else stays" {
  mkdir dir
  echo precious >dir/file
  fails_cleanly 4 dir -- pack -t t -o oci:dir
}

@test "an output into a directory that does not exist is named" {
  run_stave pack -t t -o oci-archive:no/dir/file
  assert_exit 3
  assert_one_error no/dir
}

@test "a failure leaves an archive that --force was to replace" {
  stave pack -q -o oci-archive:file --cmd x >/dev/null
  local before
  before=$(sha256sum <file)
  fails_cleanly 3 no-file -- pack --force -o oci-archive:file --add no-file
  assert_equal "$(sha256sum <file)" "$before"
}

@test "an output that nobody reads any more ends the work and leaves nothing" {
  head -c 3000000 /dev/urandom >random
  run --separate-stderr bash -c 'stave pack -q -o - --add random | head -c 1 >/dev/null; exit ${PIPESTATUS[0]}'
  [[ "$status" = 141 || "$status" = 13 ]] || complain "expected the exit of a broken pipe"
  [ "$status" = 141 ] || assert_one_error "standard output"
  assert_empty_dir "$STAVE_STORE/blobs/sha256"
}

@test "a tag that is no name is usage, before anything is read" {
  fails_cleanly 2 'UPPER' -- pack -t 'UPPER//x' --add no-file
}

# --- surroundings ---

@test "HOME and XDG_DATA_HOME unset: says what to set" {
  run --separate-stderr env -u HOME -u XDG_DATA_HOME -u STAVE_STORE stave pack -t t
  assert_exit 2
  assert_one_error HOME --store
}

@test "a store that cannot be made is named" {
  run --separate-stderr as_user stave pack --store /proc/nope/store -t t
  [ "$status" != 0 ] && [ "$status" != 70 ]
  assert_one_error /proc/nope
}

@test "TMPDIR that does not exist matters only to who needs it" {
  some_tar layer.tar
  TMPDIR=$PWD/none pack --layer layer.tar
  TMPDIR=$PWD/none fails_cleanly 3 none -- pack -t t --recompress --layer layer.tar
}

# --- signals ---

# interrupted SIGNAL: packs what is fed slowly, sends the signal when the writing has begun; sets status and stderr.
interrupted() {
  local child
  stave gc -q >/dev/null
  before=$(everything)
  mkfifo "$BATS_TEST_TMPDIR/slow"
  # Without a child's descriptors, which bats waits for.
  (some_tar "$BATS_TEST_TMPDIR/feed" && cat "$BATS_TEST_TMPDIR/feed" && exec sleep 60) >"$BATS_TEST_TMPDIR/slow" 3>&- &
  feeder=$!
  env --default-signal=INT stave pack -t t --add "$1" --layer - <"$BATS_TEST_TMPDIR/slow" 2>"$BATS_TEST_TMPDIR/err" 3>&- &
  child=$!
  sleep 1
  kill -"$2" "$child"
  status=0
  wait "$child" || status=$?
  kill "$feeder" 2>/dev/null || true
  stderr=$(cat "$BATS_TEST_TMPDIR/err") output=
  rm -r tree
}

@test "SIGINT in the middle: 130, one line, nothing left behind" {
  echo x >x
  interrupted x INT
  assert_exit 130
  assert_one_error
  assert_equal "$(everything)" "$before"
  no_garbage
}

@test "SIGTERM in the middle: 143, nothing left behind" {
  echo x >x
  interrupted x TERM
  assert_exit 143
  assert_equal "$(everything)" "$before"
}

@test "SIGINT while blocks are compressed: 130, nothing left behind" {
  mkdir tree
  head -c 100000000 /dev/urandom >tree/random
  stave gc -q >/dev/null
  local before status=0
  before=$(everything)
  env --default-signal=INT stave pack -j 1 -t t --compression gzip:12 --layer tree 2>err.txt 3>&- &
  local child=$!
  sleep 0.7
  kill -INT "$child" || skip_because "this machine compressed 100 MB in less than a second"
  wait "$child" || status=$?
  stderr=$(cat err.txt) output=
  rm err.txt
  assert_exit 130
  assert_equal "$(everything)" "$before"
}

@test "SIGKILL in the middle: nothing is visible, and the next run works" {
  echo x >x
  interrupted x KILL
  assert_exit 137
  stave images --json | jq -e '[.. | strings] | length == 0' >/dev/null
  pack --add x
  stave gc -q >/dev/null
  assert_paths 0 x
}

# --- words ---

@test "a misspelt command proposes the right one" {
  fails_cleanly 2 pakc pack -- pakc -t t
  fails_cleanly 2 inpect inspect -- inpect t
}

@test "a misspelt flag proposes the right one" {
  fails_cleanly 2 --entrypiont --entrypoint -- pack -t t --entrypiont x
  fails_cleanly 2 --plattform --platform -- pack -t t --plattform linux/amd64
}

@test "an option without its value, and a word too many, are usage" {
  fails_cleanly 2 --add -- pack -t t --add
  fails_cleanly 2 surplus -- pack -t t surplus
}

@test "values of the config that make no sense are named" {
  fails_cleanly 2 --port 70000 -- pack -t t --port 70000
  fails_cleanly 2 --volume data -- pack -t t --volume data
  fails_cleanly 2 --workdir rel -- pack -t t --workdir rel
  fails_cleanly 2 --stop-signal SIGNOPE -- pack -t t --stop-signal SIGNOPE
  fails_cleanly 2 --created never -- pack -t t --created never
  fails_cleanly 2 --label nothing -- pack -t t --label nothing
  fails_cleanly 2 linux -- pack -t t --platform linux/
}

@test "a copy that fails takes back what it had copied" {
  hello_binary hello
  stave pack -q -o oci:layout:hello --add hello
  local layer
  layer=$(jq -r '.layers[0].digest' "layout/blobs/sha256/$(jq -r '.manifests[0].digest' layout/index.json | cut -d: -f2)" | cut -d: -f2)
  printf x | dd of="layout/blobs/sha256/$layer" bs=1 seek=100 conv=notrunc status=none
  stave images >/dev/null
  run stave copy oci:layout copied
  assert_exit 6
  [ -z "$(find "$STAVE_STORE/blobs" -type f)" ]
  run stave index create -t all oci:layout
  assert_exit 6
  run stave config oci:layout -t edited --env A=b
  assert_exit 6
  [ -z "$(find "$STAVE_STORE/blobs" -type f)" ]
}

@test "a pack that waits for standard input can be stopped" {
  stave images >/dev/null
  mkfifo pipe
  sleep 30 >pipe &
  local holder=$!
  stave pack -t waiting --layer - <pipe 2>said &
  local pid=$!
  sleep 0.5
  kill -TERM "$pid"  # a background job of a script ignores SIGINT
  local status=0
  wait "$pid" || status=$?
  kill "$holder"
  [ "$status" = 143 ]
  [ -z "$(find "$STAVE_STORE/blobs" -type f)" ]
}

@test "a file over the limit of ulimit -f is an error, and nothing is left" {
  head -c 1M /dev/urandom >big
  run --separate-stderr bash -c 'ulimit -f 64; stave pack -t big:1 --compression none --add big'
  assert_exit 9
  assert_stderr_has "File too large"
  [ -z "$(find "$STAVE_STORE" -type f -size +1k 2>/dev/null)" ] || complain "something was left"
}
