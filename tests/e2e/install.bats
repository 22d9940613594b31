# What `cmake --install` puts into a prefix is enough to build against libstave,
# in both of the ways that people ask for a library.

load helpers

# Once for the file: an installed tree in $prefix.
setup_file() {
  local build=${STAVE_BIN:-$BATS_TEST_DIRNAME/../../build/release/stave}
  build=$(dirname "$build")
  export prefix=$BATS_FILE_TMPDIR/prefix
  if grep -q '^STAVE_SANITIZE:STRING=.' "$build/CMakeCache.txt"; then
    export not_installed="a sanitizer build is not for installing"
    return
  fi
  cmake --install "$build" --prefix "$prefix" >"$BATS_FILE_TMPDIR/install.log"
}

setup() {
  fresh
  [ -z "${not_installed:-}" ] || skip_because "$not_installed"
}

examples() { find "$PROJECT/examples" -name '*.cc' | sort; }

@test "the command, its man page and its completions are installed" {
  require_stave
  run "$prefix/bin/stave" version
  assert_exit 0
  [ -s "$prefix/share/man/man1/stave.1" ]
  [ -s "$prefix/share/bash-completion/completions/stave" ]
  [ -s "$prefix/share/zsh/site-functions/_stave" ]
  [ -s "$prefix/share/fish/vendor_completions.d/stave.fish" ]
}

@test "every installed header compiles by itself" {
  local includes
  includes=$(cd "$prefix/include" && find stave -name '*.h')
  [ -n "$includes" ]
  # shellcheck disable=SC2016  # expanded by the inner shell
  xargs -P "$(nproc)" -I{} sh -c 'echo "#include \"{}\"" | g++ -std=c++20 -fsyntax-only -Wall -Wextra -Werror -I"$prefix/include" -x c++ -' <<<"$includes"
}

@test "the examples build with find_package(stave)" {
  [ -n "$(examples)" ] || skip_because "no examples/*.cc"
  {
    echo 'cmake_minimum_required(VERSION 3.25)'
    echo 'project(users LANGUAGES CXX)'
    echo 'find_package(stave REQUIRED)'
    for source in $(examples); do
      echo "add_executable($(basename "$source" .cc) $source)"
      echo "target_link_libraries($(basename "$source" .cc) PRIVATE stave::stave)"
    done
  } >CMakeLists.txt
  cmake -S . -B out -G Ninja -DCMAKE_PREFIX_PATH="$prefix" >configure.log
  cmake --build out
}

@test "the examples build with pkg-config stave" {
  [ -n "$(examples)" ] || skip_because "no examples/*.cc"
  export PKG_CONFIG_PATH=$prefix/lib/pkgconfig
  for source in $(examples); do
    # shellcheck disable=SC2046  # words are what pkg-config gives
    g++ -std=c++20 -o "$(basename "$source" .cc)" "$source" $(pkg-config --cflags --libs stave)
  done
}

@test "the example builds an image that is the command's, to the byte" {
  require_client pkg-config
  export PKG_CONFIG_PATH=$prefix/lib/pkgconfig
  # shellcheck disable=SC2046  # words are what pkg-config gives
  g++ -std=c++20 -o hello_image "$PROJECT/examples/hello_image.cc" $(pkg-config --cflags --libs stave)
  hello_binary hello amd64
  run -0 --separate-stderr ./hello_image hello layout hello.tar
  local digest=$output
  run -0 --separate-stderr stave pack -q -t hello:scratch --platform linux/amd64 --add hello --entrypoint '["/hello"]'
  [ "$output" = "$digest" ]
  run -0 --separate-stderr stave copy hello:scratch oci-archive:by-command.tar
  cmp hello.tar by-command.tar
}
