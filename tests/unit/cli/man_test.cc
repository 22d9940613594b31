// Manual pages: complete, the same every time, and nothing in the table can speak roff.

#include "stave/cli/man.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <filesystem>

#include "sample_program.h"
#include "stave/base/text.h"

namespace stave::cli {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::Key;
using testing::Not;

std::map<std::string, std::string> sample_pages() {
  return man_pages(with_builtins(sample_program()), 1700000000);
}

TEST(ManPages, OneForEveryVerbThatIsNotHidden) {
  EXPECT_THAT(sample_pages(),
              ElementsAre(Key("stave-completion.1"), Key("stave-diff.1"), Key("stave-fail.1"),
                          Key("stave-help.1"), Key("stave-index-create.1"), Key("stave-index-list.1"),
                          Key("stave-index.1"), Key("stave-pack.1"), Key("stave-version.1"), Key("stave.1")));
}

TEST(ManPages, HaveTheirSections) {
  const std::string page = sample_pages()["stave-pack.1"];
  for (const char* section : {"NAME", "SYNOPSIS", "DESCRIPTION", "ARGUMENTS", "OPTIONS", "EXIT STATUS",
                              "ENVIRONMENT", "EXAMPLES", "SEE ALSO"}) {
    EXPECT_THAT(page, HasSubstr(std::string("\n.SH ") + section + "\n"));
  }
  EXPECT_THAT(
      page,
      HasSubstr("\n.TP\n\\fB\\-t\\fR, \\fB\\-\\-tag\\fR \\fINAME\\fR[:\\fITAG\\fR]\nname of the image\n"));
  EXPECT_THAT(page, HasSubstr("\n.nf\n  kept   as it is\n.fi\n"));
}

TEST(ManPages, DateIsTheCallers) {
  EXPECT_THAT(sample_pages()["stave.1"], HasSubstr(".TH STAVE 1 \"2023-11-14\" "));
  EXPECT_THAT(man_pages(sample_program(), std::nullopt)["stave.1"], HasSubstr(".TH STAVE 1 \"\" "));
}

TEST(ManPages, AreWrittenIntoADirectory) {
  const std::string directory = testing::TempDir() + "/man";
  std::filesystem::create_directories(directory);
  EXPECT_EQ(run_sample({"__man", directory}).code, 0);
  EXPECT_TRUE(std::filesystem::exists(directory + "/stave-index-create.1"));
  EXPECT_EQ(run_sample({"__man", directory + "/missing"}).code, 3);
  std::filesystem::remove_all(directory);
}

TEST(ManPages, RefuseADateThatIsNone) {
  for (const char* date : {"x", "-1", "253402300800"}) {
    const Outcome outcome =
        run_with(with_builtins(sample_program()), {"__man", testing::TempDir()},
                 [&](Surroundings& surroundings) { surroundings.environment["SOURCE_DATE_EPOCH"] = date; });
    EXPECT_EQ(outcome.code, 2) << date;
  }
}

// Lines that begin with a request or macro that man pages have no use for, or with an escape that none of
// ours begins with.
RC_GTEST_PROP(ManPages, TextCannotSpeakRoff, ()) {
  const auto text =
      *rc::gen::container<std::string>(rc::gen::elementOf(std::string(".'\\-`^~\" \n|abz\xc3\xa9\xff")));
  Command program = {.name = "stave",
                     .summary = "x",
                     .description = text,
                     .options = {{.names = "--o", .value = "V", .help = join(split(text, '\n'), " ")}},
                     .examples = {{join(split(text, '\n'), " "), join(split(text, '\n'), " ")}}};
  const std::string page = man_pages(program, 0)["stave.1"];
  for (const std::string& line : split(page, '\n')) {
    if (line.starts_with('.'))
      RC_ASSERT(std::string_view("TH SH SS TP PP nf fi RS RE sp").find(line.substr(1, 2)) !=
                std::string::npos);
    RC_ASSERT(!line.starts_with('\''));
    for (std::size_t at = line.find('\\'); at != std::string::npos; at = line.find('\\', at + 2)) {
      RC_ASSERT(std::string_view("e-([f&").find(line[at + 1]) != std::string::npos);
    }
    for (const char c : line) RC_ASSERT(static_cast<unsigned char>(c) < 0x80);
  }
}

}  // namespace
}  // namespace stave::cli
