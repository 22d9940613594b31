# Helpers of the tests that compare trees: what a directory is down to its last
# attribute, what other clients make of an image, and trees to try it with.
# `load tree_helpers` comes after `load helpers`.
# shellcheck shell=bash disable=SC2154

# describe DIR: everything there is to know of a tree apart from the root's own metadata, in an order of its own.
describe() {
  (
    cd "$1" || exit 1
    export LC_ALL=C
    # A layer has whole seconds; the size of directories is the file system's business, and so are link counts: overlayfs
    # counts names that a layer above took away.
    { find . -mindepth 1 -type d -printf '%T@ %y %m %U:%G %p\0' && find . ! -type d -printf '%T@ %y %m %U:%G %s %p -> %l\0'; } |
      sed -zE 's/^(-?[0-9]+)\.[0-9]+/\1/' | sort -z | tr '\0' '\n'
    find . \( -type b -o -type c \) -exec stat -c '%n device %t:%T' {} + | sort
    find . -type f -print0 | sort -z | xargs -0r sha256sum
    # Which names share an inode; its number says nothing.
    find . -type f -links +1 -printf '%i %p\n' | sort -k2 | awk '{names[$1] = names[$1] " " $2; if (++count[$1] == 2) order[++n] = $1} END {for (i = 1; i <= n; ++i) print "group" names[order[i]]}' | sort
    find . -mindepth 1 -print0 | sort -z | xargs -0r getfattr -h -d -m - 2>/dev/null | grep -av '^security.selinux'
    find . -mindepth 1 ! -type l -print0 | sort -z | xargs -0r getfacl -n 2>/dev/null
    find . -type f -print0 | sort -z | xargs -0r getcap
  )
}

# tree_by CLIENT NAME: what CLIENT (stave, umoci, podman, containerd) makes of the image NAME of the store, described.
tree_by() {
  local mounted
  rm -rf "by-$1"
  case "$1" in
    stave) stave unpack -q "$2" "by-$1" && describe "by-$1" ;;
    umoci)
      stave copy -q "$2" "oci:by-$1.oci:it" >/dev/null && umoci unpack --image "by-$1.oci:it" "by-$1" >/dev/null && describe "by-$1/rootfs"
      rm -rf "by-$1.oci" ;;
    podman)
      stave copy -q "$2" - | podman load --quiet >/dev/null
      mounted=$(podman image mount "localhost/$2") && describe "$mounted" && podman image unmount "localhost/$2" >/dev/null ;;
    containerd)
      mkdir "by-$1" && stave copy -q --force "$2" "oci-archive:by-$1.tar" >/dev/null
      ctr images import "by-$1.tar" >/dev/null && ctr images mount "$2" "by-$1" >/dev/null && describe "by-$1" && ctr images unmount --rm "by-$1" >/dev/null ;;
  esac
}

# random_tree SEED DIR: a small tree whose files are hard to tell apart: few names, contents, modes, owners and times, with
# hardlinks, symlinks, fifos, attributes. The same for the same seed.
random_tree() {
  (
    RANDOM=$1
    mkdir -p "$2" && cd "$2" || exit 1
    names=(a a- a.b b c)
    files=()
    for _ in $(seq 24); do
      path=${names[RANDOM % 5]}
      case $((RANDOM % 3)) in 1) path+=/${names[RANDOM % 5]} ;; 2) path+=/${names[RANDOM % 5]}/${names[RANDOM % 5]} ;; esac
      if [ -e "$path" ] || [ -L "$path" ] || ! mkdir -p "$(dirname "$path")" 2>/dev/null; then continue; fi
      case $((RANDOM % 8)) in
        0) mkdir "$path" ;;
        1) ln -s "${names[RANDOM % 5]}" "$path" ;;
        2) mkfifo "$path" ;;
        3) if [ ${#files[@]} -gt 0 ]; then ln "${files[RANDOM % ${#files[@]}]}" "$path"; fi ;;
        *) printf '%s' "$((RANDOM % 3))" >"$path" && files+=("$path") ;;
      esac
      if [ ! -e "$path" ] || [ -L "$path" ]; then continue; fi
      if [ $((RANDOM % 3)) = 0 ]; then chown "$((RANDOM % 2 * 1000)):$((RANDOM % 2 * 7))" "$path"; fi
      if [ $((RANDOM % 3)) = 0 ]; then chmod "$((RANDOM % 2 * 4))75$((RANDOM % 2 * 5))" "$path"; fi
      if [ $((RANDOM % 4)) = 0 ] && [ -f "$path" ]; then setfattr -n user.x -v "$((RANDOM % 2))" "$path"; fi
      if [ $((RANDOM % 6)) = 0 ] && [ -f "$path" ]; then setcap cap_net_raw+ep "$path"; fi
    done
    # Equal times everywhere, or one of three.
    odd=$((RANDOM % 2))
    find . -print0 | sort -z | while IFS= read -rd '' path; do touch -h -d "@$((1000 + odd * (RANDOM % 3)))" "$path"; done
  )
}
