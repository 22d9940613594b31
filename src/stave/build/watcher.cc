// The Watcher that nobody is.

#include "stave/build/watcher.h"

namespace stave::build {
namespace {

class Nobody : public Watcher {
 public:
  void step(const Step&, State, std::string_view) override {}
  void output(const Step&, std::string_view) override {}
  void warning(const containerfile::Containerfile&, const containerfile::Warning&) override {}
  void explain(const Step&, std::string_view) override {}
};

}  // namespace

Watcher& no_watcher() {
  static Nobody nobody;
  return nobody;
}

}  // namespace stave::build
