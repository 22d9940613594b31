// The one parse: what is JSON to everybody gets in, and everything that two
// readers could understand in two ways stays out.

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "stave/base/limits.h"
#include "stave/json/json.h"
#include "unit/json/failure.h"

namespace stave::json {
namespace {

using testing::Failure;
using testing::failure;
using testing::kind_of_failure;

std::optional<Failure> refused(std::string_view text) {
  return failure([&] { parse(text, "doc"); });
}

Failure invalid(std::string what) { return {Kind::invalid, std::move(what)}; }

std::string repeat(std::string_view text, std::size_t times) {
  std::string out;
  for (std::size_t i = 0; i < times; ++i) out += text;
  return out;
}

TEST(Parse, KeepsTheOrderOfMembers) {
  EXPECT_EQ(print(parse(R"( {"b" : 1, "a" : [ true , null ]} )", "doc")), R"({"b":1,"a":[true,null]})");
}

TEST(Parse, TakesAnyValueAsADocument) {
  EXPECT_EQ(parse("1.5", "doc"), 1.5);
  EXPECT_EQ(parse("\"a\"", "doc"), "a");
  EXPECT_EQ(parse("null", "doc"), nullptr);
}

TEST(Parse, IntegersAreExactToBothEnds) {
  EXPECT_EQ(parse("18446744073709551615", "doc").get<std::uint64_t>(), ~0ull);
  EXPECT_EQ(parse("-9223372036854775808", "doc").get<std::int64_t>(), INT64_MIN);
}

TEST(Parse, FloatsArePlain) {
  EXPECT_EQ(parse("1e3", "doc"), 1000.0);
  EXPECT_EQ(parse("-2.5E-1", "doc"), -0.25);
}

TEST(Parse, PairedSurrogatesAreOneCharacter) { EXPECT_EQ(parse(R"("\ud83d\ude00")", "doc"), "😀"); }

TEST(Parse, IntegerThatWouldBecomeAFloatIsRefused) {
  EXPECT_EQ(
      refused(R"({"size":18446744073709551616})"),
      invalid(
          "doc: line 1, column 9: /size: the integer \"18446744073709551616\" does not fit into 64 bits"));
  EXPECT_EQ(
      refused("[0,\n -9223372036854775809]"),
      invalid("doc: line 2, column 2: /1: the integer \"-9223372036854775809\" does not fit into 64 bits"));
}

TEST(Parse, NumberBeyondADoubleIsRefused) {
  EXPECT_EQ(refused("[1e999]"), invalid("doc: line 1, column 6: /0: the number \"1e999\" is too large"));
}

TEST(Parse, DuplicateNameIsRefusedWhereItComesAgain) {
  EXPECT_EQ(refused("{\n \"a\": {\"x\": 1, \"y\": 2, \"x\": 3}}"),
            invalid("doc: line 2, column 27: /a: the member name \"x\" comes twice"));
}

TEST(Parse, DuplicateNameHiddenByEscapesIsRefused) {
  EXPECT_EQ(refused(R"({"config":1,"\u0063onfig":2})"),
            invalid("doc: line 1, column 26: the member name \"config\" comes twice"));
}

TEST(Parse, TheFirstOfSeveralDuplicatesIsNamed) {
  EXPECT_EQ(refused(R"({"b":1,"a":1,"b":2,"a":2,"b":3})"),
            invalid("doc: line 1, column 17: the member name \"b\" comes twice"));
}

TEST(Parse, SameNameInTwoObjectsIsFine) { EXPECT_EQ(refused(R"([{"a":1},{"a":{"a":1}}])"), std::nullopt); }

TEST(Parse, ByteOrderMarkIsRefused) {
  EXPECT_EQ(refused("\xef\xbb\xbf{}"),
            invalid("doc: line 1, column 1: a byte order mark (RFC 8259, section 8.1)"));
}

// nlohmann-json stops at a NUL as if the text ended there.
TEST(Parse, BytesBehindANulAreNotOverlooked) {
  EXPECT_EQ(refused(std::string_view("{}\0{", 4)), invalid("doc: line 1, column 3: a NUL byte"));
}

TEST(Parse, TextBehindTheDocumentIsRefused) {
  EXPECT_EQ(
      refused("{} {}"),
      invalid(
          "doc: line 1, column 4: syntax error while parsing value - unexpected '{'; expected end of input"));
}

TEST(Parse, EmptyTextIsRefused) {
  EXPECT_EQ(kind_of_failure([] { parse("", "doc"); }), Kind::invalid);
}

TEST(Parse, WhatRfc8259DoesNotKnowIsRefused) {
  for (const std::string_view text :
       {"{'a':1}", "{a:1}",      "[1,]",      "{\"a\":1,}", "[01]",      "[+1]",    "[.5]",      "[1.]",
        "[NaN]",   "[Infinity]", "[0x10]",    "// c\n1",    "/* c */ 1", "\"\t\"",  "\"\\x41\"", "tru",
        "True",    "[1 2]",      "{\"a\" 1}", "[",          "\"a",       "{\"a\":", "-"}) {
    EXPECT_EQ(kind_of_failure([&] { parse(text, "doc"); }), Kind::invalid) << text;
  }
}

TEST(Parse, BytesThatAreNotUtf8AreRefused) {
  for (const std::string_view text :
       {"\"\xff\"", "\"\xc0\x80\"", "\"\xed\xa0\x80\"", "\"\xf4\x90\x80\x80\"", "{\"\xe2\x82\":1}"}) {
    EXPECT_EQ(kind_of_failure([&] { parse(text, "doc"); }), Kind::invalid);
  }
}

TEST(Parse, LoneSurrogatesAreRefused) {
  for (const std::string_view text :
       {R"("\ud83d")", R"("\ude00")", R"("\ud83dA")", R"("\ude00\ud83d")", R"({"\ud800":1})"}) {
    EXPECT_EQ(kind_of_failure([&] { parse(text, "doc"); }), Kind::invalid) << text;
  }
}

TEST(Parse, DepthEndsAtTheLimit) {
  const auto depth = static_cast<std::size_t>(limits::json_depth);
  EXPECT_EQ(refused(repeat("[", depth) + repeat("]", depth)), std::nullopt);
  EXPECT_EQ(kind_of_failure([&] { parse(repeat("[", depth + 1) + repeat("]", depth + 1), "doc"); }),
            Kind::limit);
  EXPECT_EQ(kind_of_failure([&] { parse(repeat("{\"a\":", depth + 1), "doc"); }), Kind::limit);
}

TEST(Parse, MillionsOfOpenBracketsEndAtTheLimit) {
  EXPECT_EQ(kind_of_failure([] { parse(std::string(8u << 20, '['), "doc"); }), Kind::limit);
}

TEST(Parse, NumberOfValuesIsBounded) {
  const std::string text = '[' + repeat("0,", limits::json_values) + "0]";
  EXPECT_EQ(kind_of_failure([&] { parse(text, "doc"); }), Kind::limit);
}

// With a search or a copy for each member this runs for minutes.
TEST(Parse, ManyMembersTakeLinearTime) {
  std::string text = "{";
  for (int i = 0; i < 200'000; ++i) text += '"' + std::to_string(i) + "\":0,";
  text += "\"last\":[]}";
  EXPECT_EQ(parse(text, "doc").size(), 200'001u);
}

TEST(Parse, MessagesCarryNoBytesThatATerminalWouldObey) {
  const auto thrown = refused("{\"\\u001b[31m\": \x1b");
  ASSERT_TRUE(thrown);
  EXPECT_EQ(thrown->what.find('\x1b'), std::string::npos) << thrown->what;
}

TEST(Parse, MessagesStayShortWhateverTheDocumentHolds) {
  const std::string name(1u << 20, 'n');
  const auto thrown = refused("{\"" + name + "\":[{\"" + name + "\":\"" + name);
  ASSERT_TRUE(thrown);
  EXPECT_LT(thrown->what.size(), 1000u);
}

TEST(Parse, PointerEscapesSlashAndTilde) {
  EXPECT_EQ(refused(R"({"a/b~c":[0,tru]})"), invalid("doc: line 1, column 16: /a~1b~0c/1: syntax error while "
                                                     "parsing value - invalid literal, near \"0,tru]\""));
}

}  // namespace
}  // namespace stave::json
