# Login and logout against Debian's docker-registry: what is kept, where, and that
# nobody sees a password on the way.
# shellcheck disable=SC2154  # status, output and stderr are set by bats' run

load helpers
load registry_helpers

setup() {
  fresh
  export XDG_RUNTIME_DIR=$BATS_TEST_TMPDIR/runtime PASSWORD='p@ss:word/ü'
  mkdir -m 700 "$XDG_RUNTIME_DIR"
  AUTH=$XDG_RUNTIME_DIR/containers/auth.json
}
teardown() {
  stop_registries
  [ -z "${SOCKET:-}" ] || tmux -S "$SOCKET" kill-server 2>/dev/null || true
}

# The newest registry speaks plain http.
plain() {
  mkdir -p "$HOME/.config/containers"
  printf '[[registry]]\nlocation = "%s"\ninsecure = true\n' "$REGISTRY" >"$HOME/.config/containers/registries.conf"
}
log_in() { printf '%s\n' "$PASSWORD" | stave login -u ann --password-stdin "$@"; }

@test "login checks, then keeps for its owner only" {
  start_registry htpasswd && plain
  run --separate-stderr log_in "$REGISTRY"
  [ "$status" = 0 ]
  [ -z "$output" ]
  [[ $stderr == "logged in to $REGISTRY as ann; kept in the file "*"(base64, not encrypted)" ]]
  [ "$(stat -c %a "$AUTH")" = 600 ]
  [ "$(stat -c %a "${AUTH%/*}")" = 700 ]
  [ "$(stave login --get "$REGISTRY")" = ann ]
}

@test "a wrong password is told, and not kept" {
  start_registry htpasswd && plain
  PASSWORD=wrong-secret run log_in "$REGISTRY"
  [ "$status" != 0 ]
  [[ $output != *wrong-secret* ]]
  [[ $output == *"$REGISTRY"* ]]
  [ ! -e "$AUTH" ]
}

@test "the password comes from STAVE_CREDS, too" {
  start_registry htpasswd && plain
  STAVE_CREDS="ann:$PASSWORD" stave login "$REGISTRY"
  STAVE_CREDS="$PASSWORD" stave login -u ann "$REGISTRY"
  [ "$(stave login --get "$REGISTRY")" = ann ]
}

@test "a password in an argument is refused and not repeated" {
  run stave login -u ann:hunter22 localhost:5000
  [ "$status" != 0 ]
  [[ $output != *hunter22* ]]
}

@test "without a terminal and a password nobody waits" {
  run stave login -u ann localhost:5000 </dev/null
  [ "$status" != 0 ]
  [[ $output == *"--password-stdin"* ]]
}

@test "logout forgets" {
  start_registry htpasswd && plain
  log_in "$REGISTRY"
  [ "$(stave logout "$REGISTRY")" = "$REGISTRY" ]
  run stave login --get "$REGISTRY"
  [ "$status" != 0 ]
  run stave logout "$REGISTRY"
  [ "$status" != 0 ]
  [[ $output == *"nobody is logged in"* ]]
  log_in "$REGISTRY"
  [ "$(stave logout --all)" = "$REGISTRY" ]
}

@test "a private CA is taken from certs.d and --cert-dir, and nothing less is trusted" {
  start_registry tls htpasswd
  run log_in "$REGISTRY"
  [ "$status" != 0 ]
  [ ! -e "$AUTH" ]
  mkdir -p mine && cp "$REGISTRY_CA" mine/
  log_in --cert-dir mine "$REGISTRY"
  mkdir -p "$HOME/.config/containers/certs.d/$REGISTRY"
  cp "$REGISTRY_CA" "$HOME/.config/containers/certs.d/$REGISTRY/"
  log_in "$REGISTRY"
}

@test "--tls-verify=false takes any certificate" {
  start_registry tls htpasswd
  log_in --tls-verify=false "$REGISTRY"
}

@test "a token server is asked with the password" {
  start_registry token && plain
  log_in "$REGISTRY"
  grep -qx 'GET ann.*' "$REGISTRY_DIR/token.log"
  PASSWORD=wrong-secret run log_in "$REGISTRY"
  [ "$status" != 0 ]
  [[ $output == *"who are you?"* ]]
  [[ $output != *wrong-secret* ]]
}

@test "skopeo uses what stave kept, and the other way round" {
  require_client skopeo
  start_registry htpasswd && plain
  log_in --authfile stave.json "$REGISTRY"
  skopeo login --tls-verify=false --authfile stave.json --get-login "$REGISTRY" | grep -qx ann
  run skopeo list-tags --tls-verify=false --authfile stave.json "docker://$REGISTRY/none"
  [[ $output != *nauthorized* ]]
  printf %s "$PASSWORD" | skopeo login --tls-verify=false --authfile skopeo.json -u ann --password-stdin "$REGISTRY"
  [ "$(stave login --authfile skopeo.json --get "$REGISTRY")" = ann ]
  stave logout --authfile skopeo.json "$REGISTRY"
  run skopeo login --authfile skopeo.json --get-login "$REGISTRY"
  [ "$status" != 0 ]
}

@test "podman uses what stave kept, and the other way round" {
  require_client podman
  start_registry htpasswd && plain
  log_in --authfile stave.json "$REGISTRY"
  [ "$(podman login --authfile stave.json --get-login "$REGISTRY")" = ann ]
  printf %s "$PASSWORD" | podman login --tls-verify=false --authfile podman.json -u ann --password-stdin "$REGISTRY"
  [ "$(stave login --authfile podman.json --get "$REGISTRY")" = ann ]
}

@test "a credential helper keeps it instead of the file" {
  start_registry htpasswd && plain
  mkdir -p bin kept "${AUTH%/*}"
  cat >bin/docker-credential-fake <<'HELPER'
#!/bin/bash
kept=$(dirname "$0")/../kept
input=$(cat)
env | grep -q '^STAVE_CREDS=' && echo leaked >>"$kept/leak"
case "$1" in
  store) echo "$input" >"$kept/one" ;;
  get) [ -f "$kept/one" ] || { echo 'credentials not found in native keychain'; exit 1; }; cat "$kept/one" ;;
  erase) rm "$kept/one" ;;
  list) echo '{}' ;;
esac
HELPER
  chmod +x bin/docker-credential-fake
  PATH=$PWD/bin:$PATH
  printf '{"credHelpers": {"%s": "fake"}}' "$REGISTRY" >"$AUTH"
  STAVE_CREDS="ann:$PASSWORD" run stave login "$REGISTRY"
  [ "$status" = 0 ]
  [[ $output == *"the helper docker-credential-fake" ]]
  [ ! -e kept/leak ]
  [ -s kept/one ]
  run ! grep -q '"auth"' "$AUTH"
  [ "$(stave login --get "$REGISTRY")" = ann ]
  stave logout "$REGISTRY"
  [ ! -e kept/one ]
}

@test "no secret in output, process lists or any file but the one" {
  start_registry htpasswd && plain
  mkfifo gate
  stave login -u ann --password-stdin "$REGISTRY" <gate >out 2>&1 3>&- &
  local login=$!
  exec 4>gate
  printf '%s\n' "$PASSWORD" >&4
  cat /proc/[0-9]*/cmdline >lines 2>/dev/null || true
  exec 4>&-
  wait "$login"
  run ! grep -aqF "$PASSWORD" lines out
  run ! grep -aqF "$(printf %s "ann:$PASSWORD" | base64)" lines out
  [ "$(grep -rlF "$(printf %s "ann:$PASSWORD" | base64)" "$BATS_TEST_TMPDIR" 2>/dev/null)" = "$AUTH" ]
  run ! grep -rqF --exclude-dir=tmp "$PASSWORD" "$BATS_TEST_TMPDIR"
}

# At a real terminal: `screen` is what a person sees.
at_terminal() {
  require_client tmux
  SOCKET=$STAVE_CLIENTS/l$BATS_SUITE_TEST_NUMBER
  tmux -S "$SOCKET" -f /dev/null new-session -d -x 100 -y 30 \
    "env PS1='$ ' LC_ALL=C.UTF-8 TERM=screen bash --norc --noprofile"
  wait_for_screen '^\$'
}
type_line() { tmux -S "$SOCKET" send-keys "$1" Enter; }
screen() { tmux -S "$SOCKET" capture-pane -p; }
wait_for_screen() {
  local _
  for _ in $(seq 100); do
    screen | grep -qE "$1" && return 0
    sleep 0.1
  done
  echo "never on the screen: $1" >&2
  screen >&2
  return 1
}

@test "at a terminal it asks, and the password is not seen" {
  start_registry htpasswd && plain
  at_terminal
  type_line "stave login $REGISTRY"
  wait_for_screen '^user for .*:'
  type_line ann
  wait_for_screen '^password of ann:'
  type_line "$PASSWORD"
  wait_for_screen '^logged in to .* as ann'
  screen >seen
  run ! grep -qF 'p@ss' seen
  type_line 'echo vis""ible'
  wait_for_screen '^visible'
}

@test "Ctrl-C at the password leaves a terminal that shows what is typed" {
  at_terminal
  type_line 'stave login -u ann localhost:1'
  wait_for_screen '^password of ann:'
  tmux -S "$SOCKET" send-keys C-c
  wait_for_screen 'interrupted'
  type_line "stty -a | grep -oE -e '-?echo ' | sed 's/^/now: /'"
  wait_for_screen '^now: echo'
}
