// Typed access to a parsed document: every complaint says in which document,
// at which JSON pointer, what was expected and what stood there.

#include <fmt/format.h>

#include <algorithm>
#include <limits>

#include "stave/base/text.h"
#include "stave/json/json.h"
#include "stave/json/pointer.h"

namespace stave::json {
namespace {

std::string_view found(const Value& value) {
  switch (value.type()) {
    case Value::value_t::null:
      return "null";
    case Value::value_t::boolean:
      return value.get<bool>() ? "true" : "false";
    case Value::value_t::string:
      return "a string";
    case Value::value_t::array:
      return "an array";
    case Value::value_t::object:
      return "an object";
    default:
      return "a number";
  }
}

// Also nullptr when this is no object.
const Value* member(const Value& object, std::string_view name) {
  if (!object.is_object()) return nullptr;
  for (const auto& [key, value] : object.get_ref<const Value::object_t&>()) {
    if (key == name) return &value;
  }
  return nullptr;
}

bool contains(std::initializer_list<const char*> names, std::string_view name) {
  return std::any_of(names.begin(), names.end(), [&](std::string_view each) { return each == name; });
}

// Lower case as Go's encoding/json compares names: of what is not ASCII, only two characters fold to letters
// that are, U+017F (long s) and U+212A (the Kelvin sign).
std::string folded(std::string_view name) {
  std::string out;
  for (std::size_t i = 0; i < name.size(); ++i) {
    if (name.substr(i, 2) == "\u017f") {
      out += 's';
      i += 1;
    } else if (name.substr(i, 3) == "\u212a") {
      out += 'k';
      i += 2;
    } else {
      const char c = name[i];
      out += c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
    }
  }
  return out;
}

}  // namespace

const Value* find(const Value& object, const char* key) {
  const Value* value = member(object, key);
  return value && !value->is_null() ? value : nullptr;
}

std::string Node::place() const {
  return pointer_.empty() ? std::string(what_) : fmt::format("{}: {}", what_, pointer_);
}

void Node::expected(std::string_view wanted) const {
  refuse(Kind::invalid, fmt::format("expected {}, found {}", wanted, found(*value_)));
}

void Node::refuse(Kind kind, std::string_view reason, std::string hint) const {
  throw Error(kind, fmt::format("{}: {}", place(), reason), std::move(hint));
}

Node Node::child(const Value& value, std::string_view name) const {
  std::string pointer = pointer_;
  append_pointer(pointer, name);
  return Node(value, what_, std::move(pointer));
}

bool Node::has(const char* name) const {
  expect_object();
  return member(*value_, name) != nullptr;
}

std::optional<Node> Node::find(const char* name) const {
  expect_object();
  const Value* value = json::find(*value_, name);
  if (!value) return std::nullopt;
  return child(*value, name);
}

Node Node::get(const char* name) const {
  if (auto node = find(name)) return *node;
  const Value* value = member(*value_, name);
  refuse(Kind::invalid, fmt::format("expected a member \"{}\", found {}", name, value ? "null" : "none"));
}

std::string Node::string_or_empty(const char* name) const {
  const auto node = find(name);
  return node ? node->string() : std::string();
}

std::vector<std::string> Node::strings_or_empty(const char* name) const {
  const auto node = find(name);
  return node ? node->strings() : std::vector<std::string>();
}

std::map<std::string, std::string> Node::string_map_or_empty(const char* name) const {
  const auto node = find(name);
  return node ? node->string_map() : std::map<std::string, std::string>();
}

void Node::expect_object() const {
  if (!value_->is_object()) expected("an object");
}

std::string Node::string() const {
  if (!value_->is_string()) expected("a string");
  return value_->get_ref<const std::string&>();
}

bool Node::boolean() const {
  if (!value_->is_boolean()) expected("true or false");
  return value_->get<bool>();
}

std::int64_t Node::integer() const {
  constexpr auto most = static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max());
  if (!value_->is_number_integer()) expected("an integer");
  if (value_->is_number_unsigned() && value_->get<std::uint64_t>() > most) {
    refuse(Kind::invalid,
           fmt::format("{} does not fit into a signed 64-bit integer", value_->get<std::uint64_t>()));
  }
  return value_->get<std::int64_t>();
}

std::uint64_t Node::size() const {
  const std::int64_t value = integer();
  if (value < 0)
    refuse(Kind::invalid, fmt::format("expected a size in bytes, found the negative number {}", value));
  return static_cast<std::uint64_t>(value);
}

std::vector<Node> Node::elements(std::size_t most) const {
  if (!value_->is_array()) expected("an array");
  if (value_->size() > most) refuse(Kind::limit, fmt::format("{} entries, {} at most", value_->size(), most));
  std::vector<Node> nodes;
  nodes.reserve(value_->size());
  for (const Value& element : value_->get_ref<const Value::array_t&>()) {
    nodes.push_back(child(element, std::to_string(nodes.size())));
  }
  return nodes;
}

std::vector<std::string> Node::strings() const {
  if (!value_->is_array()) expected("an array of strings");
  std::vector<std::string> out;
  out.reserve(value_->size());
  for (const Value& element : value_->get_ref<const Value::array_t&>()) {
    if (!element.is_string()) child(element, std::to_string(out.size())).expected("a string");
    out.push_back(element.get_ref<const std::string&>());
  }
  return out;
}

std::map<std::string, std::string> Node::string_map() const {
  if (!value_->is_object()) expected("an object of strings");
  std::map<std::string, std::string> out;
  for (const auto& [name, value] : value_->get_ref<const Value::object_t&>()) {
    if (!value.is_string()) child(value, name).expected("a string");
    out.emplace(name, value.get_ref<const std::string&>());
  }
  return out;
}

std::map<std::string, std::string> Node::object_map() const {
  if (!value_->is_object()) expected("an object of objects");
  std::map<std::string, std::string> out;
  for (const auto& [name, value] : value_->get_ref<const Value::object_t&>()) {
    child(value, name).expect_object();
    out.emplace(name, print(value));
  }
  return out;
}

std::vector<std::pair<std::string, std::string>> Node::others(
    std::initializer_list<const char*> known) const {
  expect_object();
  std::vector<std::pair<std::string, std::string>> out;
  for (const auto& [name, value] : value_->get_ref<const Value::object_t&>()) {
    if (!contains(known, name)) out.emplace_back(name, print(value));
  }
  return out;
}

void Node::refuse_lookalikes(std::initializer_list<const char*> known) const {
  expect_object();
  for (const auto& [name, value] : value_->get_ref<const Value::object_t&>()) {
    if (contains(known, name)) continue;
    const std::string lower = folded(name);
    for (const std::string_view each : known) {
      if (lower != folded(each)) continue;
      refuse(Kind::invalid, fmt::format("ambiguous: the member {} is \"{}\" to a reader that ignores case",
                                        quote(name), each));
    }
  }
}

}  // namespace stave::json
