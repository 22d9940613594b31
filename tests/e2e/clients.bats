# The clients themselves, with images that stave had no part in: when one of
# these fails, the host or a client is at fault and not an image of ours.

load helpers

@test "podman loads and runs Docker Hub's busybox" {
  busybox_layout musl/amd64 layout
  require_containers
  tar -C layout -cf busybox.tar .
  fresh_podman
  podman load <busybox.tar | grep -F "Loaded image: localhost/busybox:1.38.0-musl"
  run podman run --rm localhost/busybox:1.38.0-musl echo hello
  assert_exit 0
  assert_output hello
}

@test "podman loads and runs busybox for an ordinary user" {
  busybox_layout musl/amd64 layout
  require_user_containers
  tar -C layout -cf "$USER_DIR/busybox.tar" .
  as_user sh -c 'podman load <busybox.tar'
  run as_user podman run --rm localhost/busybox:1.38.0-musl echo hello
  assert_exit 0
  assert_output hello
}

@test "skopeo copies busybox and its digest stays" {
  require_client skopeo
  busybox_layout musl/amd64 layout
  skopeo copy --quiet oci:layout oci-archive:copy.tar:copy
  run skopeo inspect --format '{{.Digest}}' oci-archive:copy.tar
  assert_digest "$output" "$(jq -r '.manifests[0].digest' layout/index.json)"
}

@test "umoci unpacks busybox" {
  require_client umoci skopeo
  busybox_layout musl/amd64 layout
  # umoci takes everything after the first colon as the tag, and busybox's reference name has one of its own.
  skopeo copy --quiet oci:layout oci:copy:musl
  local rootless=()
  [ "$(id -u)" = 0 ] || rootless=(--rootless)
  umoci unpack "${rootless[@]}" --image copy:musl bundle
  [ -x bundle/rootfs/bin/sh ]
}

@test "containerd imports and mounts busybox" {
  require_client containerd ctr
  busybox_layout musl/amd64 layout
  tar -C layout -cf busybox.tar .
  mkdir mounted
  with-containerd sh -ec '
    ctr images import busybox.tar
    ctr images mount busybox:1.38.0-musl mounted
    test -x mounted/bin/sh
    ctr images unmount mounted'
}

@test "oci-image-tool validates busybox" {
  require_client oci-image-tool skopeo
  busybox_layout musl/amd64 layout
  skopeo copy --quiet oci:layout oci:copy:musl
  oci-image-tool validate --type image --ref name=musl copy
}

@test "a registry on the loopback takes busybox and gives it back" {
  require_client docker-registry skopeo
  busybox_layout musl/amd64 layout
  # shellcheck disable=SC2016  # REGISTRY is set inside
  run with-registry sh -ec '
    skopeo copy --quiet --dest-tls-verify=false oci:layout "docker://$REGISTRY/busybox:musl"
    skopeo inspect --tls-verify=false --format "{{.Digest}}" "docker://$REGISTRY/busybox:musl"'
  assert_exit 0
  assert_digest "$output" "$(jq -r '.manifests[0].digest' layout/index.json)"
}
