// Context: the silent Progress, and cancellation.

#include "stave/base/context.h"

#include "stave/base/error.h"

namespace stave {
namespace {

class Silent final : public Progress {
 public:
  int begin(std::string_view, std::uint64_t) override { return 0; }
  void advance(int, std::uint64_t) override {}
  void end(int, std::string_view, bool) override {}
  void warn(std::string_view) override {}
};

}  // namespace

Progress& no_progress() {
  static Silent silent;
  return silent;
}

void Context::check() const {
  if (stop.stop_requested()) throw Error(Kind::cancelled, "interrupted");
}

}  // namespace stave
