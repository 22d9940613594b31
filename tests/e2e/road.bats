# The main road: files in, an image out, loaded, mounted, unpacked and run by the
# clients that people have. One archive serves all of them.

load helpers
load place_helpers

# The images, once for all tests: road/store, and road/<name>.tar.
setup_file() {
  STAVE_STORE=$BATS_FILE_TMPDIR/store
  export STAVE_STORE ROAD=$BATS_FILE_TMPDIR
  PATH=$STAVE_CLIENTS/bin:$PATH
  cd "$ROAD" || return 1
  require_stave || return 1
  hello_binary hello || return 1
  mkdir -p build/amd64 build/arm64
  hello_binary build/amd64/hello amd64 && hello_binary build/arm64/hello arm64 || return 1
  stave pack -q -t hello:scratch --add hello --entrypoint ./hello
  stave pack -q -t hello:multi --platform linux/amd64,linux/arm64 --add 'build/{arch}/hello:/hello' --entrypoint /hello
  root_layer base
  stave pack -q -t hello:alpine --layer base --add hello:/root/hello --workdir /root --entrypoint 'time ./hello' --env HOSTNAME=globalhost
  usr_merged usr
  stave pack -q -t merged:1 --layer usr --add hello:/bin/hello --cmd '["/bin/sh","-c","hello world"]' --env PATH=/bin
  stave tag hello:scratch registry.example.com/x/hello:1
  local name
  for name in scratch multi alpine; do stave copy -q "hello:$name" "oci-archive:$name.tar"; done
  stave copy -q merged:1 oci-archive:merged.tar
  stave copy -q registry.example.com/x/hello:1 oci-archive:registry.tar
}

# A file or directory `$1` that --layer takes: Alpine's for this machine, else busybox-static's.
root_layer() {
  local data=${STAVE_DATA:-$PROJECT/../shared/data}/images/alpine tar
  tar=$(ls "$data/$(uname -m)"/*.tar.gz 2>/dev/null) || tar=
  if [ -n "$tar" ]; then cp "$tar" "$1"; else busybox_root "$1"; fi
}

# A root file system with bin -> usr/bin, as Debian and Fedora have it.
usr_merged() {
  busybox_root "$1"
  mkdir "$1/usr"
  mv "$1/bin" "$1/usr/bin"
  ln -s usr/bin "$1/bin"
}

setup() {
  fresh
  export STAVE_STORE=$ROAD/store
}

# load NAME: podman's words about the archive, in $output.
load_archive() {
  require_client podman
  fresh_podman
  run --separate-stderr podman load --quiet
  assert_exit 0
}

@test "podman loads hello:scratch from a file and says its name" {
  load_archive <"$ROAD/scratch.tar"
  assert_output "Loaded image: localhost/hello:scratch"
}

@test "podman load -i takes the file as well" {
  require_client podman
  fresh_podman
  run --separate-stderr podman load --quiet -i "$ROAD/scratch.tar"
  assert_output "Loaded image: localhost/hello:scratch"
}

@test "podman runs hello:scratch" {
  require_containers
  load_archive <"$ROAD/scratch.tar"
  run podman run --rm localhost/hello:scratch world
  assert_exit 0
  assert_output "hello world!"
}

@test "podman loads and runs hello:scratch through a pipe" {
  require_containers
  fresh_podman
  stave copy -q hello:scratch - | podman load --quiet
  run podman run --rm localhost/hello:scratch pipe
  assert_output "hello pipe!"
}

@test "podman loads an archive that was compressed with gzip" {
  require_client podman
  fresh_podman
  run --separate-stderr podman load --quiet < <(gzip -c "$ROAD/scratch.tar")
  assert_exit 0
  assert_output "Loaded image: localhost/hello:scratch"
}

@test "podman runs hello:alpine: two layers, a workdir, an entrypoint of two words" {
  require_containers
  load_archive <"$ROAD/alpine.tar"
  assert_output "Loaded image: localhost/hello:alpine"
  run --separate-stderr podman run --rm localhost/hello:alpine world
  assert_exit 0
  assert_output "hello world!"
  assert_stderr_has real
}

@test "podman runs with the environment of hello:alpine" {
  require_containers
  load_archive <"$ROAD/alpine.tar"
  run podman run --rm --entrypoint /bin/sh localhost/hello:alpine -c 'echo $HOSTNAME in $PWD'
  assert_output "globalhost in /root"
}

@test "podman loads and runs this machine's part of hello:multi" {
  require_containers
  load_archive <"$ROAD/multi.tar"
  run podman run --rm localhost/hello:multi world
  assert_output "hello world!"
  run podman image inspect --format '{{.Architecture}}' localhost/hello:multi
  assert_output "$(dpkg --print-architecture)"
}

@test "podman loads this machine's part of hello:multi through a pipe" {
  require_containers
  fresh_podman
  stave copy -q hello:multi - | podman load --quiet
  run podman run --rm localhost/hello:multi pipe
  assert_output "hello pipe!"
}

@test "podman loads and runs for an ordinary user" {
  require_user_containers
  user_dir
  cp "$ROAD/scratch.tar" "$USER_DIR/"
  as_user sh -c 'podman load --quiet <scratch.tar'
  run as_user podman run --rm localhost/hello:scratch world
  assert_output "hello world!"
}

@test "podman pulls from the archive and from the layout" {
  require_client podman
  fresh_podman
  stave copy -q hello:scratch oci:layout:scratch
  podman pull --quiet "oci-archive:$ROAD/scratch.tar"
  podman pull --quiet oci:layout:scratch
}

@test "skopeo inspects the archive under the image's digest" {
  require_client skopeo
  run skopeo inspect --format '{{.Digest}}' "oci-archive:$ROAD/scratch.tar"
  assert_digest "$output" "$(digest_of hello:scratch)"
}

@test "skopeo copies an archive and the digest stays" {
  require_client skopeo
  skopeo copy --quiet "oci-archive:$ROAD/alpine.tar" oci:copied:alpine
  assert_digest "$(digest_of oci:copied:alpine)" "$(digest_of hello:alpine)"
}

@test "skopeo copies a layout and the digest stays" {
  require_client skopeo
  stave copy -q hello:alpine oci:layout:alpine
  skopeo copy --quiet oci:layout:alpine oci-archive:copied.tar:alpine
  assert_digest "$(digest_of oci-archive:copied.tar)" "$(digest_of hello:alpine)"
}

@test "skopeo copies all platforms of hello:multi and the index keeps its digest" {
  require_client skopeo
  skopeo copy --quiet --all "oci-archive:$ROAD/multi.tar" oci:copied:multi
  assert_digest "$(digest_of oci:copied:multi)" "$(digest_of hello:multi)"
  assert_equal "$(stave inspect --json oci:copied:multi | jq -r '.images | length')" 2
}

@test "skopeo copies one platform of hello:multi and its digest stays" {
  require_client skopeo
  skopeo copy --quiet --override-arch arm64 --override-variant v8 "oci-archive:$ROAD/multi.tar" oci:copied:arm
  assert_digest "$(digest_of oci:copied:arm)" "$(stave inspect --json hello:multi | jq -r '.images[] | select(.platform=="linux/arm64/v8") | .digest')"
}

@test "skopeo reads the docker side of the same file: same config, same diff_ids" {
  require_client skopeo
  skopeo copy --quiet "docker-archive:$ROAD/alpine.tar" dir:docker
  run jq -c '.rootfs.diff_ids' "docker/$(jq -r .config.digest docker/manifest.json | cut -d: -f2)"
  assert_output "$(stave inspect --raw config hello:alpine | jq -c .rootfs.diff_ids)"
}

@test "skopeo finds the image on the docker side by its name" {
  require_client skopeo
  skopeo inspect "docker-archive:$ROAD/registry.tar:registry.example.com/x/hello:1" >/dev/null
}

@test "umoci unpacks hello:scratch" {
  require_client umoci
  stave copy -q hello:scratch oci:layout:scratch
  umoci_unpack layout:scratch bundle
  cmp bundle/rootfs/hello "$ROAD/hello"
}

@test "umoci unpacks hello:alpine" {
  require_client umoci
  stave copy -q hello:alpine oci:layout:alpine
  umoci_unpack layout:alpine bundle
  cmp bundle/rootfs/root/hello "$ROAD/hello"
  [ -x bundle/rootfs/bin/sh ]
}

umoci_unpack() {
  local rootless=()
  [ "$(id -u)" = 0 ] || rootless=(--rootless)
  umoci unpack "${rootless[@]}" --image "$1" "$2" >/dev/null
}

@test "runc runs what umoci unpacked" {
  require_client umoci runc
  require_root "runc with its own cgroups"
  stave copy -q hello:scratch oci:layout:scratch
  umoci_unpack layout:scratch bundle
  # No terminal here, and a host may forbid rlimits and networks: none of that is the image's.
  jq '.process.terminal = false | del(.process.rlimits) | .process.args += ["bundle"] | .linux.namespaces |= map(select(.type != "network"))' \
    bundle/config.json >config.json && mv config.json bundle/config.json
  run runc --root "$TMPDIR/runc" run --bundle bundle "road-$$"
  [ "$status" = 0 ] || skip_because "runc runs nothing here: ${lines[-1]}"
  assert_output_has "hello bundle!"
}

# ctr_says SCRIPT: what SCRIPT prints with a containerd at hand.
ctr_says() { run --separate-stderr with-containerd sh -ec "$1"; }

@test "containerd imports and lists hello:scratch by its name" {
  require_client containerd ctr
  ctr_says 'ctr images import "$ROAD/scratch.tar" >/dev/null; ctr images ls -q | grep -v ^sha256:'
  assert_exit 0
  assert_output hello:scratch
}

@test "containerd imports through a pipe" {
  require_client containerd ctr
  ctr_says 'stave copy -q hello:scratch - | ctr images import - >/dev/null; ctr images ls -q'
  assert_exit 0
  assert_output hello:scratch
}

@test "containerd lists the image under its digest" {
  require_client containerd ctr
  ctr_says "ctr images import \"\$ROAD/multi.tar\" >/dev/null; ctr images ls | awk '\$1 == \"hello:multi\" {print \$3}'"
  assert_digest "$output" "$(digest_of hello:multi)"
}

@test "containerd mounts hello:alpine with its file" {
  require_client containerd ctr
  mkdir mounted
  ctr_says 'ctr images import "$ROAD/alpine.tar" >/dev/null; ctr images mount hello:alpine mounted >/dev/null
    cmp mounted/root/hello "$ROAD/hello"; test -x mounted/bin/sh; ctr images unmount mounted >/dev/null; echo same'
  assert_exit 0
  assert_output same
}

@test "containerd imports and mounts every platform of hello:multi" {
  require_client containerd ctr
  mkdir amd64 arm64
  ctr_says 'ctr images import --all-platforms "$ROAD/multi.tar" >/dev/null
    for arch in amd64 arm64; do
      ctr images mount --platform linux/$arch hello:multi $arch >/dev/null
      cmp $arch/hello "$ROAD/build/$arch/hello"
      ctr images unmount $arch >/dev/null
    done; echo both'
  assert_exit 0
  assert_output both
}

# 1.0.0-rc1 fails on every archive ("end of walk", skopeo's as well), so it gets the archive unpacked; the type `image`
# is autodetected as a layout then. It warns about an index inside index.json and validates the rest.
@test "oci-image-tool validates the archives as layouts" {
  require_client oci-image-tool
  local name
  for name in scratch alpine multi; do
    mkdir "$name"
    tar -xf "$ROAD/$name.tar" -C "$name"
    run oci-image-tool validate --type image --ref "name=hello:$name" "$name"
    assert_exit 0
    assert_output_has "$name: OK"
  done
}

@test "oci-image-tool validates manifest, index and config" {
  require_client oci-image-tool
  stave inspect --raw index hello:multi >index
  stave inspect --raw manifest hello:alpine >manifest
  stave inspect --raw config hello:alpine >config
  oci-image-tool validate --type imageIndex index
  oci-image-tool validate --type manifest manifest
  oci-image-tool validate --type config config
}

# --- docker's classic format; no daemon here, so it is held against its own rules ---

@test "manifest.json names config and layers that are in the archive" {
  local path
  for path in $(member "$ROAD/alpine.tar" manifest.json | jq -r '.[0] | .Config, .Layers[]'); do
    assert_equal "$(member "$ROAD/alpine.tar" "$path" | sha256sum | cut -d' ' -f1)" "$(basename "$path")"
  done
}

@test "the config that docker reads has one diff_id for each layer it loads" {
  local config layers
  config=$(member "$ROAD/alpine.tar" manifest.json | jq -r '.[0].Config')
  layers=$(for path in $(member "$ROAD/alpine.tar" manifest.json | jq -r '.[0].Layers[]'); do
    echo "sha256:$(member "$ROAD/alpine.tar" "$path" | gzip -dc | sha256sum | cut -d' ' -f1)"
  done)
  assert_equal "$(member "$ROAD/alpine.tar" "$config" | jq -r '.rootfs.diff_ids[]')" "$layers"
}

@test "manifest.json of several platforms lists the first" {
  member "$ROAD/multi.tar" manifest.json | jq -e 'length == 1'
  assert_equal "$(member "$ROAD/multi.tar" "$(member "$ROAD/multi.tar" manifest.json | jq -r '.[0].Config')" | jq -r .architecture)" amd64
}

@test "the documents come before the blobs, so that a stream can be judged early" {
  assert_equal "$(tar -tf "$ROAD/scratch.tar" | head -3 | tr '\n' ' ')" "oci-layout index.json manifest.json "
}

# --- names ---

@test "a short name is hello:scratch in RepoTags and ref.name, and podman's annotation is absent" {
  assert_equal "$(member "$ROAD/scratch.tar" manifest.json | jq -c '.[0].RepoTags')" '["hello:scratch"]'
  assert_equal "$(member "$ROAD/scratch.tar" index.json | jq -c '.manifests[0].annotations')" '{"org.opencontainers.image.ref.name":"hello:scratch"}'
}

@test "a name with a registry is in RepoTags and both annotations in full" {
  local full=registry.example.com/x/hello:1
  assert_equal "$(member "$ROAD/registry.tar" manifest.json | jq -r '.[0].RepoTags[]')" "$full"
  assert_equal "$(member "$ROAD/registry.tar" index.json | jq -r '.manifests[0].annotations[]' | sort -u)" "$full"
}

@test "podman keeps a registry's name in full" {
  load_archive <"$ROAD/registry.tar"
  assert_output "Loaded image: registry.example.com/x/hello:1"
}

@test "containerd keeps a registry's name in full" {
  require_client containerd ctr
  ctr_says 'ctr images import "$ROAD/registry.tar" >/dev/null; ctr images ls -q'
  assert_output registry.example.com/x/hello:1
}

@test "copy --for docker adds the name of docker's containerd store" {
  stave copy -q --for docker hello:scratch oci-archive:docker.tar
  assert_equal "$(member docker.tar index.json | jq -r '.manifests[0].annotations["io.containerd.image.name"]')" docker.io/library/hello:scratch
}

@test "a tag is filled in where docker needs one" {
  stave copy -q hello:scratch oci-archive:untagged.tar:plain
  assert_equal "$(member untagged.tar manifest.json | jq -r '.[0].RepoTags[]')" plain:latest
}

# --- what --add must not break below ---

@test "an --add to /bin leaves /bin/sh working in podman" {
  require_containers
  load_archive <"$ROAD/merged.tar"
  run podman run --rm localhost/merged:1
  assert_exit 0
  assert_output "hello world!"
}

@test "an --add to /bin leaves the link and /bin/sh in containerd" {
  require_client containerd ctr
  mkdir mounted
  ctr_says 'ctr images import "$ROAD/merged.tar" >/dev/null; ctr images mount merged:1 mounted >/dev/null
    readlink mounted/bin; test -x mounted/bin/sh; cmp mounted/bin/hello "$ROAD/hello"; ctr images unmount mounted >/dev/null'
  assert_exit 0
  assert_output usr/bin
}

@test "an --add to /bin leaves the link and /bin/sh in umoci" {
  require_client umoci
  stave copy -q merged:1 oci:layout:merged
  umoci_unpack layout:merged bundle
  assert_equal "$(readlink bundle/rootfs/bin)" usr/bin
  [ -x bundle/rootfs/bin/sh ]
  cmp bundle/rootfs/bin/hello "$ROAD/hello"
}

@test "an --add to /root leaves it at 0700 in podman" {
  require_containers
  load_archive <"$ROAD/alpine.tar"
  run podman run --rm --entrypoint /bin/stat localhost/hello:alpine -c %a /root
  assert_output 700
}

@test "an --add to /root leaves it at 0700 in containerd" {
  require_client containerd ctr
  mkdir mounted
  ctr_says 'ctr images import "$ROAD/alpine.tar" >/dev/null; ctr images mount hello:alpine mounted >/dev/null
    stat -c %a mounted/root; ctr images unmount mounted >/dev/null'
  assert_output 700
}

@test "an --add to /root leaves it at 0700 in umoci" {
  require_client umoci
  stave copy -q hello:alpine oci:layout:alpine
  umoci_unpack layout:alpine bundle
  assert_equal "$(stat -c %a bundle/rootfs/root)" 700
}
