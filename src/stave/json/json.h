// JSON: one bounded strict parse and one print. Internal: this header includes
// nlohmann-json, so no public header may include it; src/stave/*/*.cc do. A
// header that has to name Node or Object declares them.

#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <initializer_list>
#include <map>
#include <nlohmann/json.hpp>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "stave/base/error.h"

namespace stave::json {

// Objects keep the order of the document.
using Value = nlohmann::ordered_json;

// Parses a whole document. Refused, as Kind::invalid with line, column (in bytes, from 1) and JSON pointer,
// prefixed by `what`: everything that RFC 8259 refuses, duplicate member names, invalid UTF-8 and unpaired
// surrogates (RFC 7493), a byte order mark, integers outside of int64/uint64; as Kind::limit: more than
// limits::json_depth levels or limits::json_values values. Size is the caller's to bound before reading.
// Linear in the text but for sorting the names of each object.
Value parse(std::string_view text, std::string_view what);

// Prints as Go's encoding/json does without indent: no spaces; '<', '>', '&', U+2028, U+2029 as \u003c…; \b
// \f \n \r
// \t short (Go 1.22 and later; earlier Go wrote \u0008 and \u000c), other control characters \u00XX; '/' and
// 0x7f as they are. Members in the order that `value` has them. Integers exactly; floats as the shortest text
// that reads back the same, with an exponent below 1e-6 and from 2^53 on (Go: from 1e21), where they could be
// taken for integers. Throws Kind::invalid for a string that is not UTF-8, which Go would silently change.
std::string print(const Value& value);
// The same for people: two spaces of indent.
std::string print_pretty(const Value& value);
// One JSON string, quotes included, as `print` prints it.
std::string print_string(std::string_view text);

// The member, or nullptr when it is absent or null, or when `object` is no object.
const Value* find(const Value& object, const char* key);

// A value of a document and the way to it: typed access whose errors, Kind::invalid throughout, carry a JSON
// pointer: "what: /config/Env: expected an array of strings, found a number". Refers to the Value and to
// `what`, which live longer.
class Node {
 public:
  Node(const Value& root, std::string_view what) : value_(&root), what_(what) {}

  const Value& value() const { return *value_; }
  bool is_null() const { return value_->is_null(); }
  std::string place() const;  // "what: /config/Env", or "what" for the document itself

  // Members of an object; Kind::invalid if this is none. `has` counts null as there, `find` as absent.
  bool has(const char* name) const;
  std::optional<Node> find(const char* name) const;
  Node get(const char* name) const;  // absent or null: Kind::invalid
  std::string string_or_empty(const char* name) const;
  std::vector<std::string> strings_or_empty(const char* name) const;
  std::map<std::string, std::string> string_map_or_empty(const char* name) const;

  // This value as a type.
  void expect_object() const;
  std::string string() const;
  bool boolean() const;
  std::int64_t integer() const;                        // 2, not 2.0
  std::uint64_t size() const;                          // an integer from 0 to 2^63-1, as Go's int64 holds it
  std::vector<Node> elements(std::size_t most) const;  // of an array; more than `most`: Kind::limit
  std::vector<std::string> strings() const;
  std::map<std::string, std::string> string_map() const;
  std::map<std::string, std::string> object_map() const;  // values are objects, given as their JSON text

  // The members that are not `known`, as (name, JSON text), in document order.
  std::vector<std::pair<std::string, std::string>> others(std::initializer_list<const char*> known) const;
  // Kind::invalid for a member that is not one of `known` but that a reader which ignores case, as Go's
  // encoding/json does, takes for one: two readers would see two documents.
  void refuse_lookalikes(std::initializer_list<const char*> known) const;

  // "what: /pointer: expected X, found Y".
  [[noreturn]] void expected(std::string_view wanted) const;
  // "what: /pointer: reason".
  [[noreturn]] void refuse(Kind kind, std::string_view reason, std::string hint = {}) const;

 private:
  Node(const Value& value, std::string_view what, std::string pointer)
      : value_(&value), what_(what), pointer_(std::move(pointer)) {}
  Node child(const Value& value, std::string_view name) const;

  const Value* value_;
  std::string_view what_;
  std::string pointer_;
};

// An object that is being printed, member by member, in the order of the calls. Throws Kind::internal when a
// name comes twice.
class Object {
 public:
  void text(std::string_view name, std::string_view json);  // `json` is the text of a value that we printed
  void string(std::string_view name, std::string_view value) { text(name, print_string(value)); }
  void number(std::string_view name, std::uint64_t value) { text(name, std::to_string(value)); }
  void boolean(std::string_view name, bool value) { text(name, value ? "true" : "false"); }
  // Left out when empty, as Go's omitempty does.
  void string_unless_empty(std::string_view name, std::string_view value);
  void strings_unless_empty(std::string_view name, const std::vector<std::string>& values);
  void string_map_unless_empty(std::string_view name, const std::map<std::string, std::string>& values);
  // Values of `values` are JSON text from elsewhere: parsed and printed again, so what comes out is one
  // document.
  void text_map_unless_empty(std::string_view name, const std::map<std::string, std::string>& values);
  void others(const std::vector<std::pair<std::string, std::string>>& members);

  std::string finish() &&;

 private:
  std::string out_ = "{";
  std::set<std::string, std::less<>> names_;
};

// "[a,b]" of texts that were printed already.
std::string print_array(const std::vector<std::string>& texts);
std::string print_strings(const std::vector<std::string>& values);
// `text` parsed and printed again: Kind::invalid unless it is one JSON value.
std::string normalised(std::string_view text, std::string_view what);

}  // namespace stave::json
