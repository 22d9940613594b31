// Document: a JSON text that is being checked, and Item, a value in it that
// knows where it stands. Reading it never throws for what it says: a member that is
// absent or of another type is a finding, and an answer of nothing. Internal.

#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <initializer_list>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "stave/validate/report.h"

namespace stave::json {
class Outline;
enum class Type : std::uint8_t;
}  // namespace stave::json

namespace stave::validate {

class Item;

class Document {
 public:
  // Checks `text` as JSON (considerations.md, "JSON"); nullptr, and it is reported why, if nothing more can
  // be told of it. `text` and `report` outlive the document.
  static std::unique_ptr<Document> read(std::string_view text, std::string_view file, Report& report);
  ~Document();

  Item root() const;
  const std::string& file() const { return file_; }

 private:
  friend class Item;
  Document(std::string_view text, std::string_view file, Report& report);
  void add(std::string_view code, Where where, std::string found) const;

  std::string file_;
  Report& report_;
  std::unique_ptr<const json::Outline> outline_;
};

// What a kind of object is called, and the codes for its members: absent though required, of another type.
struct Shape {
  std::string_view what;
  std::string_view absent;
  std::string_view type;
};

// A value of a document. Cheap to copy but for its pointer.
class Item {
 public:
  json::Type type() const;
  bool is_object() const;
  std::string string() const;  // of a string; else empty
  std::string_view text() const;
  bool is_true() const { return text() == "true"; }
  std::string described() const;  // "a number", "the string \"x\""

  // Of an object: a member that is there and not null; and whether it is there at all.
  std::optional<Item> find(std::string_view name) const;
  bool has(std::string_view name) const;
  // Each member (which has a `name`) or element, in the order of the text.
  void each(const std::function<void(const Item&)>& visit) const;
  std::size_t count() const;
  const std::string& name() const { return name_; }

  // The member if it is there and of that type; anything else is reported, absence only if it is `required`.
  std::optional<Item> get(std::string_view name, json::Type type, const Shape& shape, bool required) const;
  std::optional<std::string> get_string(std::string_view name, const Shape& shape, bool required) const;
  // An array of strings, those of it that are.
  void each_string(std::string_view name, const Shape& shape,
                   const std::function<void(const Item&)>& visit) const;

  Where where() const;
  void report(std::string_view code, std::string found) const;

 private:
  friend class Document;
  Item(const Document& document, std::size_t value, std::string pointer, std::string name)
      : document_(&document), value_(value), pointer_(std::move(pointer)), name_(std::move(name)) {}

  const Document* document_;
  std::size_t value_;
  std::string pointer_;
  std::string name_;
};

// W007: names that are not `known`, but that a reader which ignores case takes for one that is.
void check_lookalikes(const Item& object, std::initializer_list<std::string_view> known);

}  // namespace stave::validate
