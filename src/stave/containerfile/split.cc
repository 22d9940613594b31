// From a line to a node.

#include "stave/containerfile/split.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <optional>

#include "stave/base/text.h"
#include "stave/containerfile/lex.h"
#include "stave/containerfile/parts.h"
#include "stave/json/json.h"

namespace stave::containerfile {
namespace {

bool is_blank(char c) { return c == ' ' || (c >= '\t' && c <= '\r'); }
// What separates the words of a line: no line feed, which is in none but ONBUILD's text.
bool separates(char c) { return c == ' ' || c == '\t' || c == '\v' || c == '\f' || c == '\r'; }

std::string_view trim(std::string_view text) {
  while (!text.empty() && is_blank(text.front())) text.remove_prefix(1);
  while (!text.empty() && is_blank(text.back())) text.remove_suffix(1);
  return text;
}

// The first word, and what is behind the blanks after it.
std::pair<std::string_view, std::optional<std::string_view>> first_word(std::string_view text) {
  std::size_t end = 0;
  while (end < text.size() && !separates(text[end])) ++end;
  std::size_t next = end;
  while (next < text.size() && separates(text[next])) ++next;
  if (end == text.size()) return {text, std::nullopt};
  return {text.substr(0, end), text.substr(next)};
}

// A JSON array of strings; nullopt if it is no JSON array at all.
std::optional<std::vector<std::string>> find_array(std::string_view text) {
  while (!text.empty() && is_blank(text.front())) text.remove_prefix(1);
  if (!text.starts_with('[')) return std::nullopt;
  json::Value value;
  try {
    value = json::parse(text, "JSON");
  } catch (const Error&) {
    return std::nullopt;
  }
  if (!value.is_array()) return std::nullopt;
  std::vector<std::string> words;
  for (const auto& element : value) {
    if (!element.is_string())
      throw Error(Kind::invalid, "when using JSON array syntax, arrays must be comprised of strings only");
    words.push_back(element.get<std::string>());
  }
  return words;
}

void set_command(Node& node, std::string_view rest) {
  if (rest.empty()) return;
  if (auto array = find_array(rest)) {
    node.json = true;
    node.words.insert(node.words.end(), array->begin(), array->end());
    return;
  }
  node.words.emplace_back(rest);
}

void set_list(Node& node, std::string_view rest) {
  if (auto array = find_array(rest)) {
    node.json = true;
    node.words = std::move(*array);
    return;
  }
  node.words = plain_words(rest);
}

void set_pairs(Node& node, std::string_view rest, char escape, std::string_view keyword) {
  const auto words = raw_words(rest, escape);
  if (words.empty()) return;
  if (words.front().find('=') == std::string::npos) {
    const auto [name, value] = first_word(rest);
    if (!value) throw Error(Kind::invalid, fmt::format("{} must have two arguments", keyword));
    node.words = {std::string(name), std::string(*value), ""};
    return;
  }
  for (const auto& word : words) {
    const std::size_t equals = word.find('=');
    if (equals == word.npos)
      throw Error(
          Kind::invalid,
          fmt::format("Syntax error - can't find = in {}. Must be of the form: name=value", quote(word)));
    node.words.push_back(word.substr(0, equals));
    node.words.push_back(word.substr(equals + 1));
    node.words.emplace_back("=");
  }
}

void set_health(Node& node, std::string_view rest) {
  std::size_t end = 0;
  while (end < rest.size() && !is_blank(rest[end])) ++end;
  if (end == 0) return;
  node.words.emplace_back(rest.substr(0, end));
  while (end < rest.size() && is_blank(rest[end])) ++end;
  set_command(node, rest.substr(end));
}

enum class Way { list, words, command, pairs, plain, health, text, inner };

std::optional<Way> way_of(const std::string& keyword) {
  static const std::map<std::string, Way, std::less<>> ways = {
      {"ADD", Way::list},     {"ARG", Way::words},          {"CMD", Way::command},
      {"COPY", Way::list},    {"ENTRYPOINT", Way::command}, {"ENV", Way::pairs},
      {"EXPOSE", Way::plain}, {"FROM", Way::plain},         {"HEALTHCHECK", Way::health},
      {"LABEL", Way::pairs},  {"MAINTAINER", Way::text},    {"ONBUILD", Way::inner},
      {"RUN", Way::command},  {"SHELL", Way::command},      {"STOPSIGNAL", Way::text},
      {"USER", Way::text},    {"VOLUME", Way::list},        {"WORKDIR", Way::text}};
  const auto found = ways.find(keyword);
  return found == ways.end() ? std::nullopt : std::optional(found->second);
}

// ONBUILD ONBUILD … is refused later, and may be long.
constexpr int deepest_onbuild = 4;

Node node_of(std::string_view line, char escape, int depth) {
  Node node;
  node.original = line;
  const auto [keyword, behind] = first_word(trim(line));
  node.keyword = keyword;
  std::string_view rest = behind.value_or(std::string_view());
  node.flags = take_flags(rest);
  rest = trim(rest);
  const auto way = way_of(upper(keyword));
  if (!way) {
    node.words = {""};
    return node;
  }
  switch (*way) {
    case Way::list:
      set_list(node, rest);
      break;
    case Way::words:
      node.words = raw_words(rest, escape);
      break;
    case Way::command:
      set_command(node, rest);
      break;
    case Way::pairs:
      set_pairs(node, rest, escape, upper(keyword));
      break;
    case Way::plain:
      node.words = plain_words(rest);
      break;
    case Way::health:
      set_health(node, rest);
      break;
    case Way::text:
      if (!rest.empty()) node.words.emplace_back(rest);
      break;
    case Way::inner:
      if (!rest.empty() && depth < deepest_onbuild)
        node.inner = std::make_unique<Node>(node_of(rest, escape, depth + 1));
      break;
  }
  return node;
}

}  // namespace

std::vector<std::string> take_flags(std::string_view& rest) {
  std::vector<std::string> flags;
  std::size_t at = 0;
  for (;;) {
    while (at < rest.size() && is_blank(rest[at])) ++at;
    if (at + 1 >= rest.size() || rest[at] != '-' || rest[at + 1] != '-') {
      rest.remove_prefix(at);
      return flags;
    }
    std::string word;
    char quote_mark = 0;
    bool blank_ok = false;
    for (; at < rest.size() && (quote_mark != 0 || !is_blank(rest[at])); ++at) {
      char c = rest[at];
      if (quote_mark != 0 && c == quote_mark) {
        quote_mark = 0;
      } else if (quote_mark == 0 && (c == '\'' || c == '"')) {
        quote_mark = c;
        blank_ok = true;
      } else if (c == '\\') {
        if (at + 1 == rest.size()) continue;
        word += rest[++at];
      } else {
        word += c;
      }
    }
    if (word == "--") {
      rest.remove_prefix(at);
      return flags;
    }
    if (blank_ok || !word.empty()) flags.push_back(std::move(word));
  }
}

std::vector<std::string> raw_words(std::string_view text, char escape) {
  std::vector<std::string> words;
  std::string word;
  bool blank_ok = false;
  char quote_mark = 0;
  const auto end_word = [&] {
    if (blank_ok || !word.empty()) words.push_back(std::move(word));
    word.clear();
    blank_ok = false;
  };
  for (std::size_t at = 0; at < text.size(); ++at) {
    const char c = text[at];
    if (quote_mark == 0 && is_blank(c)) {
      end_word();
      continue;
    }
    if (quote_mark != 0 && c == quote_mark) {
      quote_mark = 0;
    } else if (quote_mark == 0 && (c == '\'' || c == '"')) {
      quote_mark = c;
      blank_ok = true;
    } else if (c == escape && quote_mark != '\'') {
      // An escape at the very end is nothing; elsewhere it goes along with what it protects.
      if (at + 1 == text.size()) break;
      word += c;
      word += text[++at];
      continue;
    }
    word += c;
  }
  end_word();
  return words;
}

std::vector<std::string> plain_words(std::string_view text) {
  std::vector<std::string> words;
  while (!text.empty()) {
    const auto [word, rest] = first_word(text);
    words.emplace_back(word);
    if (!rest) break;
    text = *rest;
    if (text.empty()) words.emplace_back();
  }
  return words;
}

Node parse_node(std::string_view line, char escape) { return node_of(line, escape, 0); }

std::optional<Heredoc> find_heredoc(std::string_view word) {
  std::size_t at = 0;
  while (at < word.size() && word[at] >= '0' && word[at] <= '9') ++at;
  const std::string_view digits = word.substr(0, at);
  if (!word.substr(at).starts_with("<<")) return std::nullopt;
  Heredoc heredoc;
  std::string_view rest = word.substr(at + 2);
  if (rest.starts_with('-')) {
    heredoc.chomp = true;
    rest.remove_prefix(1);
  }
  if (rest.empty() || rest.find('<') != rest.npos) return std::nullopt;
  const auto descriptor = digits.empty() ? std::optional<std::uint64_t>(0) : parse_number(digits);
  if (!descriptor || *descriptor > 1'000'000) return std::nullopt;
  heredoc.descriptor = static_cast<unsigned>(*descriptor);
  try {
    const auto plain = lex(rest, {.keep_unset = true}, {});
    const auto quoted = lex(rest, {.raw_quotes = true, .raw_escapes = true, .keep_unset = true}, {});
    if (plain.words.size() != 1 || quoted.words.empty()) return std::nullopt;
    heredoc.name = plain.words.front();
    heredoc.expand = plain.words.front() == quoted.words.front();
  } catch (const Error&) {
    return std::nullopt;
  }
  return heredoc;
}

std::vector<Heredoc> heredocs_of(std::string_view line) {
  std::vector<Heredoc> heredocs;
  try {
    for (const auto& word :
         lex(line, {.raw_quotes = true, .raw_escapes = true, .keep_unset = true}, {}).words) {
      if (auto heredoc = find_heredoc(word)) heredocs.push_back(std::move(*heredoc));
    }
  } catch (const Error&) {
    // What is no word for a shell announces nothing.
    heredocs.clear();
  }
  return heredocs;
}

std::string without_tabs(std::string_view content) {
  std::string out;
  bool at_start = true;
  for (const char c : content) {
    if (at_start && c == '\t') continue;
    at_start = c == '\n';
    out += c;
  }
  return out;
}

}  // namespace stave::containerfile
