# stave validate: every image that we did not make has its verdict, and what is wrong is
# named with its true reason, in all three forms of output.

load helpers
load place_helpers

# codes ARGUMENTS...: the codes that validate finds, each once, sorted, in one line.
codes() { stave validate -q --json "$@" | jq -r '[.findings[].code] | unique | join(" ")'; }

# hello NAME: a small image in the local store.
hello() {
  mkdir -p root/etc
  echo hello >root/etc/hello
  stave pack -q -t "$1" --add root:/ >/dev/null
}

# --- what stave makes is valid for everybody ---

@test "an image that was packed here has no finding, for any client" {
  hello app:1
  stave copy -q app:1 oci-archive:app.tar >/dev/null
  run_stave validate --strict --profile podman --profile containerd app:1
  assert_exit 0
  run_stave validate --strict --profile podman --profile containerd oci-archive:app.tar
  assert_exit 0
  stave copy -q --for docker app:1 oci-archive:docker.tar >/dev/null
  run_stave validate --strict --profile docker oci-archive:docker.tar
  assert_exit 0
}

@test "an image of several layers and platforms is valid, in the store, as a layout and as an archive" {
  mkdir root && echo x >root/x
  stave pack -q -t one:1 --platform linux/amd64,linux/arm64 --add root:/ >/dev/null
  stave pack -q -t multi:1 --platform linux/amd64,linux/arm64 --base one:1 --add root:/srv >/dev/null
  stave copy -q multi:1 oci:layout:x >/dev/null
  stave copy -q multi:1 oci-archive:multi.tar >/dev/null
  local place
  for place in multi:1 oci:layout oci:layout:x layout oci-archive:multi.tar multi.tar; do
    run_stave validate --strict "$place"
    assert_exit 0
  done
}

@test "the same image on a pipe" {
  hello app:1
  stave copy -q app:1 - >app.tar
  run_stave validate - <app.tar
  assert_exit 0
}

# --- what is broken ---

@test "a changed layer is named by manifest, digest and layer" {
  hello app:1
  stave copy -q app:1 oci:layout:x >/dev/null
  local layer
  layer=$(stave inspect --json app:1 | jq -r '.images[0].layers[0].digest')
  chmod u+w "layout/blobs/sha256/${layer#sha256:}"
  printf 'x' | dd of="layout/blobs/sha256/${layer#sha256:}" bs=1 seek=40 conv=notrunc status=none
  run_stave validate oci:layout
  assert_exit 1
  assert_output_has "E012"
  assert_output_has "layers[0].digest"
  assert_output_has "image-spec descriptor.md#digests"
}

@test "a layer that is missing is said to be missing" {
  hello app:1
  stave copy -q app:1 oci:layout:x >/dev/null
  local layer
  layer=$(stave inspect --json app:1 | jq -r '.images[0].layers[0].digest')
  rm -f "layout/blobs/sha256/${layer#sha256:}"
  run_stave validate oci:layout # a layout may lack what can be had elsewhere
  assert_exit 0
  assert_output_has "$layer is not there"
  local client
  for client in podman docker containerd; do
    run_stave validate --profile "$client" oci:layout
    assert_exit 1
    assert_output_has "$layer is not there"
  done
}

@test "warnings fail only when it is strict" {
  run_stave validate --profile docker "$PROJECT/tests/data/validate/W722/bad.tar"
  assert_exit 0
  run_stave validate --profile docker --strict "$PROJECT/tests/data/validate/W722/bad.tar"
  assert_exit 1
}

@test "--fast does not look into layers" {
  run_stave validate "$PROJECT/tests/data/validate/E504/bad.tar"
  assert_exit 1
  run_stave validate --fast "$PROJECT/tests/data/validate/E504/bad.tar"
  assert_exit 0
}

@test "an archive that cannot be opened is not valid, and says why" {
  printf 'this is no archive at all' >text
  run_stave validate oci-archive:text
  assert_exit 1
  assert_output_has "E190"
  head -c 3000 "$PROJECT/tests/data/validate/E504/good.tar" >cut.tar
  run_stave validate oci-archive:cut.tar
  assert_exit 1
  assert_output_has "E190"
}

@test "what is not there is no verdict" {
  run_stave validate nothing:here
  assert_exit 3
  run_stave validate oci:nowhere
  assert_exit 3
  run_stave validate ./nowhere.tar
  assert_exit 3
}

@test "the tar of a layer and a single document are looked at on their own" {
  mkdir tree && echo x >tree/x
  tar -C tree -cf layer.tar ./x
  run_stave validate layer.tar
  assert_exit 0
  tar -C tree -rf layer.tar ./x
  run_stave validate layer.tar
  assert_exit 1
  assert_output_has "E504"
  gzip -k layer.tar
  run_stave validate layer.tar.gz
  assert_exit 1
  assert_output_has "E504"
  echo '{"schemaVersion": 2, "layers": [], "manifests": []}' >both.json
  run_stave validate both.json
  assert_exit 1
}

# --- forms of output ---

@test "a hostile name does nothing to the terminal" {
  mkdir tree && touch "tree/$(printf 'a\033[2Jb')"
  tar -C tree -cf layer.tar . && tar -C tree -rf layer.tar .
  run_stave validate layer.tar
  assert_exit 1
  [[ $output != *$'\033'* ]] || return 1
}

@test "SARIF names the rules that were broken and where" {
  stave validate --sarif "$PROJECT/tests/data/validate/E504/bad.tar" >report.sarif || true
  run jq -r '.version, .runs[0].tool.driver.rules[.runs[0].results[0].ruleIndex].id, .runs[0].results[0].level, .runs[0].results[0].locations[0].logicalLocations[0].fullyQualifiedName' report.sarif
  assert_exit 0
  [ "$output" = "$(printf '2.1.0\nE504\nerror\na')" ]
}

@test "--explain tells the story of every rule" {
  local code
  for code in $(stave validate --rules --json | jq -r '.[].code'); do
    run_stave validate --explain "$code"
    assert_exit 0
    assert_output_has "$code ("
  done
  run_stave validate --explain E999
  assert_exit 2
}

@test "docs/rules.md has every rule" {
  local code
  for code in $(stave validate --rules --json | jq -r '.[].code'); do
    grep -qF "$code" "$PROJECT/docs/rules.md" || { echo "docs/rules.md lacks $code" && return 1; }
  done
}

# --- images that others made ---

# Each with what it is opened as, and the codes of what is wrong with it ("-": nothing). Layouts are in unit_validate's table.
#   test-*-image                only a README.md is in them: what was an image elsewhere is none here
#   null_manifest, no_manifest  broken on purpose, by their names
#   hello-world-v25             Docker 25 wrote "manifests": null for an image without a name
#   valid-oci.tar               index.json does not say its mediaType
archives() {
  cat <<'TABLE'
docker-archive:dive/test-estargz-image.tar E190
docker-archive:dive/test-gzip-image.tar E190
docker-archive:dive/test-uncompressed-image.tar E190
docker-archive:dive/test-zstd-image.tar E190
oci-archive:stereoscope/valid-oci.tar W206
docker-archive:go-containerregistry/tarballs/test_image_1.tar -
docker-archive:go-containerregistry/tarballs/test_image_2.tar -
docker-archive:go-containerregistry/tarballs/test_bundle.tar -
docker-archive:go-containerregistry/tarballs/test_link.tar -
docker-archive:go-containerregistry/tarballs/test_load_manifest.tar -
docker-archive:go-containerregistry/tarballs/null_manifest.tar E190
docker-archive:go-containerregistry/tarballs/no_manifest.tar E190
oci-archive:go-containerregistry/tarballs/hello-world-v25.tar E201 W414
TABLE
}

@test "archives that others made have the verdicts that they deserve" {
  shared images >/dev/null
  local images place wanted
  images=$(shared images)
  while read -r place wanted; do
    assert_equal "$place $(codes "${place%%:*}:$images/${place#*:}")" "$place ${wanted/#-/}"
  done < <(archives)
}

@test "every archive and layer of the shared images is in the table, or is a layer without a finding" {
  shared images >/dev/null
  local images file
  images=$(shared images)
  while read -r file; do
    if archives | grep -qF ":$file "; then continue; fi
    assert_equal "$file$(codes "$images/$file")" "$file"
  done < <(cd "$images" && find . -name '*.tar' -o -name '*.tar.gz' -o -name '*.tar.zst' | sed 's,^\./,,' | grep -v busybox | sort)
}

@test "busybox as Docker Hub has it is valid, for every client" {
  local variant
  for variant in glibc/amd64 musl/amd64 musl/arm64v8 musl/riscv64; do
    busybox_layout "$variant" "layout-${variant//\//-}"
    assert_equal "$variant $(codes --profile podman --profile containerd "oci:layout-${variant//\//-}")" "$variant "
  done
}

# --- what clients do ---

# podman_loads CODE: into a store that has nothing yet.
podman_loads() {
  podman rmi -a -f >/dev/null 2>&1 || true
  run podman load -i "$PROJECT/tests/data/validate/$1/bad.tar"
}

@test "podman refuses what --profile podman says it refuses, and takes the good ones" {
  require_containers
  local code
  for code in E701 E704 E708; do
    podman_loads "$code"
    [ "$status" -ne 0 ] || complain "podman loads the bad archive of $code"
    run podman load -i "$PROJECT/tests/data/validate/$code/good.tar"
    assert_exit 0
  done
  podman_loads W707
  assert_output_has "docker.io/library/other:2"
  podman rmi -a -f >/dev/null
}

@test "below a symlink of lower layers podman shows the new file only, as E705 says" {
  require_containers
  podman_loads E705
  local root
  root=$(podman image mount docker.io/library/case:1) || skip_because "podman mounts no images here"
  run ls "$root/bin"
  podman image unmount -a >/dev/null
  podman rmi -a -f >/dev/null
  assert_output x
}

@test "containerd refuses what --profile containerd says it refuses, and takes the good ones" {
  local code
  for code in E741 E746 E502; do
    run with-containerd ctr image import "$PROJECT/tests/data/validate/$code/bad.tar"
    [ "$status" -ne 0 ] || complain "containerd imports the bad archive of $code"
    run with-containerd ctr image import "$PROJECT/tests/data/validate/$code/good.tar"
    assert_exit 0
  done
}
