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
  run_stave validate oci:layout
  assert_exit 1
  assert_output_has "$layer"
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
