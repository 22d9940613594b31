// Failure. Everything that cannot be done is one exception type that says
// what kind of failure it is, where it happened, why, and what to do. Answers
// (absent, different, an HTTP status) are values and never come this way.

#pragma once

#include <cstdint>
#include <stdexcept>
#include <string>
#include <string_view>

namespace stave {

// What sort of thing went wrong. The command line gives each kind an exit code of its own
// (docs/exit-codes.md).
enum class Kind : std::uint8_t {
  usage,        // the caller asked for something that makes no sense
  not_found,    // what was named does not exist
  exists,       // what would be written is already there
  invalid,      // the input breaks its format
  mismatch,     // two things that must be equal are not (digest, size, diff_id)
  unsupported,  // understood, but not done here
  denied,       // the system does not allow it
  limit,        // a named limit was reached
  changed,      // something moved under our hands
  no_space,     // disk or quota full
  busy,         // locked by somebody else
  io,           // the device or the system failed
  cancelled,    // a person or a caller asked to stop
  internal,     // a defect of stave
};

// The kind's name as it appears in machine-readable output: "not_found".
std::string_view name(Kind kind);

// One failure. `what()` is one line: "place: what happened". `hint()` says what to do about it and may be
// empty. Bytes that came from outside must have passed through `quote` (text.h) before they get in here.
class Error : public std::runtime_error {
 public:
  Error(Kind kind, const std::string& message, std::string hint = {})
      : std::runtime_error(message), kind_(kind), hint_(std::move(hint)) {}

  Kind kind() const { return kind_; }
  const std::string& hint() const { return hint_; }

  // The same failure seen from further out: "outer: what()". Used to add what only the catcher knows.
  Error within(std::string_view place) const {
    return Error(kind_, std::string(place) + ": " + what(), hint_);
  }

 private:
  Kind kind_;
  std::string hint_;
};

// The kind that an errno value means: ENOENT not_found, EACCES denied, ENOSPC no_space, the rest io.
Kind kind_of_errno(int error_number);

// Throws the Error for `error_number`: "what: No such file or directory".
[[noreturn]] void throw_errno(int error_number, std::string_view what);

}  // namespace stave
