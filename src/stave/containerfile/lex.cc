// The lexer: one pass over bytes, and one call more for each ${…} within another.

#include "stave/containerfile/lex.h"

#include <fmt/format.h>

#include <algorithm>

#include "stave/base/text.h"
#include "stave/containerfile/wildcard.h"

namespace stave::containerfile {
namespace {

constexpr int end_of_text = -1;
// ${a:-${b:-…}}: deeper than anybody writes.
constexpr int deepest = 200;

bool is_space(int c) { return c == ' ' || (c >= '\t' && c <= '\r'); }
bool is_digit(int c) { return c >= '0' && c <= '9'; }
// Every byte of a character beyond ASCII counts as a letter.
bool is_letter(int c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c >= 0x80; }

[[noreturn]] void fail(const std::string& message) { throw Error(Kind::invalid, message); }

class Words {
 public:
  void add(char c) {
    if (!is_space(static_cast<unsigned char>(c))) return add_raw(std::string_view(&c, 1));
    if (!word_.empty()) {
      all_.push_back(std::move(word_));
      word_.clear();
    }
  }
  void add_split(std::string_view text) {
    for (const char c : text) add(c);
  }
  void add_raw(std::string_view text) { word_ += text; }
  std::vector<std::string> finish() && {
    if (!word_.empty()) all_.push_back(std::move(word_));
    return std::move(all_);
  }

 private:
  std::string word_;
  std::vector<std::string> all_;
};

class Lexer {
 public:
  Lexer(std::string_view text, const Lexing& how, const Variables& variables)
      : text_(text), how_(how), variables_(variables) {}

  Lexed run() {
    Lexed lexed;
    Words words;
    lexed.text = until(end_of_text, how_.raw_escapes, &words);
    lexed.words = std::move(words).finish();
    lexed.unset = std::move(unset_);
    return lexed;
  }

 private:
  int peek() const { return at_ < text_.size() ? static_cast<unsigned char>(text_[at_]) : end_of_text; }
  int next() {
    const int c = peek();
    if (c != end_of_text) ++at_;
    return c;
  }

  std::string until(int stop, bool raw_escapes, Words* words) {
    if (++depth_ > deepest) fail("variables are nested too deeply");
    std::string result;
    for (;;) {
      const int c = peek();
      if (c == end_of_text) break;
      if (c == stop) {
        ++at_;
        --depth_;
        return result;
      }
      const bool quote = (c == '\'' || c == '"') && !how_.no_quotes;
      if (c == '$' || quote) {
        const std::string piece = c == '$'   ? dollar()
                                  : c == '"' ? double_quoted(raw_escapes)
                                             : single_quoted();
        result += piece;
        if (words != nullptr) c == '$' ? words->add_split(piece) : words->add_raw(piece);
        continue;
      }
      ++at_;
      if (c == how_.escape) {
        if (raw_escapes) {
          result += static_cast<char>(c);
          if (words != nullptr) words->add_raw(std::string(1, static_cast<char>(c)));
        }
        const int escaped = next();
        if (escaped == end_of_text) break;
        result += static_cast<char>(escaped);
        if (words != nullptr) words->add_raw(std::string(1, static_cast<char>(escaped)));
        continue;
      }
      result += static_cast<char>(c);
      if (words != nullptr) words->add(static_cast<char>(c));
    }
    --depth_;
    if (stop != end_of_text)
      fail(fmt::format("unexpected end of statement while looking for matching {}", static_cast<char>(stop)));
    return result;
  }

  std::string single_quoted() {
    std::string result;
    ++at_;
    if (how_.raw_quotes) result += '\'';
    for (;;) {
      const int c = next();
      if (c == end_of_text) fail("unexpected end of statement while looking for matching single-quote");
      if (c == '\'') break;
      result += static_cast<char>(c);
    }
    if (how_.raw_quotes) result += '\'';
    return result;
  }

  std::string double_quoted(bool raw_escapes) {
    std::string result;
    ++at_;
    if (how_.raw_quotes) result += '"';
    for (;;) {
      int c = peek();
      if (c == end_of_text) fail("unexpected end of statement while looking for matching double-quote");
      if (c == '$') {
        result += dollar();
        continue;
      }
      ++at_;
      if (c == '"') break;
      if (c == how_.escape) {
        if (raw_escapes) result += static_cast<char>(c);
        const int after = peek();
        if (after == end_of_text) continue;
        if (after == '"' || after == '$' || after == how_.escape) c = next();
      }
      result += static_cast<char>(c);
    }
    if (how_.raw_quotes) result += '"';
    return result;
  }

  // $NAME or ${NAME…}.
  std::string dollar() {
    ++at_;
    if (peek() != '{') {
      const std::string name = read_name();
      if (name.empty()) return "$";
      const auto value = get(name);
      return !value && how_.keep_unset ? "$" + name : value.value_or("");
    }
    ++at_;
    const int first = peek();
    if (first == end_of_text) fail("syntax error: missing '}'");
    if (first == '{' || first == '}' || first == ':') fail("syntax error: bad substitution");
    const std::string name = read_name();
    const int c = next();
    if (c == '}') {
      const auto value = get(name);
      return !value && how_.keep_unset ? "${" + name + "}" : value.value_or("");
    }
    if (c == '/') return replaced(name);
    const bool colon = c == ':';
    return modified(name, colon ? next() : c, colon);
  }

  // Whatever is inside ${} up to its end; "missing '}'" if that is not there.
  std::string inside(int stop, bool raw_escapes, const char* missing) {
    try {
      return until(stop, raw_escapes, nullptr);
    } catch (const Error&) {
      if (peek() == end_of_text) fail(missing);
      throw;
    }
  }

  std::string modified(const std::string& name, int modifier, bool colon) {
    static constexpr std::string_view known = "+-?#%";
    const std::string sign =
        (colon ? ":" : "") + (modifier == end_of_text ? "" : std::string(1, static_cast<char>(modifier)));
    if (modifier != end_of_text && !colon && known.find(static_cast<char>(modifier)) == known.npos)
      fail(fmt::format("unsupported modifier ({}) in substitution", sign));
    std::string word = inside('}', modifier == '#' || modifier == '%', "syntax error: missing '}'");
    const auto value = get(name);
    if (!value && how_.keep_unset) return fmt::format("${{{}{}{}}}", name, sign, word);
    const bool absent = !value || (colon && value->empty());
    switch (modifier) {
      case '-':
        return absent ? word : *value;
      case '+':
        return absent ? "" : word;
      case '?':
        if (!value) fail(fmt::format("{}: {}", name, word.empty() ? "is not allowed to be unset" : word));
        if (absent) fail(fmt::format("{}: {}", name, word.empty() ? "is not allowed to be empty" : word));
        return *value;
      case '#':
      case '%': {
        if (colon) break;
        const bool greedy = word.starts_with(static_cast<char>(modifier));
        if (greedy) word.erase(0, 1);
        return modifier == '#' ? without_prefix(value.value_or(""), word, greedy)
                               : without_suffix(value.value_or(""), word, greedy);
      }
      default:
        break;
    }
    fail(fmt::format("unsupported modifier ({}) in substitution", sign));
  }

  // ${NAME/PATTERN/TEXT} and ${NAME//PATTERN/TEXT}.
  std::string replaced(const std::string& name) {
    const bool all = peek() == '/';
    if (all) ++at_;
    const std::string pattern = inside('/', true, "syntax error: missing '/' in ${}");
    const std::string by = inside('}', true, "syntax error: missing '}'");
    const auto value = get(name);
    if (!value && how_.keep_unset) return fmt::format("${{{}/{}/{}}}", name, pattern, by);
    return with_replaced(value.value_or(""), pattern, by, all);
  }

  std::string read_name() {
    static constexpr std::string_view special = "@*#?-$!0";
    std::string name;
    for (;;) {
      const int c = peek();
      if (c == end_of_text) return name;
      if (name.empty() && is_digit(c)) {
        while (is_digit(peek())) name += static_cast<char>(next());
        return name;
      }
      if (name.empty() && c < 0x80 && special.find(static_cast<char>(c)) != special.npos)
        return std::string(1, static_cast<char>(next()));
      if (!is_letter(c) && !is_digit(c) && c != '_') return name;
      name += static_cast<char>(next());
    }
  }

  std::optional<std::string> get(const std::string& name) {
    auto value = variables_ ? variables_(name) : std::nullopt;
    if (!value) unset_.insert(name);
    return value;
  }

  std::string_view text_;
  const Lexing& how_;
  const Variables& variables_;
  std::set<std::string> unset_;
  std::size_t at_ = 0;
  int depth_ = 0;
};

}  // namespace

Lexed lex(std::string_view text, const Lexing& how, const Variables& variables) {
  try {
    return Lexer(text, how, variables).run();
  } catch (const Error& error) {
    throw Error(error.kind(), fmt::format("failed to process {}: {}", quote(text), error.what()),
                error.hint());
  }
}

}  // namespace stave::containerfile
