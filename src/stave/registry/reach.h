// Reach: where a repository is reached, and how its places are tried one after the
// other. Shared by the repository and by the blobs that are being read from it. Internal.

#pragma once

#include <atomic>
#include <chrono>
#include <cstddef>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "stave/base/error.h"
#include "stave/registry/parts.h"
#include "stave/registry/registry.h"

namespace stave::registry {

struct Reach {
  std::shared_ptr<const Network> network;
  Context context;
  Location home;                    // where it is written, listed, deleted
  std::vector<Location> locations;  // where it may be read: mirrors first, home last

  const Network::Parts& parts() const { return network->parts(); }
  std::string str() const { return "docker://" + home.host + "/" + home.path; }

  http::Reply send(const Location& location, const Ask& ask) const {
    return parts().send(context, location, ask);
  }

  // The first answer of a place, the one that answered last time before the others. A mirror that fails is
  // not asked again; only when it gives other bytes than its digest says the failure comes out.
  template <class Answer>
  std::optional<Answer> first(bool by_digest,
                              const std::function<std::optional<Answer>(const Location&)>& ask) const {
    for (const std::size_t i : order(by_digest)) {
      try {
        if (auto answer = ask(locations[i])) {
          preferred_ = i;
          return answer;
        }
      } catch (const Error& e) {
        if (!locations[i].mirror || e.kind() == Kind::cancelled || e.kind() == Kind::mismatch) throw;
        give_up(i, e);
      }
    }
    return std::nullopt;
  }

  // Places behind this one, for what began there.
  std::optional<Location> next(const Location& location, bool by_digest) const;

 private:
  std::vector<std::size_t> order(bool by_digest) const;
  void give_up(std::size_t index, const Error& why) const;

  mutable std::atomic<std::size_t> preferred_ = 0;
  mutable std::mutex mutex_;
  mutable std::set<std::size_t> failed_;
};

// Waits before the attempt behind `failures` failed ones, as http does: doubled each time, bounded. Throws
// Kind::cancelled soon after a stop.
void pause(const Context& context, const http::Options& options, unsigned failures);

// The number that a Content-Length (of a HEAD as well) says; nullopt if there is none or it is none.
std::optional<std::uint64_t> find_length(const http::Reply& reply);

}  // namespace stave::registry
