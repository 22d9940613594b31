# Helpers of the end-to-end tests. A test file begins with `load helpers`; each
# test then starts in an empty directory with a HOME, caches and a store of its
# own, `stave` in PATH, and the clients (podman, with-containerd, with-registry)
# in the form that works on this host.
#
# A client that is missing fails the test: tools/setup names it. A skip says why, and is for what the host forbids
# (root, user namespaces) or for data that is not there.
# shellcheck shell=bash disable=SC2154  # status, output and stderr are set by bats' run

bats_require_minimum_version 1.5.0

PROJECT=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)

# The default for every file; one that defines its own calls `fresh` first.
setup() { fresh; }

# An empty world: nothing of the person who runs the tests gets in.
fresh() {
  export HOME=$BATS_TEST_TMPDIR/home TMPDIR=$BATS_TEST_TMPDIR/tmp
  export XDG_CACHE_HOME=$BATS_TEST_TMPDIR/cache XDG_DATA_HOME=$BATS_TEST_TMPDIR/data
  export STAVE_STORE=$BATS_TEST_TMPDIR/store
  unset SOURCE_DATE_EPOCH NO_COLOR REGISTRY_AUTH_FILE DOCKER_CONFIG XDG_CONFIG_HOME XDG_RUNTIME_DIR TZ
  umask 022
  mkdir -p "$HOME" "$TMPDIR" "$XDG_CACHE_HOME" "$XDG_DATA_HOME" "$BATS_TEST_TMPDIR/work"
  cd "$BATS_TEST_TMPDIR/work" || return 1
  PATH=$STAVE_CLIENTS/bin:$PATH
}

# --- what a test needs ---

# skip_because REASON: skips; the reason is counted and printed by tools/run-tests.
skip_because() { skip "$*"; }

# require_client NAME...: each of them is installed, or the test fails.
require_client() {
  local name
  for name in "$@"; do
    # A name that bash has hashed would be answered with that one path.
    (hash -r && type -aP "$name") | grep -qvxF "$STAVE_CLIENTS/bin/$name" || {
      echo "$name is not installed; tools/setup test installs it" >&2
      return 1
    }
  done
}

# Containers run here: podman is installed (or the test fails) and the host lets it run one (or the test is skipped).
require_containers() {
  require_client podman || return 1
  podman info >/dev/null || return 1
  local refused
  refused=$STAVE_CLIENTS/p$(id -u)/refused
  [ ! -s "$refused" ] || skip_because "this host runs no containers: $(tail -n 1 "$refused")"
}

require_root() { [ "$(id -u)" = 0 ] || skip_because "${1:-this} needs root"; }

# stave itself was built.
require_stave() {
  [ -x "$STAVE_CLIENTS/bin/stave" ] || {
    echo "no stave at ${STAVE_BIN:-build/release/stave}; build it, or point STAVE_BIN at it" >&2
    return 1
  }
}

# shared PATH: prints where PATH of the shared test data is; skips without the data. In `$(shared ...)` only the subshell
# ends, so call it once plainly first: `shared images >/dev/null; dir=$(shared images)`.
shared() {
  local base=${STAVE_DATA:-$PROJECT/../shared/data}
  [ -e "$base/$1" ] || {
    skip_because "no shared data: $1"
    return 1
  }
  echo "$base/$1"
}

# busybox_layout VARIANT DIR: makes the OCI layout DIR out of Docker Hub's busybox; VARIANT is glibc/amd64, musl/amd64,
# musl/arm64v8 or musl/riscv64. Blobs of the shared data are links (or, in some checkouts, files holding the link's
# target) into the directory above them.
busybox_layout() {
  local from blob
  shared images/busybox >/dev/null
  from=$(shared "images/busybox/latest/$1")
  mkdir -p "$2/blobs/sha256"
  cp "$from/index.json" "$from/oci-layout" "$2/"
  for blob in "$from"/blobs/sha256/*; do
    if [ -L "$blob" ] || [ "$(head -c 6 "$blob" | tr -d '\0')" != ../../ ]; then
      cp -L "$blob" "$2/blobs/sha256/"
    else
      cp "$(dirname "$from/blobs/x")/sha256/$(cat "$blob")" "$2/blobs/sha256/$(basename "$blob")"
    fi
  done
  chmod -R u+w "$2"
}

# hello_binary FILE [ARCH]: a static program that prints `hello $1!`; ARCH is amd64 or arm64 (default: this machine's).
hello_binary() {
  local compiler=gcc arch here
  here=$(dpkg --print-architecture)
  arch=${2:-$here}
  if [ "$arch" != "$here" ]; then
    case "$arch" in
      amd64) compiler=x86_64-linux-gnu-gcc ;;
      arm64) compiler=aarch64-linux-gnu-gcc ;;
    esac
    require_client "$compiler" || return 1
  fi
  "$compiler" -static -O1 -o "$1" "$PROJECT/examples/hello.c"
}

# busybox_root DIR: a root file system with nothing but busybox-static and links to it.
busybox_root() {
  local applet
  require_client busybox || return 1
  mkdir -p "$1/bin" "$1/root" "$1/tmp"
  chmod 700 "$1/root"
  chmod 1777 "$1/tmp"
  cp "$(type -P busybox)" "$1/bin/busybox"
  for applet in $(busybox --list); do [ -e "$1/bin/$applet" ] || ln -s busybox "$1/bin/$applet"; done
}

# podman without images or containers of the tests before.
fresh_podman() { podman rm --all --force >/dev/null && podman rmi --all --force >/dev/null; }

# --- as somebody else ---

# as_user COMMAND...: runs COMMAND as an ordinary user with a passwd entry, in a directory of that user ($USER_DIR, made
# by `user_dir`), with HOME, store and clients there. When the tests run as an ordinary user, that is the user.
as_user() {
  user_dir
  local me=(env)
  if [ "$(id -u)" = 0 ]; then
    chown -R nobody: "$USER_DIR"
    me=(setpriv --reuid nobody --regid nogroup --clear-groups --inh-caps=-all env USER=nobody LOGNAME=nobody)
  fi
  (cd "$USER_DIR" && "${me[@]}" HOME="$USER_DIR/home" TMPDIR="$USER_DIR/tmp" STAVE_STORE="$USER_DIR/store" \
    XDG_CACHE_HOME="$USER_DIR/cache" XDG_DATA_HOME="$USER_DIR/data" STAVE_CLIENTS="$STAVE_CLIENTS/user" \
    PATH="$STAVE_CLIENTS/bin:$PATH" "$@")
}

# Sets USER_DIR: a directory that the user of `as_user` owns and can reach (bats' own are closed to others).
user_dir() {
  USER_DIR=$STAVE_CLIENTS/home/$BATS_ROOT_PID-$BATS_SUITE_TEST_NUMBER
  mkdir -p "$USER_DIR"/{home,tmp}
  chmod 755 "$USER_DIR"
}

# Containers run for the user of `as_user`, or the test is skipped with the reason.
require_user_containers() {
  require_client podman || return 1
  local said
  said=$(as_user unshare --user --map-root-user true 2>&1) || skip_because "this host gives ordinary users no namespaces: $said"
  as_user podman info >/dev/null || skip_because "podman does not start for an ordinary user"
  said=$(cat "$STAVE_CLIENTS"/user/p*/refused 2>/dev/null | tail -n 1)
  [ -z "$said" ] || skip_because "this host runs no containers for ordinary users: $said"
}

# --- asserts: each says what was expected and what came ---

# run_stave ARGS...: `run stave` with stdout in $output and stderr in $stderr.
run_stave() { run --separate-stderr stave "$@"; }

complain() {
  printf '%s\n' "$@" >&2
  if [ -n "${status:-}" ]; then
    printf 'exit %s\nstdout: %s\nstderr: %s\n' "$status" "${output:-}" "${stderr:-}" >&2
  fi
  return 1
}

assert_exit() { [ "$status" -eq "$1" ] || complain "expected exit $1, got $status"; }
assert_equal() { [ "$1" = "$2" ] || complain "expected: $2" "got:      $1"; }
assert_output() { [ "$output" = "$1" ] || complain "expected stdout: $1"; }
assert_output_has() { [[ "$output" == *"$1"* ]] || complain "stdout lacks: $1"; }
assert_stderr_has() { [[ "$stderr" == *"$1"* ]] || complain "stderr lacks: $1"; }
assert_stderr_lacks() { [[ "$stderr" != *"$1"* ]] || complain "stderr has: $1"; }

# assert_digest TEXT [WANTED]: TEXT is a sha256 digest (and that one).
assert_digest() {
  [[ "$1" =~ ^sha256:[0-9a-f]{64}$ ]] || complain "no digest: $1" || return 1
  [ $# -lt 2 ] || [ "$1" = "$2" ] || complain "expected digest $2" "got             $1"
}

# assert_file_digest FILE DIGEST
assert_file_digest() { assert_equal "sha256:$(sha256sum "$1" | cut -d' ' -f1)" "$2"; }

# assert_empty_dir DIR: nothing was left behind there (it may be absent).
assert_empty_dir() { [ -z "$(ls -A "$1" 2>/dev/null)" ] || complain "left behind in $1: $(ls -A "$1" | tr '\n' ' ')"; }
