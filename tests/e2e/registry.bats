# Images at a registry: sent, fetched, listed, joined and removed, and what other
# clients make of them. Debian's docker-registry on the loopback.

load helpers
load place_helpers
load registry_helpers

setup() {
  fresh
  require_stave
  start_registry
}

teardown() { stop_registries; }

# there VERB ARGS...: the verb, with a registry that speaks plain http.
there() { stave "$@" --tls-verify=false; }
run_there() { run_stave "$@" --tls-verify=false; }

# large_image NAME MEBIBYTES: one layer that does not compress, the same for the same size.
large_image() {
  openssl enc -aes-128-ctr -K 00 -iv 00 -in /dev/zero 2>/dev/null | head -c "$2M" >large
  stave pack -q -t "$1" --platform linux/amd64 --compression none --add large
}

# size_of_blobs DIR: bytes of all blobs there, parts of some included.
size_of_blobs() { find "$1/blobs" -type f -printf '%s\n' | awk '{ n += $1 } END { print n + 0 }'; }

# blob_bytes <LOG: bytes of blobs that the registry sent.
blob_bytes() {
  grep '"http.response.status"' | jq -s '[.[] | select(.["http.request.method"] == "GET"
    and (.["http.request.uri"] | contains("/blobs/"))) | .["http.response.written"]] | add // 0'
}

two_platforms() {
  mkdir -p amd64 arm64
  echo one >amd64/f && echo two >arm64/f
  stave pack -q -t hello:multi --platform linux/amd64,linux/arm64 --add '{arch}/f:/f'
}

# --- there and back ---

@test "push sends an image, and its digest is the same there" {
  hello_image hello:1
  run_there push hello:1 "docker://$REGISTRY/me/hello:1"
  assert_exit 0
  assert_output "$(digest_of hello:1)"
  assert_equal "$(there inspect --json "docker://$REGISTRY/me/hello:1" | jq -r .digest)" "$(digest_of hello:1)"
}

@test "what was pushed and pulled is the same, blob for blob" {
  hello_image hello:1
  there push hello:1 "docker://$REGISTRY/me/hello:1"
  STAVE_STORE=$PWD/other run_there pull "docker://$REGISTRY/me/hello:1"
  assert_exit 0
  assert_output "$(digest_of hello:1)"
  diff -r "$STAVE_STORE/blobs" other/blobs
  stave fsck other
}

@test "push goes where the name of the image says" {
  hello_image "$REGISTRY/me/hello:7"
  there push "$REGISTRY/me/hello:7"
  assert_equal "$(there tags "docker://$REGISTRY/me/hello")" 7
}

@test "push of a name without a registry says how to name one" {
  hello_image hello:1
  run_there push hello:1
  assert_exit 2
  assert_stderr_has "stave push hello:1 docker://HOST/PATH:TAG"
}

@test "push without a tag can be found by its digest alone" {
  hello_image hello:1
  there push --untagged hello:1 "docker://$REGISTRY/me/hello"
  assert_equal "$(there inspect --json "docker://$REGISTRY/me/hello@$(digest_of hello:1)" | jq -r .digest)" "$(digest_of hello:1)"
  run_there inspect "docker://$REGISTRY/me/hello"
  assert_exit 3
}

@test "push to the digest of another image is refused before anything is sent" {
  hello_image hello:1
  run_there push hello:1 "docker://$REGISTRY/me/hello@sha256:$(printf %064d 0)"
  assert_exit 2
  assert_equal "$(requests POST)" 0
}

@test "push tells what the tag was" {
  hello_image hello:1
  there push hello:1 "docker://$REGISTRY/me/hello:1"
  hello_image hello:2
  run_there push hello:2 "docker://$REGISTRY/me/hello:1"
  assert_stderr_has "was $(digest_of hello:1)"
}

@test "what the registry has is not sent again" {
  hello_image hello:1
  there push hello:1 "docker://$REGISTRY/me/hello:1"
  local before
  before=$(requests POST)
  there push hello:1 "docker://$REGISTRY/me/hello:2"
  assert_equal "$(requests POST)" "$before"
  assert_equal "$(there tags "docker://$REGISTRY/me/hello" | sort | tr '\n' ' ')" "1 2 "
}

@test "a source may lack a layer that the registry has" {
  hello_image hello:1
  there push hello:1 "docker://$REGISTRY/me/hello:1"
  stave copy hello:1 oci:sparse
  rm "sparse/blobs/sha256/$(stave inspect --json hello:1 | jq -r '.images[0].layers[0].digest' | cut -d: -f2)"
  there push oci:sparse "docker://$REGISTRY/me/hello:2"
}

@test "copy from one repository to another of the same registry mounts the layers" {
  large_image large 4
  there push large "docker://$REGISTRY/a/large:1"
  local before
  before=$(requests PATCH)
  there copy "docker://$REGISTRY/a/large:1" "docker://$REGISTRY/b/large:1"
  assert_equal "$(requests POST 'b/large/blobs/uploads/.*mount=')" 2
  assert_equal "$(requests PATCH)" "$before"
  assert_equal "$(requests GET 'a/large/blobs/')" 0
}

@test "copy --all between two registries keeps every platform and the digest" {
  two_platforms
  there push hello:multi "docker://$REGISTRY/me/hello:multi"
  local first=$REGISTRY
  start_registry
  there copy --all "docker://$first/me/hello:multi" "docker://$REGISTRY/other/hello:multi"
  assert_equal "$(there index ls "docker://$REGISTRY/other/hello:multi" | wc -l)" 3
  assert_equal "$(there inspect --raw index "docker://$REGISTRY/other/hello:multi" | sha256sum | cut -d' ' -f1)" \
    "$(digest_of hello:multi | cut -d: -f2)"
}

@test "copy to and from layouts and archives keeps the digest" {
  hello_image hello:1
  local digest
  digest=$(digest_of hello:1)
  there copy hello:1 "docker://$REGISTRY/me/hello:1"
  there copy "docker://$REGISTRY/me/hello:1" oci:layout
  there copy "docker://$REGISTRY/me/hello:1" oci-archive:hello.tar
  there copy "docker://$REGISTRY/me/hello:1" - >piped.tar
  assert_digest "$(digest_of oci:layout)" "$digest"
  assert_digest "$(digest_of oci-archive:hello.tar)" "$digest"
  cmp hello.tar piped.tar
  there copy oci-archive:hello.tar "docker://$REGISTRY/me/hello:2"
  assert_digest "$(there inspect --json "docker://$REGISTRY/me/hello:2" | jq -r .digest)" "$digest"
}

@test "Docker Hub's busybox keeps its digest through push and pull" {
  busybox_layout musl/amd64 layout
  local digest
  digest=$(jq -r '.manifests[0].digest' layout/index.json)
  there push oci:layout "docker://$REGISTRY/busybox:musl"
  there pull "docker://$REGISTRY/busybox:musl"
  assert_digest "$(digest_of "$REGISTRY/busybox:musl")" "$digest"
}

# --- pull ---

@test "pull takes this machine's platform, and --all all of them" {
  two_platforms
  there push hello:multi "docker://$REGISTRY/me/hello"
  STAVE_STORE=$PWD/one there pull "docker://$REGISTRY/me/hello"
  assert_equal "$(STAVE_STORE=$PWD/one stave inspect --json "$REGISTRY/me/hello" | jq '.images | length')" 1
  STAVE_STORE=$PWD/all there pull --all "$REGISTRY/me/hello"
  assert_digest "$(STAVE_STORE=$PWD/all stave inspect --json "$REGISTRY/me/hello" | jq -r .digest)" "$(digest_of hello:multi)"
}

@test "pull of one platform does not fetch another" {
  two_platforms
  there push hello:multi "docker://$REGISTRY/me/hello"
  STAVE_STORE=$PWD/one there pull --platform linux/arm64 "$REGISTRY/me/hello"
  # The index, one manifest; one config, one layer.
  assert_equal "$(requests GET manifests/)" 2
  assert_equal "$(requests GET blobs/)" 2
}

@test "pull by tag and digest takes the digest and keeps the tag" {
  hello_image hello:1
  there push hello:1 "docker://$REGISTRY/me/hello:1"
  hello_image hello:2
  there push hello:2 "docker://$REGISTRY/me/hello:1"
  there pull "$REGISTRY/me/hello:1@$(digest_of hello:1)"
  assert_digest "$(digest_of "$REGISTRY/me/hello:1")" "$(digest_of hello:1)"
}

@test "a pull whose registry goes away keeps what came, and the next one goes on with it" {
  large_image large 24
  there push large "docker://$REGISTRY/me/large"
  local port=${REGISTRY#*:} pull had mark
  STAVE_STORE=$PWD/other stave pull --tls-verify=false --retries 0 --limit-rate 8M "$REGISTRY/me/large" 2>said 3>&- &
  pull=$!
  sleep 1.5
  stop_registries
  local code=0
  wait "$pull" || code=$?
  assert_equal "$code" 13
  [ -z "$(STAVE_STORE=$PWD/other stave images -q)" ]
  had=$(size_of_blobs other)
  [ "$had" -gt 4000000 ] || complain "only $had bytes stayed"
  mark=$(wc -l <"$REGISTRY_DIR/log")
  docker-registry serve "$REGISTRY_DIR/config.yml" >>"$REGISTRY_DIR/log" 2>&1 3>&- &
  echo $! >>"$BATS_TEST_TMPDIR/registries"
  for _ in $(seq 100); do curl -so /dev/null "http://127.0.0.1:$port/v2/" && break || sleep 0.05; done
  STAVE_STORE=$PWD/other there pull "$REGISTRY/me/large"
  stave fsck other
  [ "$(tail -n "+$((mark + 1))" "$REGISTRY_DIR/log" | blob_bytes)" -lt $((24 * 1024 * 1024 - 3000000)) ]
}

@test "pull of what is here fetches no layer" {
  hello_image hello:1
  there push hello:1 "docker://$REGISTRY/me/hello"
  there pull "$REGISTRY/me/hello"
  assert_equal "$(requests GET blobs/)" 0
}

@test "a pull that is killed goes on where it was" {
  large_image large 48
  there push large "docker://$REGISTRY/me/large"
  STAVE_STORE=$PWD/other timeout -s KILL 4 stave pull --tls-verify=false --limit-rate 8M "$REGISTRY/me/large" || true
  local had
  had=$(size_of_blobs other)
  [ "$had" -gt 20000000 ] || complain "only $had bytes came in 4 s"
  [ "$had" -lt 45000000 ] || complain "$had bytes came in 4 s: too fast to be killed on the way"
  [ -z "$(STAVE_STORE=$PWD/other stave images -q)" ]
  local mark sent
  mark=$(wc -l <"$REGISTRY_DIR/log")
  STAVE_STORE=$PWD/other there pull "$REGISTRY/me/large"
  assert_digest "$(STAVE_STORE=$PWD/other digest_of "$REGISTRY/me/large")" "$(digest_of large)"
  stave fsck other
  sent=$(tail -n "+$((mark + 1))" "$REGISTRY_DIR/log" | blob_bytes)
  [ "$sent" -ge $((48 * 1024 * 1024 - had)) ] || complain "the registry sent $sent bytes, and $had were there: too few"
  [ "$sent" -lt $((48 * 1024 * 1024 * 6 / 10)) ] || complain "the registry sent $sent bytes again"
}

# This registry (2.8) forgets an upload of which a chunk broke off; others are asked how far they are.
@test "a push that is killed shows nothing, and the next one comes through" {
  large_image large 48
  timeout -s KILL 3 stave push --tls-verify=false --limit-rate 8M large "docker://$REGISTRY/me/large" || true
  assert_equal "$(requests PUT manifests/)" 0
  run_there inspect "docker://$REGISTRY/me/large"
  assert_exit 3
  there push large "docker://$REGISTRY/me/large"
  assert_digest "$(there inspect --json "docker://$REGISTRY/me/large" | jq -r .digest)" "$(digest_of large)"
}

@test "a push that is killed goes on where it was, if the registry kept it" {
  large_image large 48
  mkdir keeping
  keeping-registry "$PWD/keeping" >keeping/log 2>&1 3>&- &
  echo $! >>"$BATS_TEST_TMPDIR/registries"
  for _ in $(seq 100); do [ ! -s keeping/port ] || break; sleep 0.05; done
  local there had sent
  there=docker://127.0.0.1:$(cat keeping/port)/me/large
  timeout -s KILL 4 stave push --tls-verify=false --limit-rate 8M large "$there" || true
  # What is under way still arrives.
  sleep 0.5
  had=$(cat keeping/received)
  [ "$had" -gt 20000000 ] || complain "only $had bytes came in 4 s"
  [ "$had" -lt 45000000 ] || complain "$had bytes came in 4 s: too fast to be killed on the way"
  there push large "$there"
  sent=$(($(cat keeping/received) - had))
  [ "$sent" -lt $((48 * 1024 * 1024 * 6 / 10)) ] || complain "$sent bytes were sent again"
  assert_digest "$(there inspect --json "$there" | jq -r .digest)" "$(digest_of large)"
}

@test "a pull whose part was spoilt begins it anew" {
  large_image large 4
  there push large "docker://$REGISTRY/me/large"
  local layer
  layer=$(stave inspect --json large | jq -r '.images[0].layers[0].digest' | cut -d: -f2)
  STAVE_STORE=$PWD/other stave images >/dev/null
  head -c 2M /dev/zero >"other/blobs/sha256/.stave-partial-$layer"
  STAVE_STORE=$PWD/other there pull "$REGISTRY/me/large"
  stave fsck other
  assert_digest "$(STAVE_STORE=$PWD/other digest_of "$REGISTRY/me/large")" "$(digest_of large)"
}

@test "gc keeps the part of a pull for a day, and --cache does not" {
  stave images >/dev/null
  head -c 2M /dev/zero >"$STAVE_STORE/blobs/sha256/.stave-partial-$(printf %064d 0)"
  stave gc
  [ -e "$STAVE_STORE/blobs/sha256/.stave-partial-$(printf %064d 0)" ]
  stave fsck
  stave gc --cache
  assert_empty_dir "$STAVE_STORE/blobs/sha256"
}

# --- every verb takes it ---

@test "ls, cat, tree, du, diff, validate and unpack read an image at a registry" {
  hello_image hello:1
  local image=docker://$REGISTRY/me/hello:1
  there push hello:1 "$image"
  assert_equal "$(there ls "$image")" greeting
  assert_equal "$(there cat "$image" /greeting)" "hello from hello:1"
  there tree "$image" | grep -q config
  there du "$image" | grep -q greeting
  there diff "$image" hello:1
  there validate "$image"
  there unpack "$image" root
  assert_equal "$(cat root/greeting)" "hello from hello:1"
}

@test "a layer is fetched once, however often it is read" {
  hello_image hello:1
  there push hello:1 "docker://$REGISTRY/me/hello:1"
  local verb
  for verb in "cat IMAGE /greeting" "ls -l IMAGE" "diff IMAGE hello:1" "unpack IMAGE root" "validate IMAGE"; do
    local before
    before=$(requests GET blobs/)
    # shellcheck disable=SC2086  # words
    there ${verb//IMAGE/docker://$REGISTRY/me/hello:1} >/dev/null
    # Its config and its one layer.
    [ "$(($(requests GET blobs/) - before))" -le 2 ] || complain "$verb fetched $(($(requests GET blobs/) - before)) blobs"
  done
}

@test "inspect fetches no layer" {
  hello_image hello:1
  there push hello:1 "docker://$REGISTRY/me/hello:1"
  there inspect "docker://$REGISTRY/me/hello:1"
  assert_equal "$(requests GET blobs/)" 1
}

@test "pack stands on a base at a registry and writes to it" {
  hello_image base:1
  there push base:1 "docker://$REGISTRY/me/base:1"
  echo some more >extra
  there pack --base "docker://$REGISTRY/me/base:1" --platform linux/amd64 --add extra -o "docker://$REGISTRY/me/app:2"
  assert_equal "$(there ls "docker://$REGISTRY/me/app:2" | tr '\n' ' ')" "extra greeting "
  assert_equal "$(requests POST 'app/blobs/uploads/.*mount=')" "$(requests POST app/blobs/uploads)"
}

@test "no verb that talks to nobody loads libcurl" {
  require_client strace
  hello_image hello:1
  run strace -f -e trace=openat,open stave ls hello:1
  assert_exit 0
  [[ "$output" != *libcurl* ]]
}

# --- tags, referrers, rm ---

@test "tags lists them, and as JSON" {
  hello_image hello:1
  there push hello:1 "docker://$REGISTRY/me/hello:1"
  there push hello:1 "docker://$REGISTRY/me/hello:2"
  assert_equal "$(there tags --json "docker://$REGISTRY/me/hello" | jq -c ".tags |= sort")" "{\"name\":\"$REGISTRY/me/hello\",\"tags\":[\"1\",\"2\"]}"
}

@test "tags of a repository that does not exist is not found" {
  run_there tags "docker://$REGISTRY/me/nothing"
  assert_exit 3
  assert_stderr_has "me/nothing"
}

@test "an image that does not exist is not found, and what there is can be listed" {
  run_there inspect "docker://$REGISTRY/me/nothing:1"
  assert_exit 3
  assert_stderr_has "stave tags docker://$REGISTRY/me/nothing"
}

@test "rm removes an image by its digest" {
  hello_image hello:1
  there push hello:1 "docker://$REGISTRY/me/hello:1"
  run_there rm "docker://$REGISTRY/me/hello@$(digest_of hello:1)"
  assert_exit 0
  assert_output "$(digest_of hello:1)"
  run_there inspect "docker://$REGISTRY/me/hello:1"
  assert_exit 3
}

@test "rm of a tag removes the image only with --whole, where tags cannot go alone" {
  hello_image hello:1
  there push hello:1 "docker://$REGISTRY/me/hello:1"
  run_there rm "docker://$REGISTRY/me/hello:1"
  [ "$status" -ne 0 ]
  assert_stderr_has --whole
  run_there rm --whole "docker://$REGISTRY/me/hello:1"
  assert_exit 0
}

@test "rm of a whole repository is refused" {
  run_there rm "docker://$REGISTRY/me/hello"
  assert_exit 2
}

# signed NAME: pushes NAME to me/hello:1, with an artifact that refers to it.
signed() {
  there push "$1" "docker://$REGISTRY/me/hello:1"
  stave copy "$1" oci:signature
  local subject manifest digest
  subject=$(jq -c '.manifests[0] | {mediaType, digest, size}' signature/index.json)
  printf '{}' >"signature/blobs/sha256/44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a"
  manifest=$(jq -cn --argjson subject "$subject" '{schemaVersion: 2, mediaType: "application/vnd.oci.image.manifest.v1+json",
    artifactType: "application/vnd.example.signature", config: {mediaType: "application/vnd.oci.empty.v1+json",
    digest: "sha256:44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a", size: 2},
    layers: [], subject: $subject}')
  digest=$(printf %s "$manifest" | sha256sum | cut -d' ' -f1)
  printf %s "$manifest" >"signature/blobs/sha256/$digest"
  jq -c --arg digest "sha256:$digest" --argjson size "${#manifest}" '.manifests += [{mediaType:
    "application/vnd.oci.image.manifest.v1+json", digest: $digest, size: $size}]' signature/index.json >index
  mv index signature/index.json
  SIGNATURE=sha256:$digest
}

@test "referrers of an image are listed, and --referrers copies them" {
  hello_image hello:1
  signed hello:1
  there push --untagged "oci:signature:$SIGNATURE" "docker://$REGISTRY/me/hello"
  assert_equal "$(there referrers --json "docker://$REGISTRY/me/hello:1" | jq -r '.referrers[] | "\(.digest) \(.artifactType)"')" \
    "$SIGNATURE application/vnd.example.signature"
  there copy --referrers "docker://$REGISTRY/me/hello:1" oci:copy
  jq -e --arg digest "$SIGNATURE" '.manifests[] | select(.digest == $digest)' copy/index.json
  assert_equal "$(stave referrers --json "oci:copy:$(digest_of hello:1)" | jq -r '.referrers[].digest')" "$SIGNATURE"
  there copy --referrers "docker://$REGISTRY/me/hello:1" "docker://$REGISTRY/other/hello:1"
  assert_equal "$(there referrers --json "docker://$REGISTRY/other/hello:1" | jq -r '.referrers[].digest')" "$SIGNATURE"
}

# --- one index, many builders ---

@test "index create joins what two machines pushed, and no layer moves" {
  local arch digests=()
  for arch in amd64 arm64; do
    head -c 2M /dev/urandom >"f-$arch"
    STAVE_STORE=$PWD/$arch stave pack -q -t app --platform "linux/$arch" --add "f-$arch:/f"
    digests+=("docker://$REGISTRY/me/app@$(STAVE_STORE=$PWD/$arch there push --untagged app "docker://$REGISTRY/me/app")")
  done
  local posts
  posts=$(requests POST)
  there index create -t "docker://$REGISTRY/me/app:2" "${digests[@]}"
  assert_equal "$(requests POST)" "$posts"
  # Two configs, which tell the platform.
  assert_equal "$(requests GET blobs/)" 2
  assert_equal "$(there index ls "docker://$REGISTRY/me/app:2" | awk 'NR > 1 { print $1 }' | tr '\n' ' ')" "linux/amd64 linux/arm64/v8 "
}

@test "index create mounts what is in another repository" {
  hello_image hello:1
  there push hello:1 "docker://$REGISTRY/a/app:1"
  there index create -t "docker://$REGISTRY/b/app:1" "docker://$REGISTRY/a/app:1"
  assert_equal "$(requests POST 'b/app/blobs/uploads/.*mount=')" 2
  assert_equal "$(requests PATCH b/app/)" 0
}

@test "podman runs this machine's platform of an index made at the registry" {
  require_containers
  local arch digests=()
  for arch in amd64 arm64; do
    hello_binary "hello-$arch" "$arch"
    STAVE_STORE=$PWD/$arch stave pack -q -t app --platform "linux/$arch" --add "hello-$arch:/hello" --entrypoint '["/hello"]'
    digests+=("docker://$REGISTRY/me/app@$(STAVE_STORE=$PWD/$arch there push --untagged app "docker://$REGISTRY/me/app")")
  done
  there index create -t "docker://$REGISTRY/me/app:2" "${digests[@]}"
  fresh_podman
  podman pull -q --tls-verify=false "docker://$REGISTRY/me/app:2"
  run podman run --rm "$REGISTRY/me/app:2" world
  assert_exit 0
  assert_output_has hello
}

# --- other clients ---

@test "skopeo and podman take what stave pushed" {
  require_client skopeo podman
  hello_image hello:1
  there push hello:1 "docker://$REGISTRY/me/hello:1"
  skopeo copy --quiet --src-tls-verify=false "docker://$REGISTRY/me/hello:1" oci:copied:1
  assert_digest "$(jq -r '.manifests[0].digest' copied/index.json)" "$(digest_of hello:1)"
  fresh_podman
  podman pull -q --tls-verify=false "docker://$REGISTRY/me/hello:1"
}

@test "stave takes what skopeo and podman pushed" {
  require_client skopeo podman
  hello_image hello:1
  stave copy hello:1 oci-archive:hello.tar
  skopeo copy --quiet --dest-tls-verify=false oci-archive:hello.tar "docker://$REGISTRY/skopeo/hello:1"
  there pull "docker://$REGISTRY/skopeo/hello:1"
  assert_digest "$(digest_of "$REGISTRY/skopeo/hello:1")" "$(digest_of hello:1)"
  fresh_podman
  podman load -q <hello.tar
  podman push -q --tls-verify=false localhost/hello:1 "docker://$REGISTRY/podman/hello:1"
  there pull "docker://$REGISTRY/podman/hello:1"
  assert_equal "$(stave cat "$REGISTRY/podman/hello:1" /greeting)" "hello from hello:1"
}

# --- what must not happen ---

@test "names that would lead elsewhere are refused" {
  local name
  for name in "docker://$REGISTRY/../x" "docker://$REGISTRY/a/%2e%2e/b" "docker://$REGISTRY/a?b" "docker://user:pw@$REGISTRY/a" \
    "docker:///a" "docker://$REGISTRY/" "docker://$REGISTRY/a:b/c"; do
    run_there inspect "$name"
    assert_exit 2 || complain "$name was not refused"
  done
  assert_equal "$(requests GET)" 1 # start_registry's own
}

@test "a registry that is not there is an error of the network" {
  stop_registries
  run_there inspect --retries 0 "docker://$REGISTRY/me/hello:1"
  [ "$status" -ne 0 ] && [ "$status" -ne 3 ]
  assert_stderr_has "$REGISTRY"
}

@test "a disk that is full leaves nothing of a pull" {
  require_root "a small file system"
  large_image large 8
  there push large "docker://$REGISTRY/me/large"
  mkdir small
  mount -t tmpfs -o size=4m none small 2>/dev/null || skip_because "no tmpfs can be mounted here"
  STAVE_STORE=$PWD/small/store run_there pull "$REGISTRY/me/large"
  local left
  left=$(find small/store -type f -path '*blobs*' | wc -l)
  umount small
  assert_exit 11
  assert_equal "$left" 0
}
