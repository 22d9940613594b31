# What a directory has beside content is packed, and read back the same by GNU
# tar and by libarchive: each test describes a tree, the layer that stave makes of
# it is unpacked by both, and the description of the result must be the tree's own.

load helpers
load pack_helpers
load tree_helpers

# unpacked_by gnu|bsd: unpacks the layer into the new directory of that name.
unpacked_by() {
  mkdir -p "$1"
  chmod --reference=tree "$1"
  chown --reference=tree "$1"
  case "$1" in
    gnu) layer_tar 0 | tar -C gnu --xattrs --xattrs-include='*' --numeric-owner --same-owner -xpf - ;;
    bsd) layer_tar 0 | LC_ALL=C.UTF-8 bsdtar -C bsd --xattrs --acls --numeric-owner --same-owner -xpf - ;;
  esac
}

# comes_back: what `tree` is after a round trip through stave and each of the two.
comes_back() {
  local reader
  require_client bsdtar
  pack --layer tree
  for reader in gnu bsd; do
    unpacked_by "$reader"
    diff <(describe tree) <(describe "$reader") || complain "$reader reads something else" || return 1
  done
}

# in_tmpfs: works in a file system that has every date; skips where there is none.
in_tmpfs() {
  require_root "mounting a tmpfs"
  mkdir -p "$BATS_TEST_TMPDIR/tmpfs"
  mount -t tmpfs -o size=64m tmpfs "$BATS_TEST_TMPDIR/tmpfs" 2>/dev/null || skip_because "this host mounts no tmpfs"
  cd "$BATS_TEST_TMPDIR/tmpfs" || return 1
}

teardown() {
  cd /
  ! mountpoint -q "$BATS_TEST_TMPDIR/tmpfs" || umount "$BATS_TEST_TMPDIR/tmpfs"
}

@test "modes: setuid, setgid, sticky, nothing at all" {
  mkdir -p tree/{sticky,setgid}
  touch tree/{setuid,both,none,all}
  chmod 1777 tree/sticky
  chmod 2755 tree/setgid
  chmod 4755 tree/setuid
  chmod 6711 tree/both
  [ "$(id -u)" != 0 ] || chmod 0 tree/none
  chmod 7777 tree/all
  comes_back
}

@test "owners up to the largest" {
  require_root "chown"
  mkdir tree
  local id
  for id in 0 1 65534 65536 2097151 2097152 2147483647 2147483648 4294967294; do
    touch "tree/$id"
    chown "$id:$id" "tree/$id"
  done
  comes_back
}

@test "user xattrs, empty, binary and long ones" {
  mkdir -p tree/d
  touch tree/f
  setfattr -n user.a -v 1 tree/f || skip_because "no xattrs in this file system"
  setfattr -n user.empty tree/f
  setfattr -n user.binary -v 0x000a3d00ff tree/f
  setfattr -n user.long -v "$(head -c 3000 /dev/zero | tr '\0' x)" tree/f
  setfattr -n user.Ünïcode -v ü tree/f
  setfattr -n user.dir -v 1 tree/d
  comes_back
}

@test "trusted and overlayfs' xattrs stay at home" {
  require_root "trusted xattrs"
  mkdir tree
  touch tree/f
  setfattr -n trusted.x -v 1 tree/f || skip_because "no trusted xattrs here"
  setfattr -n user.overlay.opaque -v y tree/f
  setfattr -n user.kept -v 1 tree/f
  pack --layer tree
  unpacked_by gnu
  assert_equal "$(getfattr -d -m - gnu/f | grep -v '^#' | grep .)" 'user.kept="1"'
}

@test "capabilities of files" {
  require_root "setcap"
  mkdir tree
  cp /bin/true tree/f
  setcap cap_net_raw,cap_net_admin+ep tree/f || skip_because "no file capabilities here"
  comes_back
  getcap gnu/f | grep -q cap_net_raw
}

@test "a capability that holds for a user namespace only" {
  require_root "setcap"
  mkdir tree
  cp /bin/true tree/f
  setcap -n 1000 cap_net_raw+ep tree/f || skip_because "no namespaced file capabilities here"
  comes_back
}

@test "ACLs, default ones, too" {
  mkdir -p tree/d
  touch tree/f
  setfacl -m u:1234:rw,g:567:r,m:rwx tree/f || skip_because "no ACLs in this file system"
  setfacl -m u:1234:rwx tree/d
  setfacl -d -m u:89:rx,o::- tree/d
  # As xattrs, which is how Go's tools and podman write and read them. GNU tar restores them as such; libarchive reads
  # them and restores none, so what it read is written by it into another tar, and that is unpacked.
  pack --layer tree
  unpacked_by gnu
  diff <(describe tree) <(describe gnu)
  layer_tar 0 >layer.tar
  mkdir bsd
  bsdtar --format pax -cf - @layer.tar | tar -C bsd --xattrs --xattrs-include='*' --numeric-owner --same-owner -xpf -
  diff <(describe tree) <(describe bsd)
}

@test "hardlinks, across directories and to a symlink's inode" {
  mkdir -p tree/a tree/b
  echo content >tree/b/first
  ln tree/b/first tree/a/second
  ln tree/b/first tree/c
  echo other >tree/d
  ln tree/d tree/e
  comes_back
}

@test "a hardlink out of the tree is a file of its own" {
  mkdir tree
  echo content >outside
  ln outside tree/f
  pack --layer tree
  layer_list 0 | grep -qE '^-.* 8 .* f$'
}

@test "fifos" {
  mkdir tree
  mkfifo -m 640 tree/fifo
  comes_back
}

@test "devices" {
  require_root "mknod"
  mkdir tree
  mknod tree/null c 1 3 || skip_because "this host makes no devices"
  mknod tree/disk b 259 7
  mknod -m 600 tree/large c 4000 200000
  comes_back
}

@test "a sparse file comes back with the same bytes" {
  mkdir tree
  truncate -s 50M tree/hole
  printf middle | dd of=tree/hole bs=1 seek=25000000 conv=notrunc status=none
  printf end | dd of=tree/hole bs=1 seek=52428797 conv=notrunc status=none
  comes_back
}

@test "a sparse file is no sparse entry in the tar" {
  mkdir tree
  truncate -s 5M tree/hole
  pack --compression none --layer tree
  [ "$(layer_tar 0 | wc -c)" -gt 5242880 ]
  assert_equal "$(layer_tar 0 | head -c 2048 | grep -ca GNU.sparse)" 0
  # ustar's type flag of a plain file, where GNU's sparse ones have S.
  assert_equal "$(layer_tar 0 | head -c 157 | tail -c 1)" 0
}

@test "holes cost nothing to read" {
  mkdir tree
  truncate -s 100M tree/hole
  [ -e /proc/self/io ] || skip_because "this kernel counts no bytes"
  # What a shell has read includes what its children had, once they are waited for.
  read_by_packing() {
    bash -c 'stave pack -q -t t --compression zstd:1 --layer "$0" >/dev/null; while read -r what bytes; do
      [ "$what" != rchar: ] || echo "$bytes"; done </proc/$$/io' "$1"
  }
  [ "$(read_by_packing tree)" -lt 20000000 ] || complain "read $(read_by_packing tree) bytes"
  # And the counter does count.
  mkdir full
  head -c 100M /dev/zero >full/f
  [ "$(read_by_packing full)" -gt 100000000 ]
}

@test "names: newline, quotes, spaces, UTF-8, 255 bytes of them" {
  mkdir tree
  touch tree/$'new\nline' tree/'a "b" '"'c'" 'tree/ ' tree/-n tree/a\\b tree/Ünïcödé tree/日本語 tree/$'\t\x01\x7f'
  touch "tree/$(head -c 255 /dev/zero | tr '\0' n)"
  mkdir "tree/$(head -c 251 /dev/zero | tr '\0' d).dir"
  ln -s $'to\nnowhere' tree/link
  comes_back
}

@test "names of bytes that are no UTF-8" {
  mkdir tree
  touch tree/$'\xff\xfe' tree/$'\xe4\xf6'
  ln -s $'to\xff' tree/link
  pack --layer tree
  unpacked_by gnu
  # libarchive converts names, and says that it cannot.
  diff <(describe tree) <(describe gnu)
}

@test "names of 99, 100, 101, 155, 156 and 256 bytes, in directories, too" {
  mkdir -p "tree/$(head -c 154 /dev/zero | tr '\0' p)"
  local n
  for n in 99 100 101 155; do touch "tree/$(head -c "$n" /dev/zero | tr '\0' n)"; done
  for n in 98 99 100 101; do touch "tree/$(head -c 154 /dev/zero | tr '\0' p)/$(head -c "$n" /dev/zero | tr '\0' n)"; done
  ln -s "$(head -c 100 /dev/zero | tr '\0' l)" tree/l100
  ln -s "$(head -c 101 /dev/zero | tr '\0' l)" tree/l101
  comes_back
}

@test "a path of 4000 bytes" {
  local component i
  component=$(head -c 199 /dev/zero | tr '\0' d)
  mkdir tree
  # Longer than PATH_MAX from the root: reached step by step.
  (
    cd tree
    for i in $(seq 19); do
      mkdir "$component" && cd "$component" || exit 1
    done
    echo deep >"$(head -c 199 /dev/zero | tr '\0' f)"
  )
  pack --layer tree
  assert_equal "$(layer_paths 0 | tail -n 1 | wc -c)" 4000
  assert_equal "$(layer_tar 0 | tar -xO --wildcards '*f')" deep
  assert_equal "$(layer_tar 0 | bsdtar -tf - | tail -n 1 | wc -c)" 4000
}

@test "a symlink of 4000 bytes" {
  mkdir tree
  ln -s "$(head -c 4000 /dev/zero | tr '\0' l)" tree/link
  comes_back
}

@test "mtimes before 1970 and after 2^31" {
  in_tmpfs
  mkdir -p tree/d
  touch -d @-1 tree/before
  touch -d @-2208988800 tree/y1900
  touch -d @2147483648 tree/y2038
  touch -d @8589934591 tree/last-octal
  touch -d @-86400 tree/d
  comes_back
}

@test "mtimes after 2^33" {
  in_tmpfs
  mkdir tree
  touch -d @8589934592 tree/f
  touch -d @253402300799 tree/y9999
  # The kernel clamps what its file system cannot hold.
  [ "$(stat -c %Y tree/f)" = 8589934592 ] || skip_because "no such mtimes in this tmpfs"
  comes_back
}

@test "fractions of a second are cut off, never rounded" {
  mkdir tree
  touch -d @1000000000.999999999 tree/f
  pack --layer tree
  assert_entry 0 "-rw-r--r-- $(stat -c %u/%g tree/f) 0 2001-09-09 01:46:40 f"
}

@test "an empty directory, an empty file, a file of one block and a byte" {
  mkdir -p tree/empty
  touch tree/nothing
  head -c 512 /dev/zero >tree/512
  head -c 513 /dev/zero >tree/513
  comes_back
}

@test "a file that is called as a whiteout is refused by name" {
  mkdir tree
  touch tree/.wh.f
  fails_cleanly 5 .wh.f -- pack -t t --layer tree
  fails_cleanly 5 .wh.f -- pack -t t --add tree:/d
}

@test "ten thousand files come back" {
  mkdir tree
  (cd tree && seq 10000 | xargs touch && mkdir d && cd d && seq 1000 | xargs mkdir)
  comes_back
}
