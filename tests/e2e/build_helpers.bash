# Helpers of the tests of `stave build`.
# shellcheck shell=bash disable=SC2154

# containerfile TEXT [DIR]: writes DIR/Containerfile (default: ctx).
containerfile() {
  mkdir -p "${2:-ctx}"
  printf '%s\n' "$1" >"${2:-ctx}/Containerfile"
}

# box_image NAME: an image of a busybox root file system in the store.
box_image() {
  require_client busybox || return 1
  [ -d "$BATS_TEST_TMPDIR/box" ] || busybox_root "$BATS_TEST_TMPDIR/box"
  mkdir -p "$BATS_TEST_TMPDIR/box/etc"
  printf 'root:x:0:0:root:/root:/bin/sh\napp:x:1000:1001:app:/home/app:/bin/sh\n' >"$BATS_TEST_TMPDIR/box/etc/passwd"
  printf 'root:x:0:\napp:x:1001:\nstaff:x:50:app\n' >"$BATS_TEST_TMPDIR/box/etc/group"
  stave -q pack -t "$1" --owner 0:0 --mtime 0 --layer "$BATS_TEST_TMPDIR/box" --cmd /bin/sh --env PATH=/bin >/dev/null
}

# A RUN works here, or the test is skipped.
require_steps() {
  require_client runc || return 1
  [ "$(id -u)" = 0 ] || skip_because "RUN is tried as root here"
}

# A user namespace can be made by an ordinary user.
require_user_steps() {
  require_client runc || return 1
  as_user unshare -Ur true 2>/dev/null || skip_because "an ordinary user can make no user namespace here"
}
