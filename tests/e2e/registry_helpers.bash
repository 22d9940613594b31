# Helpers of the tests that talk to registries: Debian's docker-registry on the loopback, plain, with TLS, with
# passwords. A test file loads it after `helpers` and calls `stop_registries` in its teardown.
# shellcheck shell=bash

# start_registry [MODE...]: starts an empty registry and sets REGISTRY (host:port), REGISTRY_DIR (its data, log and
# files) and, with tls, REGISTRY_CA (a PEM file). Several may run at once; each call sets the variables to the newest.
#   tls        https with a private CA
#   htpasswd   asks for the user "ann", password "p@ss:word/ü"
#   token      asks for a token of our own server (clients/token-server), which knows the same user; her identity token is
#              "identity-of-ann". $REGISTRY_DIR/token.log has a line for each token
# Each line of $REGISTRY_DIR/log that holds "http.response.written" is one request: `requests` counts them.
start_registry() {
  require_client docker-registry || return 1
  local mode tls='' auth='' port daemon scheme=http
  REGISTRY_DIR=$(mktemp -d "$BATS_TEST_TMPDIR/registry.XXXXXX")
  for mode in "$@"; do
    case "$mode" in
      tls)
        make_ca "$REGISTRY_DIR" || return 1
        REGISTRY_CA=$REGISTRY_DIR/ca.crt
        tls=", tls: {certificate: $REGISTRY_DIR/server.crt, key: $REGISTRY_DIR/server.key}" scheme=https
        ;;
      htpasswd)
        require_client htpasswd || return 1
        htpasswd -Bbn -C 4 ann 'p@ss:word/ü' >"$REGISTRY_DIR/htpasswd"
        auth="auth: {htpasswd: {realm: test, path: $REGISTRY_DIR/htpasswd}}"
        ;;
      token)
        start_token_server || return 1
        auth="auth: {token: {realm: 'http://127.0.0.1:$(cat "$REGISTRY_DIR/token.port")/token', service: test-registry, issuer: test-issuer, rootcertbundle: $REGISTRY_DIR/token.crt}}"
        ;;
      *) echo "start_registry: what is '$mode'?" >&2; return 1 ;;
    esac
  done
  # It cannot pick a free port by itself: try some, and see whether it stayed.
  for _ in 1 2 3 4 5 6 7 8; do
    port=$((20000 + RANDOM % 12000))
    cat >"$REGISTRY_DIR/config.yml" <<CONF
version: 0.1
log: {level: info, formatter: json, accesslog: {disabled: true}}
storage: {filesystem: {rootdirectory: $REGISTRY_DIR/data}, delete: {enabled: true}, maintenance: {uploadpurging: {enabled: false}}}
http: {addr: "127.0.0.1:$port"$tls}
$auth
CONF
    docker-registry serve "$REGISTRY_DIR/config.yml" >"$REGISTRY_DIR/log" 2>&1 3>&- &
    daemon=$!
    for _ in $(seq 100); do
      kill -0 "$daemon" 2>/dev/null || break
      # 401 is an answer, too.
      if curl -sk -o /dev/null "$scheme://127.0.0.1:$port/v2/"; then
        echo "$daemon" >>"$BATS_TEST_TMPDIR/registries"
        REGISTRY=127.0.0.1:$port
        export REGISTRY REGISTRY_DIR REGISTRY_CA
        return 0
      fi
      sleep 0.05
    done
    kill "$daemon" 2>/dev/null || true
    wait "$daemon" 2>/dev/null || true
  done
  echo "the registry does not start:" >&2
  tail -n 20 "$REGISTRY_DIR/log" >&2
  return 1
}

# A token server for the registry that is being started.
start_token_server() {
  openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=test-issuer -keyout "$REGISTRY_DIR/token.key" \
    -out "$REGISTRY_DIR/token.crt" 2>/dev/null || return 1
  "$PROJECT/tests/e2e/clients/token-server" "$REGISTRY_DIR" >"$REGISTRY_DIR/token.err" 2>&1 3>&- &
  echo "$!" >>"$BATS_TEST_TMPDIR/registries"
  for _ in $(seq 100); do
    [ ! -s "$REGISTRY_DIR/token.port" ] || return 0
    sleep 0.05
  done
  cat "$REGISTRY_DIR/token.err" >&2
  return 1
}

# Stops every registry that this test started.
stop_registries() {
  local daemon
  [ -f "$BATS_TEST_TMPDIR/registries" ] || return 0
  while read -r daemon; do
    kill "$daemon" 2>/dev/null || true
    wait "$daemon" 2>/dev/null || true
  done <"$BATS_TEST_TMPDIR/registries"
  rm -f "$BATS_TEST_TMPDIR/registries"
}

# requests [METHOD [PATTERN]]: how many requests the newest registry has answered whose method and URI are these.
requests() {
  grep -h '"http.response.status"' "$REGISTRY_DIR/log" | grep -F "\"http.request.method\":\"${1:-}" |
    grep -cE "\"http.request.uri\":\"[^\"]*${2:-}" || true
}

# make_ca DIR: a private CA (ca.crt, ca.key) and a certificate of it for the loopback (server.crt, server.key) in DIR.
make_ca() {
  local dir=$1
  openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -subj /CN=test-ca \
    -keyout "$dir/ca.key" -out "$dir/ca.crt" 2>/dev/null &&
    openssl req -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj /CN=127.0.0.1 \
      -keyout "$dir/server.key" -out "$dir/server.csr" 2>/dev/null &&
    printf 'subjectAltName=IP:127.0.0.1,DNS:localhost\n' >"$dir/san" &&
    openssl x509 -req -in "$dir/server.csr" -CA "$dir/ca.crt" -CAkey "$dir/ca.key" -CAcreateserial -days 2 \
      -extfile "$dir/san" -out "$dir/server.crt" 2>/dev/null
}
