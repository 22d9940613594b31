# Once for all end-to-end tests: a short directory for the clients' state (the
# paths of sockets have 107 bytes), with `stave` and the client scripts copied
# where every user can reach them.
# shellcheck shell=bash

setup_suite() {
  local here
  here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
  STAVE_BIN=${STAVE_BIN:-$here/../../build/release/stave}
  STAVE_CLIENTS=$(mktemp -d /tmp/stave.XXXXXX)
  export STAVE_BIN STAVE_CLIENTS
  mkdir -m 755 "$STAVE_CLIENTS/bin" "$STAVE_CLIENTS/home"
  mkdir -m 1777 "$STAVE_CLIENTS/user"
  chmod 1777 "$STAVE_CLIENTS/user"
  chmod 755 "$STAVE_CLIENTS" "$STAVE_CLIENTS/bin" "$STAVE_CLIENTS/home"
  cp "$here"/clients/* "$STAVE_CLIENTS/bin/"
  if [ -x "$STAVE_BIN" ]; then cp "$STAVE_BIN" "$STAVE_CLIENTS/bin/stave"; fi
}

teardown_suite() {
  [ -n "${STAVE_CLIENTS:-}" ] || return 0
  # What as_user left (helpers.bash): that user's processes and files, some of them in a user namespace.
  local me=(env)
  if [ "$(id -u)" = 0 ]; then me=(setpriv --reuid nobody --regid nogroup --clear-groups --inh-caps=-all env); fi
  (cd / && "${me[@]}" "STAVE_CLIENTS=$STAVE_CLIENTS/user" "PATH=$STAVE_CLIENTS/bin:$PATH" clean-clients)
  "$STAVE_CLIENTS/bin/clean-clients"
  rm -rf "$STAVE_CLIENTS"
}
