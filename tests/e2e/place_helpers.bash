# Helpers about places: images to copy, archives to misread, and what is asked of
# both. A file loads `helpers` first.
# shellcheck shell=bash disable=SC2154

# hello_image NAME [PACK_ARGS...]: the smallest image, made here in a moment: one layer with one file.
hello_image() {
  local name=$1
  shift
  echo "hello from $name" >greeting
  stave pack -q -t "$name" --platform linux/amd64 --add greeting "$@"
}

# The digest that NAME (in any place) has.
digest_of() { stave inspect --json "$1" | jq -r .digest; }

# member ARCHIVE NAME: prints a member of a tar.
member() { tar -xOf "$1" "$2"; }

# tar_of DIR FILE: DIR as an archive, members without "./", as the tools write them.
tar_of() { (cd "$1" && find . -mindepth 1 -printf '%P\n' | LC_ALL=C sort | tar --no-recursion -cf - -T -) >"$2"; }

# docker_archive DIR: a directory with docker's classic format around a tar of one file: manifest.json, a config by its
# digest, layer.tar. What is in it can then be spoilt.
docker_archive() {
  mkdir -p "$1/tree"
  echo hello >"$1/tree/greeting"
  tar --mtime=@0 --owner=0 --group=0 --numeric-owner -C "$1/tree" -cf "$1/layer.tar" greeting
  rm -r "$1/tree"
  local diff_id
  diff_id=sha256:$(sha256sum "$1/layer.tar" | cut -d' ' -f1)
  printf '{"architecture":"amd64","os":"linux","config":{},"rootfs":{"type":"layers","diff_ids":["%s"]}}' "$diff_id" >"$1/config.json"
  printf '[{"Config":"config.json","RepoTags":["classic:1"],"Layers":["layer.tar"]}]' >"$1/manifest.json"
}

# docker_tar DIR FILE: DIR of `docker_archive` as the archive.
docker_tar() { tar -C "$1" -cf "$2" config.json manifest.json layer.tar; }

# One error line, one hint at most, and the exit code: bad input does not talk.
assert_one_error() {
  assert_exit "$1" || return 1
  [ -z "$output" ] || complain "an error printed to stdout" || return 1
  [ "$(grep -c '^stave: ' <<<"$stderr")" = 1 ] || complain "expected one error" || return 1
  # Before it, lines about what was going on; behind it, a hint at most.
  [ "$(sed -n '/^stave: /,$p' <<<"$stderr" | wc -l)" -le 2 ] || complain "expected an error and a hint"
}
