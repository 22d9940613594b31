// Words, split as a POSIX shell would, without ever running one.

#include "stave/cli/words.h"

#include <fmt/format.h>

#include "stave/base/error.h"
#include "stave/base/text.h"
#include "stave/json/json.h"

namespace stave::cli {
namespace {

// The shell that would do what `text` asks for, as the JSON array to give instead.
std::string shell_form(std::string_view text) {
  constexpr std::size_t longest = 512;  // what is longer is no help any more
  if (!is_utf8(text) || text.size() > longest) return R"(["/bin/sh","-c","..."])";
  // The print of documents escapes '<', '>' and '&' for browsers; what a person is to paste should read as it
  // was typed.
  return fmt::format(R"(["/bin/sh","-c",{}])", json::Value(text).dump(-1, ' ', true));
}

class Splitter {
 public:
  explicit Splitter(std::string_view text) : text_(text) {}

  std::vector<std::string> split() {
    while (at_ < text_.size()) {
      const char c = text_[at_++];
      switch (c) {
        case ' ':
        case '\t':
        case '\n':
          end_word();
          break;
        case '\'':
          single_quoted();
          break;
        case '"':
          double_quoted();
          break;
        case '\\':
          escaped();
          break;
        case '#':
          // XCU 2.3 (9): a comment if it begins a word. Nobody who writes one here wants the rest dropped in
          // silence.
          if (!in_word_) refuse("an unquoted # begins a comment");
          take(c);
          break;
        default:
          plain(c);
      }
    }
    end_word();
    return std::move(words_);
  }

 private:
  void plain(char c) {
    if (std::string_view("|&;<>()").find(c) != std::string_view::npos) {
      refuse(fmt::format("an unquoted {} needs a shell", c));
    }
    active(c, "_{(@*#?-$!'\"");
    take(c);
  }

  // XCU 2.2.2: nothing is special in here but the end.
  void single_quoted() {
    in_word_ = true;
    const std::size_t end = text_.find('\'', at_);
    if (end == std::string_view::npos) refuse_open("'");
    word_ += text_.substr(at_, end - at_);
    at_ = end + 1;
  }

  // XCU 2.2.3: $ and ` stay active, and a backslash protects only $ ` " \ and a line end.
  void double_quoted() {
    in_word_ = true;
    for (;;) {
      if (at_ == text_.size()) refuse_open("\"");
      const char c = text_[at_++];
      if (c == '"') return;
      if (c != '\\') {
        active(c, "_{(@*#?-$!");
        word_ += c;
        continue;
      }
      if (at_ == text_.size()) refuse_open("\"");
      const char next = text_[at_++];
      if (next == '\n') continue;
      if (std::string_view("$`\"\\").find(next) == std::string_view::npos) word_ += c;
      word_ += next;
    }
  }

  // XCU 2.2.1: the next character stands for itself; a line end vanishes.
  void escaped() {
    if (at_ == text_.size()) {
      throw Error(Kind::usage, fmt::format("{} ends in a backslash that protects nothing", quote(text_)),
                  R"(write \\ for a backslash)");
    }
    const char next = text_[at_++];
    if (next != '\n') take(next);
  }

  // "$" is a plain character unless a letter, a digit or one of `starters` makes it an expansion (XCU 2.6)
  // or, outside of double quotes, a quote of its own ($'…').
  void active(char c, std::string_view starters) {
    if (c == '`') refuse("a ` needs a shell");
    if (c != '$' || at_ == text_.size()) return;
    const char next = text_[at_];
    const bool names =
        (next >= 'a' && next <= 'z') || (next >= 'A' && next <= 'Z') || (next >= '0' && next <= '9');
    if (names || starters.find(next) != std::string_view::npos) refuse("a $ needs a shell");
  }

  void take(char c) {
    in_word_ = true;
    word_ += c;
  }

  void end_word() {
    if (in_word_) words_.push_back(std::move(word_));
    word_.clear();
    in_word_ = false;
  }

  [[noreturn]] void refuse(const std::string& why) const {
    throw Error(Kind::usage, fmt::format("{}: {}", quote(text_), why),
                fmt::format("put single quotes around it if it is meant literally, or run a shell: {}",
                            shell_form(text_)));
  }

  [[noreturn]] void refuse_open(std::string_view mark) const {
    throw Error(Kind::usage, fmt::format("{}: the quote {} is never closed", quote(text_), mark),
                fmt::format(R"(close it, or write \{} for the character itself)", mark));
  }

  std::string_view text_;
  std::size_t at_ = 0;
  std::string word_;
  bool in_word_ = false;  // an empty pair of quotes is a word, too
  std::vector<std::string> words_;
};

}  // namespace

std::vector<std::string> split_words(std::string_view text) { return Splitter(text).split(); }

std::vector<std::string> parse_command(std::string_view text) {
  if (!text.starts_with('[')) return split_words(text);
  const std::string hint = R"(a JSON array of strings looks like ["/bin/sh","-c","echo hello"])";
  json::Value array;
  try {
    array = json::parse(text, "the command");
  } catch (const Error& error) {
    throw Error(Kind::usage, error.what(), hint);
  }
  std::vector<std::string> words;
  for (const json::Value& word : array) {
    if (!word.is_string()) {
      throw Error(
          Kind::usage,
          fmt::format("the command: element {} is not a string but {}", words.size(), word.type_name()),
          hint);
    }
    words.push_back(word.get<std::string>());
  }
  return words;
}

}  // namespace stave::cli
