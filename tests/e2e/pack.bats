# stave pack: every option of it and every way to name a file, seen in the layers
# and the config that come out.

load helpers
load pack_helpers

# --- --add ---

@test "--add FILE without a destination goes to /FILE" {
  echo x >hello
  mkdir -p deep/er
  echo y >deep/er/there
  pack --add hello --add deep/er/there
  assert_paths 0 hello there
}

@test "--add FILE:/a/b writes that path" {
  echo content >x
  pack --add x:/a/b
  assert_paths 0 a/ a/b
  assert_equal "$(layer_content 0 a/b)" content
}

@test "--add FILE:a/b without a slash in front means /a/b" {
  echo x >x
  pack --add x:a/b
  assert_paths 0 a/ a/b
}

@test "--add FILE:DIR/ puts the file into the directory" {
  echo x >x
  pack --add x:/etc/conf.d/
  assert_paths 0 etc/ etc/conf.d/ etc/conf.d/x
}

@test "--add LINK:DIR/ keeps the name that was typed and takes what it leads to" {
  echo content >target
  ln -s target link
  pack --add link:/d/
  assert_paths 0 d/ d/link
  assert_equal "$(layer_content 0 d/link)" content
}

@test "--add DIR:/dest puts the directory's contents there" {
  mkdir -p tree/sub
  touch tree/a tree/sub/b
  pack --add tree:/dest
  assert_paths 0 dest/ dest/a dest/sub/ dest/sub/b
}

@test "--add DIR without a destination goes to /DIR" {
  mkdir tree
  touch tree/a
  pack --add tree
  assert_paths 0 tree/ tree/a
}

@test "--add DIR:/ puts the contents at the root" {
  mkdir tree
  touch tree/a
  pack --add tree:/
  assert_paths 0 a
}

@test "--add .:/x takes the working directory" {
  touch a
  pack --add .:/x
  assert_paths 0 x/ x/a
}

@test "--add . without a destination has no name: usage" {
  fails_cleanly 2 '"."' /DEST -- pack -t t --add .
}

@test "--add takes an empty directory" {
  mkdir empty
  pack --add empty:/var/empty
  assert_paths 0 var/ var/empty/
}

@test "--add 'a\\:b' is a file with a colon in its name" {
  echo x >a:b
  pack --add 'a\:b'
  assert_paths 0 a:b
}

@test "--add 'a\\:b:/c\\:d' has a colon on both sides" {
  echo x >a:b
  pack --add 'a\:b:/c\:d'
  assert_paths 0 c:d
}

@test "--add a:b:c is one colon too many: usage" {
  fails_cleanly 2 a:b:c '\:' -- pack -t t --add a:b:c
}

@test "--add expands {os}, {arch} and {variant}" {
  echo x >linux-arm64-v8
  pack --platform linux/arm64 --add '{os}-{arch}-{variant}:/{arch}/x'
  assert_paths 0 arm64/ arm64/x
}

@test "--add: {{ is a brace" {
  echo x >'{arch}'
  pack --platform linux/amd64 --add '{{arch}:/{{x}'
  assert_paths 0 '{x}'
}

@test "--add: another word in braces is refused before anything is read" {
  fails_cleanly 2 '{plan}' '{{' -- pack -t t --add 'x:/{plan}'
}

@test "symlinks inside a source stay links, even those that lead nowhere" {
  mkdir tree
  ln -s nowhere tree/dangling
  ln -s /etc/passwd tree/absolute
  pack --add tree:/d
  assert_entry 0 "lrwxrwxrwx 0/0 0 1970-01-01 00:00:00 d/absolute -> /etc/passwd"
  assert_entry 0 "lrwxrwxrwx 0/0 0 1970-01-01 00:00:00 d/dangling -> nowhere"
}

@test "a symlink named as source is followed" {
  mkdir real
  touch real/a
  ln -s real link
  pack --add link:/d
  assert_paths 0 d/ d/a
}

@test "a destination through bin -> usr/bin of the base writes usr/bin/x" {
  mkdir -p root/usr/bin
  ln -s usr/bin root/bin
  touch x
  base_image base root
  pack --base base --add x:/bin/x
  assert_paths 1 usr/ usr/bin/ usr/bin/x
}

@test "a directory source with bin/ goes through bin -> usr/bin, too" {
  mkdir -p root/usr/bin tree/bin
  ln -s usr/bin root/bin
  touch tree/bin/x
  base_image base root
  pack --base base --add tree:/
  assert_paths 1 usr/ usr/bin/ usr/bin/x
}

@test "a symlink that an --add before it put is followed in the same layer" {
  mkdir -p tree/usr/bin
  ln -s usr/bin tree/bin
  touch x
  pack --add tree:/ --add x:/bin/x
  assert_paths 0 bin usr/ usr/bin/ usr/bin/x
}

@test "an absolute symlink and .. stay inside the image" {
  mkdir -p root/a
  ln -s /../../b root/a/up
  touch x
  base_image base root
  pack --base base --add x:/a/up/../c/x
  # /a/up is /b, which does not exist: /b/.. is / only in words, and a process would not get there.
  layer_paths 1 | grep -qx 'c/x'
}

@test "--add to /root/x leaves /root at 0700 with its mtime" {
  mkdir -m 700 -p root/root
  old root/root
  touch x
  base_image base root
  pack --base base --add x:/root/x
  assert_entry 1 "drwx------ 0/0 0 2001-09-09 01:46:40 root/"
}

@test "missing parents are 0755 0:0 whatever umask and owner" {
  touch x
  umask 077
  chmod 600 x
  pack --owner 1000:100 --add x:/a/b/x
  assert_entry 0 "drwxr-xr-x 0/0 0 1970-01-01 00:00:00 a/"
  assert_entry 0 "drwxr-xr-x 0/0 0 1970-01-01 00:00:00 a/b/"
  assert_entry 0 "-rw------- 1000/100 0 1970-01-01 00:00:00 a/b/x"
}

@test "owner is 0:0, the mode as found, mtime 0" {
  echo x >x
  [ "$(id -u)" != 0 ] || chown 1234:5678 x
  chmod 4751 x
  pack --add x
  assert_entry 0 "-rwsr-x--x 0/0 2 1970-01-01 00:00:00 x"
}

@test "mtime is SOURCE_DATE_EPOCH when that is set, of parents, too" {
  touch x
  SOURCE_DATE_EPOCH=1700000000 pack --add x:/a/x
  assert_entry 0 "drwxr-xr-x 0/0 0 2023-11-14 22:13:20 a/"
  assert_entry 0 "-rw-r--r-- 0/0 0 2023-11-14 22:13:20 a/x"
}

@test "the same path twice: the last wins, with a warning that names it" {
  echo first >a
  echo second >b
  pack --add a:/x --add b:/x
  assert_equal "$(layer_content 0 x)" second
  [[ "$said" == *"stave: warning: "*/x*"twice"* ]] || complain "$said"
}

@test "the same path twice over a symlink is noticed" {
  echo first >a
  echo second >b
  mkdir -p root/usr/bin
  ln -s usr/bin root/bin
  base_image base root
  pack --base base --add a:/usr/bin/x --add b:/bin/x
  [[ "$said" == *usr/bin/x*twice* ]] || complain "$said"
}

@test "one path in two layers needs no warning" {
  echo first >a
  echo second >b
  pack --add a:/x --new-layer --add b:/x
  [[ "$said" != *warning* ]] || complain "$said"
}

@test "two directories that share subdirectories merge without a warning" {
  mkdir -p one/etc two/etc
  touch one/etc/a two/etc/b
  pack --add one:/ --add two:/
  assert_paths 0 etc/ etc/a etc/b
  [[ "$said" != *warning* ]] || complain "$said"
}

@test "neighbouring --adds make one layer" {
  touch a b
  pack --add a --add b
  assert_equal "$(layer_count)" 1
}

@test "options that are no layer do not part --adds" {
  touch a b
  pack --add a --env X=1 --owner 5 --add b
  assert_equal "$(layer_count)" 1
}

@test "--new-layer ends a layer" {
  touch a b
  pack --add a --new-layer --add b
  assert_equal "$(layer_count)" 2
  assert_paths 0 a
  assert_paths 1 b
}

@test "--new-layer without anything between makes no empty layer" {
  touch a
  pack --new-layer --new-layer --add a --new-layer
  assert_equal "$(layer_count)" 1
}

@test "a --layer between two --adds parts them" {
  mkdir tree
  touch a b tree/c
  pack --add a --layer tree --add b
  assert_equal "$(layer_count)" 3
}

@test "--owner, --mode and --mtime hold for the --adds after them" {
  touch a b c
  old a b c
  chmod 600 a b c
  pack --add a --owner 1000:100 --mode 0751 --mtime 86400 --add b --owner 7 --mtime keep --add c
  assert_entry 0 "-rw------- 0/0 0 1970-01-01 00:00:00 a"
  assert_entry 0 "-rwxr-x--x 1000/100 0 1970-01-02 00:00:00 b"
  assert_entry 0 "-rwxr-x--x 7/7 0 2001-09-09 01:46:40 c"
}

@test "--mode 0644 leaves directories searchable and links alone" {
  mkdir -p -m 700 tree/d
  touch tree/d/f
  ln -s f tree/d/l
  pack --mode 0644 --add tree:/t
  assert_entry 0 "drwxr-xr-x 0/0 0 1970-01-01 00:00:00 t/d/"
  assert_entry 0 "-rw-r--r-- 0/0 0 1970-01-01 00:00:00 t/d/f"
  assert_entry 0 "lrwxrwxrwx 0/0 0 1970-01-01 00:00:00 t/d/l -> f"
}

@test "--mtime takes RFC 3339" {
  touch a
  pack --mtime 2024-09-06T14:05:36+02:00 --add a
  assert_entry 0 "-rw-r--r-- 0/0 0 2024-09-06 12:05:36 a"
}

@test "--owner NAME, --mode 888 and --mtime yesterday are usage" {
  touch a
  fails_cleanly 2 --owner nobody -- pack -t t --owner nobody --add a
  fails_cleanly 2 --mode 888 -- pack -t t --mode 888 --add a
  fails_cleanly 2 --mtime yesterday -- pack -t t --mtime yesterday --add a
}

@test "--rm removes a path of the base with a whiteout and nothing else" {
  mkdir -p root/etc/dir
  touch root/etc/{a,b} root/etc/dir/c
  base_image base root
  pack --base base --rm /etc/a --rm /etc/dir
  assert_paths 1 etc/ etc/.wh.a etc/.wh.dir
}

@test "--rm goes through links of the base, and removes a link itself" {
  mkdir -p root/usr/bin
  touch root/usr/bin/x
  ln -s usr/bin root/bin
  base_image base root
  pack --base base --rm /bin/x
  assert_paths 1 usr/ usr/bin/ usr/bin/.wh.x
  pack --base base --rm /bin
  assert_paths 1 .wh.bin
}

@test "--rm of a path that is not there: not found, and it says so" {
  fails_cleanly 3 /nope -- pack -t t --rm /nope
}

@test "--rm takes back what an --add before it in the same layer put" {
  mkdir tree
  touch tree/a tree/b
  pack --add tree:/t --rm /t/a
  assert_paths 0 t/ t/b
}

@test "a file over a directory of the base is refused and names --rm" {
  mkdir -p root/etc
  touch etc
  base_image base root
  fails_cleanly 4 /etc --rm -- pack -t t --base base --add etc:/etc
}

@test "sockets inside a source are left out with a warning" {
  mkdir tree
  touch tree/a
  perl -MIO::Socket::UNIX -e 'IO::Socket::UNIX->new(Local => "tree/s", Listen => 1) or die'
  pack --add tree:/t
  assert_paths 0 t/ t/a
  [[ "$said" == *warning*tree/s*socket* ]] || complain "$said"
}

# --- --layer DIR ---

@test "--layer DIR keeps owner, mode and mtime exactly" {
  require_root "chown"
  mkdir -m 711 -p tree/d
  touch tree/d/f tree/s
  chmod 2640 tree/d/f
  chown 1234:5678 tree/d/f
  old tree/d/f tree/s
  touch -d @86400 tree/d
  pack --layer tree
  assert_entry 0 "drwx--x--x 0/0 0 1970-01-02 00:00:00 d/"
  assert_entry 0 "-rw-r-S--- 1234/5678 0 2001-09-09 01:46:40 d/f"
}

@test "--layer DIR carries no entry for the root" {
  mkdir tree
  touch tree/a
  pack --layer tree
  assert_paths 0 a
}

@test "--layer DIR keeps hardlinks: the first name has the content" {
  mkdir tree
  echo content >tree/b
  ln tree/b tree/a
  ln tree/b tree/c
  pack --layer tree
  layer_list 0 | grep -qE '^-.* 8 .* a$'
  layer_list 0 | grep -qE '^h.* b link to a$'
  layer_list 0 | grep -qE '^h.* c link to a$'
}

@test "--layer DIR: --owner overrides" {
  mkdir tree
  touch tree/a
  old tree/a
  pack --owner 42:43 --layer tree
  assert_entry 0 "-rw-r--r-- 42/43 0 2001-09-09 01:46:40 a"
}

@test "an ordinary user's --layer DIR warns of the first owner that is not root's" {
  user_dir
  as_user sh -c 'mkdir tree && touch tree/b tree/a'
  run --separate-stderr as_user stave pack -t t --layer tree
  assert_exit 0
  assert_stderr_has "stave: warning: "
  assert_stderr_has "tree/a"
  assert_stderr_lacks "tree/b"
  assert_stderr_has "--owner"
}

@test "on top of a base that warning comes, too" {
  as_user sh -c 'mkdir root tree && touch root/x tree/a && stave pack -q -t base --owner 0 --layer root'
  run --separate-stderr as_user stave pack -t t --base base --layer tree
  assert_exit 0
  assert_stderr_has "tree/a"
}

@test "--owner silences it, and root hears nothing" {
  as_user sh -c 'mkdir tree && touch tree/a'
  run --separate-stderr as_user stave pack -t t --owner 0 --layer tree
  assert_exit 0
  assert_stderr_lacks warning
  require_root "packing as root"
  run_stave pack -t t --layer "$USER_DIR/tree"
  assert_exit 0
  assert_stderr_lacks warning
}

@test "--layer DIR expands {arch}" {
  mkdir tree-arm64
  touch tree-arm64/a
  pack --platform linux/arm64 --layer 'tree-{arch}'
  assert_paths 0 a
}

@test "--layer DIR on top of another merges: bin/ through bin -> usr/bin" {
  mkdir -p one/usr/bin two/bin
  ln -s usr/bin one/bin
  touch two/bin/x
  pack --layer one --layer two
  assert_paths 1 usr/ usr/bin/ usr/bin/x
}

# --- --layer TAR ---

some_tar() {
  mkdir -p tree/sub
  echo content >tree/sub/f
  tar -C tree --sort=name --owner=0 --group=0 --numeric-owner -cf "$1" sub
}

@test "--layer TAR: plain, gzip and zstd keep every byte" {
  some_tar layer.tar
  gzip -k layer.tar
  zstd -q layer.tar
  local file
  for file in layer.tar layer.tar.gz layer.tar.zst; do
    pack --layer "$file"
    assert_file_digest "$file" "$(layer_digest 0)"
    assert_equal "$(config t | jq -r '.rootfs.diff_ids[0]')" "sha256:$(sha256sum <layer.tar | cut -d' ' -f1)"
  done
}

@test "--layer TAR: the media type says what it is" {
  some_tar layer.tar
  gzip -k layer.tar
  zstd -q layer.tar
  pack --layer layer.tar --layer layer.tar.gz --layer layer.tar.zst
  assert_equal "$(manifest | jq -r '.layers[].mediaType | sub(".*layer.v1.";"")' | tr '\n' ' ')" "tar tar+gzip tar+zstd "
}

@test "--layer TAR is told by its bytes, never by its name" {
  some_tar layer.tar
  gzip -c layer.tar >lies.tar.zst
  pack --layer lies.tar.zst
  assert_equal "$(manifest | jq -r '.layers[0].mediaType')" application/vnd.oci.image.layer.v1.tar+gzip
}

@test "--layer TAR of several gzip members keeps every byte" {
  some_tar layer.tar
  { head -c 1000 layer.tar | gzip; tail -c +1001 layer.tar | gzip; } >two.tar.gz
  pack --layer two.tar.gz
  assert_file_digest two.tar.gz "$(layer_digest 0)"
  assert_paths 0 sub/ sub/f
}

@test "--layer - reads standard input, compressed or not" {
  some_tar layer.tar
  pack --layer - <layer.tar
  assert_file_digest layer.tar "$(layer_digest 0)"
  gzip layer.tar
  # shellcheck disable=SC2002  # a pipe is the point
  cat layer.tar.gz | stave pack -q -t t --layer -
  assert_file_digest layer.tar.gz "$(layer_digest 0)"
}

@test "standard input named twice is usage" {
  fails_cleanly 2 "more than once" -- pack -t t --layer - --layer - </dev/null
}

@test "--layer - for several platforms is usage" {
  fails_cleanly 2 "platforms" -- pack -t t --platform linux/amd64,linux/arm64 --layer - </dev/null
}

@test "xz and bzip2 are refused with the pipe that helps" {
  some_tar layer.tar
  xz -k layer.tar
  bzip2 -k layer.tar
  fails_cleanly 7 layer.tar.xz "xz -dc" "--layer -" -- pack -t t --layer layer.tar.xz
  fails_cleanly 7 layer.tar.bz2 "bzip2 -dc" "--layer -" -- pack -t t --layer layer.tar.bz2
}

@test "the pipe that helps does help" {
  some_tar layer.tar
  xz -k layer.tar
  xz -dc layer.tar.xz | stave pack -q -t t --layer -
  assert_paths 0 sub/ sub/f
}

two_of_a_name() {
  some_tar layer.tar
  tar -C tree --owner=0 --group=0 -rf layer.tar sub/f
}

@test "a tar that holds a path twice is refused, and says which" {
  two_of_a_name
  fails_cleanly 5 sub/f layer.tar --recompress --force -- pack -t t --layer layer.tar
}

@test "--force takes it byte for byte with a warning" {
  two_of_a_name
  pack --force --layer layer.tar
  assert_file_digest layer.tar "$(layer_digest 0)"
  [[ "$said" == *warning*sub/f* ]] || complain "$said"
}

@test "--recompress rewrites it, and the last one wins" {
  two_of_a_name
  echo changed >tree/sub/f
  tar -C tree --owner=0 --group=0 -rf layer.tar sub/f
  pack --recompress --layer layer.tar
  assert_paths 0 sub/ sub/f
  assert_equal "$(layer_content 0 sub/f)" changed
}

@test "--recompress gives what --layer DIR gives of the same tree" {
  require_root "same owners on both sides"
  mkdir -p tree/sub
  echo content >tree/sub/f
  ln tree/sub/f tree/sub/g
  ln -s f tree/sub/l
  old tree/sub tree/sub/f
  tar -C tree --numeric-owner -cf layer.tar ./sub
  assert_equal "$(digest_of --recompress --layer layer.tar)" "$(digest_of --layer tree)"
}

@test "--recompress uses --compression" {
  some_tar layer.tar
  pack --recompress --compression zstd --layer layer.tar
  assert_equal "$(manifest | jq -r '.layers[0].mediaType')" application/vnd.oci.image.layer.v1.tar+zstd
}

@test "the Alpine tarball keeps its digest" {
  local base tarball
  shared images >/dev/null
  base=$(shared images)
  tarball=$(find -L "$base" -name 'alpine-minirootfs*.tar.gz' -size +1M | head -n 1)
  [ -n "$tarball" ] || skip_because "no Alpine tarball in the shared data"
  pack --layer "$tarball"
  assert_file_digest "$tarball" "$(layer_digest 0)"
}

# --- --base ---

@test "layers stack in the order of the command line" {
  some_tar layer.tar
  mkdir root dir
  touch root/base dir/d a
  base_image base root
  pack --base base --add a --layer layer.tar --layer dir --rm /base
  assert_equal "$(layer_count)" 5
  assert_paths 0 base
  assert_paths 1 a
  assert_paths 2 sub/ sub/f
  assert_paths 3 d
  assert_paths 4 .wh.base
}

@test "--base keeps the base's layers and config" {
  mkdir root
  touch root/x a
  stave pack -q -t base --owner 0 --layer root --env A=1 --workdir /w --label l=1 >/dev/null
  pack --base base --add a --env B=2
  assert_equal "$(layer_digest 0)" "$(layer_digest 0 base)"
  config_is .config.Env '["A=1","B=2"]'
  config_is .config.WorkingDir '"/w"'
}

@test "--base from the store, oci:, oci-archive:, docker-archive: and - gives one digest" {
  mkdir root
  touch root/x a
  stave pack -q -t base --owner 0 --layer root >/dev/null
  stave copy -q base oci:layout
  stave copy -q base oci-archive:archive.tar
  stave copy -q base - >stream.tar
  local wanted
  wanted=$(digest_of --base base --add a)
  assert_equal "$(digest_of --base oci:layout --add a)" "$wanted"
  assert_equal "$(digest_of --base oci-archive:archive.tar --add a)" "$wanted"
  assert_equal "$(digest_of --base - --add a <stream.tar)" "$wanted"
}

@test "the base's layers are in the store when the base came from elsewhere" {
  mkdir root
  touch root/x a
  stave pack -q -o oci:layout:base --owner 0 --layer root >/dev/null
  pack --base oci:layout:base --add a
  assert_paths 0 x
}

@test "--base of several platforms takes the asked one" {
  local platform
  for platform in amd64 arm64; do
    mkdir root-$platform
    touch root-$platform/$platform a
  done
  stave pack -q -t base --platform linux/amd64,linux/arm64 --owner 0 --layer 'root-{arch}' >/dev/null
  pack --base base --platform linux/arm64 --add a
  assert_paths 0 arm64
}

@test "--base busybox of Docker Hub keeps its layer" {
  busybox_layout musl/amd64 layout
  touch a
  pack --platform linux/amd64 --base oci:layout --add a:/a
  assert_equal "$(layer_digest 0)" \
    "$(jq -r '.layers[0].digest' "layout/blobs/$(jq -r '.manifests[0].digest' layout/index.json | tr : /)")"
}

# --- the config ---

@test "every option of the config" {
  pack --entrypoint '["/bin/a","b c"]' --cmd 'x "y z"' --env A=1 --env B= --workdir /w --user 1000:100 \
    --port 80 --port 53/udp --volume /data --label k=v --stop-signal TERM --author 'A U Thor' \
    --created 2024-09-06T12:05:36Z --annotation org.example=1
  config_is .config.Entrypoint '["/bin/a","b c"]'
  config_is .config.Cmd '["x","y z"]'
  config_is .config.Env '["A=1","B="]'
  config_is .config.WorkingDir '"/w"'
  config_is .config.User '"1000:100"'
  config_is .config.ExposedPorts '{"53/udp":{},"80/tcp":{}}'
  config_is .config.Volumes '{"/data":{}}'
  config_is .config.Labels '{"k":"v"}'
  config_is .config.StopSignal '"SIGTERM"'
  config_is .author '"A U Thor"'
  config_is .created '"2024-09-06T12:05:36Z"'
  assert_equal "$(manifest | jq -c .annotations)" '{"org.example":"1"}'
}

@test "NAME- removes what the base has" {
  stave pack -q -t base --env A=1 --env B=2 --label k=v --label l=w --port 80 --port 81 --volume /a --volume /b \
    --annotation x=1 --annotation y=2 >/dev/null
  pack --base base --env A- --label k- --port 80- --volume /a- --annotation x-
  config_is .config.Env '["B=2"]'
  config_is .config.Labels '{"l":"w"}'
  config_is .config.ExposedPorts '{"81/tcp":{}}'
  config_is .config.Volumes '{"/b":{}}'
  assert_equal "$(manifest | jq -c .annotations)" '{"y":"2"}'
}

@test "--env of a name that is there replaces it in its place" {
  stave pack -q -t base --env PATH=/bin --env B=2 >/dev/null
  pack --base base --env PATH=/usr/bin
  config_is .config.Env '["PATH=/usr/bin","B=2"]'
}

@test "--env keeps everything after the first =" {
  pack --env 'A=b=c d"e'
  config_is .config.Env '["A=b=c d\"e"]'
}

@test "--env without a value is usage and shows both forms" {
  fails_cleanly 2 "A=VALUE" "A-" -- pack -t t --env A
}

@test "--entrypoint splits words as a shell does" {
  pack --entrypoint "a 'b c' \"d \\\"e\" f\\ g ''"
  config_is .config.Entrypoint '["a","b c","d \"e","f g",""]'
}

@test "an unquoted \$ | & ; is an error that proposes a shell" {
  local word
  # shellcheck disable=SC2016  # literally
  for word in 'echo $HOME' 'a | b' 'a & b' 'a; b'; do
    fails_cleanly 2 '["/bin/sh","-c",' -- pack -t t --cmd "$word"
    fails_cleanly 2 '["/bin/sh","-c",' -- pack -t t --entrypoint "$word"
  done
}

@test "what it proposes can be pasted" {
  run_stave pack -t t --cmd 'echo "$HOME" | cat'
  local proposed
  proposed=$(grep -oE '\["/bin/sh".*\]' <<<"$stderr")
  pack --cmd "$proposed"
  config_is .config.Cmd '["/bin/sh","-c","echo \"$HOME\" | cat"]'
}

@test "quoted, those are plain characters" {
  pack --cmd "echo '\$HOME | & ;'"
  config_is .config.Cmd '["echo","$HOME | & ;"]'
}

@test "a JSON array that is broken is usage" {
  fails_cleanly 2 --cmd -- pack -t t --cmd '["a",'
  fails_cleanly 2 --cmd -- pack -t t --cmd '["a",1]'
}

@test "a new entrypoint clears the inherited cmd" {
  stave pack -q -t base --entrypoint a --cmd b >/dev/null
  pack --base base --entrypoint c
  config_is .config.Entrypoint '["c"]'
  config_is .config.Cmd null
}

@test "a new entrypoint with a new cmd keeps that, in either order" {
  stave pack -q -t base --entrypoint a --cmd b >/dev/null
  pack --base base --cmd d --entrypoint c
  config_is .config.Cmd '["d"]'
}

@test "a new cmd keeps the inherited entrypoint" {
  stave pack -q -t base --entrypoint a --cmd b >/dev/null
  pack --base base --cmd d
  config_is .config.Entrypoint '["a"]'
}

@test "created is left out, in the history, too" {
  touch a
  pack --add a
  config_is .created null
  config_is '[.history[].created]' '[null]'
}

@test "created is SOURCE_DATE_EPOCH when that is set" {
  touch a
  SOURCE_DATE_EPOCH=1700000000 pack --add a
  config_is .created '"2023-11-14T22:13:20Z"'
  config_is '.history[0].created' '"2023-11-14T22:13:20Z"'
}

@test "--created beats SOURCE_DATE_EPOCH" {
  SOURCE_DATE_EPOCH=1700000000 pack --created 0
  config_is .created '"1970-01-01T00:00:00Z"'
}

@test "a created that the base has is not passed on as this image's" {
  touch a
  stave pack -q -t base --created 2020-01-01T00:00:00Z --add a >/dev/null
  pack --base base --add a:/b
  config_is .created null
}

@test "history entries correspond to the layers, the base's included" {
  mkdir dir
  touch a dir/d
  stave pack -q -t base --add a >/dev/null
  pack --base base --add a:/b --layer dir --rm /a
  assert_equal "$(config t | jq '[.history[] | select(.empty_layer | not)] | length')" 4
  assert_equal "$(config t | jq -r '.history[1].created_by')" "stave pack --add /b"
  assert_equal "$(config t | jq -r '.history[3].created_by')" "stave pack --rm /a"
}

@test "as many diff_ids as layers, and each is its tar's digest" {
  mkdir dir
  touch a dir/d
  pack --add a --layer dir
  local i
  for i in 0 1; do
    assert_equal "$(config t | jq -r ".rootfs.diff_ids[$i]")" "sha256:$(layer_tar $i | sha256sum | cut -d' ' -f1)"
  done
  config_is '.rootfs.diff_ids | length' 2
}

# --- platforms ---

@test "the default platform is this machine's" {
  pack
  local wanted
  case "$(uname -m)" in
    x86_64) wanted=amd64 ;;
    aarch64) wanted=arm64 ;;
    *) skip_because "no table for $(uname -m)" ;;
  esac
  config_is .architecture "\"$wanted\""
  config_is .os '"linux"'
}

@test "one platform makes an image, several make an index over them" {
  touch a
  pack --platform linux/amd64 --add a
  assert_equal "$(stored t | jq -r .mediaType)" application/vnd.oci.image.manifest.v1+json
  pack --platform linux/amd64,linux/arm64 --add a
  assert_equal "$(stored t | jq -r .mediaType)" application/vnd.oci.image.index.v1+json
  assert_equal "$(stored t | jq -c '[.manifests[].platform]')" \
    '[{"architecture":"amd64","os":"linux"},{"architecture":"arm64","os":"linux","variant":"v8"}]'
}

@test "arm64 has the variant v8 in its config" {
  pack --platform linux/arm64
  config_is '[.architecture,.variant]' '["arm64","v8"]'
}

@test "--platform can be repeated, and each is made once" {
  pack --platform linux/amd64 --platform linux/arm64,linux/amd64
  assert_equal "$(stored t | jq '.manifests | length')" 2
}

@test "each platform gets its own files" {
  mkdir -p build/amd64 build/arm64
  echo amd >build/amd64/hello
  echo arm >build/arm64/hello
  pack --platform linux/amd64,linux/arm64 --add 'build/{arch}/hello:/hello'
  assert_equal "$(blob "$(manifest t 0 | jq -r '.layers[0].digest')" | gzip -dc | tar -xO hello)" amd
  assert_equal "$(blob "$(manifest t 1 | jq -r '.layers[0].digest')" | gzip -dc | tar -xO hello)" arm
}

@test "a platform that fails is named, and no tag appears" {
  mkdir -p build/amd64
  echo amd >build/amd64/hello
  fails_cleanly 3 linux/arm64 build/arm64/hello -- pack -t t --platform linux/amd64,linux/arm64 --add 'build/{arch}/hello:/hello'
}

# --- compression and results ---

@test "--compression gzip, zstd and none, with levels, give one diff_id" {
  mkdir tree
  seq 100000 >tree/numbers
  local codec ids=()
  for codec in gzip gzip:1 gzip:12 zstd zstd:1 zstd:19 none; do
    pack --compression "$codec" --layer tree
    ids+=("$(config t | jq -r '.rootfs.diff_ids[0]')")
    assert_equal "$(layer_content 0 numbers | sha256sum)" "$(sha256sum <tree/numbers)"
  done
  assert_equal "$(printf '%s\n' "${ids[@]}" | sort -u | wc -l)" 1
}

@test "--compression of an unknown codec or level is usage" {
  fails_cleanly 2 brotli -- pack -t t --compression brotli
  fails_cleanly 2 gzip:99 -- pack -t t --compression gzip:99
}

@test "gzip layers are one member, so that no reader stops early" {
  mkdir tree
  head -c 3000000 /dev/urandom >tree/random
  pack --layer tree
  # A second member would begin with its magic right after the trailer of the first; gzip -l looks at the last
  # trailer alone and would say less than all.
  blob "$(layer_digest 0)" >layer.gz
  assert_equal "$(gzip -l layer.gz | awk 'NR == 2 {print $2}')" "$(gzip -dc layer.gz | wc -c)"
}

@test "without a layer there is an image all the same" {
  pack --cmd true
  assert_equal "$(layer_count)" 0
}

@test "-o copies the result there as well" {
  touch a
  pack --add a -o oci:layout
  assert_equal "$(jq -r '.manifests[0].digest' layout/index.json)" "$digest"
  assert_equal "$(manifest t)" "$(cat "layout/blobs/${digest/://}")"
}

@test "-o oci-archive: and docker-archive: make files that hold the name" {
  touch a
  pack --add a -o oci-archive:image.tar
  tar -xOf image.tar index.json | jq -e '.manifests[0].annotations["org.opencontainers.image.ref.name"]' >/dev/null
  pack --add a -o docker-archive:docker.tar
  tar -xOf docker.tar manifest.json | jq -e '.[0].RepoTags[0]' >/dev/null
}

@test "-o - writes an archive to standard output and the digest to stderr" {
  touch a
  run_stave pack -t t --add a -o oci-archive:file.tar
  local wanted=$output
  stave pack -t t --add a -o - >stream.tar 2>err
  grep -qF "$wanted" err
  tar -xOf stream.tar index.json | grep -qF "$wanted"
}

@test "-o without -t leaves nothing in the store" {
  touch a
  run_stave pack --add a -o oci:layout
  assert_exit 0
  assert_empty_dir "$STAVE_STORE/blobs/sha256"
  [ -f "layout/blobs/${output/://}" ]
}

@test "neither -t nor -o is usage and names both" {
  touch a
  fails_cleanly 2 "-t" "-o" -- pack --add a
}

@test "-t can be repeated" {
  run_stave pack -t one -t two:2
  assert_exit 0
  assert_equal "$(stored one)" "$(stored two:2)"
}

@test "-t moves a tag and says what it was" {
  touch a
  pack
  local before=$digest
  pack --add a
  [[ "$said" == *"$before"* ]] || complain "$said"
}

@test "the digest on stdout is that of the manifest in the store" {
  touch a
  pack --add a
  assert_digest "$digest" "sha256:$(blob "$digest" | sha256sum | cut -d' ' -f1)"
  assert_equal "$(stored t)" "$(blob "$digest")"
}

@test "-q prints the digest and nothing else" {
  mkdir tree
  touch tree/a
  run_stave -q pack -t t --owner 0 --layer tree
  assert_exit 0
  assert_digest "$output"
  assert_equal "$stderr" ""
}

@test "-q holds for a tag that moves, too" {
  touch a
  stave pack -q -t t >/dev/null
  run_stave pack -q -t t --add a
  assert_equal "$stderr" ""
}

@test "where stderr is no terminal progress is plain lines" {
  mkdir tree
  touch tree/a
  run_stave pack -t t --layer tree
  [[ "$stderr" == "packing "* ]]
  [[ "$stderr" != *$'\e'* && "$stderr" != *$'\r'* ]]
}

@test "--progress json gives one JSON object a line" {
  mkdir tree
  touch tree/a
  run_stave --progress json pack -t t --add tree:/t --add tree:/t
  assert_exit 0
  assert_digest "$output"
  jq -es 'length > 2 and all(has("event"))' <<<"$stderr" >/dev/null
  jq -es 'any(.event == "warn")' <<<"$stderr" >/dev/null
}

@test "--progress none is silent, warnings included" {
  touch a
  run_stave --progress none pack -t t --add a --add a
  assert_equal "$stderr" ""
}

@test "--json says what was made" {
  touch a
  run_stave pack --json -t t --platform linux/amd64,linux/arm64 --add a
  assert_exit 0
  jq -e '.mediaType and .size and .digest and (.names | length == 1) and ([.images[].platform] == ["linux/amd64","linux/arm64/v8"])' \
    <<<"$output" >/dev/null
  assert_equal "$(jq -r .digest <<<"$output")" "sha256:$(stored t | sha256sum | cut -d' ' -f1)"
}

@test "the store is private to its user" {
  pack
  assert_equal "$(stat -c %a "$STAVE_STORE")" 700
}
