// Facts about the program as a whole: exit codes and environment variables.

#include "stave/cli/facts.h"

#include <array>

#include "stave/cli/command.h"

namespace stave::cli {

std::span<const ExitCode> exit_codes() {
  static constexpr std::array codes = {
      ExitCode{0, "done; or the answer is yes"},
      ExitCode{1, "the answer is no: something differs, or is not valid"},
      ExitCode{2, "the command line makes no sense"},
      ExitCode{3, "what was named does not exist"},
      ExitCode{4, "what would be written is already there"},
      ExitCode{5, "the input breaks its format"},
      ExitCode{6, "two things that must be equal are not: a digest, a size"},
      ExitCode{7, "understood, but not done by this version"},
      ExitCode{8, "the system or a registry does not allow it"},
      ExitCode{9, "a limit was reached"},
      ExitCode{10, "a file changed while it was read"},
      ExitCode{11, "no space is left"},
      ExitCode{12, "locked by another process"},
      ExitCode{13, "a device, a network or the system failed"},
      ExitCode{70, "a defect of stave; please report it"},
      ExitCode{130, "interrupted (SIGINT); other signals give 128 and their number: 143 for SIGTERM"},
  };
  return codes;
}

int exit_code(Kind kind) {
  switch (kind) {
    case Kind::usage:
      return 2;
    case Kind::not_found:
      return 3;
    case Kind::exists:
      return 4;
    case Kind::invalid:
      return 5;
    case Kind::mismatch:
      return 6;
    case Kind::unsupported:
      return 7;
    case Kind::denied:
      return 8;
    case Kind::limit:
      return 9;
    case Kind::changed:
      return 10;
    case Kind::no_space:
      return 11;
    case Kind::busy:
      return 12;
    case Kind::io:
      return 13;
    case Kind::cancelled:
      return 130;
    case Kind::internal:
      return 70;
  }
  return 70;
}

std::span<const Variable> variables() {
  static constexpr std::array all = {
      Variable{"STAVE_STORE", "the image store, unless --store names another"},
      Variable{"XDG_DATA_HOME",
               "where the store is otherwise: its subdirectory stave; ~/.local/share if unset"},
      Variable{"STAVE_RUNTIME", "the OCI runtime of `run`: a name or a path; runc, else crun if unset"},
      Variable{"XDG_CACHE_HOME", "where the cache is: its subdirectory stave; ~/.cache if unset"},
      Variable{"SOURCE_DATE_EPOCH", "seconds since 1970: the time that is written where one is needed"},
      Variable{"TMPDIR", "where temporary files go that do not belong to the store; /tmp if unset"},
      Variable{"REGISTRY_AUTH_FILE", "credentials for registries, as podman and skopeo keep them"},
      Variable{"DOCKER_CONFIG", "the directory of docker's config.json, asked for credentials after that"},
      Variable{"NO_COLOR", "if set, nothing is printed in colour or bold"},
      Variable{"TERM", "if dumb, progress is shown line by line"},
  };
  return all;
}

}  // namespace stave::cli
