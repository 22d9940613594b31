# Helpers of the tests of `stave pack`: they read what it made straight from the
# layout under $STAVE_STORE, with jq, GNU tar and the decompressors, so that no
# part of stave checks another. `load pack_helpers` comes after `load helpers`.
# shellcheck shell=bash disable=SC2154,SC2034,SC2119,SC2120  # status, output and stderr are set by bats' run

# pack ARGS...: packs the image `t`; its digest is in $digest, what was said in $said. Fails as pack fails.
pack() {
  digest=$(stave pack -t t "$@" 2>"$BATS_TEST_TMPDIR/said") || {
    cat "$BATS_TEST_TMPDIR/said" >&2
    return 1
  }
  said=$(cat "$BATS_TEST_TMPDIR/said")
}

# digest_of ARGS...: what `pack -q` prints for them.
digest_of() { stave pack -q -t t "$@"; }

# blob DIGEST: its bytes.
blob() { cat "$STAVE_STORE/blobs/${1/://}"; }

# stored NAME: the document that the store has under that name, with its tag or without.
stored() {
  local name=$1
  [[ "${name##*/}" == *:* ]] || name=$name:latest
  blob "$(jq -er --arg n "$name" '.manifests[] | select(.annotations["org.opencontainers.image.ref.name"] == $n) | .digest' \
    "$STAVE_STORE/index.json")"
}

# manifest [NAME] [N]: of an index, that of its N-th image (0).
manifest() {
  local document
  document=$(stored "${1:-t}") || return 1
  if jq -e 'has("manifests")' <<<"$document" >/dev/null; then
    blob "$(jq -r ".manifests[${2:-0}].digest" <<<"$document")"
  else
    echo "$document"
  fi
}

# config [NAME] [N]
config() { blob "$(manifest "${1:-t}" "${2:-0}" | jq -r .config.digest)"; }

# config_is FILTER JSON: what jq's FILTER finds in the config of `t`.
config_is() { assert_equal "$(config t | jq -cS "$1")" "$2"; }

layer_count() { manifest "${1:-t}" | jq '.layers | length'; }

# layer_digest N [NAME]: counted from 0; -1 is the last.
layer_digest() { manifest "${2:-t}" | jq -r ".layers[$1].digest"; }

# layer_tar N [NAME]: the plain tar of a layer, decompressed by what its media type says.
layer_tar() {
  local type
  type=$(manifest "${2:-t}" | jq -r ".layers[$1].mediaType")
  case "$type" in
    *+gzip) blob "$(layer_digest "$1" "${2:-t}")" | gzip -dc ;;
    *+zstd) blob "$(layer_digest "$1" "${2:-t}")" | zstd -dc ;;
    *) blob "$(layer_digest "$1" "${2:-t}")" ;;
  esac
}

# layer_paths N: the names in a layer on one line each, as GNU tar escapes them.
layer_paths() { layer_tar "$1" "${2:-t}" | tar -t --quoting-style=escape; }

# layer_list N: "MODE UID/GID SIZE DATE TIME PATH", times in UTC.
layer_list() {
  layer_tar "$1" "${2:-t}" | TZ=UTC tar -tv --numeric-owner --full-time --quoting-style=escape | sed -E 's/ +/ /g'
}

# layer_content N PATH: of a file in a layer.
layer_content() { layer_tar "$1" | tar -xO "$2"; }

# assert_paths N PATH...: exactly these are in the layer, in that order.
assert_paths() {
  local layer=$1
  shift
  assert_equal "$(layer_paths "$layer")" "$(printf '%s\n' "$@")"
}

# assert_entry N LINE: the layer lists it so (LINE is a prefix of a line of `layer_list`, or has ` PATH` at its end).
assert_entry() {
  layer_list "$1" | grep -qxF -- "$2" || complain "no entry: $2" "but:" "$(layer_list "$1")"
}

# file_times FILE...: one of 2001-09-09 01:46:40 UTC, so that mtimes cannot agree by chance.
old() { touch -d @1000000000 "$@"; }

# base_image NAME DIR: a directory as an image, with root as owner of everything.
base_image() { stave pack -q -t "$1" --owner 0 --layer "$2" >/dev/null; }

# What there is of files in the store, the work directory and TMPDIR, hidden ones included.
everything() {
  (cd "$BATS_TEST_TMPDIR" && find store work tmp cache data home "$@" -printf '%p %y %s\n' 2>/dev/null | grep -v '^store/index.json ' | sort)
  [ ! -e "$STAVE_STORE/index.json" ] || sha256sum <"$STAVE_STORE/index.json"
}

# fails_cleanly CODE WORDS... -- ARGS...: stave fails with that code and one error line that has WORDS, and a hint or
# none; nothing was left behind anywhere.
fails_cleanly() {
  local code=$1 words=() before
  shift
  while [ "$1" != -- ]; do
    words+=("$1")
    shift
  done
  shift
  # The store is made on first use and stays, empty.
  [ -e "$STAVE_STORE" ] || [ -n "${NO_STORE:-}" ] || stave gc -q >/dev/null
  before=$(everything)
  run_stave "$@"
  assert_exit "$code" || return 1
  assert_one_error "${words[@]}" || return 1
  [ "$(everything)" = "$before" ] || complain "left behind:" "$(diff <(echo "$before") <(everything))"
}

# assert_one_error WORDS...: $stderr holds one line "stave: ...", with each of WORDS in it or in the hint after it.
assert_one_error() {
  local word errors
  errors=$(grep -cE '^stave: ' <<<"$stderr" | tr -d ' ')
  [ "$(grep -E '^stave: ' <<<"$stderr" | grep -vc '^stave: warning: ')" = 1 ] || complain "expected one error, not $errors" || return 1
  [ "$(grep -c '^hint: ' <<<"$stderr")" -le 1 ] || complain "more than one hint" || return 1
  for word in "$@"; do
    [[ "$stderr" == *"$word"* ]] || complain "stderr lacks: $word" || return 1
  done
}
