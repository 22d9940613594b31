// Lines, continuations, comments, heredocs and directives.

#include "stave/containerfile/syntax.h"

#include <fmt/format.h>

#include <algorithm>
#include <set>

#include "stave/base/limits.h"
#include "stave/base/text.h"
#include "stave/containerfile/split.h"

namespace stave::containerfile {
namespace {

bool is_blank(char c) { return c == ' ' || (c >= '\t' && c <= '\r'); }

std::string_view trim_left(std::string_view text) {
  while (!text.empty() && is_blank(text.front())) text.remove_prefix(1);
  return text;
}
std::string_view trim(std::string_view text) {
  text = trim_left(text);
  while (!text.empty() && is_blank(text.back())) text.remove_suffix(1);
  return text;
}
std::string_view without_newline(std::string_view line) {
  while (line.ends_with('\n') || line.ends_with('\r')) line.remove_suffix(1);
  return line;
}
bool is_comment(std::string_view line) { return trim_left(line).starts_with('#'); }

// Takes the line continuation off: an escape that no other one stands before, and blanks behind it.
bool take_continuation(std::string_view& line, char escape) {
  std::string_view rest = line;
  while (rest.ends_with(' ') || rest.ends_with('\t')) rest.remove_suffix(1);
  if (!rest.ends_with(escape)) return false;
  if (rest.size() > 1 && rest[rest.size() - 2] == escape) return false;
  line = rest.substr(0, rest.size() - 1);
  return true;
}

class Parser {
 public:
  explicit Parser(const Text& text) : text_(text), rest_(text.text) {
    if (rest_.starts_with("\xef\xbb\xbf")) rest_.remove_prefix(3);
  }

  Parsed run() {
    std::string_view line;
    std::vector<std::string> comments;
    while (next(line)) {
      if (is_comment(line)) {
        const std::string comment(trim(trim_left(without_newline(line)).substr(1)));
        comment.empty() ? comments.clear() : comments.push_back(comment);
        directive(trim_left(without_newline(line)));
        continue;
      }
      directives_over_ = true;
      const std::string_view begin = trim_left(without_newline(line));
      if (begin.empty()) {
        comments.clear();
        continue;
      }
      instruction(begin, std::move(comments));
      comments = {};
    }
    if (parsed_.nodes.empty()) throw error_at(text_, {}, "file with no instructions");
    return std::move(parsed_);
  }

 private:
  // The next line, with its end.
  bool next(std::string_view& line) {
    if (rest_.empty()) return false;
    const std::size_t end = std::min(rest_.find('\n'), rest_.size() - 1) + 1;
    line = rest_.substr(0, end);
    rest_.remove_prefix(end);
    ++number_;
    return true;
  }

  // `# name=value`: only before everything else, each once. Whatever is none of those that exist ends them.
  void directive(std::string_view comment) {
    if (directives_over_ || (number_ == 1 && comment.starts_with("#!"))) return;
    std::string_view rest = trim_left(comment.substr(1));
    std::size_t length = 0;
    const auto letter = [](char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); };
    while (length < rest.size() &&
           (letter(rest[length]) || (length > 0 && rest[length] >= '0' && rest[length] <= '9')))
      ++length;
    std::string name(rest.substr(0, length));
    for (char& c : name) c = static_cast<char>(letter(c) ? c | 0x20 : c);
    rest = trim_left(rest.substr(length));
    const std::string value(rest.starts_with('=') ? trim(rest.substr(1)) : std::string_view());
    if (value.empty() || (name != "syntax" && name != "escape" && name != "check")) {
      directives_over_ = true;
      return;
    }
    const Span here{.line = number_, .column = 0, .length = 0, .last_line = number_};
    if (!seen_.insert(name).second)
      throw error_at(text_, here, fmt::format("only one {} parser directive can be used", name));
    if (name == "syntax") parsed_.syntax = value;
    if (name == "check") parsed_.check = value;
    if (name != "escape") return;
    if (value != "`" && value != "\\")
      throw error_at(text_, here, fmt::format("invalid escape token '{}' does not match ` or \\", value));
    parsed_.escape = value.front();
  }

  void instruction(std::string_view begin, std::vector<std::string> comments) {
    const unsigned first = number_;
    const auto column = static_cast<unsigned>(begin.data() - line_begin() + 1);
    std::string line;
    bool goes_on = take_continuation(begin, parsed_.escape);
    line = begin;
    bool empty_lines = false;
    std::string_view more;
    while (goes_on && next(more)) {
      if (is_comment(more)) continue;
      more = without_newline(more);
      if (trim_left(more).empty()) {
        empty_lines = true;
        continue;
      }
      goes_on = take_continuation(more, parsed_.escape);
      line += more;
    }
    // A lone escape is a line of nothing.
    if (trim(line).empty()) return;
    Span where{.line = first, .column = column, .length = 0, .last_line = number_};
    if (empty_lines) parsed_.empty_continuations.push_back(where);
    if (parsed_.nodes.size() >= limits::containerfile_instructions)
      throw Error(Kind::limit, fmt::format("{}:{}: more than {} instructions", printable(text_.name), first,
                                           limits::containerfile_instructions));
    try {
      Node node = parse_node(line, parsed_.escape);
      node.comments = std::move(comments);
      where.length = static_cast<unsigned>(node.keyword.size());
      node.where = where;
      if (has_heredocs(node)) read_heredocs(node, line);
      node.where.last_line = number_;
      parsed_.nodes.push_back(std::move(node));
    } catch (const Error& error) {
      if (error.kind() != Kind::invalid ||
          std::string_view(error.what()).find('\n') != std::string_view::npos)
        throw;
      where.length = static_cast<unsigned>(std::min(line.find(' '), line.size()));
      throw error_at(text_, where, error.what(), error.hint());
    }
  }

  const char* line_begin() const {
    const char* at = rest_.data();
    const char* start = text_.text.data();
    // The line that was just taken ends where the rest begins.
    if (at > start) --at;
    while (at > start && at[-1] != '\n') --at;
    return at;
  }

  static bool has_heredocs(const Node& node) {
    const Node& which = node.inner ? *node.inner : node;
    std::string name = which.keyword;
    for (char& c : name) c = static_cast<char>(c >= 'a' && c <= 'z' ? c & ~0x20 : c);
    return (name == "ADD" || name == "COPY" || name == "RUN") && !which.json &&
           node.original.find("<<") != std::string::npos;
  }

  void read_heredocs(Node& node, const std::string& line) {
    for (auto& heredoc : heredocs_of(line)) {
      bool ended = false;
      std::string_view content;
      while (!ended && next(content)) {
        std::string_view end = without_newline(content);
        if (heredoc.chomp) {
          while (end.starts_with('\t')) end.remove_prefix(1);
        }
        ended = end == heredoc.name;
        if (!ended) heredoc.content += content;
      }
      if (!ended)
        throw Error(Kind::invalid, "unterminated heredoc",
                    fmt::format("a line with nothing but {} ends it", quote(heredoc.name)));
      node.heredocs.push_back(std::move(heredoc));
    }
  }

  const Text& text_;
  std::string_view rest_;
  unsigned number_ = 0;
  bool directives_over_ = false;
  std::set<std::string> seen_;
  Parsed parsed_;
};

// As Go's strconv.Quote, for what dumps hold.
std::string go_quoted(std::string_view text) {
  std::string out = "\"";
  for (const char c : text) {
    switch (c) {
      case '"':
        out += "\\\"";
        break;
      case '\\':
        out += "\\\\";
        break;
      case '\t':
        out += "\\t";
        break;
      case '\n':
        out += "\\n";
        break;
      case '\r':
        out += "\\r";
        break;
      case '\v':
        out += "\\v";
        break;
      case '\f':
        out += "\\f";
        break;
      case '\a':
        out += "\\a";
        break;
      case '\b':
        out += "\\b";
        break;
      default:
        if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f) {
          out += fmt::format("\\x{:02x}", static_cast<unsigned char>(c));
        } else {
          out += c;
        }
    }
  }
  return out + "\"";
}

std::string dump_node(const Node& node) {
  std::string out = node.keyword;
  for (char& c : out) c = static_cast<char>(c >= 'A' && c <= 'Z' ? c | 0x20 : c);
  if (!node.flags.empty()) {
    std::vector<std::string> quoted;
    for (const auto& flag : node.flags) quoted.push_back(go_quoted(flag));
    out += " [" + join(quoted, " ") + "]";
  }
  if (node.inner) out += " " + dump_node(*node.inner);
  for (const auto& word : node.words) out += " " + go_quoted(word);
  return "(" + out + ")";
}

}  // namespace

Parsed parse_syntax(const Text& text) {
  if (text.text.size() > limits::containerfile_bytes)
    throw Error(Kind::limit,
                fmt::format("{}: {} is more than a Containerfile may have ({})", printable(text.name),
                            human_size(text.text.size()), human_size(limits::containerfile_bytes)));
  return Parser(text).run();
}

std::string dump(const Parsed& parsed) {
  std::string out;
  for (const auto& node : parsed.nodes) out += (out.empty() ? "" : "\n") + dump_node(node);
  return out;
}

}  // namespace stave::containerfile
