// Challenges: what a 401 asks for. Lists of lists with the same comma, so a
// challenge ends where something begins that cannot be a parameter of it.

#include <algorithm>
#include <optional>
#include <utility>

#include "stave/registry/auth.h"

namespace stave::registry {
namespace {

// More than any server has a reason to send; what is behind them is not looked at.
constexpr std::size_t most_challenges = 16;
constexpr std::size_t most_parameters = 32;
constexpr std::size_t most_bytes = 64 * 1024;

bool is_alphanumeric(char c) {
  return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}
// RFC 9110, 5.6.2.
bool is_token(char c) {
  return is_alphanumeric(c) || std::string_view("!#$%&'*+-.^_`|~").find(c) != std::string_view::npos;
}
// RFC 9110, 11.2.
bool is_token68(char c) {
  return is_alphanumeric(c) || std::string_view("-._~+/").find(c) != std::string_view::npos;
}

std::string lower(std::string text) {
  for (char& c : text) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  }
  return text;
}

class Parser {
 public:
  explicit Parser(std::string_view text) : text_(text) {}

  void parse(std::vector<Challenge>& out) {
    for (;;) {
      while (blanks(), at(',')) ++at_;
      if (at_ == text_.size() || out.size() >= most_challenges) return;
      if (auto challenge = find_challenge()) {
        out.push_back(*std::move(challenge));
      } else {
        pass_over();
      }
    }
  }

 private:
  bool at(char c) const { return at_ < text_.size() && text_[at_] == c; }
  bool at_end() const { return at_ == text_.size() || text_[at_] == ','; }
  void blanks() {
    while (at(' ') || at('\t')) ++at_;
  }
  template <class Test>
  std::string run(Test test) {
    const std::size_t begin = at_;
    while (at_ < text_.size() && test(text_[at_])) ++at_;
    return std::string(text_.substr(begin, at_ - begin));
  }

  // What is between quotes, unescaped; nullopt if they do not end.
  std::optional<std::string> find_quoted() {
    std::string value;
    for (++at_; at_ < text_.size(); ++at_) {
      if (text_[at_] == '"') {
        ++at_;
        return value;
      }
      if (text_[at_] == '\\') ++at_;
      if (at_ == text_.size()) break;
      value += text_[at_];
    }
    return std::nullopt;
  }

  // `name=value`, with nothing but a comma behind; nullopt, and nothing taken, for anything else.
  std::optional<std::pair<std::string, std::string>> find_parameter() {
    const std::size_t begin = at_;
    auto name = lower(run(is_token));
    blanks();
    if (!name.empty() && at('=')) {
      ++at_;
      blanks();
      auto value = at('"') ? find_quoted() : std::optional(run(is_token));
      const bool quoted = at_ > 0 && text_[at_ - 1] == '"';
      blanks();
      if (value && (quoted || !value->empty()) && at_end())
        return std::pair(std::move(name), *std::move(value));
    }
    at_ = begin;
    return std::nullopt;
  }

  bool take_token68() {
    const std::size_t begin = at_;
    const bool some = !run(is_token68).empty();
    run([](char c) { return c == '='; });
    blanks();
    if (some && at_end()) return true;
    at_ = begin;
    return false;
  }

  std::optional<Challenge> find_challenge() {
    Challenge challenge{.scheme = lower(run(is_token)), .parameters = {}};
    const bool apart = at(' ') || at('\t');
    blanks();
    if (challenge.scheme.empty() || (!apart && !at_end())) return std::nullopt;
    if (at_end()) return challenge;
    auto parameter = find_parameter();
    if (!parameter) return take_token68() ? std::optional(std::move(challenge)) : std::nullopt;
    while (parameter) {
      // A name must not come twice (RFC 9110, 11.2); the first is believed.
      if (challenge.parameters.size() < most_parameters) challenge.parameters.insert(*std::move(parameter));
      const std::size_t end = at_;
      while (blanks(), at(',')) ++at_;
      parameter = find_parameter();
      if (!parameter) at_ = end;
    }
    return challenge;
  }

  // To the next comma that is not between quotes.
  void pass_over() {
    while (at_ < text_.size() && text_[at_] != ',') {
      if (text_[at_] != '"') {
        ++at_;
      } else if (!find_quoted()) {
        at_ = text_.size();
      }
    }
  }

  std::string_view text_;
  std::size_t at_ = 0;
};

}  // namespace

std::vector<Challenge> parse_challenges(const http::Headers& headers) {
  std::vector<Challenge> challenges;
  std::size_t bytes = 0;
  for (const auto& value : headers.all("WWW-Authenticate")) {
    bytes += value.size();
    if (bytes > most_bytes) break;
    Parser(value).parse(challenges);
  }
  return challenges;
}

std::vector<std::string> Scope::strings() const {
  std::vector<std::string> scopes;
  if (!path.empty()) scopes.push_back("repository:" + path + ":" + actions);
  if (!mount_from.empty() && mount_from != path) scopes.push_back("repository:" + mount_from + ":pull");
  return scopes;
}

}  // namespace stave::registry
