// The one parse. nlohmann-json reads the grammar and the UTF-8; what it lets
// through and we do not (RFC 7493: duplicate names, integers that turned into
// floats; a NUL byte, which it takes for the end; depth, number of values) is
// refused by the handler here, which also builds the Value, because the
// library's own way into an ordered_json searches all earlier names each time.

#include <fmt/format.h>

#include <algorithm>
#include <cstddef>
#include <iterator>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "stave/base/limits.h"
#include "stave/base/text.h"
#include "stave/json/json.h"
#include "stave/json/pointer.h"

namespace stave::json {
namespace {

// Walks over the text and tells how far the lexer has come, which it does not say while things go well.
class Cursor {
 public:
  using iterator_category = std::forward_iterator_tag;
  using value_type = char;
  using difference_type = std::ptrdiff_t;
  using pointer = const char*;
  using reference = const char&;

  Cursor(const char* at, std::size_t* read) : at_(at), read_(read) {}
  reference operator*() const { return *at_; }
  Cursor& operator++() {
    ++at_;
    ++*read_;
    return *this;
  }
  Cursor operator++(int) {
    const Cursor before = *this;
    ++*this;
    return before;
  }
  friend bool operator==(const Cursor& a, const Cursor& b) { return a.at_ == b.at_; }

 private:
  const char* at_;
  std::size_t* read_;
};

struct Member {
  std::string name;
  std::size_t end;  // offset behind the name, for messages
  Value value;
};

// An array or object that is still open. Members are kept apart from the Value until it closes: a growing
// ordered_map copies all it holds, subtrees included, because its names are const.
struct Open {
  bool object;
  bool named = false;     // a name was read, its value comes next
  std::string name = {};  // that name
  std::size_t name_end = 0;
  std::vector<Member> members = {};
  std::vector<Value> elements = {};
};

class Builder {
 public:
  Builder(std::string_view text, std::string_view what) : text_(text), what_(what) {}

  std::size_t* read() { return &read_; }
  Value take() { return std::move(root_); }

  // "what: line 3, column 7: /layers/1: "
  std::string place(std::size_t offset) const {
    const std::string_view before = text_.substr(0, offset);
    const auto line = 1 + std::count(before.begin(), before.end(), '\n');
    const std::size_t line_start = before.rfind('\n') + 1;  // npos + 1 is 0
    std::string pointer = where();
    if (!pointer.empty()) pointer += ": ";
    return fmt::format("{}: line {}, column {}: {}", what_, line, before.size() - line_start + 1, pointer);
  }

  [[noreturn]] void fail(Kind kind, std::size_t offset, std::string_view reason) const {
    throw Error(kind, place(offset).append(reason));
  }

  // What nlohmann calls. The answer "go on?" is always yes: we leave by throwing.
  bool null() { return add(nullptr); }
  bool boolean(bool value) { return add(value); }
  bool number_integer(Value::number_integer_t value) { return add(value); }
  bool number_unsigned(Value::number_unsigned_t value) { return add(value); }
  bool number_float(Value::number_float_t value, const std::string& text) {
    if (text.find_first_of(".eE") == std::string::npos) {
      const std::size_t start = text_.rfind(text, read_ - std::min(read_, text.size()));
      fail(Kind::invalid, start, fmt::format("the integer {} does not fit into 64 bits", quote(text)));
    }
    return add(value);
  }
  bool string(std::string& value) { return add(std::move(value)); }
  bool binary(Value::binary_t&) { return true; }  // JSON text has none
  bool start_object(std::size_t) { return open(true); }
  bool start_array(std::size_t) { return open(false); }
  bool key(std::string& name) {
    open_.back().name = std::move(name);
    open_.back().name_end = read_;
    open_.back().named = true;
    return true;
  }
  bool end_object() {
    refuse_duplicates();
    Value value(Value::value_t::object);
    auto& object = value.get_ref<Value::object_t&>();
    object.reserve(open_.back().members.size());
    for (Member& member : open_.back().members) {
      object.emplace_back(std::move(member.name), std::move(member.value));
    }
    open_.pop_back();
    return put(std::move(value));
  }
  bool end_array() {
    Value value(Value::value_t::array);
    value.get_ref<Value::array_t&>() = std::move(open_.back().elements);
    open_.pop_back();
    return put(std::move(value));
  }
  bool parse_error(std::size_t position, const std::string& last_token,
                   const nlohmann::detail::exception& error) {
    fail(Kind::invalid, std::min(position - std::min<std::size_t>(position, 1), text_.size()),
         reason_of(last_token, error));
  }

 private:
  // The library's reason without its own name, position and copy of the outside bytes.
  static std::string reason_of(std::string_view last_token, const nlohmann::detail::exception& error) {
    constexpr int number_overflow = 406;
    constexpr std::size_t shown = 40;
    if (last_token.size() > shown) last_token = last_token.substr(last_token.size() - shown);
    if (error.id == number_overflow) return fmt::format("the number {} is too large", quote(last_token));
    std::string_view reason = error.what();
    if (const auto at = reason.find("syntax error "); at != std::string_view::npos) reason.remove_prefix(at);
    if (const auto at = reason.find("; last read: "); at != std::string_view::npos) {
      return fmt::format("{}, near {}", reason.substr(0, at), quote(last_token));
    }
    return std::string(reason);
  }

  bool open(bool object) {
    if (open_.size() >= limits::json_depth) {
      fail(Kind::limit, read_, fmt::format("nested deeper than {} levels", limits::json_depth));
    }
    count();
    open_.push_back(Open{.object = object});
    return true;
  }

  template <class T>
  bool add(T&& value) {
    count();
    return put(Value(std::forward<T>(value)));
  }

  void count() {
    if (++values_ <= most_values_) return;
    throw limits::json_values.exceeded(place(read_) + fmt::format("more than {} values", most_values_));
  }

  bool put(Value&& value) {
    if (open_.empty()) {
      root_ = std::move(value);
    } else if (Open& top = open_.back(); top.object) {
      top.members.push_back({std::move(top.name), top.name_end, std::move(value)});
      top.named = false;
    } else {
      top.elements.push_back(std::move(value));
    }
    return true;
  }

  // By sorting and not by hashing: names that collide are easily made for a hash without a secret.
  void refuse_duplicates() {
    std::vector<const Member*> sorted;
    sorted.reserve(open_.back().members.size());
    for (const Member& member : open_.back().members) sorted.push_back(&member);
    std::sort(sorted.begin(), sorted.end(), [](const Member* a, const Member* b) {
      return std::pair<std::string_view, std::size_t>(a->name, a->end) <
             std::pair<std::string_view, std::size_t>(b->name, b->end);
    });
    const Member* first = nullptr;
    for (std::size_t i = 1; i < sorted.size(); ++i) {
      if (sorted[i]->name == sorted[i - 1]->name && (!first || sorted[i]->end < first->end))
        first = sorted[i];
    }
    if (!first) return;
    fail(Kind::invalid, first->end, fmt::format("the member name {} comes twice", quote(first->name)));
  }

  // The JSON pointer (RFC 6901) of what is being read.
  std::string where() const {
    std::string pointer;
    for (const Open& open : open_) {
      if (open.object && !open.named) break;  // between two members
      append_pointer(pointer, open.object ? open.name : std::to_string(open.elements.size()));
    }
    return pointer;
  }

  std::string_view text_;
  std::string_view what_;
  std::size_t read_ = 0;
  std::size_t values_ = 0;
  std::uint64_t most_values_ = limits::json_values;
  std::vector<Open> open_;
  Value root_;
};

}  // namespace

Value parse(std::string_view text, std::string_view what) {
  Builder builder(text, what);
  if (text.starts_with("\xef\xbb\xbf"))
    builder.fail(Kind::invalid, 0, "a byte order mark (RFC 8259, section 8.1)");
  // The lexer takes a NUL for the end of its input and would not look at what follows.
  if (const auto nul = text.find('\0'); nul != std::string_view::npos)
    builder.fail(Kind::invalid, nul, "a NUL byte");
  const Cursor first(text.data(), builder.read());
  const Cursor last(text.data() + text.size(), builder.read());
  Value::sax_parse(first, last, &builder);
  return builder.take();
}

std::string normalised(std::string_view text, std::string_view what) { return print(parse(text, what)); }

}  // namespace stave::json
