# Fifty processes in one store, some of them killed, gc and a reader beside them: no
# reference is lost, and nobody ever sees half a file. STRESS_SEED repeats a run as
# far as the scheduler lets it.

load helpers

# worker N ROUNDS: packs and tags, one round in three with a SIGKILL somewhere in it. What stave said is done is written
# down; only that has to be there.
worker() {
  local round digest
  RANDOM=$((seed + $1))
  mkdir "tree$1"
  for ((round = 1; round <= $2; round++)); do
    echo "$1 $round $seed" >"tree$1/f"
    # gc comes in when for a moment nobody holds the store.
    sleep "$((RANDOM % 8)).$((RANDOM % 10))"
    if ((RANDOM % 3 == 0)); then
      # Somewhere in the 20 to 400 ms that it takes here.
      timeout -s KILL "0.$(printf '%03d' $((1 + RANDOM % 300)))" stave pack -q -t "killed$1:$round" --layer "tree$1" >/dev/null 2>&1
    else
      digest=$(stave pack -q -t "w$1:$round" --layer "tree$1" 2>>errors) && echo "w$1:$round $digest" >>"acked$1"
      stave tag "w$1:$round" "again$1:$round" 2>>errors && echo "again$1:$round $digest" >>"acked$1"
      stave rm -q "w$1:$round" >/dev/null 2>>errors && sed -i "/^w$1:/d" "acked$1"
    fi
  done
}

# reader: index.json can be parsed at any moment, and lists images whose manifests are there.
reader() {
  until [ -e stop ]; do
    jq -e '.manifests | type == "array"' "$STAVE_STORE/index.json" >/dev/null || echo "half an index" >>unreadable
    stave --progress none images >/dev/null 2>>unreadable || echo "images failed" >>unreadable
    sleep 0.05
  done
}

collector() {
  until [ -e stop ]; do
    if stave --progress none gc --json 2>>errors | jq .blobs >>collected; then :; else echo "gc failed" >>errors; fi
  done
}

# stress WORKERS ROUNDS
stress() {
  local n pids=() beside=()
  seed=${STRESS_SEED:-$RANDOM}
  echo "# STRESS_SEED=$seed" >&3
  stave pack -q -t before --env "SEED=$seed" >/dev/null
  touch errors unreadable
  reader 3>&- &
  beside+=($!)
  collector 3>&- &
  beside+=($!)
  for ((n = 1; n <= $1; n++)); do
    worker "$n" "$2" 2>/dev/null 3>&- & # bash tells of who was killed
    pids+=($!)
  done
  wait "${pids[@]}" || true
  touch stop
  wait "${beside[@]}" || true
}

@test "fifty processes pack, tag and die beside gc and a reader: no reference is lost" {
  stress "${STRESS_WORKERS:-50}" "${STRESS_ROUNDS:-2}"
  assert_equal "$(cat errors)" ""
  assert_equal "$(cat unreadable)" ""
  cat acked* | sort >acked
  jq -r '.manifests[] | .annotations["org.opencontainers.image.ref.name"] + " " + .digest' "$STAVE_STORE/index.json" | sort >there
  # Everything that was said to be done is there, and stands for what it was said to.
  assert_equal "$(comm -23 acked there)" ""
  [ "$(wc -l <acked)" -gt 20 ]
  grep -q '^before:latest ' there
  # Nothing is damaged or missing; what the killed left are temporary files at most, which gc removes.
  run_stave fsck --json
  assert_equal "$(jq -r '[.findings[].trouble] | unique - ["stray_file"] | join(" ")' <<<"$output")" ""
  stave gc -q >/dev/null
  run_stave fsck
  assert_exit 0
  echo "# $(wc -l <acked) references of $(wc -l <there) were promised, all are there; gc ran $(wc -l <collected) times" >&3
}
