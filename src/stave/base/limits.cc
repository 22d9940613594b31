// Limits: the numbers that hold in this process, and the words that move them.

#include "stave/base/limits.h"

#include <algorithm>
#include <array>

#include "stave/base/text.h"

namespace stave::limits {
namespace {

constexpr bool in_their_rows() {
  for (std::size_t i = 0; i < all.size(); ++i) {
    if (all[i]->row() != i || all[i]->standard() > all[i]->most()) return false;
  }
  return true;
}
static_assert(in_their_rows());

constexpr std::array<std::uint64_t, all.size()> standards() {
  std::array<std::uint64_t, all.size()> numbers{};
  for (const Limit* limit : all) numbers[limit->row()] = limit->standard();
  return numbers;
}

// The one thing in the library that belongs to the process: written by `install`, before there are threads.
constinit std::array<std::uint64_t, all.size()> holding = standards();

}  // namespace

std::uint64_t Limit::value() const { return holding[row_]; }

std::string Limit::shown(std::uint64_t number) const {
  return unit_ == Unit::bytes ? human_size(number) : std::to_string(number);
}

Error Limit::exceeded(const std::string& message) const {
  const std::string limit = "the limit " + std::string(name_) + " is " + shown();
  if (value() >= most_) return Error(Kind::limit, message, limit + ", and cannot be higher");
  return Error(Kind::limit, message,
               limit + "; if you trust where this comes from: --limit " + std::string(name_) +
                   (unit_ == Unit::bytes ? "=SIZE" : "=NUMBER"));
}

Error Cap::exceeded(const std::string& message) const {
  return limit_ == nullptr ? Error(Kind::limit, message) : limit_->exceeded(message);
}

Setting parse_setting(std::string_view text) {
  const std::size_t equals = text.find('=');
  const std::string_view name = text.substr(0, equals);
  const auto* const found =
      std::find_if(all.begin(), all.end(), [&](const Limit* each) { return each->name() == name; });
  if (found == all.end()) {
    std::vector<std::string> names;
    for (const Limit* each : all) names.emplace_back(each->name());
    const auto near = nearest(name, names);
    throw Error(Kind::usage, "there is no limit " + quote(name),
                near ? "did you mean `" + *near + "`?" : "`stave help limits` lists them");
  }
  const Limit& limit = **found;
  const std::string_view value =
      equals == std::string_view::npos ? std::string_view() : text.substr(equals + 1);
  const auto number = limit.unit() == Unit::bytes ? parse_size(value) : parse_number(value);
  if (!number || *number == 0 || *number > limit.most()) {
    throw Error(
        Kind::usage, "limit " + std::string(name) + ": " + quote(value) + " is not one that it takes",
        std::string(limit.unit() == Unit::bytes ? "write a size such as 500M or 2T" : "write a number") +
            ", at most " + limit.shown(limit.most()));
  }
  return {&limit, *number};
}

void install(const std::vector<Setting>& settings) {
  holding = standards();
  for (const auto& [limit, number] : settings) holding[limit->row()] = number;
}

}  // namespace stave::limits
