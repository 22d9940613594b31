// Outline: where the values of a JSON text stand, for those who tell a person
// line and column of what is wrong. The text was taken by json::parse before,
// which is who judges it; what a Value forgets, its place, is kept here. Internal.

#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace stave::json {

struct Position {
  std::size_t line = 1;    // from 1
  std::size_t column = 1;  // in bytes, from 1
  friend bool operator==(const Position&, const Position&) = default;
};

enum class Type : std::uint8_t { object, array, string, number, boolean, null };
std::string_view name(Type type);  // "an object"

// Values are numbered in the order of the text, the root is 0; what is in a container follows it directly.
// Twelve bytes for each value and eight for each line. Of a text that json::parse refuses the answers mean
// nothing, but nothing outside of the text is read.
class Outline {
 public:
  // `text` outlives the outline. Kind::limit from 4 GiB on.
  explicit Outline(std::string_view text);

  std::size_t size() const { return entries_.size(); }
  Type type(std::size_t value) const;
  // The number behind the last of what is in `value`: the next sibling, if there is one.
  std::size_t end(std::size_t value) const { return entries_[value].end; }
  std::string member_name(std::size_t value) const;  // of a member of an object, decoded
  std::string string(std::size_t value) const;       // decoded; empty if it is none
  std::string_view text(std::size_t value) const;    // a number, true, false or null as it stands
  Position position(std::size_t value) const;

  // The value at a JSON pointer (RFC 6901); nullopt if there is none.
  std::optional<std::size_t> find(std::string_view pointer) const;

 private:
  struct Entry {
    std::uint32_t offset;
    std::uint32_t name;  // offset of the quote of a member's name
    std::uint32_t end;
  };
  std::size_t past_string(std::size_t offset) const;
  std::size_t past_word(std::size_t offset) const;
  std::string decoded(std::size_t offset) const;
  void scan();
  std::optional<std::size_t> child(std::size_t parent, std::string_view token) const;

  std::string_view text_;
  std::vector<Entry> entries_;
  std::vector<std::size_t> lines_ = {0};  // where each begins
};

// Line and column of an offset into `text`.
Position position_of(std::string_view text, std::size_t offset);

}  // namespace stave::json
