// What the readers of instructions share. Internal to containerfile.

#pragma once

#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "stave/containerfile/instructions.h"
#include "stave/containerfile/syntax.h"

namespace stave::containerfile {

std::string upper(std::string_view text);
std::string lower(std::string_view text);
// "true", "1", "t", …: as Go's strconv.ParseBool.
std::optional<bool> find_bool(std::string_view text);
// "1h30m", "1.5s": nanoseconds, as Go's time.ParseDuration; nullopt if it is none.
std::optional<std::int64_t> find_duration(std::string_view text);

// The --flags of one instruction, taken one by one; `finish` refuses those that nobody took.
class Flags {
 public:
  Flags(const std::vector<std::string>& flags, std::string_view keyword) : given_(flags), keyword_(keyword) {}
  std::string string(const char* name);                // the last word counts nothing: twice is an error
  std::vector<std::string> strings(const char* name);  // may be given several times
  std::optional<bool> boolean(const char* name);
  void finish() const;

 private:
  std::optional<std::string> take(const char* name, bool needs_value);

  const std::vector<std::string>& given_;
  std::string_view keyword_;
  std::vector<std::string_view> known_;
};

// One node as an instruction (not FROM). Throws Kind::invalid without a place.
What read_what(const Node& node);
// The value of one --mount, with variables put in where that is allowed.
Mount read_mount(const std::string& text, const std::function<std::string(const std::string&)>& expand);

// What can be said of the file alone, in the order of its lines.
std::vector<Warning> lint(const Parsed& parsed, const Containerfile& file);

}  // namespace stave::containerfile
