// What a call throws, as a value that tests can look at.

#pragma once

#include <gtest/gtest.h>

#include <optional>
#include <ostream>
#include <string>

#include "stave/base/error.h"

namespace stave::testing {

struct Failure {
  Kind kind;
  std::string what;
  friend bool operator==(const Failure&, const Failure&) = default;
  friend std::ostream& operator<<(std::ostream& out, const Failure& f) {
    return out << name(f.kind) << ": " << f.what;
  }
};

// nullopt if nothing was thrown; anything but stave::Error fails the test by escaping.
template <class Call>
std::optional<Failure> failure(Call&& call) {
  try {
    call();
  } catch (const Error& error) {
    return Failure{error.kind(), error.what()};
  }
  return std::nullopt;
}

template <class Call>
std::optional<Kind> kind_of_failure(Call&& call) {
  const auto thrown = failure(call);
  return thrown ? std::optional(thrown->kind) : std::nullopt;
}

}  // namespace stave::testing
