// Outline: each value of a text at its line and column, by its pointer.

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <algorithm>

#include "stave/json/json.h"
#include "stave/json/position.h"

namespace stave::json {
namespace {

std::optional<Position> at(std::string_view text, std::string_view pointer) {
  const Outline outline(text);
  const auto value = outline.find(pointer);
  return value ? std::optional(outline.position(*value)) : std::nullopt;
}

// Up to three of `inner`: more of them only takes time.
template <class T>
rc::Gen<std::vector<T>> few(const rc::Gen<T>& inner) {
  return rc::gen::mapcat(rc::gen::inRange<std::size_t>(0, 4), [inner](std::size_t count) {
    return rc::gen::container<std::vector<T>>(count, inner);
  });
}

// A document of some depth whose strings need escapes.
rc::Gen<Value> value(int depth) {
  const auto text =
      rc::gen::map(few(rc::gen::elementOf(std::string("ab~/\"\\ \n{[,:]}0"))),
                   [](const std::vector<char>& each) { return std::string(each.begin(), each.end()); });
  const auto leaf =
      rc::gen::oneOf(rc::gen::map(text, [](const std::string& each) { return Value(each); }),
                     rc::gen::map(rc::gen::arbitrary<int>(), [](int each) { return Value(each); }),
                     rc::gen::element(Value(true), Value(false), Value(nullptr)));
  if (depth == 0) return leaf;
  const auto below = few(value(depth - 1));
  const auto array = rc::gen::map(below, [](const std::vector<Value>& each) { return Value(each); });
  const auto object = rc::gen::map(rc::gen::pair(below, few(text)), [](const auto& both) {
    Value out = Value::object();
    for (std::size_t i = 0; i < std::min(both.first.size(), both.second.size()); ++i)
      out[both.second[i]] = both.first[i];
    return out;
  });
  return rc::gen::oneOf(leaf, array, object);
}

// Every value of `tree`, in the order of the text, with its pointer.
void list(const Value& tree, const std::string& pointer,
          std::vector<std::pair<std::string, const Value*>>& out) {
  out.emplace_back(pointer, &tree);
  const auto step = [&](std::string name) {
    std::string token;
    for (const char c : name)
      token += c == '~' ? std::string("~0") : c == '/' ? std::string("~1") : std::string(1, c);
    return pointer + "/" + token;
  };
  if (tree.is_array()) {
    for (std::size_t i = 0; i < tree.size(); ++i) list(tree[i], step(std::to_string(i)), out);
  } else if (tree.is_object()) {
    for (const auto& [name, each] : tree.items()) list(each, step(name), out);
  }
}

std::size_t offset_of(std::string_view text, Position position) {
  std::size_t start = 0;
  for (std::size_t line = 1; line < position.line; ++line) start = text.find('\n', start) + 1;
  return start + position.column - 1;
}

RC_GTEST_PROP(Outline, FindsEachValueWhereItsTextBegins, ()) {
  const Value tree = *value(3);
  const bool pretty = *rc::gen::arbitrary<bool>();
  const std::string text = pretty ? print_pretty(tree) : print(tree);
  std::vector<std::pair<std::string, const Value*>> all;
  list(tree, "", all);
  const Outline outline(text);
  RC_ASSERT(outline.size() == all.size());
  for (std::size_t i = 0; i < all.size(); ++i) {
    RC_ASSERT(outline.find(all[i].first) == i);
    const std::string own = print(*all[i].second);
    const std::string_view here = std::string_view(text).substr(offset_of(text, outline.position(i)));
    if (!all[i].second->is_structured()) RC_ASSERT(here.starts_with(own));
    if (all[i].second->is_structured()) RC_ASSERT(here.front() == own.front());
    if (all[i].second->is_string()) RC_ASSERT(outline.string(i) == all[i].second->get<std::string>());
  }
}

RC_GTEST_PROP(Outline, ReadsNothingOutsideOfAnyText, ()) {
  const auto text = *rc::gen::container<std::string>(rc::gen::elementOf(std::string("{}[]\",:\\1tn \n")));
  const Outline outline(text);
  for (std::size_t i = 0; i < outline.size(); ++i) {
    RC_ASSERT(outline.end(i) <= outline.size());
    RC_ASSERT(offset_of(text, outline.position(i)) < text.size());
  }
}

TEST(Outline, CountsLinesAndBytesFromOne) {
  EXPECT_EQ(at("{}", ""), (Position{1, 1}));
  EXPECT_EQ(at("{\n \"a\": 7}", "/a"), (Position{2, 7}));
  EXPECT_EQ(at("{\"ü\":1}", "/ü"), (Position{1, 7}));
}

TEST(Outline, DecodesNamesOnTheWay) {
  EXPECT_EQ(at(R"({"a\/b":{"m~n":[1,2]}})", "/a~1b/m~0n/1"), (Position{1, 19}));
  EXPECT_EQ(at(R"({"\u00e9":1})", "/é"), (Position{1, 11}));
  EXPECT_EQ(at(R"({"":1})", "/"), (Position{1, 5}));
}

TEST(Outline, FindsNothingThatIsNotThere) {
  for (const char* pointer : {"/b", "/a/0", "/l/2", "/l/01x", "a"})
    EXPECT_EQ(at(R"({"a":1,"l":[1,2]})", pointer), std::nullopt) << pointer;
}

TEST(Outline, KnowsTheTypeOfEach) {
  const Outline outline(R"([{},[],"s",-1.5e3,true,null])");
  std::vector<Type> types;
  for (std::size_t i = 1; i < outline.size(); ++i) types.push_back(outline.type(i));
  EXPECT_EQ(types,
            (std::vector{Type::object, Type::array, Type::string, Type::number, Type::boolean, Type::null}));
  EXPECT_EQ(outline.text(4), "-1.5e3");
}

}  // namespace
}  // namespace stave::json
