// Documents: the rules of JSON itself, and access to values that reports
// instead of throwing.

#include "stave/validate/document.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <utility>
#include <vector>

#include "stave/base/error.h"
#include "stave/base/limits.h"
#include "stave/base/text.h"
#include "stave/json/json.h"
#include "stave/json/position.h"

namespace stave::validate {
namespace {

// Registries that follow the distribution-spec take this much, and are free to refuse more.
constexpr std::size_t portable_bytes = 4 * 1024 * 1024;

// A name of a document in a pointer: more of it than this tells nobody anything.
constexpr std::size_t longest_name = 1024;

void append(std::string& pointer, std::string_view name) {
  pointer += '/';
  for (const char c : name.substr(0, longest_name)) {
    if (c == '~') {
      pointer += "~0";
    } else if (c == '/') {
      pointer += "~1";
    } else {
      pointer += c;
    }
  }
}

// The first byte that belongs to no well-formed character of `text`, which has one.
std::size_t first_wrong_byte(std::string_view text) {
  std::size_t at = 0;
  while (at < text.size()) {
    const auto lead = static_cast<unsigned char>(text[at]);
    const std::size_t length = lead < 0x80 ? 1 : lead < 0xe0 ? 2 : lead < 0xf0 ? 3 : 4;
    if (!is_utf8(text.substr(at, length))) break;
    at += length;
  }
  return std::min(at, text.size() - 1);
}

struct Refusal {
  json::Position at;
  std::string reason;
};

// json::parse says "x: line 3, column 7: reason"; the numbers belong into the place, the reason to the
// finding.
Refusal taken_apart(std::string_view message) {
  const auto number = [&](std::string_view before) {
    std::size_t value = 0;
    if (const auto at = message.find(before); at != std::string_view::npos) {
      message.remove_prefix(at + before.size());
      const auto end = std::from_chars(message.data(), message.data() + message.size(), value).ptr;
      message.remove_prefix(static_cast<std::size_t>(end - message.data()));
    }
    return value;
  };
  const std::size_t line = number("line ");
  const std::size_t column = number("column ");
  if (message.starts_with(": ")) message.remove_prefix(2);
  return {{line, column}, std::string(message)};
}

// Which rule a text breaks that json::parse refuses. The ends of its messages are ours: bytes from outside
// stand between quotes.
std::string_view code_of(const Error& error, std::string_view reason) {
  if (error.kind() == Kind::limit) return "E006";
  if (reason.ends_with(" comes twice")) return "E002";
  if (reason.ends_with(" does not fit into 64 bits") || reason.ends_with(" is too large")) return "W004";
  return "E001";
}

// A number that a reader with IEEE 754 doubles takes for another one (RFC 7493, section 2.2).
bool changes_as_double(std::string_view number) {
  constexpr std::int64_t largest = (1LL << 53) - 1;
  std::int64_t value = 0;
  const auto [end, error] = std::from_chars(number.data(), number.data() + number.size(), value);
  if (error == std::errc::result_out_of_range) return true;
  if (end != number.data() + number.size()) return false;  // a fraction is rounded by everybody
  return value > largest || value < -largest;
}

std::string folded(std::string_view name) {
  // What Go's encoding/json takes for 'k' and 's' beside the capital letters: U+212A and U+017F.
  static constexpr std::string_view kelvin = "\xe2\x84\xaa", long_s = "\xc5\xbf";
  std::string out;
  for (std::size_t i = 0; i < name.size(); ++i) {
    if (name.substr(i).starts_with(kelvin)) {
      out += 'k';
      i += kelvin.size() - 1;
    } else if (name.substr(i).starts_with(long_s)) {
      out += 's';
      i += long_s.size() - 1;
    } else {
      out += name[i] >= 'A' && name[i] <= 'Z' ? static_cast<char>(name[i] - 'A' + 'a') : name[i];
    }
  }
  return out;
}

}  // namespace

Document::Document(std::string_view text, std::string_view file, Report& report)
    : file_(file), report_(report), outline_(std::make_unique<const json::Outline>(text)) {}

Document::~Document() = default;

std::unique_ptr<Document> Document::read(std::string_view text, std::string_view file, Report& report) {
  const auto at = [&](json::Position position) {
    return Where{.file = std::string(file), .line = position.line, .column = position.column};
  };
  if (!is_utf8(text)) {
    const std::size_t wrong = first_wrong_byte(text);
    report.add("E003", at(json::position_of(text, wrong)),
               fmt::format("a byte {:#04x} that is not UTF-8", static_cast<unsigned char>(text[wrong])));
    return nullptr;
  }
  try {
    static_cast<void>(json::parse(text, "x"));
  } catch (const Error& error) {
    const Refusal refusal = taken_apart(error.what());
    report.add(code_of(error, refusal.reason), at(refusal.at), refusal.reason);
    return nullptr;
  }
  if (text.size() > portable_bytes)
    report.add("W005", {.file = std::string(file)}, fmt::format("it has {} bytes", text.size()));

  std::unique_ptr<Document> document(new Document(text, file, report));
  for (std::size_t value = 0; value < document->outline_->size(); ++value) {
    if (document->outline_->type(value) != json::Type::number) continue;
    if (const auto number = document->outline_->text(value); changes_as_double(number))
      document->add("W004", at(document->outline_->position(value)), fmt::format("the number {}", number));
  }
  return document;
}

Item Document::root() const { return {*this, 0, {}, {}}; }

void Document::add(std::string_view code, Where where, std::string found) const {
  report_.add(code, std::move(where), std::move(found));
}

json::Type Item::type() const { return document_->outline_->type(value_); }
bool Item::is_object() const { return type() == json::Type::object; }

std::string Item::string() const {
  return type() == json::Type::string ? document_->outline_->string(value_) : std::string();
}

std::string_view Item::text() const {
  const json::Type is = type();
  const bool scalar = is == json::Type::number || is == json::Type::boolean || is == json::Type::null;
  return scalar ? document_->outline_->text(value_) : std::string_view();
}

std::string Item::described() const {
  if (type() == json::Type::string) return fmt::format("the string {}", quote(string()));
  if (type() == json::Type::number) return fmt::format("the number {}", text());
  return std::string(json::name(type()));
}

std::optional<Item> Item::find(std::string_view name) const {
  if (!is_object()) return std::nullopt;
  const json::Outline& outline = *document_->outline_;
  for (std::size_t value = value_ + 1; value < outline.end(value_); value = outline.end(value)) {
    if (outline.member_name(value) != name) continue;
    if (outline.type(value) == json::Type::null) return std::nullopt;
    std::string pointer = pointer_;
    append(pointer, name);
    return Item(*document_, value, std::move(pointer), std::string(name));
  }
  return std::nullopt;
}

bool Item::has(std::string_view name) const {
  if (!is_object()) return false;
  const json::Outline& outline = *document_->outline_;
  for (std::size_t value = value_ + 1; value < outline.end(value_); value = outline.end(value)) {
    if (outline.member_name(value) == name) return true;
  }
  return false;
}

void Item::each(const std::function<void(const Item&)>& visit) const {
  const json::Outline& outline = *document_->outline_;
  const bool object = is_object();
  std::size_t number = 0;
  for (std::size_t value = value_ + 1; value < outline.end(value_); value = outline.end(value), ++number) {
    std::string name = object ? outline.member_name(value) : std::to_string(number);
    std::string pointer = pointer_;
    append(pointer, name);
    visit(Item(*document_, value, std::move(pointer), std::move(name)));
  }
}

std::size_t Item::count() const {
  const json::Outline& outline = *document_->outline_;
  std::size_t number = 0;
  for (std::size_t value = value_ + 1; value < outline.end(value_); value = outline.end(value)) ++number;
  return number;
}

std::optional<Item> Item::get(std::string_view name, json::Type wanted, const Shape& shape,
                              bool required) const {
  auto found = find(name);
  if (!found) {
    if (required)
      report(shape.absent,
             fmt::format("{} without {}{}", shape.what, quote(name), has(name) ? ": it is null" : ""));
    return std::nullopt;
  }
  if (found->type() == wanted) return found;
  found->report(shape.type,
                fmt::format("{} is {}, not {}", quote(name), found->described(), json::name(wanted)));
  return std::nullopt;
}

std::optional<std::string> Item::get_string(std::string_view name, const Shape& shape, bool required) const {
  const auto found = get(name, json::Type::string, shape, required);
  return found ? std::optional(found->string()) : std::nullopt;
}

void Item::each_string(std::string_view name, const Shape& shape,
                       const std::function<void(const Item&)>& visit) const {
  const auto list = get(name, json::Type::array, shape, false);
  if (!list) return;
  list->each([&](const Item& each) {
    if (each.type() == json::Type::string) {
      visit(each);
    } else {
      each.report(shape.type, fmt::format("{}, not a string", each.described()));
    }
  });
}

Where Item::where() const {
  const json::Position at = document_->outline_->position(value_);
  return {.file = document_->file_, .at = pointer_, .line = at.line, .column = at.column};
}

void Item::report(std::string_view code, std::string found) const {
  document_->add(code, where(), std::move(found));
}

void check_lookalikes(const Item& object, std::initializer_list<std::string_view> known) {
  if (!object.is_object()) return;
  std::vector<std::string> folded_known;
  for (const std::string_view each : known) folded_known.push_back(folded(each));
  object.each([&](const Item& member) {
    if (std::find(known.begin(), known.end(), member.name()) != known.end()) return;
    const auto like = std::find(folded_known.begin(), folded_known.end(), folded(member.name()));
    if (like == folded_known.end()) return;
    const std::string_view meant = *(known.begin() + (like - folded_known.begin()));
    member.report("W007", fmt::format("{} is nearly {}", quote(member.name()), quote(meant)));
  });
}

}  // namespace stave::validate
