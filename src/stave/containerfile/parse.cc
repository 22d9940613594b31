// From nodes to stages of instructions.

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "stave/base/limits.h"
#include "stave/base/text.h"
#include "stave/containerfile/parts.h"

namespace stave::containerfile {
namespace {

std::string trimmed(std::string_view text) {
  const auto blank = [](char c) { return c == ' ' || (c >= '\t' && c <= '\r'); };
  while (!text.empty() && blank(text.front())) text.remove_prefix(1);
  while (!text.empty() && blank(text.back())) text.remove_suffix(1);
  return std::string(text);
}

bool is_stage_name(std::string_view name) {
  const auto letter = [](char c) { return c >= 'a' && c <= 'z'; };
  return !name.empty() && letter(name.front()) && std::all_of(name.begin(), name.end(), [&](char c) {
    return letter(c) || (c >= '0' && c <= '9') || c == '-' || c == '_' || c == '.';
  });
}

Stage read_from(const Node& node) {
  Stage stage;
  if (node.words.size() == 3 && upper(node.words[1]) == "AS") {
    stage.name = lower(node.words[2]);
    if (!is_stage_name(stage.name))
      throw Error(
          Kind::invalid,
          fmt::format("invalid name for build stage: {}, name can't start with a number or contain symbols",
                      quote(node.words[2])));
  } else if (node.words.size() != 1) {
    throw Error(Kind::invalid, "FROM requires either one or three arguments", "FROM IMAGE [AS NAME]");
  }
  Flags flags(node.flags, "FROM");
  stage.platform = flags.string("platform");
  flags.finish();
  stage.base = node.words.front();
  stage.where = node.where;
  stage.original = trimmed(node.original);
  if (!node.comments.empty()) {
    const std::string& comment = node.comments.back();
    if (!stage.name.empty() && comment.starts_with(stage.name + " "))
      stage.comment = comment.substr(stage.name.size() + 1);
  }
  return stage;
}

Instruction read_instruction(const Node& node) {
  return {.what = read_what(node),
          .keyword = upper(node.keyword),
          .original = trimmed(node.original),
          .where = node.where};
}

// `skip=A,B;error=true`
void set_checks(const std::string& text, Containerfile& file) {
  for (const auto& part : split(text, ';')) {
    const std::size_t equals = part.find('=');
    const std::string key = lower(trimmed(std::string_view(part).substr(0, equals)));
    const std::string value = equals == part.npos ? "" : trimmed(std::string_view(part).substr(equals + 1));
    if (key == "skip") {
      for (const auto& rule : split(value, ',')) file.skip_checks.push_back(trimmed(rule));
    } else if (key == "error") {
      const auto read = find_bool(value);
      if (!read)
        throw error_at(file.text, {.line = 1},
                       fmt::format("check=error: {} is neither true nor false", quote(value)));
      file.checks_are_errors = *read;
    } else if (key != "experimental") {
      throw error_at(file.text, {.line = 1},
                     fmt::format("unknown option {} in the check directive", quote(key)),
                     "there are skip and error");
    }
  }
}

// Frontends are programs in images; this is the built-in one, by whatever name its language is asked for.
void check_syntax(const Containerfile& file) {
  if (file.syntax.empty()) return;
  std::string name = file.syntax.substr(0, file.syntax.find('@'));
  for (const std::string_view prefix : {"docker.io/", "index.docker.io/"}) {
    if (name.starts_with(prefix)) name.erase(0, prefix.size());
  }
  name = name.substr(0, name.find(':'));
  for (const std::string_view known :
       {"docker/dockerfile", "docker/dockerfile-upstream", "dockerfile.v0", "moby/dockerfile"}) {
    if (name == known) return;
  }
  throw Error(
      Kind::unsupported,
      fmt::format("{}: the frontend {} is a program that stave does not run", printable(file.text.name),
                  quote(file.syntax)),
      "stave reads the language of docker/dockerfile; remove the syntax line, or build with BuildKit");
}

// The same failure where it is.
template <class Work>
auto at(const Text& text, const Span& where, const Work& work) {
  try {
    return work();
  } catch (const Error& error) {
    if (error.kind() != Kind::invalid || std::string_view(error.what()).find('\n') != std::string_view::npos)
      throw;
    throw error_at(text, where, error.what(), error.hint());
  }
}

}  // namespace

Containerfile parse(Text text) {
  Containerfile file;
  file.text = std::move(text);
  const Parsed parsed = parse_syntax(file.text);
  file.escape = parsed.escape;
  file.syntax = parsed.syntax;
  if (!parsed.check.empty()) set_checks(parsed.check, file);
  check_syntax(file);
  for (const auto& node : parsed.nodes) {
    at(file.text, node.where, [&] {
      if (upper(node.keyword) == "FROM") {
        file.stages.push_back(read_from(node));
        return;
      }
      Instruction instruction = read_instruction(node);
      if (file.stages.empty() && instruction.keyword == "ARG") {
        file.global_args.push_back(std::move(instruction));
      } else if (file.stages.empty()) {
        throw Error(Kind::invalid, "no build stage in current context",
                    "the first instruction is FROM, or ARG before it");
      } else {
        file.stages.back().instructions.push_back(std::move(instruction));
      }
    });
  }
  if (file.stages.empty())
    throw error_at(file.text, {}, "the file has no FROM", "the first instruction is FROM");
  file.warnings = lint(parsed, file);
  return file;
}

Instruction parse_onbuild(const std::string& expression, const std::string& name) {
  const Text text{.name = name, .text = expression};
  const Parsed parsed = parse_syntax(text);
  if (parsed.nodes.size() != 1) throw error_at(text, {.line = 1}, "this is not one instruction");
  const Node& node = parsed.nodes.front();
  const std::string keyword = upper(node.keyword);
  return at(text, node.where, [&] {
    if (keyword == "ONBUILD")
      throw Error(Kind::invalid, "Chaining ONBUILD via `ONBUILD ONBUILD` isn't allowed");
    if (keyword == "FROM" || keyword == "MAINTAINER")
      throw Error(Kind::invalid, fmt::format("{} isn't allowed as an ONBUILD trigger", keyword));
    return read_instruction(node);
  });
}

}  // namespace stave::containerfile
