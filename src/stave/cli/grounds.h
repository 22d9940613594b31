// What verbs have in common: where the store is, which platform is meant, what
// time it is for an image.

#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "stave/cli/command.h"
#include "stave/layer/changeset.h"
#include "stave/place/place.h"
#include "stave/spec/spec.h"

namespace stave::cli {

// --store, else STAVE_STORE, else $XDG_DATA_HOME/stave, else $HOME/.local/share/stave; spooling in TMPDIR.
// Kind::usage when nothing says where. What talks to registries is made of the invocation, which outlives it.
place::Grounds grounds_of(const Invocation& invocation);

// $XDG_CACHE_HOME/stave, else $HOME/.cache/stave; nullopt when nothing says where.
std::optional<std::string> find_cache(const Surroundings& surroundings);

// "linux/amd64,linux/arm64" of every --platform given, in order, each once.
std::vector<spec::Platform> platforms_of(const Arguments& arguments);

// The platform this program runs on; arm64 with its variant.
spec::Platform this_platform();

// SOURCE_DATE_EPOCH (reproducible-builds.org): seconds since 1970. Kind::usage if it is set and is no number.
std::optional<std::int64_t> source_date_epoch(const Surroundings& surroundings);

// RFC 3339 in UTC, with seconds. Kind::usage outside of the years 1 to 9999.
std::string rfc3339(std::int64_t seconds);
// "2024-09-06T12:05:36Z", "2024-09-06T14:05:36.25+02:00" (RFC 3339, 5.6); nullopt if it is none.
std::optional<std::int64_t> find_rfc3339(std::string_view text);
// "3 days ago", in the largest unit of which there are at least two; "in the future" for less than 0.
std::string age_text(std::int64_t seconds);
// A time as a person gives it: RFC 3339, or "@SECONDS" or plain SECONDS since 1970. Kind::usage otherwise.
std::int64_t parse_time(std::string_view text, std::string_view option);

// "1000", "1000:100": numbers only, since names belong to the image's own /etc/passwd.
struct OwnerWords {
  std::uint32_t uid = 0;
  std::uint32_t gid = 0;
};
OwnerWords parse_owner(std::string_view text);
std::uint32_t parse_mode(std::string_view text);

// Says on stderr what a tag had before, if that was something else.
void tell_moved(const Invocation& invocation, const std::string& name,
                const std::optional<spec::Descriptor>& before, const Digest& now);

// Descriptors and sizes as a page for people shows them.
std::string plural(std::size_t count, std::string_view noun);  // "1 layer", "2 layers"

}  // namespace stave::cli
