# Every verb but pack, one fact a test: what it prints, what it changes, and what
# it says when it cannot.

load helpers
load place_helpers

# two_platforms: hello:multi for amd64 and arm64, made here without a compiler.
two_platforms() {
  mkdir -p amd64 arm64
  echo one >amd64/f && echo two >arm64/f
  stave pack -q -t hello:multi --platform linux/amd64,linux/arm64 --add '{arch}/f:/f' --env A=1 --label keep=this
}

# config_of IMAGE [PLATFORM]: its "config" object in one line.
config_of() { stave config ${2:+--platform "$2"} "$1" | jq -cS .config; }

# --- config ---

@test "config shows the config of an image" {
  hello_image hello:1 --cmd '["x"]'
  assert_equal "$(stave config hello:1 | jq -c .config.Cmd)" '["x"]'
}

@test "config shows one document for each platform" {
  two_platforms
  assert_equal "$(stave config hello:multi | jq -r .architecture | tr '\n' ' ')" "amd64 arm64 "
}

@test "config shows only the platform that is asked for" {
  two_platforms
  assert_equal "$(stave config --platform linux/arm64 hello:multi | jq -r .architecture)" arm64
}

@test "config edits into a new image and leaves the old one" {
  hello_image hello:1 --env A=1
  local before
  before=$(digest_of hello:1)
  stave config hello:1 -t hello:2 --env B=2
  assert_equal "$(stave config hello:2 | jq -c .config.Env)" '["A=1","B=2"]'
  assert_digest "$(digest_of hello:1)" "$before"
}

@test "config prints the digest of the edited image" {
  hello_image hello:1
  run_stave config hello:1 -t hello:2 --user 7
  assert_output "$(digest_of hello:2)"
}

@test "config may keep the name, and tells the digest it had" {
  hello_image hello:1
  local before
  before=$(digest_of hello:1)
  run_stave config hello:1 -t hello:1 --workdir /w
  assert_stderr_has "hello:1 was $before"
}

@test "config removes with NAME-" {
  hello_image hello:1 --env A=1 --env B=2 --label l=1
  stave config hello:1 -t hello:2 --env A- --label l-
  assert_equal "$(config_of hello:2)" '{"Env":["B=2"]}'
}

@test "config keeps the layers" {
  hello_image hello:1
  stave config hello:1 -t hello:2 --env A=1
  assert_equal "$(stave inspect --raw manifest hello:2 | jq -c .layers)" "$(stave inspect --raw manifest hello:1 | jq -c .layers)"
}

@test "config edits every platform of an index" {
  two_platforms
  stave config hello:multi -t hello:2 --env A=2
  assert_equal "$(stave config hello:2 | jq -c .config.Env | sort -u)" '["A=2"]'
}

@test "config --platform edits that one and the others keep their bytes" {
  two_platforms
  stave config hello:multi -t hello:2 --platform linux/arm64 --env A=2
  assert_equal "$(stave inspect --json hello:2 | jq -r '.images[0].digest')" "$(stave inspect --json hello:multi | jq -r '.images[0].digest')"
  assert_equal "$(config_of hello:2 linux/arm64)" '{"Env":["A=2"],"Labels":{"keep":"this"}}'
}

@test "config without an edit keeps the digest" {
  busybox_layout musl/amd64 original
  stave config oci:original -t same:1
  assert_digest "$(digest_of same:1)" "$(jq -r '.manifests[0].digest' original/index.json)"
}

@test "config keeps members that it does not know" {
  hello_image hello:1
  stave copy -q hello:1 oci:layout:x
  local config manifest
  config=$(stave inspect --raw config hello:1 | jq -c '. + {"x-unknown": [1, {"deep": null}]} | .config += {"ArgsEscaped": true}')
  config_digest=$(sha256sum <<<"$config" | cut -d' ' -f1)
  echo "$config" >"layout/blobs/sha256/$config_digest"
  manifest=$(stave inspect --raw manifest hello:1 | jq -c ".config.digest = \"sha256:$config_digest\" | .config.size = ${#config} + 1")
  echo "$manifest" >"layout/blobs/sha256/$(sha256sum <<<"$manifest" | cut -d' ' -f1)"
  jq -c ".manifests[0].digest = \"sha256:$(sha256sum <<<"$manifest" | cut -d' ' -f1)\" | .manifests[0].size = ${#manifest} + 1" layout/index.json >i
  cp i layout/index.json
  stave config oci:layout:x -t edited:1 --env A=1
  assert_equal "$(stave inspect --raw config edited:1 | jq -c '[.["x-unknown"], .config.ArgsEscaped]')" '[[1,{"deep":null}],true]'
}

@test "config edits without -t are refused" {
  hello_image hello:1
  run_stave config hello:1 --env A=1
  assert_one_error 2
  assert_stderr_has "-t NAME"
}

@test "config of a platform that is not there changes nothing" {
  two_platforms
  run_stave config hello:multi -t hello:2 --platform linux/s390x --env A=2
  assert_one_error 3
  run_stave inspect hello:2
  assert_exit 3
}

@test "a new entrypoint clears the cmd that was there" {
  hello_image hello:1 --cmd '["x"]'
  stave config hello:1 -t hello:2 --entrypoint /y
  assert_equal "$(config_of hello:2)" '{"Entrypoint":["/y"]}'
}

@test "an edited image runs in podman with the edit" {
  require_containers
  hello_binary hello
  stave pack -q -t hello:1 --add hello --entrypoint /hello
  stave config -q hello:1 -t hello:2 --cmd '["edited"]'
  fresh_podman
  stave copy -q hello:2 - | podman load --quiet
  run podman run --rm localhost/hello:2
  assert_output "hello edited!"
}

# --- index ---

@test "index create reads platforms from the configs" {
  stave pack -q -t arm:1 --platform linux/arm64 --cmd x
  stave pack -q -t amd:1 --platform linux/amd64 --cmd x
  stave index create -t all:1 arm:1 amd:1
  assert_equal "$(stave inspect --raw index all:1 | jq -c '[.manifests[].platform.architecture]')" '["arm64","amd64"]'
}

@test "index create takes images from every place" {
  stave pack -q -t a:1 --platform linux/amd64 --cmd x
  stave pack -q -t b:1 --platform linux/arm64 --cmd x
  stave pack -q -t c:1 --platform linux/riscv64 --cmd x
  stave copy -q b:1 oci:layout:b
  stave copy -q c:1 oci-archive:c.tar
  stave --store other index create -t all:1 oci:layout:b oci-archive:c.tar - < <(stave copy -q a:1 -)
  assert_equal "$(stave --store other inspect --json all:1 | jq -r '.images | length')" 3
}

@test "index create prints the digest of the index" {
  stave pack -q -t a:1 --platform linux/amd64 --cmd x
  run_stave index create -t all:1 a:1
  assert_output "$(stave inspect --raw index all:1 | sha256sum | sed 's/^/sha256:/; s/ .*//')"
}

@test "index create lists an index within the index" {
  two_platforms
  stave pack -q -t c:1 --platform linux/riscv64 --cmd x
  stave index create -t all:1 hello:multi c:1
  assert_equal "$(stave index ls all:1 | awk 'NR > 1 {print $NF}' | tr '\n' ' ')" "index image "
}

@test "index create without a name is refused" {
  run_stave index create
  assert_one_error 2
  assert_stderr_has "-t NAME"
}

@test "index create with an annotation" {
  stave index create -t all:1 --annotation org.example=x
  assert_equal "$(stave inspect --raw index all:1 | jq -c .annotations)" '{"org.example":"x"}'
}

@test "index add lists an image more under the same name" {
  two_platforms
  stave pack -q -t c:1 --platform linux/riscv64 --cmd x
  stave index add hello:multi c:1
  assert_equal "$(stave inspect --json hello:multi | jq -c '[.images[].platform]')" '["linux/amd64","linux/arm64/v8","linux/riscv64"]'
}

@test "index add of an image that is listed changes nothing" {
  two_platforms
  local before
  before=$(digest_of hello:multi)
  stave copy -q --platform linux/amd64 hello:multi one:1
  stave index add hello:multi one:1
  assert_digest "$(digest_of hello:multi)" "$before"
}

@test "index add warns of a second image for a platform" {
  two_platforms
  stave pack -q -t c:1 --platform linux/amd64 --cmd x
  run_stave index add hello:multi c:1
  assert_exit 0
  assert_stderr_has "two images for linux/amd64"
}

@test "index rm takes a platform out" {
  two_platforms
  stave index rm hello:multi linux/arm64
  assert_equal "$(stave inspect --json hello:multi | jq -c '[.images[].platform]')" '["linux/amd64"]'
}

@test "index rm takes a digest out" {
  two_platforms
  stave index rm hello:multi "$(stave inspect --json hello:multi | jq -r '.images[0].digest')"
  assert_equal "$(stave inspect --json hello:multi | jq -c '[.images[].platform]')" '["linux/arm64/v8"]'
}

@test "index rm of what is not listed changes nothing" {
  two_platforms
  local before
  before=$(digest_of hello:multi)
  run_stave index rm hello:multi linux/amd64 linux/s390x
  assert_one_error 3
  assert_stderr_has linux/s390x
  assert_digest "$(digest_of hello:multi)" "$before"
}

@test "index ls lines up" {
  two_platforms
  run_stave index ls hello:multi
  assert_equal "$(head -n 1 <<<"$output" | tr -s ' ')" "PLATFORM DIGEST SIZE TYPE"
  assert_equal "$(awk '{print index($0, "sha256:")}' <<<"$output" | tail -n +2 | sort -u | wc -l)" 1
}

@test "index ls --json prints the index itself" {
  two_platforms
  assert_equal "$(stave index ls --json hello:multi | jq -c .)" "$(stave inspect --raw index hello:multi | jq -c .)"
}

@test "index verbs refuse a single image and name the one that helps" {
  hello_image hello:1
  run_stave index add hello:1 hello:1
  assert_one_error 5
  assert_stderr_has "stave index create"
}

# --- copy (places.bats holds the rest) ---

@test "copy prints the digest" {
  hello_image hello:1
  run_stave copy hello:1 oci:layout:x
  assert_output "$(digest_of hello:1)"
}

@test "copy --json names what it made" {
  hello_image hello:1
  run_stave copy --json hello:1 other:2
  assert_equal "$(jq -r '.name, .digest' <<<"$output" | tr '\n' ' ')" "other:2 $(digest_of hello:1) "
}

@test "copy to - prints nothing but the archive" {
  hello_image hello:1
  stave copy hello:1 - 2>/dev/null | tar -t >/dev/null
}

@test "copy of an unknown transport proposes the right one" {
  run_stave copy oci-archve:x.tar y
  assert_one_error 3
  assert_stderr_has "did you mean oci-archive:x.tar?"
}

@test "copy from a registry that does not answer says where it asked" {
  run_stave copy docker://127.0.0.1:1/busybox x --tls-verify=false --retries 0
  assert_one_error 13
  assert_stderr_has "127.0.0.1:1"
}

@test "copy of a file name says how a file is named" {
  run_stave copy ./x.tar y
  assert_one_error 2
  assert_stderr_has oci-archive:./x.tar
}

# --- images, tag, rm ---

@test "images of an empty store prints only the headings" {
  run_stave images
  assert_exit 0
  assert_equal "$(tr -s ' ' <<<"$output")" "NAME PLATFORM DIGEST LAYERS SIZE"
}

@test "images lines up" {
  hello_image a:1
  hello_image registry.example.com/a/long/name:with-a-tag
  run_stave images
  assert_equal "$(awk '{print index($0, "linux/amd64")}' <<<"$output" | tail -n +2 | sort -u | wc -l)" 1
}

@test "images is sorted by name" {
  hello_image b:1
  hello_image a:1
  run_stave images
  assert_equal "$(awk 'NR > 1 {print $1}' <<<"$output" | tr '\n' ' ')" "a:1 b:1 "
}

@test "images --json is an array" {
  hello_image a:1
  assert_equal "$(stave images --json | jq -r '.[0] | .name, .platforms[0], .digest' | tr '\n' ' ')" "a:1 linux/amd64 $(digest_of a:1) "
}

@test "images --json of an empty store is an empty array" {
  assert_equal "$(stave images --json | jq -c .)" '[]'
}

@test "images -q prints digests" {
  hello_image a:1
  run_stave images -q
  assert_output "$(digest_of a:1)"
}

@test "one damaged image does not hide the others" {
  hello_image a:1
  hello_image b:1 --cmd x
  rm -f "$STAVE_STORE/blobs/sha256/$(digest_of a:1 | cut -d: -f2)"
  run_stave images
  assert_exit 0
  assert_output_has b:1
  assert_stderr_has a:1
}

@test "tag gives an image one more name" {
  hello_image a:1
  stave tag a:1 b:2
  assert_digest "$(digest_of b:2)" "$(digest_of a:1)"
  assert_digest "$(digest_of a:1)"
}

@test "tag moves a name and tells the digest it had" {
  hello_image a:1
  hello_image b:1
  local before
  before=$(digest_of b:1)
  run_stave tag a:1 b:1
  assert_exit 0
  assert_equal "$stderr" "b:1 was $before"
  assert_digest "$(digest_of b:1)" "$(digest_of a:1)"
}

@test "tag of a name that it has says nothing" {
  hello_image a:1
  run_stave tag a:1 a:1
  assert_exit 0
  assert_equal "$stderr" ""
}

@test "tag of another place names copy" {
  hello_image a:1
  stave copy -q a:1 oci:layout:x
  run_stave tag oci:layout:x b:1
  assert_one_error 2
  assert_stderr_has "stave copy oci:layout:x b:1"
}

@test "tag in upper case proposes the lower case" {
  hello_image a:1
  run_stave tag a:1 Hello:1
  assert_one_error 2
  assert_stderr_has 'did you mean "hello"?'
}

@test "rm removes the name and prints the digest" {
  hello_image a:1
  local digest
  digest=$(digest_of a:1)
  run_stave rm a:1
  assert_output "$digest"
  run_stave inspect a:1
  assert_exit 3
}

@test "rm of one name keeps the other names of the image" {
  hello_image a:1
  stave tag a:1 b:1
  stave rm a:1
  assert_digest "$(digest_of b:1)"
}

@test "rm removes all or nothing" {
  hello_image a:1
  run_stave rm a:1 absent:1
  assert_one_error 3
  assert_digest "$(digest_of a:1)"
}

@test "rm finds localhost/NAME by NAME" {
  hello_image localhost/a:1
  stave rm a:1
  assert_equal "$(stave images -q)" ""
}

# --- gc ---

@test "gc of a store in use removes nothing" {
  hello_image a:1
  run_stave gc
  assert_output "removed 0 blobs, 0 B"
  stave copy -q a:1 - >/dev/null
}

@test "gc frees exactly what nothing refers to" {
  hello_image a:1
  hello_image b:1
  local kept
  kept=$(stave copy -q a:1 - | tar -t | grep -c blobs/sha256/.)
  stave rm b:1
  stave gc
  assert_equal "$(ls "$STAVE_STORE/blobs/sha256" | wc -l)" "$kept"
  stave copy -q a:1 - >/dev/null
}

@test "gc --dry-run says the same and removes nothing" {
  hello_image a:1
  stave rm a:1
  local before
  before=$(ls "$STAVE_STORE/blobs/sha256")
  run_stave gc --dry-run --json
  local planned=$output
  assert_equal "$(ls "$STAVE_STORE/blobs/sha256")" "$before"
  run_stave gc --json
  assert_equal "$(jq -c 'del(.dryRun)' <<<"$output")" "$(jq -c 'del(.dryRun)' <<<"$planned")"
}

@test "gc says how many bytes it freed" {
  hello_image a:1
  stave rm a:1
  local bytes
  bytes=$(cat "$STAVE_STORE"/blobs/sha256/* | wc -c)
  assert_equal "$(stave gc --json | jq .bytes)" "$bytes"
}

@test "gc keeps every platform of an index" {
  two_platforms
  stave gc
  stave copy -q hello:multi - >/dev/null
}

# --- inspect ---

@test "inspect shows words as they are" {
  hello_image hello:1 --entrypoint '["time","./hello"]'
  run_stave inspect hello:1
  assert_output_has 'Entrypoint   ["time","./hello"]'
}

@test "inspect makes escape sequences of labels harmless" {
  hello_image hello:1 --label $'evil=\e[31mred\e]0;title\a\rover' --label $'line=one\ntwo'
  run_stave inspect hello:1
  [[ "$output" != *$'\e'* && "$output" != *$'\a'* && "$output" != *$'\r'* ]]
  assert_output_has "line=one?two"
}

@test "inspect of an index shows each platform" {
  two_platforms
  run_stave inspect hello:multi
  assert_output_has $'\nlinux/amd64\n'
  assert_output_has $'\nlinux/arm64/v8\n'
}

@test "inspect --platform shows one" {
  two_platforms
  run_stave inspect --platform linux/arm64 hello:multi
  assert_output_has "Platform     linux/arm64/v8"
}

@test "inspect --json has what the page shows" {
  hello_image hello:1 --cmd '["x"]' --label a=b
  assert_equal "$(stave inspect --json hello:1 | jq -c '.images[0] | [.platform, .config.Cmd, .config.Labels]')" '["linux/amd64",["x"],{"a":"b"}]'
}

# raw_in PLACE: each document that --raw prints there has the digest that refers to it.
raw_in() {
  local manifest
  assert_equal "sha256:$(stave inspect --raw index "$1" | sha256sum | cut -d' ' -f1)" "$(digest_of hello:multi)"
  manifest=$(stave inspect --raw manifest --platform linux/arm64 "$1" | sha256sum | cut -d' ' -f1)
  assert_equal "sha256:$manifest" "$(stave inspect --raw index "$1" | jq -r '.manifests[1].digest')"
  assert_equal "sha256:$(stave inspect --raw config --platform linux/arm64 "$1" | sha256sum | cut -d' ' -f1)" \
    "$(stave inspect --raw manifest --platform linux/arm64 "$1" | jq -r .config.digest)"
}

@test "inspect --raw has the digests, in the store" {
  two_platforms
  raw_in hello:multi
}

@test "inspect --raw has the digests, in a layout" {
  two_platforms
  stave copy -q hello:multi oci:layout:x
  raw_in oci:layout:x
}

@test "inspect --raw has the digests, in an archive" {
  two_platforms
  stave copy -q hello:multi oci-archive:a.tar
  raw_in oci-archive:a.tar
}

@test "inspect reads standard input" {
  two_platforms
  assert_digest "$(stave copy -q hello:multi - | stave inspect --json - | jq -r .digest)" "$(digest_of hello:multi)"
}

@test "inspect --raw index of a single image says what to ask for" {
  hello_image hello:1
  run_stave inspect --raw index hello:1
  assert_one_error 3
  assert_stderr_has "--raw manifest"
}

# --- names ---

@test "NAME is NAME:latest" {
  hello_image hello
  assert_digest "$(digest_of hello:latest)" "$(digest_of hello)"
}

@test "NAME is found as localhost/NAME" {
  hello_image localhost/hello:latest
  assert_digest "$(digest_of hello)" "$(digest_of localhost/hello:latest)"
}

@test "NAME@DIGEST finds the image though the name moved on" {
  hello_image hello:1
  local first
  first=$(digest_of hello:1)
  stave tag hello:1 old:1
  hello_image hello:1 --cmd other
  assert_digest "$(digest_of "hello@$first")" "$first"
}

@test "a digest alone finds its image" {
  hello_image hello:1
  assert_digest "$(digest_of "$(stave images -q)")" "$(digest_of hello:1)"
}

@test "the first digits of a digest, as images shows them, are enough for the hint" {
  hello_image hello:1
  run_stave inspect "$(stave images | awk 'NR == 2 {print $3}')"
  assert_one_error 3
  assert_stderr_has "did you mean hello:1?"
}

@test "not found says what was tried" {
  run_stave inspect absent
  assert_one_error 3
  assert_stderr_has "tried absent:latest and localhost/absent:latest"
  assert_stderr_has "stave images"
}

@test "not found proposes the name that is near" {
  hello_image hello:1
  run_stave inspect helo:1
  assert_one_error 3
  assert_stderr_has "did you mean hello:1?"
}

@test "not found proposes the same name at a registry" {
  hello_image docker.io/library/hello:1
  run_stave inspect hello:1
  assert_one_error 3
  assert_stderr_has "did you mean docker.io/library/hello:1?"
}

@test "not found in a layout lists what it holds" {
  hello_image hello:1
  stave copy -q hello:1 oci:layout:x
  run_stave inspect oci:layout:y
  assert_one_error 3
  assert_stderr_has "it holds x"
}

# --- version, help, man pages, completion ---

@test "version is one line" {
  run_stave version
  [[ "$output" =~ ^stave\ [0-9]+\.[0-9]+ ]]
}

@test "version --json names the codecs" {
  stave version --json | jq -e '.version and .codecs' >/dev/null
}

# verbs: every verb that help lists, those of index included.
verbs() {
  stave --help | awk '/^Commands:/ {on = 1; next} /^$/ {on = 0} on {print $1}'
  stave index --help | awk '/^Commands:/ {on = 1; next} /^$/ {on = 0} on {print "index " $1}'
}

@test "help lists every verb once" {
  assert_equal "$(verbs | sort | uniq -d)" ""
  assert_equal "$(verbs | grep -cxE 'pack|config|index|copy|inspect|images|tag|rm|gc|version|completion')" 11
}

@test "--help of every verb has an example" {
  local verb
  while read -r verb; do
    [ "$verb" != help ] && [ "$verb" != index ] || continue
    # shellcheck disable=SC2086  # "index create" is two words
    run_stave $verb --help
    assert_exit 0
    assert_output_has "Examples:" || complain "of $verb"
  done < <(verbs)
}

@test "every verb has a man page that man formats without a complaint" {
  local verb
  mkdir man
  stave __man man
  while read -r verb; do
    [ -s "man/stave-${verb/ /-}.1" ] || complain "no page for $verb"
  done < <(verbs)
  [ -s man/stave.1 ]
}

@test "a misspelt verb proposes the right one" {
  run_stave inspct x
  assert_exit 2
  assert_stderr_has inspect
}

@test "a misspelt option proposes the right one" {
  run_stave images --jsn
  assert_exit 2
  assert_stderr_has --json
}

@test "a misspelt choice lists the right ones" {
  run_stave inspect --raw manifst x
  assert_exit 2
  assert_stderr_has manifest
}

@test "bash completes verbs" {
  run bash -c 'source <(stave completion bash); complete -p stave; f=$(complete -p stave | sed "s/.*-F \([^ ]*\).*/\1/")
    COMP_WORDS=(stave insp) COMP_CWORD=1 COMP_LINE="stave insp" COMP_POINT=10; $f stave insp stave; echo "${COMPREPLY[@]}"'
  assert_exit 0
  assert_output_has inspect
}

@test "bash completes the names of images" {
  hello_image hello:1
  run bash -c 'source <(stave completion bash); f=$(complete -p stave | sed "s/.*-F \([^ ]*\).*/\1/")
    COMP_WORDS=(stave inspect hel) COMP_CWORD=2 COMP_LINE="stave inspect hel" COMP_POINT=17; $f stave hel inspect; echo "${COMPREPLY[@]}"'
  assert_output_has hello
}

@test "zsh takes its completion" {
  require_client zsh
  run zsh -fc 'autoload -U compinit; compinit -D; source <(stave completion zsh); whence -w _stave'
  assert_exit 0
  assert_output_has function
}

@test "fish takes its completion and completes verbs" {
  require_client fish
  run fish -c 'stave completion fish | source; complete -C "stave insp"'
  assert_exit 0
  assert_output_has inspect
}

@test "a shell that is not known lists those that are" {
  run_stave completion tcsh
  assert_exit 2
  assert_stderr_has fish
}

@test "gc --older-than leaves alone what is younger" {
  hello_image hello:1
  stave rm hello:1
  assert_equal "$(stave gc --older-than 1h --json | jq .blobs)" 0
  sleep 2.1
  assert_equal "$(stave gc --older-than 1s --json | jq .blobs)" 3
}

@test "gc --cache forgets layers and still knows how old a blob is" {
  head -c 1500000 /dev/urandom >big
  stave pack -q -t big --add big >/dev/null
  stave rm big
  sleep 2.1
  assert_equal "$(stave gc --cache --older-than 1s --json | jq .blobs)" 3
}

@test "gc refuses an age without a unit" {
  local age
  for age in 7 d 7y -1d 1.5h 99999999999999999999w 10000w; do
    run_stave gc "--older-than=$age"
    assert_one_error 2
    assert_stderr_has "7d"
  done
}

@test "gc --verbose lists what goes" {
  hello_image hello:1
  local layer
  layer=$(stave inspect --json hello:1 | jq -r '.images[0].layers[0].digest')
  stave rm hello:1
  run_stave gc --dry-run --verbose
  assert_output_has "$layer"
  assert_equal "$(stave gc --json | jq '.removed | length')" 3
}

# --- fsck ---

# damage DIGEST: one byte of that blob of the store changes.
damage() { printf X | dd of="$STAVE_STORE/blobs/${1/://}" bs=1 seek=5 conv=notrunc status=none; }

@test "fsck of a store that was never used finds nothing and makes nothing" {
  run_stave fsck
  assert_exit 0
  [ ! -e "$STAVE_STORE" ]
}

@test "fsck of a whole store says so" {
  hello_image hello:1
  run_stave fsck
  assert_exit 0
  assert_output_has "nothing is wrong"
}

@test "fsck finds a damaged layer and the image that needs it" {
  hello_image hello:1
  damage "$(stave inspect --json hello:1 | jq -r '.images[0].layers[0].digest')"
  run_stave fsck --json
  assert_exit 1
  assert_equal "$(jq -r '.findings[] | .trouble + " " + .names[0]' <<<"$output" | paste -sd,)" "damaged_blob hello:1,missing_blob hello:1"
  assert_stderr_has "--repair"
}

@test "fsck --repair, and packing again, heals a damaged layer" {
  local before
  hello_image hello:1
  before=$(digest_of hello:1)
  damage "$(stave inspect --json hello:1 | jq -r '.images[0].layers[0].digest')"
  run_stave fsck --repair
  assert_exit 1
  hello_image hello:1
  run_stave fsck
  assert_exit 0
  assert_digest "$(digest_of hello:1)" "$before"
}

@test "fsck --repair of what can be mended is a success" {
  hello_image hello:1
  rm "$STAVE_STORE/oci-layout"
  run_stave fsck --repair
  assert_exit 0
  assert_output_has "1 finding mended"
  assert_digest "$(digest_of hello:1)"
}

@test "fsck takes a layout as a directory and as oci:" {
  hello_image hello:1
  stave copy -q hello:1 oci:layout >/dev/null
  rm layout/index.json
  run_stave fsck layout
  assert_exit 1
  run_stave fsck --repair oci:layout
  assert_exit 0
  run_stave fsck oci:layout
  assert_output_has "1 name and 3 blobs"
}

@test "fsck refuses a directory that is no layout" {
  echo '[]' >index.json
  run_stave fsck --repair .
  assert_one_error 5
}
