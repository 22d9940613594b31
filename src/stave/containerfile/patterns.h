// Patterns over paths: those of ignore files (moby/patternmatcher) and the
// wildcards of COPY (Go's filepath.Match, a component at a time).

#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace stave::containerfile {

// The lines of an ignore file as patterns: comments (only in column 1) and empty lines out, trimmed, cleaned,
// without a leading '/'. Kind::limit for a text of more than limits::ignore_bytes.
std::vector<std::string> read_ignore_file(std::string_view text);

// Go's filepath.Match: `*`, `?`, `[a-z]`, `[^a]`, `\x`; none of them matches '/'. Kind::invalid for a bad
// pattern.
bool match(std::string_view pattern, std::string_view path);
bool has_wildcard(std::string_view text);

// A list of patterns of which the last that matches a path decides; `!` brings back, `**` is any number of
// directories, a pattern that matches a directory matches all below it.
class Patterns {
 public:
  Patterns() = default;
  // Kind::invalid for a pattern that is none, naming it.
  explicit Patterns(const std::vector<std::string>& patterns);
  bool empty() const;
  // Is `path` ("a/b", no leading '/') excluded? Costs a look at each of its parents.
  bool excludes(std::string_view path) const;
  // May anything below the excluded directory be brought back? If not it need not be walked.
  bool may_include_below(std::string_view directory) const;

 private:
  struct Compiled;
  std::shared_ptr<const Compiled> compiled_;
};

}  // namespace stave::containerfile
