// The words of `pack`.

#include "stave/cli/pack_words.h"

#include <fmt/format.h>

#include "stave/base/error.h"
#include "stave/base/text.h"

namespace stave::cli {

std::string expand(std::string_view text, const spec::Platform& platform) {
  std::string out;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '{') {
      out += text[i];
      continue;
    }
    if (i + 1 < text.size() && text[i + 1] == '{') {
      out += text[i++];
      continue;
    }
    const std::size_t end = text.find('}', i);
    const std::string_view word = text.substr(i + 1, end == std::string_view::npos ? end : end - i - 1);
    if (end != std::string_view::npos && word == "os") {
      out += platform.os;
    } else if (end != std::string_view::npos && word == "arch") {
      out += platform.architecture;
    } else if (end != std::string_view::npos && word == "variant") {
      out += platform.variant;
    } else {
      throw Error(Kind::usage,
                  fmt::format("{}: {} is neither {{os}}, {{arch}} nor {{variant}}", quote(text),
                              quote(text.substr(i, end == std::string_view::npos ? end : end - i + 1))),
                  "write {{ for a brace that is part of the name");
    }
    i = end;
  }
  return out;
}

AddWords parse_add(std::string_view text) {
  AddWords words;
  std::string* at = &words.source;
  bool divided = false;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '\\' && i + 1 < text.size() && text[i + 1] == ':') {
      *at += text[++i];
    } else if (text[i] == ':') {
      if (divided)
        throw Error(Kind::usage, fmt::format("--add: {} has more than one colon", quote(text)),
                    "write SRC:DEST, and \\: for a colon in a name");
      divided = true;
      at = &words.destination;
    } else {
      *at += text[i];
    }
  }
  if (words.source.empty())
    throw Error(Kind::usage, fmt::format("--add: {} names no source", quote(text)), "write --add SRC[:DEST]");
  if (divided && words.destination.empty())
    throw Error(Kind::usage, fmt::format("--add: {} names no destination", quote(text)),
                "leave the colon away for /BASENAME");
  if (!divided) {
    const std::string_view path =
        std::string_view(words.source).substr(0, words.source.find_last_not_of('/') + 1);
    const std::string_view base = path.substr(path.rfind('/') + 1);
    if (base.empty() || base == "." || base == "..") {
      throw Error(Kind::usage, fmt::format("--add: {} has no name of its own", quote(text)),
                  fmt::format("say where it goes: --add {}:/DEST", printable(text)));
    }
    words.destination = fmt::format("/{}", base);
  }
  return words;
}

}  // namespace stave::cli
