// The cases of BuildKit and of moby/patternmatcher: all of them, but for differences
// that are listed here with their reason.

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <map>
#include <set>
#include <sstream>

#include "stave/base/text.h"
#include "stave/containerfile/lex.h"
#include "stave/containerfile/patterns.h"
#include "stave/containerfile/syntax.h"
#include "stave/json/json.h"

namespace stave::containerfile {
namespace {

std::string shared(const std::string& path) {
  const char* elsewhere = std::getenv("STAVE_DATA");
  return std::string(elsewhere != nullptr ? elsewhere : STAVE_SHARED_DATA) + "/" + path;
}

std::string read(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  std::stringstream text;
  text << file.rdbuf();
  return text.str();
}

#define NEEDS(path) \
  if (!std::filesystem::exists(shared(path))) GTEST_SKIP() << "no shared data: " << (path)

std::string trimmed(std::string text) {
  while (!text.empty() &&
         (text.back() == ' ' || text.back() == '\n' || text.back() == '\t' || text.back() == '\r'))
    text.pop_back();
  std::size_t begin = text.find_first_not_of(" \t\r\n");
  return begin == text.npos ? "" : text.substr(begin);
}

TEST(BuildKitVectors, EveryParserCaseGivesItsTree) {
  const std::string root = "dockerfiles/buildkit-parser/frontend/dockerfile/parser/testfiles";
  NEEDS(root);
  std::size_t count = 0;
  for (const auto& entry : std::filesystem::directory_iterator(shared(root))) {
    const Text text{.name = entry.path().filename().string(), .text = read(entry.path() / "Dockerfile")};
    EXPECT_EQ(dump(parse_syntax(text)), trimmed(read(entry.path() / "result"))) << text.name;
    ++count;
  }
  EXPECT_EQ(count, 33u);
}

TEST(BuildKitVectors, EveryNegativeCaseIsRefused) {
  const std::string root = "dockerfiles/buildkit-parser/frontend/dockerfile/parser/testfiles-negative";
  NEEDS(root);
  std::size_t count = 0;
  for (const auto& entry : std::filesystem::directory_iterator(shared(root))) {
    EXPECT_THROW(parse_syntax({.name = "x", .text = read(entry.path() / "Dockerfile")}), Error)
        << entry.path();
    ++count;
  }
  EXPECT_EQ(count, 4u);
}

TEST(BuildKitVectors, EveryExpansion) {
  const std::string path = "dockerfiles/buildkit-parser/frontend/dockerfile/shell/envVarTest";
  NEEDS(path);
  const std::map<std::string, std::string, std::less<>> set = {
      {"PWD", "/home"}, {"SHELL", "bash"}, {"KOREAN", "한국어"}, {"NULL", ""}};
  const Variables variables = [&](std::string_view name) -> std::optional<std::string> {
    const auto found = set.find(name);
    return found == set.end() ? std::nullopt : std::optional(found->second);
  };
  std::size_t count = 0;
  for (std::string line : split(read(shared(path)), '\n')) {
    // As the test that the table is from: a comment begins with '#' in the first column or behind a blank.
    if (line.starts_with('#') || trimmed(line).empty()) continue;
    const auto parts = split(line, '|');
    ASSERT_EQ(parts.size(), 3u) << line;
    if (trimmed(parts[0]) == "W") continue;  // Windows
    const std::string source = trimmed(parts[1]);
    const std::string wanted = trimmed(parts[2]);
    ++count;
    if (wanted == "error") {
      EXPECT_THROW(lex(source, {}, variables), Error) << source;
    } else {
      try {
        EXPECT_EQ(lex(source, {}, variables).text, wanted) << source;
      } catch (const Error& error) {
        ADD_FAILURE() << source << ": " << error.what();
      }
    }
  }
  EXPECT_EQ(count, 228u);
}

TEST(BuildKitVectors, EveryParseOfTheOracle) {
  const std::string path = "vectors/buildkit-oracle/ast-shared.jsonl";
  NEEDS(path);
  std::size_t count = 0;
  std::size_t absent = 0;
  for (const auto& line : split(read(shared(path)), '\n')) {
    if (line.empty()) continue;
    ++count;
    const auto root = json::parse(line, "the oracle");
    const json::Node want(root, "the oracle");
    const std::string name = want.string_or_empty("path");
    const Text text{.name = name, .text = read(shared("dockerfiles/" + name))};
    if (!std::filesystem::exists(shared("dockerfiles/" + name))) {
      // Of these only the results are among the shared data.
      EXPECT_TRUE(name.starts_with("official-postgres-redis/")) << name;
      ++absent;
      continue;
    }
    const std::string parse_error = want.string_or_empty("parse_error");
    if (!parse_error.empty()) {
      try {
        parse_syntax(text);
        ADD_FAILURE() << name << ": parsed, BuildKit says " << parse_error;
      } catch (const Error& error) {
        EXPECT_NE(std::string(error.what()).find(parse_error), std::string::npos)
            << name << ": " << error.what();
      }
      continue;
    }
    try {
      const auto parsed = parse_syntax(text);
      EXPECT_EQ(dump(parsed), want.string_or_empty("dump")) << name;
      EXPECT_EQ(std::string(1, parsed.escape), want.string_or_empty("escape")) << name;
    } catch (const Error& error) {
      ADD_FAILURE() << name << ": " << error.what();
      continue;
    }
    const std::string refusal = want.string_or_empty("instruction_error");
    if (!refusal.empty()) {
      const std::string words =
          refusal.substr(refusal.find(": ") == refusal.npos               ? 0
                         : refusal.rfind("error on line") == refusal.npos ? 0
                                                                          : refusal.find(": ") + 2);
      try {
        parse(text);
        ADD_FAILURE() << name << ": taken, BuildKit says " << refusal;
      } catch (const Error& error) {
        EXPECT_NE(std::string(error.what()).find(words), std::string::npos)
            << name << ": " << error.what() << "\nwant: " << words;
      }
      continue;
    }
    try {
      const auto file = parse(text);
      std::vector<std::string> stages;
      std::vector<std::string> commands;
      for (const auto& stage : file.stages) {
        stages.push_back(stage.name + " FROM " + stage.base + " platform=" + stage.platform);
        for (const auto& instruction : stage.instructions) commands.push_back(instruction.keyword);
      }
      EXPECT_EQ(stages, want.get("stages").strings()) << name;
      std::vector<std::string> wanted;
      if (want.has("commands")) {
        for (const auto& command : want.get("commands").strings()) {
          std::string upper = command.substr(0, command.rfind("Command"));
          for (char& c : upper) c = static_cast<char>(c >= 'a' && c <= 'z' ? c & ~0x20 : c);
          wanted.push_back(upper);
        }
      }
      EXPECT_EQ(commands, wanted) << name;
    } catch (const Error& error) {
      ADD_FAILURE() << name << ": " << error.what();
    }
  }
  EXPECT_EQ(count, 223u);
  EXPECT_EQ(absent, 22u);
}

TEST(PatternVectors, All) {
  const std::string path = "dockerfiles/patternmatcher/patternmatcher.json";
  NEEDS(path);
  const auto document = json::parse(read(shared(path)), "patterns");
  std::size_t count = 0;
  for (const auto& [table, rows] : document.items()) {
    if (!rows.is_array()) continue;
    for (const auto& row : rows) {
      ++count;
      std::vector<std::string> patterns;
      if (row.contains("patterns")) patterns = row["patterns"].get<std::vector<std::string>>();
      if (row.contains("pattern")) patterns = {row["pattern"].get<std::string>()};
      const std::string file = row[row.contains("name") ? "name" : "path"].get<std::string>();
      if (row.contains("err") && row["err"] != "nil") {
        EXPECT_THROW(Patterns{patterns}, Error) << row.dump();
        continue;
      }
      try {
        // The table of single patterns is run with those of ignore files upstream, too.
        const bool answer = Patterns(patterns).excludes(file);
        EXPECT_EQ(answer, row["match"].get<bool>()) << table << " " << row.dump();
      } catch (const Error& error) {
        ADD_FAILURE() << row.dump() << ": " << error.what();
      }
    }
  }
  EXPECT_EQ(count, 134u);
}

}  // namespace
}  // namespace stave::containerfile
