# Nothing hostile gets through: every archive of other projects' tests, and bombs of
# our own, for every verb that reads one. No write outside, no crash, no hang, and no more memory, time or
# disk than there is. HOSTILE_VERBS says which verbs (default: "unpack ls validate"; "all" takes three times as
# long: `make test-big`). `hostile` (tests/e2e/clients) is the harness, `bombs` makes the bombs.

load helpers
load jail_helpers

# The harness in a mount namespace, as root or as one who maps to root.
run_hostile() {
  local spaces=(unshare --mount)
  [ "$(id -u)" = 0 ] || spaces=(unshare --user --map-root-user --mount)
  "${spaces[@]}" true || skip_because "this host gives no mount namespaces"
  mkdir -p jail/proc jail/layers
  jail
  rm -rf jail/w/* jail/layers/*
  tar -C jail/etc -cf jail/layers/below.tar passwd
  run --separate-stderr "${spaces[@]}" hostile jail "$@"
  # What was done is worth reading even when all is well.
  grep -v '^not ok' <<<"$output" | sed 's/^/# /' >&3
  assert_exit 0
}

@test "every hostile archive in a jail" {
  local hostile files
  shared hostile >/dev/null
  hostile=$(shared hostile)
  mapfile -t files < <(find -L "$hostile" -type f ! -name '*.txt' ! -name '*sparse-big*' ! -name 'sparse-large*' | sort)
  run_hostile "${files[@]}"
}

@test "every bomb in a jail" {
  [ -z "${ASAN_OPTIONS:-}" ] || skip_because "bombs are about memory and time, and a sanitizer changes both"
  local name files=()
  export HOSTILE_LIMITS="layer-bytes=200M unpack-bytes=200M archive-bytes=200M layer-metadata=50M"
  # Those that never end come through a pipe, below.
  for name in $(bombs | cut -d' ' -f1); do
    case "$name" in entries | headers) continue ;; esac
    bombs "$name" >"$name"
    files+=("$PWD/$name")
  done
  run_hostile "${files[@]}"
}

# defused EXIT LIMIT BOMB ARGS...: the bomb on standard input, with a limit lowered, ends at once, and leaves nothing.
defused() {
  local code=$1 limit=$2 bomb=$3
  shift 3
  SECONDS=0
  run_stave "$@" < <(bombs "$bomb" 3>&-)
  assert_exit "$code" || return 1
  [ "$limit" = - ] || assert_stderr_has "limit $limit" || return 1
  [ "$SECONDS" -lt 60 ] || complain "$bomb took $SECONDS s" || return 1
  assert_empty_dir "$TMPDIR" || return 1
  [ ! -e t ] || complain "$bomb left a tree" || return 1
}

@test "bombs end at the limit that is for them" {
  local compressed
  for compressed in gzip_zeros zstd_zeros; do
    defused 9 layer-bytes $compressed pack -t x --layer - --limit layer-bytes=100M
    defused 9 layer-bytes $compressed unpack - t --limit layer-bytes=50M --limit archive-bytes=50M
    defused 9 archive-bytes $compressed copy - x --limit archive-bytes=100M
  done
  defused 9 zstd-window zstd_window unpack - t
  defused 9 layer-entries entries pack -t x --layer - --limit layer-entries=20000
  defused 9 archive-bytes entries unpack - t --limit archive-bytes=10M
  defused 9 layer-bytes headers pack -t x --layer - --limit layer-bytes=10M
  defused 9 path-depth deep_enough unpack - t
  defused 9 layer-bytes eib unpack - t
  defused 9 layer-bytes eib_pax pack -t x --layer -
  defused 9 layer-bytes sparse_huge unpack - t
  defused 9 layer-metadata xattrs pack -t x --layer - --limit layer-metadata=50M
  defused 9 layer-metadata directories unpack - t --limit layer-metadata=50M
  defused 9 layer-metadata names pack -t x --layer - --limit layer-metadata=20M
}

@test "what no tar can mean is invalid" {
  local bomb
  for bomb in deep pax_header pax_record negative sparse_map; do defused 5 - $bomb unpack - t || return 1; done
}

@test "documents that are bombs: depth, values, size" {
  local bomb
  mkdir -p layout/blobs/sha256
  echo '{"imageLayoutVersion":"1.0.0"}' >layout/oci-layout
  bombs json_depth >layout/index.json
  run_stave inspect oci:layout
  assert_exit 9
  bombs json_values >layout/index.json
  run_stave inspect oci:layout
  assert_exit 9
  assert_stderr_has "limit json-values"
  bombs json_long >document
  cp document "layout/blobs/sha256/$(sha256sum <document | cut -d' ' -f1)"
  printf '{"schemaVersion":2,"manifests":[{"mediaType":"application/vnd.oci.image.manifest.v1+json","digest":"sha256:%s","size":%s}]}' \
    "$(sha256sum <document | cut -d' ' -f1)" "$(stat -c %s document)" >layout/index.json
  run_stave inspect oci:layout
  assert_exit 9
  assert_stderr_has "limit document-bytes"
}
