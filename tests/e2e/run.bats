# stave run: a process in a container, as root and as an ordinary user; what it is
# given, what it gives back, and what is left when somebody is killed (nothing).

load helpers

# Images, once for all tests: hello:scratch and box:1, which has busybox, an entrypoint-less command and two users.
setup_file() {
  STAVE_STORE=$BATS_FILE_TMPDIR/store
  export STAVE_STORE IMAGES=$BATS_FILE_TMPDIR
  PATH=$STAVE_CLIENTS/bin:$PATH
  cd "$IMAGES" || return 1
  require_stave || return 1
  hello_binary hello || return 1
  stave pack -q -t hello:scratch --add hello --entrypoint ./hello
  busybox_root box
  mkdir -p box/etc box/data
  printf 'root:x:0:0:root:/root:/bin/sh\napp:x:1000:100:app:/srv:/bin/sh\n' >box/etc/passwd
  printf 'root:x:0:\nusers:x:100:\nextra:x:7:app\n' >box/etc/group
  echo kept >box/data/file
  ln box/data/file box/data/other
  printf '#!/bin/sh\necho a script\n' >box/bin/script
  chmod 755 box/bin/script
  echo nothing >box/bin/plain
  chmod 644 box/bin/plain
  stave pack -q -t box:1 --layer box --cmd '["/bin/sh","-c","echo by default"]' --env PATH=/bin --env COLOR=red
  local name
  for name in hello:scratch box:1; do stave copy -q "$name" "oci-archive:${name%:*}.tar"; done
  chmod 755 "$IMAGES"
}

setup() {
  fresh
  export STAVE_STORE=$IMAGES/store
}

# What is mounted, and where the runs and kept trees are.
mounts() { cat /proc/self/mountinfo; }
runs() { ls "${1:-$XDG_CACHE_HOME}/stave/run"; }

# Processes whose command line holds WORD.
processes_with() {
  local pid
  for pid in /proc/[0-9]*; do
    [ "$pid" != "/proc/$BASHPID" ] && { tr '\0' ' ' <"$pid/cmdline"; } 2>/dev/null | grep -qF -- "$1" && echo "${pid#/proc/}"
  done
  return 0
}

# until_true COMMAND...: waits for it, 20 seconds at most.
until_true() {
  local i
  for i in $(seq 200); do
    "$@" && return 0
    sleep 0.1
  done
  complain "waited in vain for: $*"
}
gone() { [ -z "$(processes_with "$1")" ]; }
absent() { [ ! -e "$1" ]; }

# --- the word of the issue ---

@test "an image that holds one static program runs, and its arguments arrive" {
  require_containers
  run_stave run hello:scratch world
  assert_exit 0
  assert_output "hello world!"
}

@test "the same for an ordinary user" {
  require_user_containers
  user_dir
  cp "$IMAGES/hello.tar" "$USER_DIR/"
  run --separate-stderr as_user sh -c 'stave copy -q oci-archive:hello.tar hello:scratch >/dev/null && stave run hello:scratch world'
  assert_exit 0
  assert_output "hello world!"
}

@test "the second run is served from the kept tree" {
  require_containers
  run_stave run hello:scratch once
  assert_stderr_has unpacking
  run_stave run hello:scratch twice
  assert_output "hello twice!"
  assert_stderr_lacks unpacking
  assert_equal "$(ls "$XDG_CACHE_HOME/stave/rootfs" | wc -l)" 1
}

@test "what a container writes the next one does not see" {
  require_containers
  run_stave run -q box:1 sh -c 'echo changed >/data/file; rm /data/other; touch /new'
  assert_exit 0
  run_stave run box:1 sh -c 'cat /data/file /data/other; ls /new'
  assert_output "kept
kept"
}

@test "two first runs at once unpack once" {
  require_containers
  stave run box:1 echo one >one 2>err.one &
  local first=$!
  stave run box:1 echo two >two 2>err.two
  wait "$first"
  assert_equal "$(cat one two)" "one
two"
  assert_equal "$(cat err.one err.two | grep -c 'unpacking')" 1
}

# --- what it gives back ---

@test "the exit code is the container's" {
  require_containers
  run_stave run -q box:1 sh -c 'exit 0'
  assert_exit 0
  run_stave run box:1 sh -c 'exit 3'
  assert_exit 3
  assert_equal "$stderr" ""
  run_stave run box:1 sh -c 'exit 255'
  assert_exit 255
}

@test "a program that is not there is 127" {
  require_containers
  run -127 --separate-stderr stave run -q box:1 nosuch
  assert_equal "$stderr" "stave: the image has no program \"nosuch\"
hint: name one that the image has; \`--entrypoint\` replaces the image's own"
  run -127 stave run -q box:1 /no/such
  run -127 stave run -q --entrypoint ./hell hello:scratch
  mkdir none
  run -127 --separate-stderr stave run -q -v ./none:/none box:1 /none/program
  assert_stderr_has 'stave: runc: exec: "/none/program"'
}

@test "a file that cannot be executed is 126" {
  require_containers
  run_stave run -q box:1 /bin/plain
  assert_exit 126
  run_stave run -q box:1 /data
  assert_exit 126
  echo "in a volume, where only the runtime sees it" >text
  run_stave run -q -v ./text:/text box:1 /text
  assert_exit 126
}

@test "stave's own failures are 125" {
  require_containers
  run_stave run nosuch:image
  assert_exit 125
  run_stave run --user nobody-here box:1
  assert_exit 125
  assert_stderr_has 'no user "nobody-here"'
  run_stave run --volume "$PWD/none:/x" box:1
  assert_exit 125
  assert_stderr_has "does not exist"
  run_stave run --workdir relative box:1
  assert_exit 125
  run_stave run -t hello:scratch </dev/null
  assert_exit 125
  assert_stderr_has "no terminal"
}

@test "an unknown runtime is 125 and names it" {
  STAVE_RUNTIME=nosuchrunc run_stave run hello:scratch
  assert_exit 125
  assert_stderr_has nosuchrunc
}

@test "options that make no sense are 2" {
  run_stave run --nosuch box:1
  assert_exit 2
  run_stave run --network bridge box:1
  assert_exit 2
  run_stave run
  assert_exit 2
}

@test "an image for another machine is refused before anything is unpacked" {
  local other=arm64
  [ "$(dpkg --print-architecture)" = amd64 ] || other=amd64
  export STAVE_STORE=$PWD/store
  echo x >file
  stave pack -q -t other:1 --platform "linux/$other" --add file --entrypoint /file >/dev/null
  [ ! -e /proc/sys/fs/binfmt_misc/qemu-aarch64 ] || skip_because "this host has emulators"
  run_stave run other:1
  assert_exit 125
  assert_stderr_has "the image is for linux/$other"
  [ ! -e "$XDG_CACHE_HOME/stave/rootfs" ]
}

# --- what it is given ---

@test "the image's command, and its environment" {
  require_containers
  run_stave run -q box:1
  assert_output "by default"
  run_stave run box:1 env
  assert_output_has COLOR=red
  assert_output_has HOME=/root
  assert_output_has PATH=/bin
}

@test "--env gives, replaces and takes over variables" {
  require_containers
  OURS=mine run_stave run -q --env COLOR=blue -e NEW=a=b --env OURS --env NOT_SET_HERE box:1 env
  assert_output_has COLOR=blue
  assert_output_has NEW=a=b
  assert_output_has OURS=mine
  [[ "$output" != *NOT_SET_HERE* ]]
}

@test "nothing of stave's own environment gets in" {
  require_containers
  SECRET=x LISTEN_FDS=1 run_stave run -q box:1 env
  [[ "$output" != *SECRET* && "$output" != *LISTEN* && "$output" != *STAVE* ]]
}

@test "words behind the image are the container's, also those that look like options" {
  require_containers
  run_stave run -q box:1 echo -e --env A -- -q
  assert_output "--env A -- -q"
}

@test "--volume: a directory, relative to where one stands, writable or not" {
  require_containers
  mkdir shared
  echo text >shared/file
  run_stave run -q --volume ./shared:/mnt/a:ro -v "$PWD/shared:/mnt/b" box:1 \
    sh -c 'cat /mnt/a/file; echo new >/mnt/b/new; echo no >/mnt/a/no'
  assert_exit 1
  assert_output text
  assert_stderr_has "Read-only file system"
  assert_equal "$(cat shared/new)" new
  [ ! -e shared/no ]
}

@test "--volume: a file, and a volume over a volume" {
  require_containers
  mkdir -p outer
  echo a >file
  run_stave run -q -v ./file:/outer/inner/file:ro -v ./outer:/outer box:1 cat /outer/inner/file
  assert_output a
}

@test "--workdir, which is made when it is missing" {
  require_containers
  run_stave run -q --workdir /data box:1 pwd
  assert_output /data
  run_stave run -q -w /not/there box:1 pwd
  assert_output /not/there
}

@test "--user: names of the image, numbers, groups" {
  require_containers
  require_root "another user than root in the container"
  run_stave run -q --user app box:1 sh -c 'id -u; id -g; id -G; echo $HOME'
  assert_output "1000
100
100 7
/srv"
  run_stave run -q -u 5:6 box:1 sh -c 'id -u; id -g; id -G'
  assert_output "5
6
6"
}

@test "--entrypoint replaces entrypoint and command" {
  require_containers
  run_stave run -q --entrypoint 'echo "one word" two' box:1 three
  assert_output "one word two three"
  run_stave run -q --entrypoint /bin/script box:1
  assert_output "a script"
}

@test "--network none has a loopback only; host is this host's" {
  require_containers
  run_stave run -q --network none box:1 ip -o link
  assert_equal "$(wc -l <<<"$output")" 1
  assert_output_has "lo:"
  run_stave run -q box:1 cat /proc/net/dev
  assert_equal "$(wc -l <<<"$output")" "$(wc -l </proc/net/dev)"
  [ ! -e /etc/hosts ] || assert_equal "$(stave run -q box:1 cat /etc/hosts)" "$(cat /etc/hosts)"
}

@test "standard input only with -i" {
  require_containers
  assert_equal "$(echo typed | stave run -q -i box:1 cat)" typed
  assert_equal "$(echo typed | stave run -q box:1 cat)" ""
}

@test "-t gives the terminal on standard input" {
  require_containers
  run script -qec 'stty cols 91 rows 17; stave run -q -t box:1 sh -c "tty; sleep 0.5; stty size; exit 4"' /dev/null
  assert_exit 4
  assert_output_has /dev/pts/0
  assert_output_has "17 91"
}

@test "--read-only refuses writing" {
  require_containers
  run_stave run -q --read-only box:1 touch /x
  assert_exit 1
  assert_stderr_has "Read-only file system"
}

@test "the container sees no process, host name or mount of the host" {
  require_containers
  run_stave run -q box:1 sh -c 'echo $$; hostname; ls /sys/firmware /proc/acpi 2>/dev/null; cat /proc/1/cmdline | tr "\0" " "'
  [[ "$output" == "1
stave
"*"sh -c "* ]]
}

# --- signals and ends ---

# Starts `stave run ARGS...` whose container touches mark/started; sets STAVE_PID.
start_container() {
  mkdir -p mark
  # A script's background jobs ignore SIGINT, and stave respects that.
  env --default-signal=INT stave run -q --volume ./mark:/mark "$@" &
  STAVE_PID=$!
  until_true test -e mark/started
}
# Waits for it to end; its exit code is in $status.
end_of_container() {
  status=0
  wait "$STAVE_PID" || status=$?
}
WAITING='touch /mark/started; while :; do sleep 0.1; done'

@test "SIGTERM, SIGHUP and SIGUSR1 are passed on, and the container decides" {
  require_containers
  local name
  for name in TERM HUP USR1; do
    rm -rf mark
    start_container box:1 sh -c "trap 'exit 44' $name; $WAITING"
    kill "-$name" "$STAVE_PID"
    end_of_container
    assert_exit 44
  done
}

@test "a container that ends by SIGTERM gives 143" {
  require_containers
  start_container box:1 sh -c "trap 'exit 143' TERM; $WAITING"
  kill -TERM "$STAVE_PID"
  end_of_container
  assert_exit 143
}

@test "the second SIGINT kills" {
  require_containers
  start_container box:1 sh -c "trap '' INT TERM; $WAITING"
  kill -INT "$STAVE_PID"
  sleep 0.3
  kill -0 "$STAVE_PID"
  kill -INT "$STAVE_PID"
  end_of_container
  assert_exit 130
  assert_empty_dir "$XDG_CACHE_HOME/stave/run"
}

@test "nothing stays mounted and nobody stays behind" {
  require_containers
  local before
  before=$(mounts)
  run_stave run -q box:1 sh -c 'sleep 31.416 & echo done'
  assert_output done
  assert_equal "$(mounts)" "$before"
  until_true gone 31.416
  assert_empty_dir "$XDG_CACHE_HOME/stave/run"
}

@test "when stave is killed the container is, and nothing stays mounted" {
  require_containers
  local before id
  before=$(mounts)
  start_container box:1 sh -c "sleep 27.182 & $WAITING"
  [ -n "$(processes_with 27.182)" ]
  kill -KILL "$STAVE_PID"
  wait "$STAVE_PID" || true
  until_true gone 27.182
  until_true gone "$XDG_CACHE_HOME"
  assert_equal "$(mounts)" "$before"
  # The next start removes the directory and the cgroup: its own, others may lie about on this machine.
  assert_equal "$(runs | wc -l)" 1
  id=$(runs)
  run_stave run -q box:1 echo next
  assert_output next
  assert_empty_dir "$XDG_CACHE_HOME/stave/run"
  assert_equal "$(mounts)" "$before"
  assert_equal "$(find /sys/fs/cgroup -name "$id" 2>/dev/null)" ""
}

@test "when anybody below stave is killed, stave says so and cleans up" {
  require_containers
  local before child
  before=$(mounts)
  start_container box:1 sh -c "sleep 14.142 & $WAITING"
  child=$(cat "/proc/$STAVE_PID/task/$STAVE_PID/children")
  kill -KILL $child
  end_of_container
  assert_exit 137
  until_true gone 14.142
  assert_equal "$(mounts)" "$before"
  assert_empty_dir "$XDG_CACHE_HOME/stave/run"
}

@test "a run that goes on is not taken for left over" {
  require_containers
  start_container box:1 sh -c "trap 'exit 0' TERM; $WAITING"
  run_stave run -q box:1 echo other
  assert_output other
  assert_equal "$(runs | wc -l)" 1
  kill -TERM "$STAVE_PID"
  wait "$STAVE_PID"
  assert_empty_dir "$XDG_CACHE_HOME/stave/run"
}

# --- hosts that are different ---

@test "where overlays are refused the root is copied, and that is said once" {
  require_containers
  require_root "an overlay as the cache"
  cat >script <<'SCRIPT'
set -e
mkdir lower upper work
mount -t overlay overlay -o lowerdir=lower,upperdir=upper,workdir=work "$XDG_CACHE_HOME"
stave run box:1 sh -c 'cat /data/file; stat -c %h /data/other; stat -c %a /root /tmp; touch /bin/x; readlink /bin/cat'
stave run -q box:1 cat /data/file
ls "$XDG_CACHE_HOME/stave/run"
SCRIPT
  run --separate-stderr unshare -m bash script
  assert_exit 0
  assert_output "kept
2
700
1777
busybox
kept"
  assert_equal "$(grep -c 'is copied' <<<"$stderr")" 1
}

@test "a runtime that does not work here gives way to one that does" {
  require_containers
  mkdir bin
  printf '#!/bin/sh\nwhile [ $# -gt 0 ]; do [ "$1" = --log ] && log=$2; shift; done\necho "{\\"level\\":\\"error\\",\\"msg\\":\\"not on this host\\"}" >>"$log"\nexit 1\n' >bin/runc
  chmod 755 bin/runc
  STAVE_RUNTIME=$PWD/bin/runc run_stave run -q box:1
  assert_exit 125
  assert_stderr_has "runc: not on this host"
  printf '#!/bin/sh\nexec runc "$@"\n' >bin/crun
  chmod 755 bin/crun
  PATH=$PWD/bin:$PATH run_stave run box:1 echo works
  assert_exit 0
  assert_output works
  assert_stderr_has "runc does not work on this host; trying crun"
}

@test "no runtime that works: both reasons are said" {
  require_containers
  mkdir bin
  local name
  for name in runc crun; do
    printf '#!/bin/sh\nwhile [ $# -gt 0 ]; do [ "$1" = --log ] && log=$2; shift; done\necho "{\\"level\\":\\"error\\",\\"msg\\":\\"%s is unwell\\"}" >>"$log"\nexit 1\n' "$name" >"bin/$name"
    chmod 755 "bin/$name"
  done
  PATH=$PWD/bin:$PATH run_stave run -q box:1
  assert_exit 125
  assert_stderr_has "runc: runc is unwell; crun: crun is unwell"
}

# --- ordinary users ---

# in_user_dir: the images where the user of `as_user` finds them.
in_user_dir() {
  require_user_containers
  user_dir
  cp "$IMAGES/box.tar" "$USER_DIR/"
  as_user stave copy -q oci-archive:box.tar box:1 >/dev/null
}

@test "an ordinary user with one id is root inside, and nobody else is" {
  in_user_dir
  run --separate-stderr as_user stave run -q box:1 sh -c 'id -u; echo x >/root/x && cat /root/x; stat -c %u /bin/busybox'
  assert_exit 0
  assert_output "0
x
0"
  run --separate-stderr as_user stave run -q --user app box:1 id
  assert_exit 125
  assert_stderr_has "there is no id for it"
  assert_stderr_has usermod
}

@test "an ordinary user: volumes, exit codes, signals, and nothing left" {
  in_user_dir
  local before
  before=$(mounts)
  cat >"$USER_DIR/script" <<'SCRIPT'
mkdir shared
stave run -q -v ./shared:/s box:1 sh -c 'echo mine >/s/file; exit 7'
echo $? $(cat shared/file) $(stat -c %U shared/file)
stave run -q -v ./shared:/s box:1 sh -c 'trap "exit 9" TERM; touch /s/started; while :; do sleep 0.1; done' &
while [ ! -e shared/started ]; do sleep 0.1; done
kill -TERM $!
wait $!
echo $?
rm shared/started
stave run -q -v ./shared:/s box:1 sh -c 'touch /s/started; sleep 16.18' &
while [ ! -e shared/started ]; do sleep 0.1; done
kill -KILL $!
wait $! 2>/dev/null
stave run -q box:1 echo next
ls "$XDG_CACHE_HOME/stave/run"
SCRIPT
  run --separate-stderr as_user bash script
  assert_output "7 mine $(as_user id -un)
9
next"
  until_true gone 16.18
  assert_equal "$(mounts)" "$before"
}

@test "an ordinary user with a subordinate range has the users of the image" {
  require_root "a range of one's own"
  require_client newuidmap
  in_user_dir
  printf 'nobody:200000:65536\n' >"$USER_DIR/subuid"
  cp "$USER_DIR/subuid" "$USER_DIR/subgid"
  cat >"$USER_DIR/script" <<'SCRIPT'
stave run -q --user app -v .:/s box:1 sh -c 'id -u; id -G; stat -c %u /bin/busybox'
stave run box:1 sh -c 'touch /x && chown 1000:100 /x && stat -c %u:%g /x'
stave run -q box:1 id -u
ls "$XDG_CACHE_HOME/stave/run"
SCRIPT
  export -f as_user user_dir
  export USER_DIR BATS_ROOT_PID BATS_SUITE_TEST_NUMBER
  run --separate-stderr unshare -m bash -c 'mount --bind "$USER_DIR/subuid" /etc/subuid &&
    mount --bind "$USER_DIR/subgid" /etc/subgid && as_user bash script'
  assert_exit 0
  assert_output "1000
100 7
0
1000:100
0"
  assert_stderr_lacks unpacking
}

# --- bundles ---

@test "a bundle of stave unpack runs under runc as it is" {
  require_containers
  require_root "runc without a user namespace"
  stave unpack -q --bundle box:1 bundle
  run --separate-stderr runc --root "$PWD/state" run --bundle bundle "stave-test-$$"
  assert_exit 0
  assert_output "by default"
}

@test "an ordinary user's bundle runs under runc as it is, for that user" {
  require_user_containers
  require_client runc
  busybox_root root
  stave pack -q -t box:user --layer root --owner 0:0 --cmd id >/dev/null
  user_dir
  stave copy -q box:user "oci-archive:$USER_DIR/box.tar" >/dev/null
  run --separate-stderr as_user sh -c 'stave unpack -q --bundle oci-archive:box.tar bundle && cd bundle && runc --root "$TMPDIR/runc" run "user-$$"'
  assert_exit 0
  assert_output_has "uid=0"
  jq -e '.linux.uidMappings[0].size == 1' "$USER_DIR/bundle/config.json"
}

@test "the bundle's config.json passes the runtime-spec's schema" {
  shared json/runtime-spec >/dev/null
  stave unpack -q --bundle box:1 bundle
  run /usr/bin/python3 - "$(shared json/runtime-spec)" bundle/config.json <<'PYTHON'
import json, pathlib, sys
import jsonschema
directory = pathlib.Path(sys.argv[1]).resolve()
schema = json.loads((directory / "config-schema.json").read_text())
resolver = jsonschema.RefResolver(directory.as_uri() + "/", schema)
jsonschema.Draft4Validator(schema, resolver=resolver).validate(json.loads(open(sys.argv[2]).read()))
print("valid")
PYTHON
  assert_exit 0
  assert_output_has valid
}

@test "Alpine runs: users, package manager, a shell" {
  require_containers
  local tar
  shared images/alpine >/dev/null
  tar=$(ls "$(shared images/alpine)/$(uname -m)"/*.tar.gz) || skip_because "no Alpine for this machine"
  export STAVE_STORE=$PWD/store
  stave pack -q -t alpine --layer "$tar" --cmd /bin/sh >/dev/null
  run_stave run -q alpine sh -c '. /etc/os-release; echo $ID; id -un; apk --version | cut -c1-9; ls -d /proc/1'
  assert_exit 0
  assert_output "alpine
root
apk-tools
/proc/1"
}
