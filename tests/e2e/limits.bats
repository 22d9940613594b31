# Limits: each can be moved by its name, what goes past one is told so with the
# option that moves it, and nothing is left behind.

load helpers

# refused_by NAME ARGS...: stave fails with the exit code of limits and names this one.
refused_by() {
  local limit=$1
  shift
  run_stave "$@"
  assert_exit 9
  assert_stderr_has "--limit $limit="
}

tree() {
  mkdir -p tree/a/b/c
  head -c 3000 /dev/zero >tree/a/b/c/f
  head -c 3000 /dev/zero >tree/g
  tar -C tree -cf layer.tar .
}

@test "layer-bytes: what a layer holds, and the headers around it" {
  tree
  refused_by layer-bytes unpack layer.tar t --limit layer-bytes=5K
  refused_by layer-bytes unpack layer.tar t --limit layer-bytes=8K
  refused_by layer-bytes pack -t x --layer layer.tar --limit layer-bytes=5K
  refused_by layer-bytes pack -t x --layer tree --limit layer-bytes=5K
  assert_equal "$(echo t*)" tree
  stave unpack -q layer.tar t --limit layer-bytes=20K
}

# Global headers, one after the other, until nobody reads any more.
endless_headers() {
  perl -e '
    my $h = pack "a100 a8 a8 a8 a12 a12 a8 a1 a100 a6 a2", "g", "0000644", "0000000", "0000000", "00000000000", "00000000000", " " x 8, "g", "", "ustar", "00";
    $h .= "\0" x (512 - length $h); my $s = 0; $s += ord for split //, $h; substr($h, 148, 8) = sprintf "%06o\0 ", $s;
    $SIG{PIPE} = "DEFAULT"; 1 while print $h x 1000' 3>&-
}

@test "an endless stream of headers without an entry ends where a limit is" {
  refused_by archive-bytes unpack - t --limit archive-bytes=10M < <(endless_headers)
  refused_by layer-bytes pack -t x --layer - --limit layer-bytes=10M < <(endless_headers)
  assert_empty_dir "$TMPDIR"
  assert_empty_dir "$STAVE_STORE/blobs/sha256"
}

@test "layer-entries" {
  tree
  refused_by layer-entries unpack layer.tar t --limit layer-entries=5
  refused_by layer-entries pack -t x --layer layer.tar --limit layer-entries=5
  stave unpack -q layer.tar t --limit layer-entries=6
}

@test "layer-metadata: names and attributes, but not contents" {
  tree
  refused_by layer-metadata unpack layer.tar t --limit layer-metadata=20
  refused_by layer-metadata pack -t x --layer layer.tar --limit layer-metadata=20
  stave unpack -q layer.tar t --limit layer-metadata=100
}

@test "unpack-bytes: all layers together" {
  tree
  refused_by unpack-bytes unpack layer.tar layer.tar t --limit unpack-bytes=11K
  stave unpack -q layer.tar t --limit unpack-bytes=6000
  stave unpack -q layer.tar layer.tar u --limit unpack-bytes=12000
}

@test "sparse-expansion: of a layer that is rewritten" {
  truncate -s 1M sparse
  tar -Scf layer.tar sparse
  refused_by sparse-expansion pack -t x --recompress --layer layer.tar --limit sparse-expansion=1000K
  stave pack -q -t x --recompress --layer layer.tar --limit sparse-expansion=1M
}

@test "path-depth: can be lowered, and not raised" {
  tree
  run_stave unpack layer.tar t --limit path-depth=3
  assert_exit 9
  assert_stderr_has "path-depth"
  run_stave unpack layer.tar t --limit path-depth=2049
  assert_exit 2
  assert_stderr_has "at most 2048"
}

@test "document-bytes, layout-index-bytes, json-values" {
  tree
  stave pack -q -t x --layer layer.tar --label "long=$(head -c 2000 /dev/zero | tr '\0' x)" >/dev/null
  stave copy -q x oci-archive:x.tar
  refused_by document-bytes inspect x --limit document-bytes=1K
  refused_by layout-index-bytes inspect x --limit layout-index-bytes=100
  refused_by json-values inspect x --limit json-values=10
  refused_by layout-index-bytes inspect oci-archive:x.tar --limit layout-index-bytes=100
}

@test "archive-members, archive-bytes" {
  tree
  stave pack -q -t x --layer layer.tar >/dev/null
  stave copy -q x oci-archive:x.tar
  gzip -k x.tar
  refused_by archive-members inspect oci-archive:x.tar --limit archive-members=3
  refused_by archive-bytes inspect oci-archive:x.tar.gz --limit archive-bytes=4K
  refused_by archive-bytes copy - y --limit archive-bytes=4K <x.tar
  assert_empty_dir "$TMPDIR"
  stave copy -q - y --limit archive-bytes=1M <x.tar
}

@test "zstd-window" {
  head -c 40M /dev/zero | tr '\0' x >f
  tar -cf layer.tar f
  zstd -q --long=25 --no-check --stream-size=41944064 layer.tar
  refused_by zstd-window unpack layer.tar.zst t --limit zstd-window=1M
  stave unpack -q layer.tar.zst t --limit zstd-window=64M
}

@test "help lists them, and a wrong name is told" {
  run_stave help limits
  assert_exit 0
  assert_output_has "layer-bytes"
  run_stave images --limit layer-byte=1
  assert_exit 2
  assert_stderr_has 'did you mean `layer-bytes`?'
}
