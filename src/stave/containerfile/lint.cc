// BuildKit's lint rules, as far as the text alone answers them
// (docs.docker.com/reference/build-checks).

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <set>

#include "stave/base/text.h"
#include "stave/containerfile/parts.h"

namespace stave::containerfile {
namespace {

bool is_upper(std::string_view word) { return word == upper(word); }
bool is_lower(std::string_view word) { return word == lower(word); }

// Names of ARG and ENV that are about secrets, and those that only sound so.
bool names_a_secret(std::string_view name) {
  const std::string text = lower(name);
  std::vector<std::string> parts;
  std::string part;
  for (const char c : text) {
    if ((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9')) {
      part += c;
    } else if (!part.empty()) {
      parts.push_back(std::move(part));
      part.clear();
    }
  }
  if (!part.empty()) parts.push_back(std::move(part));
  const auto has = [&](std::initializer_list<const char*> words) {
    return std::any_of(parts.begin(), parts.end(), [&](const std::string& each) {
      return std::any_of(words.begin(), words.end(), [&](const char* word) { return each == word; });
    });
  };
  return has({"apikey", "auth", "credential", "credentials", "key", "password", "pword", "passwd", "secret",
              "token"}) &&
         !has({"public"});
}

class Linter {
 public:
  Linter(const Parsed& parsed, const Containerfile& file) : parsed_(parsed), file_(file) {}

  std::vector<Warning> run() {
    for (const auto& where : parsed_.empty_continuations)
      say("NoEmptyContinuation", "Empty continuation line", where);
    casing();
    for (const auto& node : parsed_.nodes) each(node);
    stages();
    // By line, and those of one line in the order in which they were found.
    std::multimap<unsigned, Warning> by_line;
    for (auto& warning : warnings_) by_line.emplace(warning.where.line, std::move(warning));
    warnings_.clear();
    for (auto& [line, warning] : by_line) warnings_.push_back(std::move(warning));
    return std::move(warnings_);
  }

 private:
  void say(const char* rule, std::string message, const Span& where) {
    for (const auto& skipped : file_.skip_checks) {
      if (lower(skipped) == lower(rule) || lower(skipped) == "all") return;
    }
    warnings_.push_back({.rule = rule, .message = std::move(message), .where = where});
  }

  // All keywords in one case: that of the majority.
  void casing() {
    std::size_t uppers = 0;
    std::size_t lowers = 0;
    for (const auto& node : parsed_.nodes) {
      if (is_upper(node.keyword)) ++uppers;
      if (is_lower(node.keyword)) ++lowers;
    }
    const bool want_lower = lowers > uppers;
    for (const auto& node : parsed_.nodes) {
      const bool fits = want_lower ? is_lower(node.keyword) : is_upper(node.keyword);
      if (!fits)
        say("ConsistentInstructionCasing",
            fmt::format("Command '{}' should match the case of the command majority ({})",
                        printable(node.keyword), want_lower ? "lowercase" : "uppercase"),
            node.where);
    }
  }

  void each(const Node& node) {
    const std::string keyword = upper(node.keyword);
    if (keyword == "FROM") from(node);
    if (keyword == "MAINTAINER")
      say("MaintainerDeprecated",
          "Maintainer instruction is deprecated in favor of using label (docs: use LABEL "
          "org.opencontainers.image.authors)",
          node.where);
    if ((keyword == "CMD" || keyword == "ENTRYPOINT") && !node.json && !node.words.empty() && !has_shell_)
      say("JSONArgsRecommended",
          fmt::format(
              "JSON arguments recommended for {} to prevent unintended behavior related to OS signals",
              keyword),
          node.where);
    if (keyword == "SHELL") has_shell_ = true;
    if (keyword == "ENV" || keyword == "LABEL") {
      for (std::size_t i = 2; i < node.words.size(); i += 3) {
        if (node.words[i].empty())
          say("LegacyKeyValueFormat",
              fmt::format(R"("{} key=value" should be used instead of legacy "{} key value" format)", keyword,
                          keyword),
              node.where);
      }
    }
    secrets(node, keyword);
    if (keyword == "CMD" || keyword == "ENTRYPOINT" || keyword == "HEALTHCHECK") ++of_stage_[keyword];
    if (of_stage_[keyword] > 1) repeated(node, keyword);
    if (keyword == "EXPOSE") expose(node);
  }

  // Of several only the last one counts: the ones before are said.
  void repeated(const Node& node, const std::string& keyword) {
    say("MultipleInstructionsDisallowed",
        fmt::format("Multiple {} instructions should not be used in the same stage because only the last one "
                    "will be used",
                    keyword),
        node.where);
  }

  void secrets(const Node& node, const std::string& keyword) {
    if (keyword != "ARG" && keyword != "ENV") return;
    const std::size_t step = keyword == "ENV" ? 3 : 1;
    for (std::size_t i = 0; i < node.words.size(); i += step) {
      const std::string name = node.words[i].substr(0, node.words[i].find('='));
      if (names_a_secret(name))
        say("SecretsUsedInArgOrEnv",
            fmt::format("Do not use ARG or ENV instructions for sensitive data ({} {})", keyword,
                        quote(name)),
            node.where);
    }
  }

  void expose(const Node& node) {
    for (const auto& port : node.words) {
      if (port.find('$') != port.npos) continue;
      const std::size_t slash = port.find('/');
      if (slash != port.npos && !is_lower(std::string_view(port).substr(slash)))
        say("ExposeProtoCasing",
            fmt::format("Defined protocol '{}' in EXPOSE instruction should be lowercase", printable(port)),
            node.where);
      if (port.find(':') != port.npos)
        say("ExposeInvalidFormat",
            fmt::format("EXPOSE instruction should not define an IP address or host-port mapping, found '{}'",
                        printable(port)),
            node.where);
    }
  }

  void from(const Node& node) {
    of_stage_.clear();
    has_shell_ = false;
    for (const auto& flag : node.flags) {
      if (flag.starts_with("--platform=") && flag.find('$') == flag.npos)
        say("FromPlatformFlagConstDisallowed",
            fmt::format("FROM --platform flag should not use constant value {}", quote(flag.substr(11))),
            node.where);
      if (flag == "--platform=$TARGETPLATFORM" || flag == "--platform=${TARGETPLATFORM}")
        say("RedundantTargetPlatform",
            fmt::format(
                "Setting platform to predefined {} in FROM is redundant as this is the default behavior",
                flag.substr(11)),
            node.where);
    }
    if (node.words.size() != 3) return;
    const std::string& as = node.words[1];
    const std::string& name = node.words[2];
    if (!is_lower(name))
      say("StageNameCasing", fmt::format("Stage name '{}' should be lowercase", printable(name)), node.where);
    if ((is_upper(node.keyword) && !is_upper(as)) || (is_lower(node.keyword) && !is_lower(as)))
      say("FromAsCasing",
          fmt::format("'{}' and '{}' keywords' casing do not match", printable(as), printable(node.keyword)),
          node.where);
    if (lower(name) == "scratch" || lower(name) == "context")
      say("ReservedStageName",
          fmt::format("'{}' is reserved and should not be used as a stage name", lower(name)), node.where);
  }

  void stages() {
    std::set<std::string> names;
    for (const auto& stage : file_.stages) {
      if (!stage.name.empty() && !names.insert(stage.name).second)
        say("DuplicateStageName",
            fmt::format("Duplicate stage name {}, stage names should be unique", quote(stage.name)),
            stage.where);
      for (const auto& instruction : stage.instructions) {
        if (const auto* workdir = std::get_if<Workdir>(&instruction.what))
          relative(stage, *workdir, instruction);
      }
    }
  }

  // Only where it is known that nothing absolute stands before: above a scratch image. The rest needs the
  // base.
  void relative(const Stage& stage, const Workdir& workdir, const Instruction& instruction) {
    if (stage.base != "scratch" || workdir.path.starts_with('/') || workdir.path.starts_with('$')) return;
    for (const auto& before : stage.instructions) {
      if (&before == &instruction) break;
      if (const auto* other = std::get_if<Workdir>(&before.what);
          other != nullptr && other->path.starts_with('/'))
        return;
    }
    say("WorkdirRelativePath",
        fmt::format("Relative workdir {} can have unexpected results if the base image has a WORKDIR set",
                    quote(workdir.path)),
        instruction.where);
  }

  const Parsed& parsed_;
  const Containerfile& file_;
  std::vector<Warning> warnings_;
  std::map<std::string, int> of_stage_;
  bool has_shell_ = false;
};

}  // namespace

std::vector<Warning> lint(const Parsed& parsed, const Containerfile& file) {
  return Linter(parsed, file).run();
}

}  // namespace stave::containerfile
