# What takes gigabytes or minutes: files over 8 GiB, whose size no octal field
# of a tar header can say, and trees of many files. `make test-big` runs it.

load ../e2e/helpers
load ../e2e/pack_helpers

@test "a sparse file over 8 GiB: packed, and its size and end are read back by GNU tar and bsdtar" {
  require_client bsdtar
  mkdir tree
  truncate -s 9G tree/large
  printf end | dd of=tree/large bs=1 seek=$((9 * 1024 * 1024 * 1024 - 3)) conv=notrunc status=none
  printf after >tree/next
  pack --compression zstd --layer tree
  layer_list 0 | grep -qE ' 9663676416 .* large$'
  assert_equal "$(layer_tar 0 | tar -xO large | tail -c 3)" end
  assert_equal "$(layer_tar 0 | bsdtar -xOf - large | tail -c 3)" end
  assert_equal "$(layer_tar 0 | bsdtar -xOf - next)" after
  assert_equal "$(config t | jq -r '.rootfs.diff_ids[0]')" "sha256:$(layer_tar 0 | sha256sum | cut -d' ' -f1)"
}

@test "a file over 8 GiB gives the same digest with 1 and 7 jobs" {
  mkdir tree
  truncate -s 8300M tree/large
  assert_digest "$(digest_of -j 7 --layer tree)" "$(digest_of -j 1 --layer tree)"
}

@test "packing 9 GiB takes bounded memory" {
  require_client time
  mkdir tree
  truncate -s 9G tree/large
  command time -f %M -o kilobytes stave pack -q -j 2 -t t --compression zstd:1 --layer tree
  [ "$(cat kilobytes)" -lt 262144 ] || complain "$(cat kilobytes) KiB"
}

@test "two hundred thousand files come back by name" {
  mkdir tree
  (cd tree && for d in $(seq 200); do mkdir "d$d" && (cd "d$d" && seq 1000 | xargs touch); done)
  pack --owner 0 --layer tree
  assert_equal "$(layer_paths 0 | wc -l)" 200200
}
