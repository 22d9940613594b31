# Looking into images: ls, cat, tree and du, held against what tar, podman and a directory
# say of the same files.

load helpers
load pack_helpers

# alpine NAME: the image NAME of Alpine's tarball, which is at $tarball.
alpine() {
  shared images/alpine/x86_64 >/dev/null
  tarball=$(echo "$(shared images/alpine/x86_64)"/alpine-minirootfs-*.tar.gz)
  stave pack -q -t "$1" --platform linux/amd64 --layer "$tarball" >/dev/null
}

# stacked: the image `s` of three layers, of which each changes what the last one made.
stacked() {
  mkdir -p one/etc one/srv two/etc three
  printf 'one\n' >one/etc/conf && printf 'kept\n' >one/etc/kept && printf 'gone\n' >one/srv/gone
  printf 'two\n' >two/etc/conf
  old one/etc/* one/srv/* one/etc one/srv two/etc two/etc/conf
  stave pack -q -t s1 --owner 0 --layer one >/dev/null
  stave pack -q -t s2 --owner 0 --base s1 --layer two >/dev/null
  touch three/.wh.srv
  tar -C three -cf three.tar .wh.srv
  stave pack -q -t s --base s2 --layer three.tar >/dev/null
}

# --- ls ---

@test "ls lists one level by its names, hidden ones included" {
  mkdir -p d/b && touch d/.a d/b/deep d/c
  stave pack -q -t t --add d:/d >/dev/null
  run_stave ls t /d
  assert_output $'.a\nb\nc'
}

@test "ls without a path lists the root" {
  stacked
  run_stave ls s2
  assert_output $'etc\nsrv'
}

@test "ls -R lists the paths that tar lists" {
  alpine t
  assert_equal "$(stave ls -R t | LC_ALL=C sort)" "$(tar -tzf "$tarball" | sed -E 's,^\./,/,; s,/$,,' | grep . | LC_ALL=C sort)"
}

@test "ls -l says what tar -tv says" {
  alpine t
  # Hardlinks apart, which tar lists as links: there are none here.
  assert_equal "$(stave ls -lR t | awk '{print $1, $2, $3, $4, $5, $6}' | LC_ALL=C sort)" \
    "$(TZ=UTC tar --numeric-owner --full-time -tvzf "$tarball" | awk '{sub("/", ":", $2); sub("^\\./", "/", $6); if ($6 != "/") sub("/$", "", $6); print $1, $2, $3, $4, $5, $6}' | grep -v ' /$' | LC_ALL=C sort)"
}

@test "ls -l shows what stat shows of the unpacked tree" {
  mkdir d && touch d/f && ln -s /f d/l && mkdir d/sticky && mkfifo d/p && chmod 1777 d/sticky && chmod 4710 d/f
  old d/f d/sticky d/p && touch -h -d @1000000000 d/l
  stave pack -q -t t --mtime keep --owner 7:8 --add d:/d >/dev/null
  run_stave ls -l t /d
  assert_output "-rws--x--- 7:8 0 2001-09-09 01:46:40 f
lrwxrwxrwx 7:8 0 2001-09-09 01:46:40 l -> /f
prw-r--r-- 7:8 0 2001-09-09 01:46:40 p
drwxrwxrwt 7:8 0 2001-09-09 01:46:40 sticky"
}

@test "ls looks through a symlink, and inside of the image only" {
  mkdir d && touch d/f && mkdir e && ln -s ../../../../d e/l
  stave pack -q -t t --add d:/d --add e:/ >/dev/null
  run_stave ls t /l
  assert_output f
  run_stave ls -l t /l
  assert_output_has "/l -> ../../../../d"
}

@test "ls of a file says its name" {
  stacked
  run_stave ls s /etc/conf
  assert_output /etc/conf
}

@test "ls lists the same as podman's find" {
  require_containers
  alpine t
  fresh_podman
  stave copy -q t - | podman load --quiet >/dev/null
  local mounted
  mounted=$(podman image mount localhost/t:latest)
  # Path order: a '/' sorts before every other byte.
  assert_equal "$(stave ls -R t)" \
    "$(cd "$mounted" && find . -mindepth 1 -printf '/%P\0' | tr / '\1' | LC_ALL=C sort -z | tr '\1\0' '/\n')"
  podman image unmount localhost/t:latest >/dev/null
}

@test "ls --layers tells who put, changed and removed" {
  stacked
  run_stave ls -R --layers s
  assert_output "LAYER  WHAT               SIZE  PATH       BEFORE
    1  added                    /etc
    2  changed (content)   4 B  /etc/conf  added by 1
    1  added               5 B  /etc/kept
    3  removed                  /srv       added by 1
    3  removed             5 B  /srv/gone  added by 1"
}

@test "ls --layers tells what an opaque directory hides" {
  mkdir -p one/d && touch one/d/old
  stave pack -q -t below --layer one >/dev/null
  mkdir -p two/d && touch two/d/.wh..wh..opq two/d/new
  tar -C two -cf two.tar d
  stave pack -q -t t --base below --layer two.tar >/dev/null
  assert_equal "$(stave ls --layers --json t /d | jq -c '.entries[] | [.path, .layer, .history[-1].what]')" \
    $'["/d/new",2,"added"]\n["/d/old",2,"removed"]'
}

@test "ls --json has everything" {
  printf 'x' >f && chmod 640 f && old f && setfattr -n user.a -v $'\x01\xff' f
  stave pack -q -t t --mtime keep --owner 1:2 --add f:/f >/dev/null
  assert_equal "$(stave ls --json t /f | jq -c '.entries[0]')" \
    '{"path":"/f","type":"regular","mode":"0640","uid":1,"gid":2,"size":1,"mtime":1000000000,"xattrs":{"user.a":"0x01ff"},"digest":"sha256:2d711642b726b04401627ca9fbac32f5c8530fb1903cc4db02258717921a4881","layer":1,"history":[{"layer":1,"what":"added"}]}'
}

@test "a name with escape sequences does not reach the terminal" {
  mkdir d && touch d/$'\e[2Jevil' d/$'new\nline' d/$'\xff'
  stave pack -q -t t --add d:/d >/dev/null
  run_stave ls t /d
  assert_output $'\\x1b[2Jevil\nnew\\nline\n\\xff'
  run_stave ls --layers t /d
  [[ "$output" != *$'\e'* ]]
}

@test "ls -z gives names as they are" {
  mkdir d && touch d/$'\e[2Jevil' d/$'new\nline'
  stave pack -q -t t --add d:/d >/dev/null
  assert_equal "$(stave ls -z t /d | od -An -c | tr -d ' \n')" '033[2Jevil\0new\nline\0'
}

@test "a path that is not there names the nearest parent, and the layer that removed it" {
  stacked
  run_stave ls s /etc/a/b
  assert_one_error '"/etc/a/b" does not exist; "/etc" does'
  assert_exit 3
  run_stave ls s /srv/gone
  assert_one_error '"/" does; layer 3 removed it'
}

@test "ls takes a tar, an archive and standard input" {
  stacked
  tar -C one -cf one.tar etc srv
  run_stave ls ./one.tar
  assert_output $'etc\nsrv'
  stave copy -q s oci-archive:s.tar >/dev/null
  run_stave ls oci-archive:s.tar
  assert_output etc
  run_stave ls - /etc <s.tar
  assert_output $'conf\nkept'
}

@test "ls lists a foreign image with all its hardlinks" {
  busybox_layout glibc/amd64 busybox
  local blob
  blob=busybox/blobs/sha256/$(jq -r '.manifests[0].digest' busybox/index.json | cut -d: -f2)
  blob=busybox/blobs/sha256/$(jq -r '.layers[0].digest' "$blob" | cut -d: -f2)
  assert_equal "$(stave ls -R oci:busybox | LC_ALL=C sort)" "$(tar -tzf "$blob" | sed 's,^\./,,; s,/$,,' | grep . | sed 's,^,/,' | LC_ALL=C sort)"
}

@test "ls lists layers of every compression" {
  local codec
  mkdir d && seq 1000 >d/f
  for codec in gzip zstd none; do
    stave pack -q -t t --compression "$codec" --add d:/d >/dev/null
    assert_equal "$(stave ls t /d)" f
  done
}

# --- cat ---

@test "cat prints what tar extracts" {
  alpine t
  stave cat t /bin/busybox >got
  tar -xOzf "$tarball" ./bin/busybox | cmp - got
}

@test "cat takes the file of the layer on top" {
  stacked
  run_stave cat s /etc/conf /etc/kept
  assert_output $'two\nkept'
}

@test "cat looks through symlinks and hardlinks" {
  mkdir d && echo content >d/f && ln d/f d/h && ln -s /d/h d/s
  stave pack -q -t t --add d:/d >/dev/null
  run_stave cat t /d/s
  assert_output content
}

@test "cat of a directory is refused" {
  stacked
  run_stave cat s /etc
  assert_exit 2
  assert_one_error '"/etc" is a directory'
}

@test "cat prints nothing if one of the files is not there" {
  stacked
  run_stave cat s /etc/conf /etc/nothing
  assert_exit 3
  assert_output ""
}

@test "cat prints nothing of a layer that is not what the image says" {
  stacked
  stave copy -q s oci:layout:s >/dev/null
  local blob
  blob=layout/blobs/sha256/$(stave inspect --json oci:layout:s | jq -r '.images[0].layers[0].digest' | cut -d: -f2)
  chmod u+w "$blob"
  gzip -dc "$blob" | sed 's/^kept$/KEPT/' | gzip -n >forged
  cat forged >"$blob"
  run_stave cat oci:layout:s /etc/kept
  assert_output ""
  [ "$status" -ne 0 ]
}

@test "cat leaves nothing behind in TMPDIR" {
  stacked
  stave cat s /etc/conf
  assert_empty_dir "$TMPDIR"
}

# --- layers that were packed here ---

# known: the image `k` of 200 files, in the layout of that name, and $blob, its only layer.
known() {
  local i
  mkdir -p files && for i in $(seq 200); do seq "$i" 4000 >"files/$i"; done
  stave pack -q -t k --add files:/d >/dev/null
  stave copy -q k oci:layout:k >/dev/null
  blob=layout/blobs/sha256/$(stave inspect --json k | jq -r '.images[0].layers[0].digest' | cut -d: -f2)
}

@test "cat of one file reads a small part of the layer that was packed here" {
  require_client strace
  known
  # LeakSanitizer does not work under ptrace.
  ASAN_OPTIONS=detect_leaks=0 strace -f -y -e trace=read,pread64 -o trace "$(type -P stave)" cat -q oci:layout:k /d/77 >got
  cmp got files/77
  local bytes
  bytes=$(grep -F "$(basename "$blob")" trace | grep -F layout | sed 's/.*= //' | awk '{s += $1} END {print s + 0}')
  [ "$bytes" -gt 0 ] && [ "$bytes" -lt $(($(stat -c %s "$blob") / 3)) ] || complain "read $bytes of $(stat -c %s "$blob")"
}

@test "the cache changes nothing of what ls and cat say" {
  known
  assert_equal "$(stave ls -q -lR oci:layout:k)" "$(stave ls -q -lR --no-cache oci:layout:k)"
  assert_equal "$(stave cat -q oci:layout:k /d/1 /d/200 | sha256sum)" "$(cat files/1 files/200 | sha256sum)"
  assert_equal "$(stave cat -q --no-cache oci:layout:k /d/1 /d/200 | sha256sum)" "$(cat files/1 files/200 | sha256sum)"
}

@test "a damaged cache changes nothing either" {
  known
  local file
  for file in "$XDG_CACHE_HOME"/stave/layers/{index,headers}/*; do printf 'X' | dd of="$file" bs=1 seek=200 conv=notrunc status=none; done
  stave cat -q oci:layout:k /d/77 | cmp - files/77
}

@test "cat of a damaged block prints nothing" {
  known
  chmod u+w "$blob" && printf 'damage' | dd of="$blob" bs=1 seek=200 conv=notrunc status=none
  run_stave cat oci:layout:k /d/1
  [ "$status" -ne 0 ]
  assert_output ""
}

@test "cat of a file in a layer packed here on top of a foreign base reads no base" {
  known
  tar -cf base.tar files
  stave pack -q -t base --layer base.tar >/dev/null
  seq 300000 >top
  stave pack -q -t both --base base --add top:/top/file >/dev/null
  stave copy -q both oci:both:b >/dev/null
  rm "both/blobs/sha256/$(stave inspect --json both | jq -r '.images[0].layers[0].digest' | cut -d: -f2)"
  stave cat oci:both:b /top/file | cmp - top
}

# --- tree ---

multi() {
  mkdir -p amd64 arm64 shared
  echo one >amd64/f && echo two >arm64/f && echo both >shared/s
  stave pack -q -t multi --platform linux/amd64,linux/arm64 --layer shared --add '{arch}/f:/f' >/dev/null
}

@test "tree shows every document and blob, and what is shared" {
  multi
  LC_ALL=C run_stave tree multi
  assert_equal "$(sed -E 's/ +[0-9a-f]{12} +[0-9.]+ (B|KiB)//; s/, .*//' <<<"$output")" 'index  multi:latest
|-- image linux/amd64
|   |-- config
|   |-- layer gzip
|   `-- layer gzip
`-- image linux/arm64/v8
    |-- config
    |-- layer gzip  as above
    `-- layer gzip
8 blobs'
}

@test "tree draws with box characters where they can be shown" {
  multi
  LC_ALL=C.UTF-8 run_stave tree multi
  assert_output_has '├── image linux/amd64'
  assert_output_has '    └── layer gzip'
}

@test "tree of one platform" {
  multi
  run_stave tree --platform linux/arm64 multi
  [[ "${lines[0]}" == "image linux/arm64/v8"* ]]
}

@test "tree lists what umoci and skopeo find in a layout" {
  busybox_layout glibc/amd64 busybox
  assert_equal "$(stave tree --json oci:busybox | jq -r '.. | .digest? // empty' | sort)" \
    "$(cd busybox/blobs/sha256 && sha256sum * | awk '{print "sha256:" $1}' | sort)"
}

@test "tree shows what is missing and goes on" {
  multi
  stave copy -q multi oci:layout:m >/dev/null
  rm "layout/blobs/sha256/$(stave inspect --json oci:layout:m | jq -r '.images[0].layers[1].digest' | cut -d: -f2)"
  run_stave tree oci:layout:m
  assert_exit 0
  assert_equal "$(grep -c 'not here' <<<"$output")" 1
}

@test "tree --svg draws a well-formed picture, the same each time" {
  multi
  stave tree --svg a.svg multi && stave tree --svg b.svg multi
  cmp a.svg b.svg
  python3 -c 'import sys, xml.dom.minidom as x; d = x.parse("a.svg"); assert not d.getElementsByTagName("script"); sys.exit(len([r for r in d.getElementsByTagName("rect") if "box" in r.getAttribute("class")]) != 9)'
}

@test "tree --svg overwrites with --force only" {
  multi
  echo mine >a.svg
  run_stave tree --svg a.svg multi
  [ "$status" -ne 0 ]
  assert_equal "$(cat a.svg)" mine
  stave tree --svg a.svg --force multi
  grep -q '<svg' a.svg
}

# --- du ---

@test "du adds up to what tar and find count" {
  alpine t
  mkdir root && tar -C root -xzf "$tarball"
  local bytes
  bytes=$(find root -type f -printf '%s\n' | awk '{s += $1} END {print s}')
  assert_equal "$(stave du --json t | jq -c '[.visible.bytes, ([.directories[].bytes] | add), ([.layers[].visible.bytes] | add)]')" \
    "[$bytes,$bytes,$bytes]"
  assert_equal "$(stave du --json t | jq '.directories[] | select(.path == "/usr").bytes')" \
    "$(find root/usr -type f -printf '%s\n' | awk '{s += $1} END {print s}')"
}

@test "du shows the biggest directories, and a total" {
  mkdir -p d/big d/small && head -c 100000 /dev/zero >d/big/f && head -c 10 /dev/zero >d/small/f
  stave pack -q -t t --add d:/d >/dev/null
  LC_ALL=C run_stave du t /d
  assert_equal "$(head -n 4 <<<"$output")" "    SIZE                        FILES  DIRECTORY
97.7 KiB  ####################      1  /d/big
    10 B  #                         1  /d/small
97.7 KiB                            2  in all below /d"
}

@test "du tells what was shipped and hidden, and shipped twice" {
  mkdir -p one/d two/d
  head -c 5000 /dev/urandom >one/d/f && head -c 3000 /dev/urandom >one/d/g
  cp one/d/f two/d/f && chmod 700 two/d/f && touch two/d/.wh.g
  stave pack -q -t t1 --layer one >/dev/null
  tar -C two -cf two.tar d/.wh.g d/f
  stave pack -q -t t --base t1 --layer two.tar >/dev/null
  assert_equal "$(stave du --json t | jq -c '[.hidden.bytes, .layers[0].hidden.bytes, .layers[1].repeated.bytes, .repeats[0].wasted, (.repeats[0].places[1].why | startswith("mode"))]')" \
    "[8000,8000,5000,5000,true]"
  run_stave du t
  assert_output_has "/d/f (mode"
}

# --- inspect ---

@test "inspect tells the age of an image, by SOURCE_DATE_EPOCH where that is set" {
  echo x >f
  stave pack -q -t t --add f:/f --created 2024-01-01T00:00:00Z >/dev/null
  SOURCE_DATE_EPOCH=1704412800 run_stave inspect t
  assert_output_has "Created      2024-01-01T00:00:00Z (4 days ago)"
  [[ "$(stave inspect --json t)" != *ago* ]]
}
