// The one print: the bytes that Go's encoding/json writes, because a config or
// manifest is known by the digest of its bytes and most of them were written by
// Go programs (docs/format.md).

#include <fmt/format.h>

#include <array>
#include <charconv>
#include <cmath>
#include <string>
#include <string_view>

#include "stave/base/text.h"
#include "stave/json/json.h"

namespace stave::json {
namespace {

void append_string(std::string& out, std::string_view text) {
  if (!is_utf8(text)) {
    throw Error(Kind::invalid,
                fmt::format("JSON cannot hold {}: it is not UTF-8 (RFC 8259, section 8.1)", quote(text)));
  }
  out += '"';
  for (std::size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    switch (c) {
      case '"':
        out += "\\\"";
        break;
      case '\\':
        out += "\\\\";
        break;
      case '\b':
        out += "\\b";
        break;
      case '\f':
        out += "\\f";
        break;
      case '\n':
        out += "\\n";
        break;
      case '\r':
        out += "\\r";
        break;
      case '\t':
        out += "\\t";
        break;
      case '<':
        out += "\\u003c";
        break;
      case '>':
        out += "\\u003e";
        break;
      case '&':
        out += "\\u0026";
        break;
      case '\xe2':  // U+2028 and U+2029 end a line in JavaScript
        if (const auto sequence = text.substr(i, 3); sequence == "\u2028" || sequence == "\u2029") {
          out += sequence == "\u2028" ? "\\u2028" : "\\u2029";
          i += 2;
          break;
        }
        out += c;
        break;
      default:
        if (static_cast<unsigned char>(c) < 0x20) {
          out += fmt::format("\\u{:04x}", static_cast<unsigned>(c));
        } else {
          out += c;
        }
    }
  }
  out += '"';
}

void append_float(std::string& out, double value) {
  if (!std::isfinite(value)) throw Error(Kind::internal, "JSON has no text for a number that is not finite");
  const double size = std::fabs(value);
  const bool exponent = size != 0 && (size < 1e-6 || size >= 9007199254740992.0);
  std::array<char, 64> text{};
  const auto end = std::to_chars(text.data(), text.data() + text.size(), value,
                                 exponent ? std::chars_format::scientific : std::chars_format::fixed);
  std::string_view digits(text.data(), static_cast<std::size_t>(end.ptr - text.data()));
  // Go writes e-9 where C writes e-09, yet e+09 as C does.
  if (const auto at = digits.find("e-0"); at != std::string_view::npos) {
    out += digits.substr(0, at + 2);
    digits.remove_prefix(at + 3);
  }
  out += digits;
}

// Prints compactly, or with two spaces for each level. Recursive: what `parse` made is at most
// limits::json_depth deep.
class Printer {
 public:
  explicit Printer(bool pretty) : pretty_(pretty) {}

  void print(const Value& value) {
    switch (value.type()) {
      case Value::value_t::null:
        out_ += "null";
        return;
      case Value::value_t::boolean:
        out_ += value.get<bool>() ? "true" : "false";
        return;
      case Value::value_t::number_integer:
        out_ += std::to_string(value.get<std::int64_t>());
        return;
      case Value::value_t::number_unsigned:
        out_ += std::to_string(value.get<std::uint64_t>());
        return;
      case Value::value_t::number_float:
        append_float(out_, value.get<double>());
        return;
      case Value::value_t::string:
        append_string(out_, value.get_ref<const std::string&>());
        return;
      case Value::value_t::array:
        print_elements(value);
        return;
      case Value::value_t::object:
        print_members(value);
        return;
      case Value::value_t::binary:
      case Value::value_t::discarded:
        break;
    }
    throw Error(Kind::internal, "a value that JSON has no text for");
  }

  std::string take() { return std::move(out_); }

 private:
  void print_elements(const Value& array) {
    out_ += '[';
    ++depth_;
    bool first = true;
    for (const Value& element : array.get_ref<const Value::array_t&>()) {
      separate(first);
      print(element);
    }
    close(']', first);
  }

  void print_members(const Value& object) {
    out_ += '{';
    ++depth_;
    bool first = true;
    for (const auto& [name, member] : object.get_ref<const Value::object_t&>()) {
      separate(first);
      append_string(out_, name);
      out_ += pretty_ ? ": " : ":";
      print(member);
    }
    close('}', first);
  }

  void separate(bool& first) {
    if (!first) out_ += ',';
    first = false;
    new_line();
  }

  void close(char bracket, bool empty) {
    --depth_;
    if (!empty) new_line();
    out_ += bracket;
  }

  void new_line() {
    if (!pretty_) return;
    out_ += '\n';
    out_.append(2 * depth_, ' ');
  }

  bool pretty_;
  std::size_t depth_ = 0;
  std::string out_;
};

std::string print(const Value& value, bool pretty) {
  Printer printer(pretty);
  printer.print(value);
  return printer.take();
}

}  // namespace

std::string print(const Value& value) { return print(value, false); }
std::string print_pretty(const Value& value) { return print(value, true); }

std::string print_string(std::string_view text) {
  std::string out;
  append_string(out, text);
  return out;
}

std::string print_array(const std::vector<std::string>& texts) { return '[' + join(texts, ",") + ']'; }

std::string print_strings(const std::vector<std::string>& values) {
  std::vector<std::string> texts;
  texts.reserve(values.size());
  for (const std::string& value : values) texts.push_back(print_string(value));
  return print_array(texts);
}

void Object::text(std::string_view name, std::string_view json) {
  if (!names_.emplace(name).second) {
    throw Error(Kind::internal, fmt::format("the member {} was to be printed twice", quote(name)));
  }
  if (out_.size() > 1) out_ += ',';
  append_string(out_, name);
  out_ += ':';
  out_ += json;
}

void Object::string_unless_empty(std::string_view name, std::string_view value) {
  if (!value.empty()) string(name, value);
}

void Object::strings_unless_empty(std::string_view name, const std::vector<std::string>& values) {
  if (!values.empty()) text(name, print_strings(values));
}

void Object::string_map_unless_empty(std::string_view name,
                                     const std::map<std::string, std::string>& values) {
  if (values.empty()) return;
  Object object;
  for (const auto& [key, value] : values) object.string(key, value);
  text(name, std::move(object).finish());
}

void Object::text_map_unless_empty(std::string_view name, const std::map<std::string, std::string>& values) {
  if (values.empty()) return;
  Object object;
  for (const auto& [key, value] : values) object.text(key, normalised(value, key));
  text(name, std::move(object).finish());
}

void Object::others(const std::vector<std::pair<std::string, std::string>>& members) {
  for (const auto& [name, json] : members) text(name, normalised(json, printable(name)));
}

std::string Object::finish() && { return std::move(out_) + '}'; }

}  // namespace stave::json
