# Every call of whole packs and copies fails once, in every way. tests/e2e/faults.bats
# takes a few of them. FAULT_STRIDE=N takes every N-th.

load ../e2e/helpers
load ../e2e/fault_helpers

setup() {
  fresh
  fault_shim
  seed_world
}

ways=${FAULT_WAYS:-EIO ENOSPC HALF KILL KILLED}
stride=${FAULT_STRIDE:-1}

@test "every fault in a pack into a store" {
  all_faults "$stride" "$ways" seeded new:1 pack -q -j1 -t new:1 --add big --add new
}

@test "every fault in a pack into a store that is not there yet" {
  all_faults "$stride" "$ways" empty new:1 pack -q -j1 -t new:1 --add new
}

@test "every fault in a copy into the store" {
  all_faults "$stride" "$ways" seeded new:1 copy -q -j1 oci:src new:1
}

@test "every fault in a copy into a new layout" {
  all_faults "$stride" "$ways" seeded oci:out/layout copy -q -j1 oci:src oci:out/layout
}

@test "every fault in a copy into an archive" {
  all_faults "$stride" "$ways" seeded oci-archive:out/archive.tar copy -q -j1 -f oci:src oci-archive:out/archive.tar
}
