# At a real terminal (tmux): progress is drawn and goes away, Ctrl-C leaves it
# sane, and an archive is not poured into it.

load helpers
load place_helpers

setup() {
  fresh
  require_client tmux
  SOCKET=$STAVE_CLIENTS/t$BATS_SUITE_TEST_NUMBER
  columns=${columns:-100}
}

teardown() { tmux -S "$SOCKET" kill-server 2>/dev/null || true; }

# terminal [COLUMNS]: a shell in a terminal of that width, prompt "$ ".
terminal() {
  tmux -S "$SOCKET" -f /dev/null new-session -d -x "${1:-100}" -y 40 \
    "env PS1='$ ' LC_ALL=C.UTF-8 TERM=screen bash --norc --noprofile"
  wait_for_screen '^\$'
}

type_line() { tmux -S "$SOCKET" send-keys "$1" Enter; }
screen() { tmux -S "$SOCKET" capture-pane -p; }

# wait_for_screen REGEX: until the screen has a line that matches, 10 seconds at most.
wait_for_screen() {
  local _
  for _ in $(seq 100); do
    screen | grep -qE "$1" && return 0
    sleep 0.1
  done
  echo "never on the screen: $1" >&2
  screen >&2
  return 1
}

# slow_image: an image whose copy takes as long as the one who writes into the fifo `slow` likes.
big_image() {
  head -c "${1:-30}M" /dev/urandom >big
  stave pack -q -t big:1 --platform linux/amd64 --compression none --add big
}

@test "copy to - is refused at a terminal" {
  hello_image hello:1
  terminal
  type_line 'stave copy hello:1 -; echo "exit $?"'
  wait_for_screen '^exit 2$'
  screen | grep -qF "not for a terminal"
  screen | grep -qF "podman load"
}

@test "progress is drawn while a copy takes long" {
  big_image
  mkfifo slow
  terminal
  type_line 'stave copy - big:2 <slow; echo "exit $?"'
  # A pipe that holds back its end.
  stave copy -q big:1 - >whole
  (head -c 20M whole && sleep 3 && tail -c +20971521 whole) >slow &
  wait_for_screen '^exit 0$'
  wait
}

@test "nothing of the progress is left between what was printed and the prompt" {
  big_image
  terminal
  type_line 'clear; stave pack -t p --platform linux/amd64 --add big; echo "exit $?"'
  wait_for_screen '^exit 0$'
  screen | grep -E '^sha256:'
  # Above the digest only finished tasks, each on a line of its own.
  ! screen | grep -qE '%|\[#|━|█'
}

@test "Ctrl-C ends with 130, and the terminal echoes afterwards" {
  mkfifo slow
  terminal
  type_line 'stave copy - x:1 <slow; echo "exit $?"'
  exec 8>slow
  sleep 1
  tmux -S "$SOCKET" send-keys C-c
  wait_for_screen '^exit 130$'
  exec 8>&-
  type_line 'stty -a | grep -o " echo " && echo sa""ne'
  wait_for_screen '^sane$'
}

@test "the cursor is visible after Ctrl-C" {
  mkfifo slow
  terminal
  type_line 'stave copy - x:1 <slow; echo "exit $?"'
  exec 8>slow
  sleep 1
  tmux -S "$SOCKET" send-keys C-c
  wait_for_screen '^exit 130$'
  exec 8>&-
  assert_equal "$(tmux -S "$SOCKET" display-message -p '#{cursor_flag}')" 1
}

@test "-q draws nothing" {
  big_image
  terminal
  type_line 'clear; stave -q copy big:1 big:2; echo "exit $?"'
  wait_for_screen '^exit 0$'
  assert_equal "$(screen | grep -cE '^sha256:|^exit|^\$|^$' )" "$(screen | wc -l)"
}

@test "inspect folds long values below themselves at a narrow terminal" {
  hello_image hello:1 --label "words=$(printf 'word %.0s' $(seq 30))end"
  terminal 60
  type_line 'clear; stave inspect hello:1'
  wait_for_screen '^LAYER'
  screen | grep -qE '^Label +words=word'
  screen | grep -qE '^ {13}word .*end$'
}

@test "inspect cuts a table where the terminal ends" {
  hello_image hello:1
  terminal 50
  type_line 'clear; stave inspect hello:1'
  wait_for_screen '^    1 '
  screen | grep -E '^    1 ' | grep -q '…$'
}

@test "inspect shows in full what made a layer, below itself" {
  hello_image hello:1 --add greeting:/a/rather/long/path/for/a/greeting
  terminal 66
  type_line 'clear; stave inspect hello:1'
  wait_for_screen '^ +/a/rather/long/path'
}

@test "inspect keeps long values whole in a pipe" {
  hello_image hello:1 --label "words=$(printf 'word %.0s' $(seq 30))end"
  run_stave inspect hello:1
  assert_output_has "word word end"
}

@test "hostile labels cannot move the cursor or set the title" {
  hello_image hello:1 --label $'evil=\e[2J\e[H\e]0;owned\a\u202eright'
  terminal
  type_line 'clear; stave inspect hello:1'
  wait_for_screen '^Label'
  screen | grep -qE '^Name +hello:1'
  [ "$(tmux -S "$SOCKET" display-message -p '#{pane_title}')" != owned ]
}

@test "a difference is coloured at a terminal, and not where NO_COLOR asks for none" {
  mkdir a b
  touch a/gone b/new
  terminal
  type_line 'clear; stave diff -q a b; echo "exit $?"'
  wait_for_screen '^exit 1$'
  screen | grep -qE '^D /gone +-0 B$'
  tmux -S "$SOCKET" capture-pane -p -e | grep -qF "$(printf '\033[31m')D /gone"
  tmux -S "$SOCKET" capture-pane -p -e | grep -qF "$(printf '\033[32m')A /new"
  type_line 'clear; NO_COLOR=1 stave diff -q a b; echo "exit $?"'
  wait_for_screen '^exit 1$'
  if tmux -S "$SOCKET" capture-pane -p -e | grep -qF "$(printf '\033[31m')"; then complain "colour in spite of NO_COLOR"; fi
}
