// The words in which BuildKit writes history and config, so that what is made of the
// same comes out the same. Internal to build.

#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "stave/containerfile/instructions.h"
#include "stave/spec/spec.h"

namespace stave::build {

inline constexpr const char* default_path =
    "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
inline constexpr const char* history_comment = "buildkit.dockerfile.v0";

// Seconds since 1970 in RFC 3339.
std::string time_text(std::int64_t seconds);

// Go's fmt of lists: `["a" "b"]` and `[a b]`.
std::string quoted_list(const std::vector<std::string>& words);
std::string plain_list(const std::vector<std::string>& words);
std::string healthcheck_words(const containerfile::Healthcheck& health);
std::string transfer_words(const containerfile::Transfer& transfer);

// "80", "8000-8002/tcp", "1.2.3.4:80:80/udp": the container's ports, "80/tcp", sorted. Kind::invalid for what
// is none.
std::vector<std::string> ports_of(const std::vector<std::string>& texts);

// A --chmod: "0755", "u=rwX,go=rX". Gives the mode of a file that has `mode`. Kind::invalid for what is none.
class ModeChange {
 public:
  static ModeChange parse(const std::string& text);
  std::uint32_t apply(std::uint32_t mode, bool directory) const;

 private:
  struct Clause {
    unsigned who = 07;  // bits: 4 user, 2 group, 1 other
    char operation = '=';
    std::string bits;
  };
  std::optional<std::uint32_t> octal_;
  std::vector<Clause> clauses_;
};

// The members of a config that the spec does not name.
std::optional<std::vector<std::string>> find_strings(const spec::Config& config, std::string_view member);
void set_strings(spec::Config& config, const std::string& member,
                 const std::optional<std::vector<std::string>>& values);
void set_healthcheck(spec::Config& config, const containerfile::Healthcheck& health);

// "NAME=value" of an environment.
std::optional<std::string> find_env(const std::vector<std::string>& env, std::string_view name);
void set_env(std::vector<std::string>& env, const std::string& name, const std::string& value);

// STOPSIGNAL as it is kept. Kind::invalid for a name or number that is no signal of Linux.
void check_signal(const std::string& signal);

}  // namespace stave::build
