# The difference of any two trees: as people and programs see it, as a layer, and
# as real clients apply that layer.

load helpers
load pack_helpers
load tree_helpers

# --- what is said ---

two_versions() {
  mkdir -p v1/bin v1/etc v1/home
  echo busybox >v1/bin/ash
  echo root >v1/etc/passwd
  echo same >v1/home/same
  cp -a v1 v2
  rm v2/bin/ash
  echo bash >v2/bin/bash
  echo ROOT >v2/etc/passwd
}

@test "what was added, removed and modified, in what way, and a total" {
  two_versions
  touch -d @1000 v1/bin v1/etc v1/etc/passwd v2/bin v2/etc
  touch -d @2000 v2/etc/passwd
  run_stave diff v1 v2
  assert_exit 1
  assert_output "D /bin/ash         -8 B
A /bin/bash        +5 B
M /etc/passwd (content, mtime)
1 added, 1 removed, 1 modified; +10 B -13 B"
}

@test "no difference: nothing is said, exit 0" {
  two_versions
  run_stave diff v1 v1
  assert_exit 0
  assert_output ""
}

@test "the same for a program" {
  two_versions
  run_stave diff --json --ignore mtime v1 v2
  assert_exit 1
  assert_equal "$(jq -c '[.added, .removed, .modified, .bytesAdded, .bytesRemoved]' <<<"$output")" '[1,1,1,10,13]'
  assert_equal "$(jq -r '.changes[] | "\(.change) \(.path) \(.aspects // [] | join(","))"' <<<"$output")" \
    "removed /bin/ash 
added /bin/bash 
modified /etc/passwd content"
  assert_equal "$(jq -c '.changes[1].after | [.type, .mode, .size]' <<<"$output")" '["regular","0644",5]'
}

@test "equal size and equal time is not equal content" {
  mkdir a b
  echo one >a/f && echo two >b/f
  touch -d @1000 a/f b/f
  run_stave diff a b
  assert_exit 1
  assert_output_has "M /f (content)"
  run_stave diff --trust-mtime a b
  assert_exit 0
}

@test "aspects can be ignored, and only those that exist" {
  mkdir a b
  echo one >a/f && echo one >b/f
  touch -d @1000 a/f && chmod 600 b/f
  run_stave diff a b --ignore mtime,mode
  assert_exit 0
  run_stave diff a b --ignore size
  assert_exit 2
  assert_stderr_has '--ignore: "size" is no aspect of a file'
  assert_stderr_has "content"
}

@test "a change of the root itself is said, and a layer made of it warns" {
  mkdir a b
  chmod 700 b
  run_stave diff a b
  assert_exit 1
  assert_output_has "M / (mode)"
  run_stave diff a b -o layer.tar
  assert_exit 0
  assert_stderr_has "the root directory itself differs (mode)"
}

@test "names that are no text stay on their line" {
  mkdir a b
  touch "b/$(printf 'x\ny')" "b/$(printf '\033[31m')"
  run_stave diff a b
  assert_output_has 'A /x\ny'
  assert_output_has 'A /\x1b[31m'
}

# --- images, tars, layers left off ---

@test "an image without its last layer" {
  mkdir one two
  echo 1 >one/a && echo 2 >two/b
  stave pack -q -t it --layer one --layer two >/dev/null
  run_stave diff it~1 it
  assert_exit 1
  assert_output_has "A /b"
  [[ "$output" != *"/a"* ]] || complain "the first layer is in both"
  run_stave diff it~2 it~1
  assert_output_has "A /a"
  run_stave diff it~3 it
  assert_exit 2
  assert_stderr_has "the image has 2 layers, 3 cannot be left off"
}

@test "an image in any place against a tar and a directory" {
  two_versions
  stave pack -q -t one --layer v1 >/dev/null
  stave copy -q one oci-archive:one.tar >/dev/null
  stave copy -q one oci:layout:x >/dev/null
  tar -C v1 -cf rootfs.tar .
  gzip -k rootfs.tar
  for side in one oci-archive:one.tar oci:layout:x v1 rootfs.tar rootfs.tar.gz; do
    run_stave diff "$side" v1
    assert_exit 0 || return
  done
  run_stave diff - v1 <one.tar
  assert_exit 0
  run_stave diff v1 - <rootfs.tar.gz
  assert_exit 0
}

@test "an image archive that is named as a tar is told from the tar of a tree" {
  two_versions
  stave pack -q -t one --layer v1 >/dev/null
  stave copy -q one oci-archive:one.tar >/dev/null
  run_stave diff one.tar v1
  assert_exit 2
  assert_stderr_has "is an image archive"
  assert_stderr_has "oci-archive:one.tar"
}

@test "one platform of an image against the other" {
  mkdir -p root/amd64 root/arm64
  echo x >root/amd64/f && echo y >root/arm64/f
  touch -d @0 root/*/f
  stave pack -q -t it --platform linux/amd64,linux/arm64 --layer 'root/{arch}' >/dev/null
  run_stave diff --platform linux/amd64,linux/arm64 it it
  assert_exit 1
  assert_output_has "M /f (content)"
}

# --- as a layer ---

@test "the classic example is exactly bin/, bin/.wh.ash, bin/bash" {
  local alpine
  shared images/alpine >/dev/null
  alpine=$(shared images/alpine/x86_64/alpine-minirootfs-3.20.3-x86_64.tar.gz)
  mkdir v1 && tar -C v1 -xzf "$alpine"
  cp -a v1 v2
  rm v2/bin/ash && cp "$(type -P bash)" v2/bin/bash
  run_stave diff v1 v2 -o layer.tar.gz
  assert_exit 0
  assert_equal "$(tar -tzf layer.tar.gz)" "bin/
bin/.wh.ash
bin/bash"
}

@test "descriptor and diff_id are those of the file" {
  two_versions
  for codec in gzip zstd none; do
    run_stave diff v1 v2 --compression $codec -o layer.$codec --json
    assert_exit 0
    assert_file_digest layer.$codec "$(jq -r .digest <<<"$output")"
    assert_equal "$(jq -r .size <<<"$output")" "$(stat -c %s layer.$codec)"
    diff_ids+=("$(jq -r .diffId <<<"$output")")
  done
  assert_equal "${diff_ids[0]}" "${diff_ids[1]}"
  assert_file_digest layer.none "${diff_ids[0]}"
}

@test "the same bytes with any number of threads, and into a pipe" {
  mkdir a b
  for i in $(seq 300); do echo "$i" >"a/$i"; head -c "$((i * 997))" /dev/zero | tr '\0' "$((i % 10))" >"b/$i"; done
  stave diff -q -j 1 a b -o one.tgz
  stave diff -q -j 7 a b -o seven.tgz
  stave diff -q a b -o - >pipe.tgz
  cmp one.tgz seven.tgz
  cmp one.tgz pipe.tgz
}

@test "nothing differs: an empty layer and a warning" {
  mkdir a
  run_stave diff a a -o layer.tar
  assert_exit 0
  assert_stderr_has "nothing differs"
  assert_equal "$(stat -c %s layer.tar)" 1024
}

@test "a guess makes no layer" {
  mkdir a b
  run_stave diff --trust-mtime a b -o layer.tar
  assert_exit 2
  assert_stderr_has "--trust-mtime is a guess"
  [ ! -e layer.tar ]
}

@test "a layer does not take a file's place unasked" {
  mkdir a b
  echo mine >layer.tar
  run_stave diff a b -o layer.tar
  assert_exit 4
  assert_equal "$(cat layer.tar)" mine
  run_stave diff a b -o layer.tar --force
  assert_exit 0
}

@test "where a layer cannot go is said before anything is read" {
  mkdir a b d
  touch b/.wh.x # would be the failure of reading
  local where
  for where in d d/ '' .; do
    run_stave diff a b -o "$where" --force
    case "$where" in d) assert_exit 4 ;; *) assert_exit 2 ;; esac || return
  done
  run_stave diff a b -o absent/layer.tar
  assert_exit 3
  assert_empty_dir d
}

@test "a full disk under the layer: one error, and no file" {
  require_root "a small file system"
  mkdir a b small
  head -c 4M /dev/urandom >b/big
  run --separate-stderr unshare --mount bash -c 'mount -t tmpfs -o size=1m tmpfs small && stave diff -q a b -o small/layer.tar; status=$?; ls -A small; exit $status'
  assert_exit 11
  assert_output ""
  assert_stderr_has "No space left on device"
}

@test "a file that is called as a whiteout cannot go into a layer" {
  mkdir a b
  touch b/.wh.x
  run_stave diff a b -o layer.tar
  assert_exit 5
  assert_stderr_has ".wh.x"
  [ ! -e layer.tar ]
}

@test "what is not there" {
  mkdir a
  run_stave diff a ./absent
  assert_exit 3
  assert_stderr_has '"./absent"'
  run_stave diff a no-such-image
  assert_exit 3
  run_stave diff a a -o absent/layer.tar
  assert_exit 3
}

# --- as clients apply it ---

# after_the_difference CLIENT LOWER-TREE UPPER-TREE: CLIENT applies both layers and has the upper tree.
same_tree_by() {
  local client=$1 made
  made=$(tree_by "$client" it:1) || return 1
  [ "$made" = "$2" ] || {
    diff <(echo "$2") <(echo "$made") >&2
    return 1
  }
}

alpine_difference() {
  local alpine
  require_root "owners and devices of an image"
  shared images/alpine >/dev/null
  alpine=$(shared images/alpine)
  stave diff -q "$alpine"/x86_64/*.tar.gz "$alpine"/aarch64/*.tar.gz -o layer.tar.gz >/dev/null
  stave pack -q -t it:1 --layer "$(echo "$alpine"/x86_64/*.tar.gz)" --layer layer.tar.gz >/dev/null
  mkdir -p wanted && tar -C wanted -xpzf "$(echo "$alpine"/aarch64/*.tar.gz)"
  wanted=$(describe wanted)
}

@test "Alpine x86_64 made aarch64 by its difference: stave" {
  alpine_difference
  same_tree_by stave "$wanted"
}

@test "Alpine x86_64 made aarch64 by its difference: umoci" {
  require_client umoci
  alpine_difference
  same_tree_by umoci "$wanted"
}

@test "Alpine x86_64 made aarch64 by its difference: podman" {
  require_client podman
  fresh_podman
  alpine_difference
  same_tree_by podman "$wanted"
}

@test "Alpine x86_64 made aarch64 by its difference: containerd" {
  require_client containerd ctr
  alpine_difference
  export wanted
  export -f tree_by describe same_tree_by
  with-containerd bash -c 'same_tree_by containerd "$wanted"'
}

# random_difference SEED: the image `it` of two layers, and what it must be in $wanted.
random_difference() {
  rm -rf lower upper
  random_tree "$1" lower
  if [ $(($1 % 2)) = 0 ]; then
    random_tree "$(($1 + 500))" upper
  else
    cp -a lower upper
    rm -rf upper/a upper/c
    random_tree "$(($1 + 500))" more
    cp -a more/. upper/ 2>/dev/null || true # a directory does not take a file's place
    rm -rf more
  fi
  stave diff -q lower upper -o layer.tar --force >/dev/null
  stave pack -q -t it:1 --layer lower --layer layer.tar >/dev/null
  wanted=$(describe upper)
}

@test "random trees: stave applies what it made" {
  require_root "owners and capabilities"
  for seed in $(seq 24); do
    random_difference "$seed"
    same_tree_by stave "$wanted" || complain "seed $seed"
    run_stave diff it:1 upper
    assert_exit 0 || complain "seed $seed"
    run_stave diff by-stave upper
    assert_exit 0 || complain "seed $seed: unpack(pack(tree)) is not tree"
  done
}

@test "random trees: umoci applies what stave made" {
  require_client umoci
  require_root "owners and capabilities"
  for seed in $(seq 100 108); do
    random_difference "$seed"
    same_tree_by umoci "$wanted" || complain "seed $seed"
  done
}

@test "random trees: podman applies what stave made" {
  require_client podman
  require_root "owners and capabilities"
  for seed in $(seq 200 206); do
    fresh_podman
    random_difference "$seed"
    same_tree_by podman "$wanted" || complain "seed $seed"
  done
}

@test "random trees: containerd applies what stave made" {
  require_client containerd ctr
  require_root "owners and capabilities"
  export -f tree_by describe same_tree_by random_tree random_difference complain
  with-containerd bash -c '
    for seed in $(seq 300 306); do
      random_difference "$seed"
      same_tree_by containerd "$wanted" || { echo "seed $seed" >&2; exit 1; }
      ctr images rm it:1 >/dev/null 2>&1 || true
    done'
}

# --- pack --tree ---

@test "pack --tree: one layer makes the base equal to a directory" {
  two_versions
  stave pack -q -t app:1 --layer v1 --cmd /bin/x >/dev/null
  run_stave pack -q -t app:2 --base app:1 --tree v2
  assert_exit 0
  assert_equal "$(layer_count app:2)" 2
  run_stave diff app:2 v2
  assert_exit 0
  assert_equal "$(config app:2 | jq -c .config.Cmd)" '["/bin/x"]'
  assert_equal "$(layer_tar 1 app:2 | tar -t | sort | tr '\n' ' ')" "bin/ bin/.wh.ash bin/bash etc/ etc/passwd "
}

@test "pack --tree of what the base is already adds no layer" {
  two_versions
  stave pack -q -t app:1 --layer v1 >/dev/null
  run_stave pack -t app:2 --base app:1 --tree v1
  assert_exit 0
  assert_stderr_has "there is no layer to add"
  assert_equal "$(layer_count app:2)" 1
}

@test "pack --tree counts what --add put before it" {
  two_versions
  echo new >new
  stave pack -q -t app:1 --layer v1 >/dev/null
  stave pack -q -t app:2 --base app:1 --add new --tree v2 >/dev/null
  run_stave diff app:2 v2
  assert_exit 0
  assert_equal "$(layer_count app:2)" 3
}

@test "pack --tree without a base is the directory itself" {
  two_versions
  stave pack -q -t app --tree v1 >/dev/null
  run_stave diff app v1
  assert_exit 0
}

@test "pack --tree wants a directory" {
  touch file
  run_stave pack -t app --tree file
  assert_exit 5
  assert_stderr_has "is no directory"
}

# --- after unpack ---

@test "an unpacked tree is its image, and no file is read to know it" {
  two_versions
  stave pack -q -t app:1 --layer v1 >/dev/null
  stave unpack -q app:1 tree
  run_stave --progress plain diff app:1 tree
  assert_exit 0
  assert_stderr_lacks "comparing files"
  run_stave --progress plain pack -t app:2 --base app:1 --tree tree
  assert_stderr_has "there is no layer to add"
  assert_stderr_lacks "comparing files"
}

# Nobody can read this layer any more.
spoil_layers() {  # LAYOUT
  local file
  for file in "$1"/blobs/sha256/*; do
    jq -e . "$file" >/dev/null 2>&1 || { chmod u+w "$file" && echo spoilt >"$file"; }
  done
}

@test "a tree that was unpacked knows its image: no layer is opened" {
  two_versions
  ln v1/etc/passwd v1/same
  ln -s etc/passwd v1/link
  stave pack -q -t app:1 --layer v1 >/dev/null
  stave copy -q app:1 oci:layout:1 >/dev/null
  stave unpack -q oci:layout:1 tree
  spoil_layers layout
  run_stave diff oci:layout:1 tree
  assert_exit 0
  run_stave diff tree oci:layout:1
  assert_exit 0
  echo new >tree/new && rm tree/link && ln -s elsewhere tree/link && touch -hd @5 tree/link && chmod 600 tree/etc/passwd
  run_stave diff oci:layout:1 tree
  assert_exit 1
  assert_output_has "A /new"
  assert_output_has "M /link -> elsewhere (mtime, link)"
  assert_output_has "M /etc/passwd (mode)"
  run_stave diff tree oci:layout:1
  assert_exit 1
  assert_output_has "D /new"
  assert_output_has "M /link -> etc/passwd (mtime, link)"
  # Without the record it is the layer that is asked.
  rm tree.stave
  run_stave diff oci:layout:1 tree
  assert_exit 6
}

@test "the layer that turns a tree back into its image has what the image's files hold" {
  two_versions
  stave pack -q -t app:1 --layer v1 >/dev/null
  stave unpack -q app:1 tree
  cp tree/etc/passwd was
  echo other >tree/etc/passwd
  stave diff tree app:1 -o back.tar >/dev/null
  tar -xOf back.tar etc/passwd | cmp - was
}

@test "a record of other layers than the image's does not stand for it" {
  two_versions
  stave pack -q -t app:1 --layer v1 >/dev/null
  stave pack -q -t app:2 --base app:1 --tree v2 >/dev/null
  stave unpack -q app:1 tree
  run_stave diff app:2 tree
  assert_exit 1
  local with=$output
  rm tree.stave
  run_stave diff app:2 tree
  assert_equal "$with" "$output"
  stave unpack -q app:2 tree2
  run_stave diff app:2~1 tree2
  assert_exit 1
  run_stave diff app:2 tree2
  assert_exit 0
}

@test "pack --tree makes the same image with the record and without" {
  require_root "owners that are not ours"
  two_versions
  ln v1/etc/passwd v1/same
  stave pack -q -t app:1 --layer v1 >/dev/null
  stave unpack -q app:1 tree
  echo new >tree/new
  echo other >>tree/etc/passwd
  stave pack -q -t app:with --base app:1 --tree tree >/dev/null
  rm tree.stave
  stave pack -q -t app:without --base app:1 --tree tree >/dev/null
  assert_equal "$(manifest app:with)" "$(manifest app:without)"
}

@test "content that changed under its old size and mtime is found all the same" {
  two_versions
  stave pack -q -t app:1 --layer v1 >/dev/null
  stave unpack -q app:1 tree
  touch -r tree/etc/passwd then
  echo TOOR >tree/etc/passwd
  touch -r then tree/etc/passwd
  run_stave diff app:1 tree
  assert_exit 1
  assert_output_has "M /etc/passwd (content)"
  stave pack -q -t app:2 --base app:1 --tree tree >/dev/null
  assert_equal "$(layer_tar 1 app:2 | tar -xO etc/passwd)" TOOR
}

@test "a copy of an unpacked tree has no record, and is read" {
  two_versions
  stave pack -q -t app:1 --layer v1 >/dev/null
  stave unpack -q app:1 tree
  cp -a tree copy
  run_stave diff app:1 copy
  assert_exit 0
}

@test "an ordinary user's unpacked tree is its image: owners, modes, devices, capabilities" {
  require_root "owners that are not ours"
  mkdir -p v1/closed
  echo x >v1/secret && chown 5:6 v1/secret && chmod 0 v1/secret
  echo y >v1/setuid && chown 7:8 v1/setuid && chmod 6755 v1/setuid
  echo z >v1/able && setcap cap_net_raw+ep v1/able
  mknod v1/null c 1 3 && chmod 555 v1/closed && ln v1/secret v1/closed/again
  stave pack -q -t app:1 --layer v1 >/dev/null
  user_dir
  stave copy -q app:1 "oci-archive:$USER_DIR/app.tar" >/dev/null
  # In one go: as_user itself gives all files to the user each time, which touches them.
  run --separate-stderr as_user sh -c 'stave unpack -q oci-archive:app.tar tree && stave diff oci-archive:app.tar tree'
  assert_exit 0
  assert_stderr_lacks "comparing files"
  run --separate-stderr as_user sh -c 'rm -rf tree && stave unpack -q oci-archive:app.tar tree &&
    echo new >tree/new && chmod 640 tree/able && rm tree/null && stave diff oci-archive:app.tar tree --json --ignore xattr,mtime'
  assert_exit 1
  assert_equal "$(jq -r '.changes[] | "\(.change) \(.path) \(.aspects // [] | join(","))"' <<<"$output")" \
    "modified /able mode
added /new 
removed /null "
  assert_equal "$(jq -c '.changes[] | select(.path == "/new") | .after | [.uid, .gid]' <<<"$output")" "[0,0]"
  as_user rm -rf tree
  [ ! -e "$USER_DIR/tree" ]
}
