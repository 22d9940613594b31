# A directory made of an image or of layers: the same as other clients make, with
# nothing outside of it touched whatever the layers say, or nothing at all.

# shellcheck shell=bash disable=SC2154,SC2016,SC2094  # bats' run sets $stderr; words are for other shells

load helpers
load tree_helpers
load jail_helpers

# layer NAME COMMANDS: NAME.tar of the files that the commands make in a directory of their own; all are root's unless root
# gives them away.
layer() {
  local owner=()
  [ "$(id -u)" = 0 ] || owner=(--owner=0 --group=0)
  rm -rf "make-$1" && mkdir "make-$1"
  (cd "make-$1" && bash -euc "$2")
  tar -C "make-$1" --xattrs "${owner[@]}" -cf "$1.tar" .
}

three_layers() {
  layer one 'mkdir a b c; echo 1 >a/1; echo 2 >a/2; ln a/2 a/3; echo x >b/x; echo y >c/y; ln -s a l; chmod 2711 b'
  layer two 'mkdir a c; touch a/.wh.1 .wh.b c/.wh..wh..opq; echo new >c/new; rmdir a/none 2>/dev/null || true'
  layer three 'mkdir b; echo again >b/x; mkdir l; echo in >l/f; chmod 700 l'
  rm -rf make-*
}

# --- as other clients ---

@test "Alpine, as root: the tree that GNU tar and umoci make" {
  local alpine
  require_root "giving files to their owners"
  require_client umoci
  shared images/alpine >/dev/null
  alpine=$(shared images/alpine/x86_64/alpine-minirootfs-3.20.3-x86_64.tar.gz)
  stave unpack -q "$alpine" tree
  mkdir tar && tar -xpzf "$alpine" -C tar
  assert_equal "$(describe tree)" "$(describe tar)"
  stave pack -q -t alpine:1 --layer "$alpine" >/dev/null
  assert_equal "$(tree_by stave alpine:1)" "$(describe tar)"
  assert_equal "$(tree_by umoci alpine:1)" "$(describe tar)"
  assert_equal "$(stat -c '%a %U %y' tree)" "$(stat -c '%a %U %y' tar)"
}

@test "a layer as bsdtar unpacks it" {
  require_root "owners and devices"
  require_client bsdtar
  layer one 'echo x >f; chown 12:34 f; chmod 4755 f; ln f g; mknod n c 1 3; mkfifo p; mkdir -m 1777 t; ln -s nowhere l; setfattr -n user.a -v 1 t; setcap cap_net_raw+ep f'
  stave unpack -q one.tar tree
  mkdir bsd && bsdtar -xpf one.tar -C bsd
  assert_equal "$(describe tree)" "$(describe bsd)"
}

@test "three layers with whiteouts: the tree that umoci makes" {
  require_root "giving files to their owners"
  require_client umoci
  three_layers
  stave pack -q -t it:1 --layer one.tar --layer two.tar --layer three.tar >/dev/null
  wanted=$(tree_by umoci it:1)
  assert_equal "$(tree_by stave it:1)" "$wanted"
  stave unpack -q one.tar two.tar three.tar tars
  assert_equal "$(describe tars)" "$wanted"
}

@test "IMAGE~1 is the image without its last layer" {
  three_layers
  stave pack -q -t it:1 --layer one.tar --layer two.tar --layer three.tar >/dev/null
  stave unpack -q it:1~1 two
  stave unpack -q one.tar two.tar wanted
  assert_equal "$(describe two)" "$(describe wanted)"
  [ -L two/l ] # which the last layer replaces
}

@test "holes come back" {
  truncate -s 64M sparse && printf x | dd of=sparse bs=1 seek=32M conv=notrunc status=none
  tar -cf full.tar sparse && tar -Scf sparse.tar sparse
  for tar in full sparse; do
    stave unpack -q $tar.tar tree-$tar
    cmp sparse tree-$tar/sparse
    [ "$(du -k tree-$tar/sparse | cut -f1)" -lt 1024 ] || complain "$(du -k tree-$tar/sparse)"
  done
}

@test "what is said" {
  three_layers
  run_stave unpack --json one.tar two.tar three.tar tree
  assert_exit 0
  assert_equal "$(jq -c '[.entries, .bytes, .digest]' <<<"$output")" "[$(find tree -mindepth 1 | wc -l),15,null]"
  assert_equal "$(jq -r .path <<<"$output")" "$PWD/tree"
  assert_stderr_has "tree: 9 files, 15 B"
  stave pack -q -t it:1 --layer one.tar >/dev/null
  run_stave unpack -q --json it:1 image
  assert_digest "$(jq -r .digest <<<"$output")"
  assert_equal "$stderr" ""
}

@test "from standard input" {
  three_layers
  run_stave unpack -q - tree <one.tar
  assert_exit 0
  run_stave unpack -q one.tar - both <two.tar
  assert_exit 0
  [ ! -e both/b ]
  run_stave unpack -q - - twice <two.tar
  assert_exit 2
}

# --- as an ordinary user ---

@test "an ordinary user unpacks Alpine, diff knows its owners, and rm -rf removes it" {
  local alpine
  shared images/alpine >/dev/null
  alpine=$(shared images/alpine/x86_64/alpine-minirootfs-3.20.3-x86_64.tar.gz)
  user_dir
  # With everything that such a user cannot make.
  if [ "$(id -u)" = 0 ]; then
    layer odd 'mkdir -m 0 closed; echo x >closed/f; chmod 0 closed/f; chown 12:34 closed/f; mknod null c 1 3; echo x >su; chmod 6755 su; setcap cap_net_raw+ep su; setfattr -n user.a -v 1 su'
  else
    layer odd 'mkdir -m 500 closed; echo x >su; chmod 4755 su'
  fi
  cp odd.tar "$alpine" "$USER_DIR"
  alpine=$(basename "$alpine")
  run --separate-stderr as_user stave unpack "$alpine" odd.tar tree
  assert_exit 0
  assert_stderr_has "owners are kept aside in tree.stave"
  assert_equal "$(find "$USER_DIR/tree" ! -user "$(stat -c %U "$USER_DIR")")" ""
  assert_equal "$(find "$USER_DIR/tree" -perm /6000)" ""
  # In one go: as_user chowns everything, and that takes capabilities away.
  run --separate-stderr as_user bash -euc "rm -r tree; stave unpack -q $alpine odd.tar tree
    stave pack -q -t it:1 --layer $alpine --layer odd.tar >/dev/null
    stave diff -q it:1 tree"
  assert_output ""
  assert_exit 0
  as_user rm -rf tree
  [ ! -e "$USER_DIR/tree" ]
}

@test "a user who unpacks finds changes, and only those" {
  layer one 'mkdir d; echo x >d/f; echo y >d/g; echo z >z'
  user_dir
  cp one.tar "$USER_DIR"
  as_user stave unpack -q one.tar tree
  as_user bash -c 'echo new >tree/d/f; touch -d @5 tree/d/f; chmod 600 tree/z; echo n >tree/n; touch -r tree/d tree; touch -d @5 tree/d'
  run --separate-stderr as_user stave diff -q --json --ignore mtime one.tar tree
  assert_exit 1
  assert_equal "$(jq -r '.changes[] | "\(.change) \(.path) \(.aspects // [] | join(","))"' <<<"$output")" "modified /d/f content
added /n 
modified /z mode"
}

# With a subordinate range of our own over the host's: in a mount namespace, so that nothing of the host changes.
with_range() {
  printf 'nobody:100000:65536\n' >"$STAVE_CLIENTS/subid"
  export USER_DIR STAVE_CLIENTS
  unshare --mount bash -euc 'mount --bind "$STAVE_CLIENTS/subid" /etc/subuid; mount --bind "$STAVE_CLIENTS/subid" /etc/subgid
    cd "$USER_DIR"; exec setpriv --reuid nobody --regid nogroup --clear-groups --inh-caps=-all \
      env HOME="$USER_DIR/home" STAVE_STORE="$USER_DIR/store" TMPDIR="$USER_DIR/tmp" USER=nobody "$@"' -- "$@"
}

@test "--userns: real owners out of a subordinate range" {
  require_root "a range to try it with"
  require_client newuidmap
  user_dir
  chown -R nobody:nogroup "$USER_DIR"
  with_range unshare --user true || skip_because "this host gives ordinary users no namespaces"
  layer one 'echo x >f; chown 12:34 f; chmod 4755 f; mkdir -m 700 d; chown 1000:1000 d; echo y >r'
  cp one.tar "$USER_DIR"
  run --separate-stderr with_range stave unpack -q --userns one.tar tree
  assert_exit 0
  assert_equal "$(cd "$USER_DIR/tree" && stat -c '%n %u:%g %a' d f r)" "d 100999:100999 700
f 100011:100033 4755
r 65534:65534 644"
}

@test "--userns without a range says how to get one" {
  [ "$(id -u)" != 0 ] || ! grep -q '^nobody:' /etc/subuid || skip_because "nobody has a range here"
  layer one 'echo x >f'
  user_dir
  cp one.tar "$USER_DIR"
  run --separate-stderr as_user stave unpack --userns one.tar tree
  assert_exit 8
  assert_stderr_has "usermod --add-subuids"
  [ ! -e "$USER_DIR/tree" ]
}

# --- bundles ---

@test "a bundle appears with rootfs, its record and config.json" {
  layer one 'mkdir bin; echo x >bin/sh'
  stave pack -q -t it:1 --layer one.tar --entrypoint /bin/sh --env A=b >/dev/null
  stave unpack -q --bundle it:1 bundle
  assert_equal "$(echo bundle/*)" "bundle/config.json bundle/rootfs bundle/rootfs.stave"
  assert_equal "$(jq -r '.process.args[0], .root.path' bundle/config.json | tr '\n' ' ')" "/bin/sh rootfs "
  [ ! -e bundle.stave ]
}

@test "runc runs a bundle as it is" {
  require_root "runc"
  require_client runc
  hello_binary hello
  layer one "cp $PWD/hello hello"
  stave pack -q -t hello:1 --layer one.tar --entrypoint /hello --cmd world >/dev/null
  stave unpack -q --bundle hello:1 bundle
  unset STAVE_STORE
  run --separate-stderr runc --root "$PWD/state" run -b bundle "stave-$$"
  [ "$status" = 0 ] || ! grep -qE 'operation not permitted|cgroup' <<<"$stderr" || skip_because "runc cannot run here: $stderr"
  assert_exit 0
  assert_output "hello world!"
}

@test "a bundle needs an image, and one that says what to run" {
  layer one 'echo x >f'
  run_stave unpack --bundle one.tar bundle
  assert_exit 2
  stave pack -q -t it:1 --layer one.tar >/dev/null
  run_stave unpack --bundle it:1 bundle
  assert_exit 2
  assert_equal "$(echo *)" "make-one one.tar"
}

# --- nothing, or all ---

@test "an image archive that is named as a tar is no layer" {
  mkdir a && echo x >a/f
  stave pack -q -t it:1 --layer a >/dev/null
  stave copy -q it:1 oci-archive:it.tar >/dev/null
  run_stave unpack it.tar tree
  assert_exit 2
  assert_stderr_has "oci-archive:it.tar"
  [ ! -e tree ]
}

@test "a target that is taken stays as it is" {
  layer one 'echo x >f'
  mkdir full empty && echo mine >full/mine && echo mine >file && ln -s empty link
  for target in full file link .; do
    run_stave unpack one.tar $target
    [ "$status" = 4 ] || [ "$status" = 2 ] || complain "$target"
  done
  assert_equal "$(cat full/mine file)" "mine
mine"
  run_stave unpack -q one.tar empty
  assert_exit 0
  [ -e empty/f ]
}

@test "a mount point is not taken" {
  require_root "mounting"
  layer one 'echo x >f'
  mkdir target
  run --separate-stderr unshare --mount bash -c 'mount -t tmpfs none target && stave unpack one.tar target'
  assert_exit 4
  assert_stderr_has "something is mounted there"
  run --separate-stderr unshare --mount bash -c 'mount --bind target target && stave unpack one.tar target'
  assert_exit 4
}

@test "a full disk in the middle: a clear word, and nothing is left" {
  require_root "mounting"
  mkdir small
  layer one 'head -c 3M /dev/urandom >big; echo x >f'
  export -f complain
  run --separate-stderr unshare --mount bash -c 'mount -t tmpfs -o size=2M none small || exit 99
    stave unpack one.tar small/t; code=$?; ls -A small; exit $code'
  assert_exit 11
  assert_output ""
  assert_stderr_has '"one.tar": "big": writing: no space is left on the file system'
}

@test "more files than the disk takes: the same" {
  require_root "mounting"
  mkdir small
  layer one 'for i in $(seq 300); do echo $i >$i; done'
  run --separate-stderr unshare --mount bash -c 'mount -t tmpfs -o size=8M,nr_inodes=100 none small || exit 99
    stave unpack one.tar small/t; code=$?; ls -A small; exit $code'
  assert_exit 11
  assert_output ""
}

@test "a layer whose diff_id lies does not appear" {
  local layout=layout config manifest
  layer one 'echo x >f'
  stave pack -q -t it:1 --layer one.tar >/dev/null
  stave copy -q it:1 oci:$layout:it >/dev/null
  blob() { echo "$layout/blobs/sha256/${1#sha256:}"; }
  put() { mv "$1" "$(blob "$(sha256sum "$1" | cut -d' ' -f1)")" && echo "$2"; }
  manifest=$(jq -r '.manifests[0].digest' $layout/index.json)
  config=$(jq -r .config.digest "$(blob "$manifest")")
  jq -c '.rootfs.diff_ids[0] = "sha256:" + ("0" * 64)' "$(blob "$config")" >config
  jq -c --arg d "sha256:$(sha256sum config | cut -d' ' -f1)" --argjson s "$(stat -c %s config)" \
    '.config.digest = $d | .config.size = $s' "$(blob "$manifest")" >manifest
  jq -c --arg d "sha256:$(sha256sum manifest | cut -d' ' -f1)" --argjson s "$(stat -c %s manifest)" \
    '.manifests[0].digest = $d | .manifests[0].size = $s' $layout/index.json >index
  cp config "$(blob "$(sha256sum config | cut -d' ' -f1)")"
  cp manifest "$(blob "$(sha256sum manifest | cut -d' ' -f1)")"
  mv index $layout/index.json
  mkdir into
  run_stave unpack oci:$layout:it into/tree
  assert_exit 6
  assert_stderr_has "its config says sha256:0000000000"
  assert_empty_dir into
}

@test "stopped in the middle, nothing is left" {
  layer one 'head -c 200M /dev/urandom >big'
  rm -rf make-one
  mkdir into
  stave unpack -q one.tar into/tree &
  local pid=$!
  for _ in $(seq 100); do
    [ -z "$(ls -A into)" ] || break
    sleep 0.02
  done
  kill -TERM $pid
  wait $pid || true
  assert_empty_dir into
}

# --- the jail ---

# inside PATH: where a process chrooted into the tree would arrive, as a path out here.
inside() {
  local rest=$1 at='' part text
  while [ -n "$rest" ]; do
    part=${rest%%/*}
    if [ "$part" = "$rest" ]; then rest=''; else rest=${rest#*/}; fi
    case "$part" in
      '' | .) continue ;;
      ..) at=$(dirname "/$at") && at=${at#/} && continue ;;
    esac
    if [ -L "jail/w/t/$at/$part" ]; then
      text=$(readlink "jail/w/t/$at/$part")
      if [ "${text:0:1}" = / ]; then at=''; fi
      rest=$text/$rest
    else
      at=${at:+$at/}$part
    fi
  done
  echo "jail/w/t/$at"
}

# holds FACT: is it so in the tree?
holds() {
  local what a b
  IFS=: read -r what a b <<<"$1"
  case "$what" in
    same) [ "$(inside "$a")" -ef "$(inside "$b")" ] ;;
    other) [ -e "$(inside "$a")" ] && ! [ "$(inside "$a")" -ef "$(inside "$b")" ] ;;
    file) [ -f "$(inside "$a")" ] && [ "$(cat "$(inside "$a")")" = "$b" ] ;;
    link) [ "$(readlink "jail/w/t/$a")" = "$b" ] ;;
    mode) [ "$(stat -c %a "jail/w/t/$a")" = "$b" ] ;;
    none) [ ! -e "jail/w/t/$a" ] && [ ! -L "jail/w/t/$a" ] ;;
    *) false ;;
  esac
}

# below WORDS: the layers that lie below, as paths in the jail.
below() {
  local word
  for word in ${1//+/ }; do
    case "$word" in
      -) continue ;;
      *.Test*) cp "$hostile/$word.tar" jail/layers/ ;;
      users) layer "$word" 'mkdir etc; printf inside >etc/passwd' ;;
      whitedout) layer "$word" 'mkdir etc; echo ahh >etc/whitedout' ;;
      localetc) layer "$word" 'mkdir localetc' ;;
      linked) layer "$word" 'mkdir etc; printf inside >etc/passwd; ln etc/passwd etc/localpasswd' ;;
      'localetc>'*) layer "$(tr '/>' __ <<<"$word")" "ln -s ${word#*>} localetc" && word=$(tr '/>' __ <<<"$word") ;;
    esac
    [ ! -e "$word.tar" ] || mv "$word.tar" jail/layers/
    echo "/layers/$word.tar"
  done
}

@test "containerd's hostile layers in a jail: accepted or refused as listed, and no byte outside changes" {
  local name verdict words facts fact lower wrong=0 count=0
  shared hostile/containerd >/dev/null
  hostile=$(shared hostile/containerd)
  [ "$(id -u)" = 0 ] || unshare --user --map-root-user true || skip_because "no jail without root or user namespaces"
  ! ldd "$(type -P stave)" | grep -q libasan || skip_because "a sanitizer needs /proc, which a jail has not"
  jail
  in_jail /stave version >/dev/null || complain "stave does not run in the jail"
  while read -r name verdict words facts; do
    case "$name" in '' | '#'*) continue ;; esac
    count=$((count + 1))
    cp "$hostile/$name.tar" jail/layers/
    lower=$(below "$words")
    rm -rf jail/w/t jail/w/t.stave
    before=$(outside)
    # shellcheck disable=SC2086  # words that are several
    run --separate-stderr in_jail /stave unpack -q $lower "/layers/$name.tar" /w/t
    assert_equal "$(outside)" "$before" || wrong=1
    if [ "$verdict" = accept ]; then
      [ "$status" = 0 ] || complain "$name was refused" || wrong=1
      for fact in $facts; do holds "$fact" || complain "$name: not so: $fact" || wrong=1; done
    else
      [ "$status" = 5 ] || complain "$name: no Kind::invalid" || wrong=1
      [ ! -e jail/w/t ] && [ ! -e jail/w/t.stave ] || complain "$name was refused and left something" || wrong=1
    fi
  done <"$PROJECT/tests/data/layer/hostile-verdicts.txt"
  assert_equal "$count" "$(find -L "$hostile" -name '*.tar' | wc -l)"
  [ "$wrong" = 0 ]
}
