# Registries that mean harm: each is refused with a reason, in bounded memory and
# time, and nothing of it is in the store.

load helpers
load registry_helpers

setup() {
  fresh
  require_stave
  mkdir hostile
}

teardown() { stop_registries; }

# start_hostile [CERTIFICATE KEY]: sets HOSTILE to its host and port.
start_hostile() {
  hostile-registry "$PWD/hostile" "$@" >hostile/log 2>&1 3>&- &
  echo $! >>"$BATS_TEST_TMPDIR/registries"
  for _ in $(seq 100); do [ ! -s hostile/port ] || break; sleep 0.05; done
  HOSTILE=127.0.0.1:$(cat hostile/port)
}

# refused REPOSITORY EXIT WORDS: pulling it fails with this exit code and these words, in at most 64 MiB (a sanitizer needs
# more than that for itself) and 20 s, leaves nothing in the store and nothing for a later attempt, and shows nothing of this
# machine's files.
refused() {
  run --separate-stderr timeout 20 /usr/bin/time -f '%M' -o memory stave pull --tls-verify=false "$HOSTILE/$1:x"
  assert_exit "$2"
  [[ "$stderr" == *"$3"* ]] || complain "no '$3' in: $stderr"
  [[ "$output$stderr" != *root:* ]] || complain "it shows /etc/passwd"
  # GNU time says first that the command failed.
  [ -n "${ASAN_OPTIONS:-}" ] || [ "$(tail -n 1 memory)" -le 65536 ] || complain "$(tail -n 1 memory) KiB"
  [ -z "$(find store/blobs -type f 2>/dev/null)" ] || complain "$(find store/blobs -type f)"
  [ -z "$(stave images -q)" ]
}

@test "a manifest of a gigabyte, announced or not" {
  start_hostile
  refused huge 9 'document-bytes'
  refused huge-unsaid 9 'document-bytes'
}

@test "redirects without end: no more than ten are followed" {
  start_hostile
  refused redirects 9 redirect
  [ "$(grep -c 'GET /v2/redirects/manifests' hostile/requests)" -le 11 ]
}

@test "a Location that is a file or another scheme" {
  start_hostile
  refused into-a-file 8 'file:'
  refused another-scheme 8 'gopher:'
  refused layer-into-a-file 8 'file:'
}

@test "a digest that lies: of a manifest, of a layer" {
  start_hostile
  refused lying-tag 6 bbbbbbbb
  refused lying-layer 6 cccccccc
}

@test "a layer that does not end where it should" {
  start_hostile
  refused longer-layer 6 'more than'
}

@test "a token realm over plain http of a registry that speaks https: no secret leaves" {
  require_client openssl
  make_ca "$PWD"
  start_hostile server.crt server.key
  cp ca.crt hostile/ca.crt
  STAVE_CREDS=ann:secret-of-ann run --separate-stderr timeout 20 stave pull --cert-dir "$PWD/hostile" "$HOSTILE/any:x"
  assert_exit 8
  [[ "$stderr" == *'plain http'* ]] || complain "$stderr"
  [[ "$stderr" != *secret-of-ann* ]]
  run grep -c SECRET hostile/requests
  assert_equal "$output" 0
}
