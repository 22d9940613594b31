#!/usr/bin/env bats
# stave build: Containerfiles.
# shellcheck disable=SC2154,SC2016

load helpers
load build_helpers

setup() {
  fresh
  require_stave
}

@test "Docker Hub's image ID of Alpine, amd64 and arm64" {
  shared images/alpine >/dev/null
  local data arch from config
  data=$(shared images/alpine)
  for arch in x86_64 aarch64; do
    mkdir -p "$arch"
    cp "$data/$arch/alpine-minirootfs-3.20.3-$arch.tar.gz" "$arch/"
    containerfile "FROM scratch
ADD alpine-minirootfs-3.20.3-$arch.tar.gz /
CMD [\"/bin/sh\"]" "$arch"
    from=linux/amd64
    [ "$arch" = x86_64 ] || from=linux/arm64/v8
    SOURCE_DATE_EPOCH=1725624336 stave -q build -t "alpine:$arch" --platform "$from" --iidfile id "$arch"
    config=$(python3 -c '
import json, sys
for platform, image in json.load(open(sys.argv[1]))["alpine:3.20.3"]["platforms"].items():
    if platform.startswith(sys.argv[2][:11]): print(image["config"])' \
      "$(shared vectors/published-digests.json)" "$from")
    [ "$(cat id)" = "$config" ]
  done
}

@test "scratch, COPY and a program that podman runs" {
  require_containers
  hello_binary ctx-hello
  mkdir ctx && mv ctx-hello ctx/hello
  containerfile 'FROM scratch
COPY hello /hello
ENTRYPOINT ["/hello"]
CMD ["world"]'
  stave -q build -t hello:scratch ctx
  stave copy hello:scratch oci-archive:hello.tar
  podman load -qi hello.tar
  run -0 podman run --rm localhost/hello:scratch
  [[ "$output" == *"hello world!"* ]]
}

@test "the oracle: what BuildKit made of 70 files" {
  require_steps
  shared vectors/buildkit-oracle >/dev/null
  run compare-oracle "$(shared .)" "$STAVE_CLIENTS/bin/stave" "$BATS_TEST_TMPDIR/oracle" "$PROJECT/tests/data/build/oracle-differences.txt"
  echo "$output"
  [ "$status" = 0 ]
  [[ "$output" == *"60 the same, 8 refused as they should be, 2 different, 0 of them not listed"* ]]
}

@test "stages, arguments and RUN" {
  require_steps
  box_image box
  mkdir -p ctx/src
  echo content >ctx/src/file
  containerfile 'ARG BASE=box
FROM $BASE AS builder
ARG WHO=nobody
ENV GREETING="hello $WHO"
WORKDIR /work
COPY src ./
RUN echo "$GREETING, $(cat file)" >result
FROM box AS unused
RUN false
FROM box
COPY --from=builder --chown=app:staff --chmod=u=rw,go=r /work/result /out/
USER app
CMD ["cat", "/out/result"]'
  run --separate-stderr stave build -t app --build-arg WHO=world ctx
  [ "$status" = 0 ]
  [ "$(stave cat app out/result)" = "hello world, content" ]
  [[ "$(stave ls -l app out)" == *1000*50* ]]
  run --separate-stderr -0 stave run app
  [ "$output" = "hello world, content" ]
}

@test "a rebuild that changes nothing builds nothing, and gives the same digest" {
  require_steps
  box_image box
  mkdir ctx && echo 1 >ctx/a
  containerfile 'FROM box
COPY a /a
RUN cat /a >/b'
  local first second
  first=$(stave -q build -t app ctx)
  run --separate-stderr -0 stave build -t app ctx
  second=$output
  [ "$first" = "$second" ]
  [[ "$stderr" == *"0 steps built, 2 from the cache"* ]]
}

@test "what must be rebuilt: content with its mtime put back, rename, mode, swap, wildcard, ignore file" {
  mkdir -p ctx/d
  echo one >ctx/d/a && echo two >ctx/d/b && echo x >ctx/keep
  containerfile 'FROM scratch
COPY d/* /d/
COPY . /all/'
  local last now
  built() { now=$(stave -q build -t app ctx); }
  must_change() {
    built
    [ "$now" != "$last" ] || { echo "not rebuilt: $1" >&2; return 1; }
    last=$now
  }
  built && last=$now
  cp -p ctx/d/a stamp && echo eno >ctx/d/a && touch -r stamp ctx/d/a && must_change "content with its mtime put back"
  mv ctx/d/a ctx/d/c && must_change "a rename"
  chmod 700 ctx/d/c && must_change "a mode"
  mv ctx/d/b t && mv ctx/d/c ctx/d/b && mv t ctx/d/c && must_change "a swap"
  echo n >ctx/d/new && must_change "a wildcard that matches more"
  echo keep >ctx/.dockerignore && must_change "an ignore file"
}

@test "what must not be rebuilt: a touched mtime, another directory, another checkout" {
  mkdir -p ctx/d
  echo one >ctx/d/a
  containerfile 'FROM scratch
COPY d /d'
  local first
  first=$(stave -q build -t app ctx)
  touch -d 2001-01-01 ctx/d/a ctx/d
  run --separate-stderr -0 stave build -t app ctx
  [ "$output" = "$first" ] && [[ "$stderr" == *"0 steps built, 1 from the cache"* ]]
  cp -r ctx elsewhere
  run --separate-stderr -0 stave build -t app elsewhere
  [ "$output" = "$first" ] && [[ "$stderr" == *"0 steps built, 1 from the cache"* ]]
  # And the same without any cache.
  run --separate-stderr -0 stave build --no-cache -t app elsewhere
  [ "$output" = "$first" ]
}

@test "--explain names the input that changed" {
  mkdir ctx && echo 1 >ctx/a && echo 1 >ctx/b
  containerfile 'FROM scratch
COPY a /a
COPY b /b'
  stave -q build -t app ctx
  echo 2 >ctx/b
  run --separate-stderr -0 stave build --explain -t app ctx
  [[ "$stderr" == *"2/2] built because file b changed"* ]]
  [[ "$stderr" != *"1/2] built because"* ]]
}

@test "secrets, cache mounts and mount points leave no trace" {
  require_steps
  box_image box
  mkdir ctx
  printf "very-%s-secret-%s" "$RANDOM" "$RANDOM" >token
  containerfile 'FROM box
RUN --mount=type=secret,id=tok --mount=type=secret,id=tok,env=TOKEN --mount=type=cache,target=/var/cache/x --mount=type=tmpfs,target=/scratch \
  echo "cached-$(date +%s)" >>/var/cache/x/marker && touch /scratch/x && test "$TOKEN" = "$(cat /run/secrets/tok)" && wc -c </run/secrets/tok >/size'
  stave build -t app --secret id=tok,src=token -o oci:out:app ctx 2>log
  run stave ls app
  [[ "$output" != *scratch* && "$output" != *secrets* && "$output" != *var/cache* ]]
  local blob
  for blob in out/blobs/sha256/*; do
    gzip -dc "$blob" 2>/dev/null >plain || cp "$blob" plain
    ! grep -qF "$(cat token)" plain
    ! grep -q 'cached-' plain
  done
  ! grep -rqF "$(cat token)" log "$XDG_CACHE_HOME" "$STAVE_STORE"
}

@test "heredocs, bind mounts and a cache that stays" {
  require_steps
  box_image box
  mkdir -p ctx/lib && echo bound >ctx/lib/x
  containerfile 'FROM box AS other
RUN echo from-stage >/s
FROM box
COPY <<a <<"b" /docs/
$PATH
a
$PATH
b
RUN --mount=type=bind,source=lib,target=/lib2 --mount=type=bind,from=other,source=/s,target=/s2 --mount=type=cache,target=/c <<EOF
echo run >>/c/runs
cat /lib2/x /s2 /c/runs >/result
EOF
RUN <<EOF
#!/bin/cat
not a shell
EOF'
  stave -q build -t app ctx
  [ "$(stave cat app docs/a)" = /bin ]
  [ "$(stave cat app docs/b)" = '$PATH' ]
  [ "$(stave cat app result)" = $'bound\nfrom-stage\nrun' ]
  stave -q build --no-cache -t app ctx
  [ "$(stave cat app result)" = $'bound\nfrom-stage\nrun\nrun' ]
}

@test "root and an ordinary user make the same image, but for owners where there is one id" {
  require_steps
  require_user_steps
  export SOURCE_DATE_EPOCH=1700000000
  box_image box
  mkdir ctx && echo 1 >ctx/a
  containerfile 'FROM box
COPY a /a
RUN mkdir -p /d/e && cp /a /d/e/ && ln /d/e/a /d/hard && rm /bin/yes'
  local mine theirs
  mine=$(stave -q build -t app ctx)
  stave copy box oci-archive:box.tar
  user_dir
  cp -r ctx box.tar "$USER_DIR/"
  as_user stave copy oci-archive:box.tar box
  theirs=$(as_user env SOURCE_DATE_EPOCH=1700000000 stave -q build -t app ctx 2>err) || { cat err >&2; return 1; }
  [ "$mine" = "$theirs" ]
}

@test "mistakes: the line, a caret, the word that was meant" {
  mkdir ctx
  containerfile 'FROM scratch
COPPY a /a'
  run ! stave build -t x ctx
  [[ "$output" == *"ctx/Containerfile:2:1: unknown instruction: COPPY"* ]]
  [[ "$output" == *"2 | COPPY a /a"* && "$output" == *"^~~~~"* && "$output" == *"did you mean COPY?"* ]]
  containerfile 'FROM scratch
COPY --chwon=1 a /a'
  run ! stave build -t x ctx
  [[ "$output" == *"unknown flag: --chwon"* && "$output" == *"did you mean --chown?"* ]]
  run ! stave build -t x nowhere
  [[ "$output" == *'the context "nowhere"'* ]]
  containerfile 'FROM scratch AS builder'
  run ! stave build -t x --target bulder ctx
  [[ "$output" == *"did you mean builder?"* ]]
  run ! stave build --secret id=x,scr=y ctx
  [[ "$output" == *"unknown field"* ]]
}

@test "--check finds what BuildKit's rules find, and builds nothing" {
  containerfile 'from scratch as Base
COPY a /a
ENV KEY value
CMD echo $nothing
WORKDIR rel'
  run stave build --check ctx
  [ "$status" = 1 ]
  [[ "$output" == *StageNameCasing* && "$output" == *ConsistentInstructionCasing* && "$output" == *LegacyKeyValueFormat* ]]
  [[ "$output" == *JSONArgsRecommended* && "$output" == *WorkdirRelativePath* ]]
  run -1 stave build --check --json ctx
  [[ "$output" == *'"rule": "StageNameCasing"'* ]]
  containerfile 'FROM scratch
LABEL a=b'
  run -0 stave build --check ctx
}

@test "ONBUILD runs once, where it is built upon" {
  containerfile 'FROM scratch
ONBUILD COPY file /from-onbuild
LABEL a=b'
  stave -q build -t trigger ctx
  mkdir other && echo 1 >other/file
  containerfile 'FROM trigger' other
  stave -q build --pull never -t child other
  [ "$(stave cat child from-onbuild)" = 1 ]
  containerfile 'FROM child' third
  stave -q build --pull never -t grandchild third
}

@test "ADD: archives by their content, URLs by their checksum" {
  mkdir -p ctx t/d && echo in >t/d/f
  tar -C t -cf ctx/plain .
  tar -C t -czf ctx/zipped.bin .
  tar -C t -cJf ctx/x.tar.xz .
  gzip -c ctx/plain >/dev/null
  echo text | gzip >ctx/text.gz
  containerfile 'FROM scratch
ADD plain /a/
ADD zipped.bin /b/
ADD x.tar.xz /c/
ADD --unpack=false plain /d/
ADD text.gz /e/'
  stave -q build -t app ctx
  [ "$(stave cat app a/d/f)" = in ] && [ "$(stave cat app b/d/f)" = in ] && [ "$(stave cat app c/d/f)" = in ]
  stave cat app d/plain | cmp - ctx/plain
  stave cat app e/text.gz | cmp - ctx/text.gz
  mkdir www && echo fetched >www/f.txt
  python3 -m http.server --bind 127.0.0.1 --directory www 0 >port 2>&1 &
  local server=$! port sum
  for _ in $(seq 100); do
    port=$(grep -ao 'port [0-9]*' port | head -1 | cut -d' ' -f2)
    [ -z "$port" ] || break
    sleep 0.05
  done
  [ -n "$port" ] || port=$(python3 - "$server" <<'P'
import os, re, sys
inodes = {os.readlink(f"/proc/{sys.argv[1]}/fd/{f}") for f in os.listdir(f"/proc/{sys.argv[1]}/fd")}
for line in open("/proc/net/tcp"):
    f = line.split()
    if f[3] == "0A" and f"socket:[{f[9]}]" in inodes: print(int(f[1].split(":")[1], 16))
P
)
  sum=$(sha256sum <www/f.txt | cut -d' ' -f1)
  containerfile "FROM scratch
ADD --checksum=sha256:$sum http://127.0.0.1:$port/f.txt /f"
  run stave -q build -t app ctx
  local first=$status
  containerfile "FROM scratch
ADD --checksum=sha256:0000000000000000000000000000000000000000000000000000000000000000 http://127.0.0.1:$port/f.txt /f"
  run stave -q build -t bad ctx
  kill "$server"
  [ "$first" = 0 ] && [ "$(stave cat app f)" = fetched ]
  [ "$status" != 0 ] && [[ "$output" == *"is sha256:$sum, not"* ]]
}

@test "git: a repository as source and as context" {
  require_client git
  git init -q repo.git
  mkdir -p repo.git/sub
  printf 'FROM scratch\nCOPY f /f\n' >repo.git/sub/Containerfile
  echo tracked >repo.git/sub/f
  git -C repo.git add . && git -C repo.git -c user.name=x -c user.email=x@y commit -qm one
  stave -q build -t app "file://$PWD/repo.git#:sub"
  [ "$(stave cat app f)" = tracked ]
}

@test "several platforms make an index; --build-context, --label, --annotation, --metadata-file" {
  mkdir -p ctx more && echo m >more/m
  containerfile 'FROM scratch
ARG TARGETARCH
COPY --from=more m /m
LABEL arch=$TARGETARCH'
  stave -q build -t app --platform linux/amd64,linux/arm64 --build-context more=more --label x=y --annotation a=b \
    --metadata-file meta.json ctx
  run -0 stave inspect --json --platform linux/arm64 app
  [[ "$output" == *'"arch": "arm64"'* && "$output" == *'"x": "y"'* ]]
  python3 -c 'import json; assert json.load(open("meta.json"))["image.name"] == "app:latest"'
  run -0 stave validate app
}

@test "a cache goes elsewhere and comes back" {
  require_steps
  box_image box
  mkdir ctx && echo 1 >ctx/a
  containerfile 'FROM box
COPY a /a
RUN cat /a >/b'
  local first
  first=$(stave -q build -t app --cache-to oci:cache:steps ctx)
  stave copy box oci-archive:box.tar
  rm -rf "$XDG_CACHE_HOME" "$STAVE_STORE"
  stave copy oci-archive:box.tar box
  run --separate-stderr -0 stave build -t app --cache-from oci:cache:steps ctx
  [ "$output" = "$first" ]
  [[ "$stderr" == *"0 steps built, 2 from the cache"* ]]
}

@test "--squash makes one layer of the same files" {
  require_steps
  box_image box
  mkdir ctx && echo 1 >ctx/a
  containerfile 'FROM box
COPY a /a
RUN rm /a && echo 2 >/b'
  stave -q build -t long ctx
  stave -q build -t short --squash ctx
  run -0 stave diff long short
  [ "$(stave inspect --json short | grep -c '"diffID"\|"diff_id"\|sha256.*tar')" -le "$(stave inspect --json long | grep -c '"diffID"\|"diff_id"\|sha256.*tar')" ]
}

@test "hostile: symlinks out of the context, .., a long line, many instructions, names of stages" {
  mkdir ctx
  ln -s /etc ctx/out
  ln -s ../../../../etc/passwd ctx/up
  containerfile 'FROM scratch
COPY out/passwd /p'
  run ! stave build -t x ctx
  [[ "$output" == *"is not in the build context"* ]]
  containerfile 'FROM scratch
COPY up /p'
  run ! stave build -t x ctx
  containerfile 'FROM scratch
COPY ../../Containerfile /p'
  stave -q build -t x ctx # clamped: it is the context's own
  cmp <(stave cat x p) ctx/Containerfile
  { echo 'FROM scratch'; printf 'LABEL x='; head -c 10000000 /dev/zero | tr '\0' a; echo; } >ctx/Containerfile
  run stave build -t x ctx
  [ "$status" = 0 ] || [[ "$output" == *stave:* ]]
  { echo 'FROM scratch'; yes 'ENV a=b' | head -n 100001; } >ctx/Containerfile
  run ! timeout 60 stave build -t x ctx
  [[ "$output" == *"more than 100000 instructions"* ]]
}

@test "hostile: a RUN that never ends, forks, or leaves somebody behind" {
  require_steps
  box_image box
  mkdir ctx
  containerfile 'FROM box
RUN sleep 1000'
  run ! timeout 60 stave build --step-timeout 1s -t x ctx
  [[ "$output" == *"1 s"* || "$output" == *"second"* || "$output" == *time* ]]
  containerfile 'FROM box
RUN (sleep 1234 &) ; echo done'
  stave -q build -t x ctx
  ! pgrep -f 'sleep 1234'
  containerfile 'FROM box
RUN sleep 4321'
  stave build -t x ctx 2>log &
  local pid=$!
  for _ in $(seq 200); do pgrep -f 'sleep 4321' >/dev/null && break; sleep 0.05; done
  kill -TERM "$pid" # bash lets what runs in the background ignore SIGINT
  wait "$pid" || true
  for _ in $(seq 100); do pgrep -f 'sleep 4321' >/dev/null || break; sleep 0.05; done
  ! pgrep -f 'sleep 4321'
  ! grep -q "$XDG_CACHE_HOME" /proc/self/mounts
}

@test "a build that fails leaves no name behind, and says what the step printed with -q" {
  require_steps
  box_image box
  mkdir ctx
  containerfile 'FROM box
RUN echo the-reason && exit 3'
  run stave -q build -t failed ctx
  [ "$status" != 0 ]
  [[ "$output" == *"| the-reason"* && "$output" == *"exit code: 3"* ]]
  run ! stave inspect failed
}

@test "like postgres and redis: packages from files, gcc in a stage of its own, a user, an entrypoint script" {
  require_steps
  require_client dpkg-deb
  box_image box
  toolchain_image toolchain
  # A package that brings a file, a directory for data and a script that runs when it is installed.
  mkdir -p package/DEBIAN package/usr/share/db ctx/docker
  printf 'Package: db-files\nVersion: 1\nArchitecture: all\nMaintainer: x <x@y>\nDescription: x\n' >package/DEBIAN/control
  printf '#!/bin/sh\nmkdir -p /var/lib/db && chown 1000:1001 /var/lib/db && chmod 700 /var/lib/db\n' >package/DEBIAN/postinst
  chmod 755 package/DEBIAN/postinst
  echo schema >package/usr/share/db/schema
  dpkg-deb -Zgzip --root-owner-group -b package ctx/db-files.deb >/dev/null
  cat >ctx/server.c <<'C'
#include <stdio.h>
#include <unistd.h>
int main(int argc, char** argv) {
  char line[100] = "";
  FILE* file = fopen("/var/lib/db/data", "r");
  if (file == NULL || fgets(line, sizeof line, file) == NULL) return 3;
  printf("server %s as %d: %s", argc > 1 ? argv[1] : "-", (int)getuid(), line);
  return 0;
}
C
  cat >ctx/docker/entrypoint.sh <<'S'
#!/bin/sh
set -e
[ -s /var/lib/db/data ] || cat /usr/share/db/schema >/var/lib/db/data
exec "$@"
S
  containerfile '# syntax=docker/dockerfile:1
FROM toolchain AS build
WORKDIR /src
COPY server.c .
RUN --mount=type=cache,target=/root/.cache set -eux; gcc -static -O1 -o server server.c

FROM box
ARG VERSION=7
ENV DB_VERSION=$VERSION
RUN --mount=type=bind,source=db-files.deb,target=/tmp/db.deb set -eux; \
    mkdir -p /var/lib/dpkg/info; touch /var/lib/dpkg/status; \
    dpkg -i /tmp/db.deb
COPY --from=build /src/server /usr/local/bin/
COPY --chmod=755 docker/entrypoint.sh /usr/local/bin/
VOLUME /data
EXPOSE 5432
STOPSIGNAL SIGINT
USER app
ENTRYPOINT ["/usr/local/bin/entrypoint.sh"]
CMD ["/usr/local/bin/server", "started"]'
  stave build -t db ctx 2>log || { cat log >&2; return 1; }
  run --separate-stderr -0 stave run db
  [ "$output" = "server started as 1000: schema" ]
  run --separate-stderr -0 stave run db /usr/local/bin/server again
  [ "$output" = "server again as 1000: schema" ]
  require_containers
  stave copy db oci-archive:db.tar
  podman load -qi db.tar
  run -0 podman run --rm localhost/db
  [[ "$output" == *"server started as 1000: schema"* ]]
}
