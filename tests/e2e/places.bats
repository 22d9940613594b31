# Every place and back: no byte of an image changes on the way, archives of other
# tools are read, and what is no image is refused with one clear error.

load helpers
load place_helpers

# --- there and back ---

# there_and_back NAME: through every place, in two orders; the image that comes home.
there_and_back() {
  stave copy -q "$1" oci:there/layout:x >/dev/null
  stave copy -q oci:there/layout:x oci-archive:there/oci.tar >/dev/null
  stave copy -q oci-archive:there/oci.tar docker-archive:there/docker.tar >/dev/null
  stave copy -q docker-archive:there/docker.tar - | stave --store there/store copy -q - back:1 >/dev/null
  stave --store there/store copy -q back:1 - | stave copy -q - oci:there/second:y >/dev/null
  stave copy -q oci:there/second:y docker-archive:there/second.tar >/dev/null
  stave copy -q docker-archive:there/second.tar oci-archive:there/third.tar >/dev/null
  stave --store there/home copy -q oci-archive:there/third.tar home:1 >/dev/null
  stave --store there/home inspect --json home:1 | jq -r .digest
}

# busybox_keeps VARIANT: all the way, the digest is the original's.
busybox_keeps() {
  busybox_layout "$1" original
  mkdir there
  stave copy -q oci:original busybox:1
  assert_digest "$(there_and_back busybox:1)" "$(jq -r '.manifests[0].digest' original/index.json)"
}

@test "busybox glibc/amd64 keeps its digest through every place" { busybox_keeps glibc/amd64; }
@test "busybox musl/amd64 keeps its digest through every place" { busybox_keeps musl/amd64; }
@test "busybox musl/arm64v8 keeps its digest through every place" {
  busybox_layout musl/arm64v8 original
  mkdir there
  stave copy -q oci:original busybox:1
  stave copy -q busybox:1 oci-archive:there/a.tar
  stave copy -q oci-archive:there/a.tar - | stave copy -q - back:1
  assert_digest "$(digest_of back:1)" "$(jq -r '.manifests[0].digest' original/index.json)"
}
@test "busybox musl/riscv64 keeps its digest through every place" {
  busybox_layout musl/riscv64 original
  mkdir there
  stave copy -q oci:original busybox:1
  stave copy -q busybox:1 oci-archive:there/a.tar
  stave copy -q oci-archive:there/a.tar - | stave copy -q - back:1
  assert_digest "$(digest_of back:1)" "$(jq -r '.manifests[0].digest' original/index.json)"
}

@test "busybox has the digest that Docker Hub publishes" {
  shared vectors >/dev/null
  busybox_layout glibc/amd64 original
  stave copy -q oci:original - | stave copy -q - busybox:1
  assert_digest "$(digest_of busybox:1)" \
    "$(jq -r '.["busybox:1.38.0 (latest)"].platforms["linux/amd64"].manifest' "$(shared vectors/published-digests.json)")"
}

@test "the name comes along" {
  busybox_layout musl/amd64 original
  stave copy -q oci:original
  run_stave images --json
  assert_equal "$(jq -r '.[].name' <<<"$output")" busybox:1.38.0-musl
}

@test "the Alpine tarball's layer digest is the file's own" {
  shared images/alpine >/dev/null
  local tar
  tar=$(ls "$(shared images/alpine/x86_64)"/*.tar.gz)
  stave pack -q -t alpine:1 --platform linux/amd64 --layer "$tar"
  stave copy -q alpine:1 - | stave copy -q - oci:layout:x
  assert_file_digest "$tar" "$(stave inspect --raw manifest oci:layout:x | jq -r '.layers[0].digest')"
}

# variants: the index busybox:all over three variants in the store.
variants() {
  local variant
  for variant in glibc/amd64 musl/arm64v8 musl/riscv64; do busybox_layout "$variant" "layout-${variant##*/}"; done
  stave index create -t busybox:all oci:layout-amd64 oci:layout-arm64v8 oci:layout-riscv64 >/dev/null
}

@test "an index keeps its digest through every place that holds one" {
  variants
  stave copy -q busybox:all oci:layout:x
  stave copy -q oci:layout:x oci-archive:all.tar
  stave copy -q oci-archive:all.tar - | stave copy -q - back:1
  assert_digest "$(digest_of back:1)" "$(digest_of busybox:all)"
}

@test "an index brings every platform along" {
  variants
  stave copy -q busybox:all oci-archive:all.tar
  stave --store other copy -q oci-archive:all.tar x:1
  assert_equal "$(stave --store other inspect --json x:1 | jq -r '.images | length')" 3
}

@test "one platform of an index is its manifest, byte for byte" {
  variants
  stave copy -q --platform linux/arm64 busybox:all oci:layout:arm
  assert_digest "$(digest_of oci:layout:arm)" "$(jq -r '.manifests[0].digest' layout-arm64v8/index.json)"
}

@test "two platforms of three are an index of two, manifests unchanged" {
  variants
  stave copy -q --platform linux/amd64,linux/riscv64 busybox:all oci-archive:two.tar
  assert_equal "$(stave inspect --json oci-archive:two.tar | jq -r '.images[].digest')" \
    "$(jq -r '.manifests[0].digest' layout-amd64/index.json layout-riscv64/index.json)"
}

@test "an archive of one platform holds nothing of the others" {
  variants
  stave copy -q --platform linux/arm64 busybox:all oci-archive:arm.tar
  assert_equal "$(tar -tf arm.tar | grep -c 'blobs/sha256/.')" 3
}

@test "a platform that the index lacks is named, and so are those it has" {
  variants
  run_stave copy --platform linux/s390x busybox:all oci-archive:x.tar
  assert_one_error 3
  assert_stderr_has linux/s390x
  assert_stderr_has linux/riscv64
  [ ! -e x.tar ]
}

@test "a nested index keeps its digest" {
  variants
  hello_image hello:1
  stave index create -t nested:1 hello:1 busybox:all >/dev/null
  stave copy -q nested:1 - | stave copy -q - oci:layout:n
  assert_digest "$(digest_of oci:layout:n)" "$(digest_of nested:1)"
  assert_equal "$(stave inspect --json oci:layout:n | jq '.images | length')" 4
}

@test "an image without a layer goes everywhere" {
  stave pack -q -t empty:1 --platform linux/amd64 --cmd '["x"]'
  mkdir there
  assert_digest "$(there_and_back empty:1)" "$(digest_of empty:1)"
}

# --- the same bytes ---

@test "an archive has the same bytes twice" {
  hello_image hello:1
  stave copy -q hello:1 oci-archive:a.tar
  stave copy -q hello:1 oci-archive:b.tar
  cmp a.tar b.tar
}

@test "an archive has the same bytes as a pipe" {
  hello_image hello:1
  stave copy -q hello:1 oci-archive:a.tar
  stave copy -q hello:1 - | cmp - a.tar
}

@test "an archive has the same bytes from another store, umask, zone and number of jobs" {
  hello_image hello:1
  stave copy -q hello:1 oci-archive:a.tar
  stave --store other copy -q oci-archive:a.tar hello:1
  (umask 077 && TZ=Asia/Tokyo LC_ALL=C stave --store other -j7 copy -q hello:1 oci-archive:b.tar)
  cmp a.tar b.tar
}

@test "docker-archive and oci-archive are the same file" {
  hello_image hello:1
  stave copy -q hello:1 oci-archive:a.tar
  stave copy -q hello:1 docker-archive:b.tar
  cmp a.tar b.tar
}

# --- archives that others wrote ---

# verdict PATTERN: holds every line of tests/data/place/verdicts.tsv that matches PATTERN against stave.
verdict() {
  local place code has base checked=0
  shared images >/dev/null
  base=$(shared images)
  base=${base%/images}
  while IFS=$'\t' read -r place code has; do
    [[ $place == $1 ]] || continue
    run_stave inspect "${place%%:*}:$base/${place#*:}"
    assert_exit "$code" || complain "at $place" || return 1
    if [ "$code" = 0 ]; then assert_output_has "$has"; else assert_one_error "$code" && assert_stderr_has "$has"; fi || complain "at $place" || return 1
    checked=$((checked + 1))
  done < <(grep -v '^#' "$PROJECT/tests/data/place/verdicts.tsv")
  [ "$checked" -gt 0 ]
}

@test "verdicts about dive's archives" { verdict '*/dive/*'; }
@test "verdicts about go-containerregistry's archives" { verdict '*/go-containerregistry/tarballs/*'; }
@test "verdicts about go-containerregistry's layouts" { verdict '*/go-containerregistry/layouts/*'; }
@test "verdicts about stereoscope's layouts and archive" { verdict '*/stereoscope/*'; }

@test "an archive of docker save 25 becomes an image with the diff_ids of its config" {
  shared images >/dev/null
  local tar
  tar=$(shared images/go-containerregistry/tarballs/hello-world-v25.tar)
  stave copy -q "docker-archive:$tar" hello:25
  assert_equal "$(stave inspect --raw config --platform linux/arm64 hello:25 | sha256sum | cut -d' ' -f1)" \
    "$(member "$tar" manifest.json | jq -r '.[0].Config' | cut -d/ -f3)"
}

@test "a layer that is a symlink to another image's is read through it" {
  shared images >/dev/null
  stave copy -q "docker-archive:$(shared images/go-containerregistry/tarballs/test_link.tar):bazel/v1/tarball:test_image_3" linked:1
  assert_equal "$(stave inspect --json linked:1 | jq -r '.images[0].layers[0].digest')" \
    "sha256:8897395fd26dc44ad0e2a834335b33198cb41ac4d98dfddf58eced3853fa7b17"
}

@test "one of several images is chosen by its name" {
  shared images >/dev/null
  stave copy -q "docker-archive:$(shared images/go-containerregistry/tarballs/test_bundle.tar):test_image_1" one:1
  stave inspect one:1 | grep -q linux/amd64
}

@test "several images on standard input cannot be chosen from, and the error says how" {
  shared images >/dev/null
  run_stave copy - x:1 < <(cat "$(shared images/go-containerregistry/tarballs/test_bundle.tar)")
  assert_one_error 2
  assert_stderr_has "standard input holds 2 images"
  assert_stderr_has oci-archive:FILE:NAME
}

podman_image() {
  require_client podman
  hello_image hello:1
  fresh_podman
  stave copy -q hello:1 - | podman load --quiet >/dev/null
}

@test "podman save in docker's format is read: same config" {
  podman_image
  podman save --quiet --format docker-archive -o saved.tar localhost/hello:1
  stave copy -q docker-archive:saved.tar saved:1
  assert_equal "$(stave inspect --raw config saved:1 | jq -c .rootfs)" "$(stave inspect --raw config hello:1 | jq -c .rootfs)"
}

@test "podman save as an OCI archive is read, and a name without a registry finds it" {
  podman_image
  podman save --quiet --format oci-archive localhost/hello:1 | stave --store other copy -q -
  assert_equal "$(stave --store other images --json | jq -r '.[].name')" localhost/hello:1
  stave --store other inspect hello:1
}

@test "skopeo's oci-archive is read" {
  require_client skopeo
  hello_image hello:1
  stave copy -q hello:1 oci:layout:x
  skopeo copy --quiet oci:layout:x oci-archive:skopeo.tar:hello:1
  stave --store other copy -q oci-archive:skopeo.tar
  assert_digest "$(stave --store other inspect --json hello:1 | jq -r .digest)" "$(digest_of hello:1)"
}

@test "skopeo's docker-archive is read" {
  require_client skopeo
  hello_image hello:1
  stave copy -q hello:1 oci:layout:x
  skopeo copy --quiet oci:layout:x docker-archive:skopeo.tar:hello:1
  stave --store other copy -q docker-archive:skopeo.tar
  # skopeo's docker-archive knows a short name as Docker Hub's.
  assert_equal "$(stave --store other inspect --json docker.io/library/hello:1 | jq -r '.images[0].layers[0].diffId')" \
    "$(stave inspect --json hello:1 | jq -r '.images[0].layers[0].diffId')"
}

# --- compressed archives ---

@test "an archive compressed with gzip is read from a file" {
  hello_image hello:1
  stave copy -q hello:1 - | gzip >a.tar.gz
  assert_digest "$(digest_of oci-archive:a.tar.gz)" "$(digest_of hello:1)"
}

@test "an archive compressed with zstd is read from a file, whatever it is called" {
  hello_image hello:1
  stave copy -q hello:1 - | zstd -q >a.gz
  assert_digest "$(digest_of oci-archive:a.gz)" "$(digest_of hello:1)"
}

@test "an archive compressed with gzip is read from a pipe" {
  hello_image hello:1
  stave copy -q hello:1 - | gzip | stave copy -q - back:1
  assert_digest "$(digest_of back:1)" "$(digest_of hello:1)"
}

@test "an archive compressed with zstd is read from a pipe" {
  hello_image hello:1
  stave copy -q hello:1 - | zstd -q | stave copy -q - back:1
  assert_digest "$(digest_of back:1)" "$(digest_of hello:1)"
}

@test "an archive compressed with xz names the pipe that helps" {
  hello_image hello:1
  stave copy -q hello:1 - | xz >a.tar.xz
  run_stave inspect oci-archive:a.tar.xz
  assert_one_error 7
  assert_stderr_has "xz is not read here"
  assert_stderr_has "| stave copy - NAME"
}

@test "reading a compressed archive leaves nothing in TMPDIR" {
  hello_image hello:1
  stave copy -q hello:1 - | gzip | stave copy -q - back:1
  assert_empty_dir "$TMPDIR"
}

# --- docker's format, spoilt ---

@test "docker's classic format is read" {
  docker_archive d
  docker_tar d d.tar
  stave copy -q docker-archive:d.tar
  assert_file_digest d/layer.tar "$(stave inspect --json classic:1 | jq -r '.images[0].layers[0].digest')"
}

@test "a layer that does not unpack to its diff_id is a mismatch" {
  docker_archive d
  printf 'x' | dd of=d/layer.tar bs=1 seek=600 conv=notrunc status=none
  docker_tar d d.tar
  run_stave copy docker-archive:d.tar
  assert_one_error 6
  assert_stderr_has "its config says"
}

@test "fewer layers than diff_ids are a mismatch" {
  docker_archive d
  sed -i 's/"layer.tar"//' d/manifest.json
  docker_tar d d.tar
  run_stave copy docker-archive:d.tar
  assert_one_error 6
  assert_stderr_has "0 layers"
}

@test "a layer that is not in the archive is named" {
  docker_archive d
  tar -C d -cf d.tar config.json manifest.json
  run_stave copy docker-archive:d.tar
  assert_one_error 5
  assert_stderr_has layer.tar
}

# --- outputs ---

@test "an output file that exists is refused and stays as it is" {
  hello_image hello:1
  echo mine >a.tar
  run_stave copy hello:1 oci-archive:a.tar
  assert_one_error 4
  assert_stderr_has --force
  assert_equal "$(cat a.tar)" mine
}

@test "--force replaces an output file" {
  hello_image hello:1
  echo mine >a.tar
  stave copy -q --force hello:1 oci-archive:a.tar
  assert_digest "$(digest_of oci-archive:a.tar)" "$(digest_of hello:1)"
}

@test "--force replaces atomically: who has the old file open keeps it" {
  hello_image hello:1
  echo mine >a.tar
  exec 8<a.tar
  stave copy -q --force hello:1 oci-archive:a.tar
  assert_equal "$(cat <&8)" mine
}

@test "a failed copy with --force leaves the old file" {
  echo mine >a.tar
  run_stave copy --force absent:1 oci-archive:a.tar
  assert_one_error 3
  assert_equal "$(cat a.tar)" mine
}

@test "an image can be copied over the archive it comes from" {
  hello_image hello:1
  stave copy -q hello:1 oci-archive:a.tar
  stave copy -q --force oci-archive:a.tar oci-archive:a.tar
  assert_digest "$(digest_of oci-archive:a.tar)" "$(digest_of hello:1)"
}

@test "an output file obeys the umask" {
  hello_image hello:1
  (umask 027 && stave copy -q hello:1 oci-archive:a.tar)
  assert_equal "$(stat -c %a a.tar)" 640
}

@test "an output in a directory that is missing is refused" {
  hello_image hello:1
  run_stave copy hello:1 oci-archive:missing/a.tar
  assert_one_error 3
  assert_stderr_has missing
}

@test "an output onto a directory is refused" {
  hello_image hello:1
  mkdir directory
  run_stave copy --force hello:1 oci-archive:directory
  assert_one_error 4
  assert_stderr_has "is a directory"
}

@test "a directory that is no layout is refused and stays as it is" {
  hello_image hello:1
  mkdir full && touch full/file
  run_stave copy hello:1 oci:full
  assert_one_error 4
  assert_equal "$(ls full)" file
}

# incomplete DIR: a layout whose image lacks its layer.
incomplete() {
  hello_image hello:1
  stave copy -q hello:1 "oci:$1" >/dev/null
  rm "$1/blobs/$(stave inspect --json "oci:$1" | jq -r '.images[0].layers[0].digest' | tr : /)"
}

@test "a first copy that fails leaves no layout behind, nor the directories it made for it" {
  incomplete half
  run_stave copy oci:half oci:new/deep/layout
  assert_one_error 3
  [ ! -e new ]
}

@test "a first copy that fails leaves an empty directory empty, and what else is above it" {
  incomplete half
  mkdir -p there/empty
  run_stave copy oci:half oci:there/empty
  assert_one_error 3
  assert_empty_dir there/empty
  run_stave copy oci:half oci:there/new
  assert_one_error 3
  assert_equal "$(ls there)" empty
}

@test "a copy that fails leaves a layout that was there, even an empty one" {
  incomplete half
  stave --store layout gc -q >/dev/null
  run_stave copy oci:half oci:layout
  assert_one_error 3
  [ -e layout/oci-layout ]
}

@test "an empty directory becomes a layout" {
  hello_image hello:1
  mkdir empty
  stave copy -q hello:1 oci:empty
  assert_digest "$(digest_of oci:empty)" "$(digest_of hello:1)"
}

@test "a layout keeps the references it has" {
  hello_image a:1
  hello_image b:1
  stave copy -q a:1 oci:layout:one
  stave copy -q b:1 oci:layout:two
  assert_digest "$(digest_of oci:layout:one)" "$(digest_of a:1)"
  assert_digest "$(digest_of oci:layout:two)" "$(digest_of b:1)"
}

@test "eight copies into one layout at once keep all references" {
  local i
  for i in 1 2 3 4 5 6 7 8; do hello_image "image:$i"; done
  for i in 1 2 3 4 5 6 7 8; do stave copy -q "image:$i" "oci:layout:v$i" & done
  wait
  assert_equal "$(jq -r '.manifests | length' layout/index.json)" 8
}

@test "a reference of a layout moves, and the digest that had it is told" {
  hello_image a:1
  hello_image b:1
  stave copy -q a:1 oci:layout:x
  run_stave copy b:1 oci:layout:x
  assert_exit 0
  assert_stderr_has "x was $(digest_of a:1)"
}

@test "a reference of a layout may be a tag that is no name" {
  hello_image hello:1
  stave copy -q hello:1 oci:layout:V1.0_RC
  assert_digest "$(digest_of oci:layout:V1.0_RC)" "$(digest_of hello:1)"
}

@test "a reference that the annotation's grammar forbids is refused" {
  hello_image hello:1
  run_stave copy hello:1 'oci:layout:a b'
  assert_one_error 2
}

@test "a copy that is killed leaves no file" {
  head -c 60M /dev/urandom >big
  stave pack -q -t big:1 --platform linux/amd64 --compression none --add big
  mkdir out
  stave copy -q big:1 oci-archive:out/a.tar &
  sleep 0.05
  kill -9 $! 2>/dev/null || true
  wait
  [ -e out/a.tar ] && skip_because "the copy was faster than the kill"
  assert_empty_dir out
}

@test "a copy that is interrupted says so with 130 and leaves no file" {
  head -c 60M /dev/urandom >big
  stave pack -q -t big:1 --platform linux/amd64 --compression none --add big
  mkdir out
  # A background job of a script ignores SIGINT unless it gets job control.
  run bash -c 'set -m; mkfifo pipe; stave copy -q - oci-archive:out/a.tar <pipe & exec 9>pipe; sleep 0.5; kill -INT $!; wait $!'
  assert_exit 130
  assert_empty_dir out
}

@test "a reader that goes away ends a copy with one error, not with a signal" {
  head -c 20M /dev/urandom >big
  stave pack -q -t big:1 --platform linux/amd64 --compression none --add big
  run bash -c 'stave copy big:1 - 2>err | head -c 100 >/dev/null; exit ${PIPESTATUS[0]}'
  assert_exit 13
  assert_equal "$(grep -c '^stave: ' err)" 1
}

@test "a full disk is one error and leaves nothing" {
  hello_image hello:1
  run --separate-stderr bash -c 'stave copy -q hello:1 - >/dev/full'
  assert_one_error 11
  assert_stderr_has "No space left"
}

@test "archive to archive works without a place for a store" {
  hello_image hello:1
  stave copy -q hello:1 oci-archive:a.tar
  env -u HOME -u XDG_DATA_HOME -u STAVE_STORE stave copy -q oci-archive:a.tar docker-archive:b.tar
  cmp a.tar b.tar
}

@test "without HOME and XDG the store is one clear error" {
  run --separate-stderr env -u HOME -u XDG_DATA_HOME -u STAVE_STORE stave images
  assert_one_error 2
  assert_stderr_has --store
}

# --- hostile archives ---

# spoilt_layout: hello:1 as the files of an archive, in `layout`.
spoilt_layout() {
  hello_image hello:1
  stave copy -q hello:1 oci:layout:x
}

@test "EscapesByDotDot: members above the root are not looked at" {
  spoilt_layout
  echo '{}' >evil
  tar -P -cf a.tar --transform 's,^evil$,../../index.json,' evil
  tar -C layout -rf a.tar oci-layout index.json blobs
  assert_digest "$(digest_of oci-archive:a.tar)" "$(digest_of hello:1)"
}

@test "AbsoluteMembers are members like others, and nothing is written there" {
  spoilt_layout
  tar -P -cf a.tar --transform "s,^layout,$BATS_TEST_TMPDIR/absolute," layout
  run_stave inspect oci-archive:a.tar
  assert_one_error 5
  [ ! -e "$BATS_TEST_TMPDIR/absolute" ]
}

@test "DuplicateMembers: the last one counts, as in every tar" {
  spoilt_layout
  echo '{"schemaVersion":2,"manifests":[]}' >index.json
  tar -cf a.tar index.json
  tar -C layout -rf a.tar oci-layout index.json blobs
  assert_digest "$(digest_of oci-archive:a.tar)" "$(digest_of hello:1)"
}

@test "SymlinkLoop: an index.json that points at itself is refused" {
  spoilt_layout
  rm layout/index.json
  ln -s index.json layout/index.json
  tar -C layout -cf a.tar oci-layout index.json blobs
  run_stave inspect oci-archive:a.tar
  assert_one_error 5
}

@test "SymlinkToHost: an index.json that points at a file of the host is refused" {
  spoilt_layout
  cp layout/index.json host.json
  ln -sf "$PWD/host.json" layout/index.json
  tar -C layout -cf a.tar oci-layout index.json blobs
  run_stave inspect oci-archive:a.tar
  assert_one_error 5
}

@test "HardlinkedBlob: a blob that is a link to another member is read through it" {
  spoilt_layout
  local blob
  blob=$(cd layout && ls blobs/sha256/* | head -n 1)
  mv "layout/$blob" layout/real
  ln layout/real "layout/$blob"
  tar -C layout -cf a.tar oci-layout index.json real blobs
  stave copy -q oci-archive:a.tar copied:1
  assert_digest "$(digest_of copied:1)" "$(digest_of hello:1)"
}

@test "HugeIndex: an index.json over the limit is refused before it is read" {
  spoilt_layout
  truncate -s 200M layout/index.json
  tar -C layout -cf a.tar oci-layout index.json blobs
  run_stave inspect oci-archive:a.tar
  assert_one_error 9
  assert_stderr_has "larger than"
}

@test "SparseMember: a sparse index.json is not taken for one" {
  spoilt_layout
  rm layout/index.json
  truncate -s 1G layout/index.json
  tar -S -C layout -cf a.tar oci-layout index.json blobs
  run_stave inspect oci-archive:a.tar
  assert_one_error 5
}

@test "SizeLies: a descriptor whose blob is longer is a mismatch" {
  spoilt_layout
  jq -c '.manifests[0].size -= 1' layout/index.json >i && cp i layout/index.json
  tar -C layout -cf a.tar oci-layout index.json blobs
  run_stave copy oci-archive:a.tar x:1
  assert_one_error 6
}

@test "ContentLies: a blob of the right size with other bytes is a mismatch, and no name appears" {
  spoilt_layout
  local layer
  layer=layout/blobs/sha256/$(stave inspect --raw manifest hello:1 | jq -r '.layers[0].digest' | cut -d: -f2)
  chmod u+w "$layer"
  printf 'x' | dd of="$layer" bs=1 seek=20 conv=notrunc status=none
  tar -C layout -cf a.tar oci-layout index.json blobs
  run_stave --store other copy oci-archive:a.tar x:1
  assert_one_error 6
  assert_equal "$(stave --store other images -q)" ""
}

@test "Truncated: an archive that was cut is refused" {
  hello_image hello:1
  stave copy -q hello:1 - | head -c 2000 >a.tar
  run_stave copy oci-archive:a.tar x:1
  assert_one_error 5
}

@test "DamagedGzip: a compressed archive with a flipped bit is refused and leaves nothing" {
  hello_image hello:1
  stave copy -q hello:1 - | gzip >a.tar.gz
  printf '\377' | dd of=a.tar.gz bs=1 seek=300 conv=notrunc status=none
  run_stave --store other copy oci-archive:a.tar.gz x:1
  assert_one_error 5
  assert_empty_dir "$TMPDIR"
}

@test "nothing on standard input is one error" {
  run_stave copy - x:1 </dev/null
  assert_one_error 5
  assert_stderr_has "standard input is empty"
}

@test "a root file system instead of an archive names the command that takes it" {
  mkdir -p root/bin && touch root/bin/sh
  tar -C root -cf root.tar .
  run_stave copy oci-archive:root.tar x:1
  assert_one_error 5
  assert_stderr_has "stave pack"
}
