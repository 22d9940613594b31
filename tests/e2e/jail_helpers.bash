# A jail: a directory that stave runs chrooted in, with canaries where the layers of
# other projects' attacks aim. What a test file needs that hands hostile archives to stave.
# shellcheck shell=bash disable=SC2154

# jail: makes ./jail with stave in it, canaries where the layers of containerd's tests aim, and layers/ to read from.
jail() {
  local library path
  mkdir -p jail/layers jail/store jail/w/sibling
  cp "$(type -P stave)" jail/stave
  for library in $(ldd jail/stave | grep -oE '/[^ )]+'); do
    mkdir -p "jail$(dirname "$library")"
    cp -L "$library" "jail$library"
  done
  for path in etc/passwd etc/hosts etc/unbroken etc/emptied etc/whitedout etc/localpasswd localetc localpasswd \
    localpasswd-dup passwdlink breakout upandout downandout other dne/etc root/canary target/canary \
    tmp/canary tmp/research/tmp/TestBreakouts3557722749/001/perm400 foo/canary somefile/canary bin/superbinary \
    w/etc/passwd w/localetc w/localpasswd w/breakout w/other w/sibling/canary w/dne/etc; do
    mkdir -p "jail/$(dirname "$path")"
    echo "canary $path" >"jail/$path"
  done
  cp jail/tmp/canary jail/tmp/research/tmp/TestBreakouts3557722749/001/also-exists-outside-root
  chmod 400 jail/tmp/research/tmp/TestBreakouts3557722749/001/perm400
  touch -d @1000 jail/etc/passwd
}

in_jail() {
  if [ "$(id -u)" = 0 ]; then
    env -i STAVE_STORE=/store "$(type -P chroot)" jail "$@"
  else
    env -i STAVE_STORE=/store unshare --user --map-root-user "$(type -P chroot)" jail "$@"
  fi
}

# All of the jail but what `stave unpack … /w/t` may make: its directory, where it lies, and the record beside it.
outside() {
  (
    cd jail || exit 1
    find . \( -path ./w/t -o -path ./w/t.stave \) -prune -o -path ./layers -prune -o -path ./w -printf '%p %m %U\n' -o \
      -printf '%p %y %m %U:%G %s %n %i %T@ %C@ %l\n' | sort
    find . \( -path ./w/t -o -path ./layers \) -prune -o -type f ! -name t.stave -print0 | sort -z | xargs -0r sha256sum
  )
}
