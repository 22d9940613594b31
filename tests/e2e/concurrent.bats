# Several processes in one store: nothing is lost, nothing is taken away that
# somebody counts on.

load helpers
load pack_helpers

@test "two packs at once, twenty rounds: every tag is there and complete" {
  local round one two
  mkdir one two
  for round in $(seq 20); do
    echo "one $round" >one/f
    echo "two $round" >two/f
    stave pack -q -t "one:$round" --layer one >/dev/null 3>&- &
    one=$!
    stave pack -q -t "two:$round" --layer two >/dev/null 3>&- &
    two=$!
    wait "$one"
    wait "$two"
  done
  assert_equal "$(jq '.manifests | length' "$STAVE_STORE/index.json")" 40
  for round in $(seq 20); do
    assert_equal "$(layer_tar 0 "one:$round" | tar -xO f)" "one $round"
    assert_equal "$(layer_tar 0 "two:$round" | tar -xO f)" "two $round"
  done
}

@test "eight packs at once make a store that is not there yet" {
  local i jobs=()
  for i in $(seq 8); do
    stave pack -q -t "image:$i" --env "I=$i" >/dev/null 3>&- &
    jobs+=($!)
  done
  for i in "${jobs[@]}"; do wait "$i"; done
  assert_equal "$(jq '.manifests | length' "$STAVE_STORE/index.json")" 8
}

@test "several packs of one name: one of them has it, whole" {
  local i jobs=()
  for i in $(seq 6); do
    stave pack -q -t same --env "I=$i" >/dev/null 3>&- &
    jobs+=($!)
  done
  for i in "${jobs[@]}"; do wait "$i"; done
  assert_equal "$(jq '.manifests | length' "$STAVE_STORE/index.json")" 1
  [[ "$(config same | jq -r '.config.Env[0]')" == I=[1-6] ]]
}

@test "packs while gc runs again and again keep all their blobs" {
  local i collector
  (until [ -e stop ]; do stave gc -q >/dev/null || touch gc-failed; done) 3>&- &
  collector=$!
  mkdir tree
  for i in $(seq 12); do
    echo "$i" >tree/f
    # The same tree under a name that is removed: gc has work all the time.
    stave pack -q -t "kept:$i" --layer tree >/dev/null
    stave pack -q -t gone --layer tree --env "I=$i" >/dev/null
    stave rm -q gone
  done
  touch stop
  wait "$collector"
  [ ! -e gc-failed ]
  for i in $(seq 12); do assert_equal "$(layer_tar 0 "kept:$i" | tar -xO f)" "$i"; done
  stave gc -q >/dev/null
  assert_equal "$(find "$STAVE_STORE/blobs/sha256" -type f | wc -l)" 36
}

@test "a pack that fails takes nothing from one that works on the same layer" {
  local round good bad
  mkdir tree
  for round in $(seq 15); do
    echo "$round" >tree/f
    stave pack -q -t "good:$round" --layer tree >/dev/null 3>&- &
    good=$!
    stave pack -q -t bad --layer tree --add no-such-file >/dev/null 2>&1 3>&- &
    bad=$!
    wait "$good"
    wait "$bad" && return 1
  done
  for round in $(seq 15); do assert_equal "$(layer_tar 0 "good:$round" | tar -xO f)" "$round"; done
}

@test "gc waits for a pack that is under way" {
  mkfifo slow
  mkdir tree
  echo x >tree/f
  tar -C tree -cf layer.tar f
  stave pack -q -t t --add tree/f --layer - <slow >/dev/null 3>&- &
  local pack=$!
  exec 5>slow
  sleep 0.5
  (stave gc -q >/dev/null 2>said; touch collected) 3>&- 5>&- &
  local gc=$!
  sleep 0.5
  [ ! -e collected ]
  [ ! -s said ]
  sleep 1.5
  [ ! -e collected ]
  assert_equal "$(grep -c 'waiting for others' said)" 1
  cat layer.tar >&5
  exec 5>&-
  wait "$pack"
  wait "$gc"
  assert_equal "$(layer_count)" 2
  assert_equal "$(layer_tar 1 | tar -xO f)" x
}

@test "eight index adds at once, four rounds: every one of them is there" {
  local i round
  for i in $(seq 8); do
    echo "$i" >"f$i"
    stave pack -q -t "part:$i" --platform "linux/amd64" --add "f$i" >/dev/null
  done
  for round in $(seq 4); do
    stave index create -q -t all >/dev/null
    for i in $(seq 8); do stave --progress none index add -q all "part:$i" >/dev/null & done
    wait
    assert_equal "$(stave index ls --json all | jq '[.manifests[].digest] | unique | length')" 8
  done
}
