// The one print: Go's bytes, and nothing that our own parse would not take back.

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <limits>
#include <string>

#include "stave/json/json.h"
#include "unit/json/failure.h"

namespace stave::json {
namespace {

using testing::failure;
using testing::kind_of_failure;

// Any code points but surrogates, those that are printed specially more often.
rc::Gen<std::string> any_text() {
  const auto character = rc::gen::oneOf(
      rc::gen::map(rc::gen::inRange(0, 0x80), [](int c) { return std::string(1, static_cast<char>(c)); }),
      rc::gen::element<std::string>("<", ">", "&", "\"", "\\", "/", "\u2028", "\u2029", "\u2027", "é",
                                    "\uffff", "😀", "\x7f"));
  return rc::gen::map(rc::gen::container<std::vector<std::string>>(character),
                      [](const std::vector<std::string>& parts) {
                        std::string out;
                        for (const auto& part : parts) out += part;
                        return out;
                      });
}

rc::Gen<Value> any_value(int depth) {
  const auto scalar = rc::gen::oneOf(
      rc::gen::just(Value(nullptr)),
      rc::gen::map(rc::gen::arbitrary<bool>(), [](bool v) { return Value(v); }),
      rc::gen::map(rc::gen::arbitrary<std::int64_t>(), [](std::int64_t v) { return Value(v); }),
      rc::gen::map(rc::gen::arbitrary<std::uint64_t>(), [](std::uint64_t v) { return Value(v); }),
      rc::gen::map(rc::gen::arbitrary<double>(), [](double v) { return Value(v); }),
      rc::gen::map(any_text(), [](const std::string& v) { return Value(v); }));
  if (depth == 0) return scalar;
  const auto array = rc::gen::map(rc::gen::container<std::vector<Value>>(any_value(depth - 1)),
                                  [](const std::vector<Value>& v) { return Value(v); });
  const auto object =
      rc::gen::map(rc::gen::container<std::map<std::string, Value>>(any_text(), any_value(depth - 1)),
                   [](const auto& members) {
                     Value out = Value::object();
                     for (const auto& [name, value] : members) out[name] = value;
                     return out;
                   });
  return rc::gen::weightedOneOf<Value>({{3, scalar}, {1, array}, {1, object}});
}

RC_GTEST_PROP(Print, ParsesBackToTheSameValue, ()) {
  const Value value = *rc::gen::resize(20, any_value(3));
  RC_ASSERT(parse(print(value), "printed") == value);
  RC_ASSERT(parse(print_pretty(value), "printed") == value);
}

RC_GTEST_PROP(Print, OfParsedTextIsAFixedPoint, ()) {
  const std::string once = print(parse(print(*rc::gen::resize(20, any_value(3))), "printed"));
  RC_ASSERT(print(parse(once, "printed")) == once);
}

RC_GTEST_PROP(Print, DoublesReadBackBitForBit, ()) {
  const auto bits = *rc::gen::arbitrary<std::uint64_t>();
  double value;
  static_assert(sizeof value == sizeof bits);
  std::memcpy(&value, &bits, sizeof value);
  RC_PRE(std::isfinite(value));
  RC_ASSERT(parse(print(Value(value)), "printed").get<double>() == value);
}

// What Go 1.22's json.Marshal gives for the same string.
TEST(Print, EscapesAsGoDoes) {
  EXPECT_EQ(print_string(std::string("\0\x01\b\t\n\v\f\r\x1f", 9)),
            R"("\u0000\u0001\b\t\n\u000b\f\r\u001f")");
  EXPECT_EQ(print_string("<a href=\"x\">&\\</a>"), R"("\u003ca href=\"x\"\u003e\u0026\\\u003c/a\u003e")");
  EXPECT_EQ(print_string("\u2027\u2028\u2029\u202a\u0085"), "\"\u2027\\u2028\\u2029\u202a\u0085\"");
  EXPECT_EQ(print_string("/\x7f'é😀"), "\"/\x7f'é😀\"");
}

TEST(Print, FloatsAsGoDoes) {
  const auto printed = [](double value) { return print(Value(value)); };
  EXPECT_EQ(printed(1.5), "1.5");
  EXPECT_EQ(printed(1000.0), "1000");
  EXPECT_EQ(printed(0.000001), "0.000001");
  EXPECT_EQ(printed(0.00000025), "2.5e-7");
  EXPECT_EQ(printed(1e-10), "1e-10");
  EXPECT_EQ(printed(-0.1), "-0.1");
  EXPECT_EQ(printed(1e21), "1e+21");
  EXPECT_EQ(printed(1.7976931348623157e308), "1.7976931348623157e+308");
  EXPECT_EQ(printed(5e-324), "5e-324");
}

TEST(Print, LargeFloatIsNeverTakenForAnInteger) {
  EXPECT_EQ(print(parse("1e20", "doc")), "1e+20");
  EXPECT_EQ(print(parse("9007199254740991.0", "doc")), "9007199254740991");
}

TEST(Print, NumbersThatJsonLacksAreADefect) {
  EXPECT_EQ(kind_of_failure([] { print(Value(std::numeric_limits<double>::infinity())); }), Kind::internal);
  EXPECT_EQ(kind_of_failure([] { print(Value(std::numeric_limits<double>::quiet_NaN())); }), Kind::internal);
}

TEST(Print, StringThatIsNotUtf8IsRefusedAndNotChanged) {
  EXPECT_EQ(kind_of_failure([] { print_string("caf\xe9"); }), Kind::invalid);
  EXPECT_EQ(kind_of_failure([] { print(Value({{"caf\xe9", 1}})); }), Kind::invalid);
}

TEST(Print, PrettyHasTwoSpacesAndCompactEmpties) {
  EXPECT_EQ(print_pretty(parse(R"({"a":[],"b":{},"c":[1,{"d":2}]})", "doc")),
            "{\n  \"a\": [],\n  \"b\": {},\n  \"c\": [\n    1,\n    {\n      \"d\": 2\n    }\n  ]\n}");
}

TEST(Object, PrintsMembersInTheOrderOfTheCalls) {
  Object object;
  object.number("z", 1);
  object.string("a", "<");
  object.string_unless_empty("empty", "");
  object.strings_unless_empty("none", {});
  object.string_map_unless_empty("m", {{"k", "v"}});
  object.others({{"x", "{ \"y\" : 1 }"}});
  EXPECT_EQ(std::move(object).finish(), R"({"z":1,"a":"\u003c","m":{"k":"v"},"x":{"y":1}})");
}

TEST(Object, SameNameTwiceIsADefect) {
  Object object;
  object.number("a", 1);
  EXPECT_EQ(kind_of_failure([&] { object.others({{"a", "2"}}); }), Kind::internal);
}

TEST(Object, TextThatIsNoJsonGetsNoFurther) {
  Object object;
  EXPECT_EQ(kind_of_failure([&] { object.others({{"a", "1,\"b\":2"}}); }), Kind::invalid);
}

}  // namespace
}  // namespace stave::json
