// Columns of text, and tables made of it.

#include "stave/cli/width.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <clocale>
#include <cwchar>

#include "stave/base/text.h"
#include "stave/cli/table.h"

namespace stave::cli {
namespace {

using testing::ElementsAre;

TEST(DisplayWidth, CountsColumnsNotBytes) {
  EXPECT_EQ(display_width(""), 0u);
  EXPECT_EQ(display_width("abc"), 3u);
  EXPECT_EQ(display_width("zürich"), 6u);
  EXPECT_EQ(display_width("e\u0301"), 1u);
  EXPECT_EQ(display_width("漢字"), 4u);
  EXPECT_EQ(display_width("한국"), 4u);
  EXPECT_EQ(display_width("😀"), 2u);
  EXPECT_EQ(display_width("\u200b"), 0u);
  EXPECT_EQ(display_width("ｆ"), 2u);
  EXPECT_EQ(display_width("\xff\xfe"), 2u);
}

std::string utf8(char32_t c) {
  std::string out;
  const auto add = [&](unsigned value) { out += static_cast<char>(value); };
  if (c < 0x800) {
    add(0xc0 | c >> 6);
  } else if (c < 0x10000) {
    add(0xe0 | c >> 12);
    add(0x80 | (c >> 6 & 0x3f));
  } else {
    add(0xf0 | c >> 18);
    add(0x80 | (c >> 12 & 0x3f));
    add(0x80 | (c >> 6 & 0x3f));
  }
  add(0x80 | (c & 0x3f));
  return out;
}

// The C library has tables of its own, of another Unicode version and with opinions on some format
// characters.
TEST(DisplayWidth, AgreesWithTheCLibraryNearlyEverywhere) {
  const std::string before = std::setlocale(LC_CTYPE, nullptr);
  if (std::setlocale(LC_CTYPE, "C.UTF-8") == nullptr)
    GTEST_SKIP() << "skipped: comparison with wcwidth (no C.UTF-8)";
  std::size_t different = 0;
  std::size_t compared = 0;
  for (char32_t c = 0xa0; c < 0x110000; ++c) {
    if (c >= 0xd800 && c < 0xe000) continue;
    const int width = wcwidth(static_cast<wchar_t>(c));
    if (width < 0) continue;
    ++compared;
    if (display_width(utf8(c)) != static_cast<std::size_t>(width)) ++different;
  }
  std::setlocale(LC_CTYPE, before.c_str());
  EXPECT_GT(compared, 100000u);
  EXPECT_LT(different, compared / 500);
}

RC_GTEST_PROP(Fit, NeverWiderThanAllowed, (std::string text)) {
  text += *rc::gen::element<std::string>("", "漢字", "e\u0301", "\xff");
  const auto columns = *rc::gen::inRange<std::size_t>(0, 20);
  RC_ASSERT(display_width(fit(text, columns, true)) <= columns);
  RC_ASSERT(display_width(fit(text, columns, false)) <= columns);
}

TEST(Fit, CutsBetweenCharacters) {
  EXPECT_EQ(fit("abcdef", 6, true), "abcdef");
  EXPECT_EQ(fit("abcdef", 4, true), "abc…");
  EXPECT_EQ(fit("漢字漢字", 4, true), "漢…");
  EXPECT_EQ(fit("abc", 2, false), "a~");
  EXPECT_EQ(fit("abc", 0, false), "");
}

TEST(OneLine, NothingATerminalWouldObey) {
  EXPECT_EQ(one_line("a\nb\x1b[31m\x7f"), "a?b?[31m?");
  EXPECT_EQ(one_line("\xc2\x9b"
                     "31m"),
            "?31m");
  EXPECT_EQ(one_line("\u2028"), "?");
  EXPECT_EQ(one_line("é\xff"), "é?");
  EXPECT_EQ(one_line("é", false), "?");
}

RC_GTEST_PROP(Wrap, KeepsTheWordsAndTheWidth, ()) {
  const auto words = *rc::gen::container<std::vector<std::string>>(
      rc::gen::nonEmpty(rc::gen::container<std::string>(rc::gen::inRange('a', 'z'))));
  const auto columns = *rc::gen::inRange<std::size_t>(1, 40);
  const std::vector<std::string> lines = wrap(join(words, " "), columns);
  RC_ASSERT(join(lines, " ") == join(words, " "));
  for (const std::string& line : lines) RC_ASSERT(line.size() <= columns || line.find(' ') == line.npos);
}

TEST(WrapParagraphs, KeepsWhatIsIndented) {
  EXPECT_THAT(wrap_paragraphs("one\ntwo three\n\nfour\n\n  kept   as is\n  too\n", 8),
              ElementsAre("one two", "three", "", "four", "", "  kept   as is", "  too"));
}

TEST(Table, LinesUpWithoutTrailingBlanks) {
  Table table({{"NAME"}, {"SIZE", true}, {"NOTE"}});
  table.add({"hello", "1.50 MiB", ""});
  table.add({"漢字", "12 B", "last"});
  table.add({"e\u0301", "", ""});
  EXPECT_EQ(table.render(false),
            "NAME       SIZE  NOTE\n"
            "hello  1.50 MiB\n"
            "漢字       12 B  last\n"
            "e\u0301\n");
}

TEST(Table, BoldHeadings) {
  Table table({{"A"}, {"B"}});
  EXPECT_EQ(table.render(true), "\x1b[1mA  B\x1b[0m\n");
}

TEST(Table, CellsCannotDriveTheTerminal) {
  Table table({{"A"}, {"B"}});
  table.add({"\x1b[2J", "a\nb", "too many"});
  EXPECT_EQ(table.render(false), "A     B\n?[2J  a?b\n");
}

}  // namespace
}  // namespace stave::cli
