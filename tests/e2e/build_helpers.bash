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

# toolchain_image NAME: an image with the host's gcc, enough to compile and link a static C program.
toolchain_image() {
  require_client gcc busybox || return 1
  local root=$BATS_TEST_TMPDIR/toolchain file library machine version
  machine=$(gcc -dumpmachine) version=$(gcc -dumpversion)
  busybox_root "$root"
  mkdir -p "$root/usr/bin" "$root/usr/lib/gcc/$machine" "$root/usr/lib/$machine" "$root/lib64" "$root/lib" "$root/usr/include"
  for file in gcc as ld; do cp -L "/usr/bin/$file" "$root/usr/bin/"; done
  mkdir "$root/usr/lib/gcc/$machine/$version"
  for file in cc1 collect2 liblto_plugin.so libgcc.a libgcc_eh.a crtbeginT.o crtend.o include lto-wrapper; do
    [ ! -e "/usr/lib/gcc/$machine/$version/$file" ] || cp -rL "/usr/lib/gcc/$machine/$version/$file" "$root/usr/lib/gcc/$machine/$version/"
  done
  for file in libc.a crt1.o crti.o crtn.o; do cp -L "/usr/lib/$machine/$file" "$root/usr/lib/$machine/"; done
  cp -rL /usr/include/*.h /usr/include/bits /usr/include/sys /usr/include/gnu /usr/include/asm-generic /usr/include/linux \
    /usr/include/"$machine" "$root/usr/include/" 2>/dev/null || true
  for file in "$root"/usr/bin/{gcc,as,ld} "$root/usr/lib/gcc/$machine/$version"/{cc1,collect2,liblto_plugin.so}; do
    for library in $(ldd "$file" 2>/dev/null | grep -o '/[^ ]*'); do
      mkdir -p "$root$(dirname "$library")"
      [ -e "$root$library" ] || cp -L "$library" "$root$library"
    done
  done
  stave -q pack -t "$1" --owner 0:0 --mtime 0 --compression zstd:1 --layer "$root" --cmd /bin/sh --env PATH=/bin:/usr/bin >/dev/null
}
