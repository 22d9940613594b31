// The order in which places are tried, and waiting between attempts.

#include "stave/registry/reach.h"

#include <fmt/format.h>

#include <algorithm>
#include <condition_variable>

#include "stave/base/text.h"

namespace stave::registry {

std::vector<std::size_t> Reach::order(bool by_digest) const {
  std::vector<std::size_t> order;
  const std::lock_guard lock(mutex_);
  for (std::size_t i = 0; i < locations.size(); ++i) {
    const bool wrong_sort = by_digest ? locations[i].tags_only : locations[i].digests_only;
    if (!wrong_sort && !failed_.contains(i)) order.push_back(i);
  }
  // It comes first, the others as they were.
  const auto preferred = std::find(order.begin(), order.end(), preferred_);
  if (preferred != order.end()) std::rotate(order.begin(), preferred, preferred + 1);
  return order;
}

void Reach::give_up(std::size_t index, const Error& why) const {
  {
    const std::lock_guard lock(mutex_);
    if (!failed_.insert(index).second) return;
  }
  context.progress->warn(
      fmt::format("the mirror {} is left out: {}", printable(locations[index].host), why.what()));
}

std::optional<Location> Reach::next(const Location& location, bool by_digest) const {
  const auto same = [&](const Location& other) {
    return other.api_host == location.api_host && other.path == location.path;
  };
  const auto may = [&](const Location& other) { return !(by_digest ? other.tags_only : other.digests_only); };
  const auto here = std::find_if(locations.begin(), locations.end(), same);
  if (here == locations.end()) return std::nullopt;
  const auto found = std::find_if(here + 1, locations.end(), may);
  return found == locations.end() ? std::nullopt : std::optional(*found);
}

void pause(const Context& context, const http::Options& options, unsigned failures) {
  const unsigned doubled = std::min(failures == 0 ? 0U : failures - 1, 16U);
  const auto wait = std::min(options.first_wait * (1 << doubled), options.longest_wait);
  std::mutex mutex;
  std::condition_variable_any changed;
  std::unique_lock lock(mutex);
  changed.wait_for(lock, context.stop, wait, [] { return false; });
  context.check();
}

std::optional<std::uint64_t> find_length(const http::Reply& reply) {
  const auto field = reply.headers.find("Content-Length");
  if (field) return parse_number(*field);
  return reply.length;
}

}  // namespace stave::registry
