// Typed access: every complaint names document, place, wish and find.

#include <gtest/gtest.h>

#include "stave/json/json.h"
#include "unit/json/failure.h"

namespace stave::json {
namespace {

using testing::Failure;
using testing::failure;
using testing::kind_of_failure;

// A document and the Node at its top.
struct Document {
  explicit Document(std::string_view text) : value(parse(text, "doc")) {}
  Node root() const { return Node(value, "doc"); }
  Value value;
};

std::optional<Failure> complaint(std::string_view text, void (*use)(const Node&)) {
  const Document document(text);
  return failure([&] { use(document.root()); });
}

Failure invalid(std::string what) { return {Kind::invalid, std::move(what)}; }

TEST(Node, ComplaintsCarryThePointer) {
  EXPECT_EQ(complaint(R"({"config":{"Env":1}})", [](const Node& n) { n.get("config").get("Env").strings(); }),
            invalid("doc: /config/Env: expected an array of strings, found a number"));
  EXPECT_EQ(complaint(R"({"Env":["a",{}]})", [](const Node& n) { n.get("Env").strings(); }),
            invalid("doc: /Env/1: expected a string, found an object"));
  EXPECT_EQ(complaint(R"({"a/b":{"c":false}})", [](const Node& n) { n.get("a/b").string_map(); }),
            invalid("doc: /a~1b/c: expected a string, found false"));
  EXPECT_EQ(complaint("[]", [](const Node& n) { n.find("a"); }),
            invalid("doc: expected an object, found an array"));
}

TEST(Node, MissingAndNullAreToldApart) {
  EXPECT_EQ(complaint("{}", [](const Node& n) { n.get("a"); }),
            invalid("doc: expected a member \"a\", found none"));
  EXPECT_EQ(complaint(R"({"a":null})", [](const Node& n) { n.get("a"); }),
            invalid("doc: expected a member \"a\", found null"));
  const Document document(R"({"a":null})");
  EXPECT_TRUE(document.root().has("a"));
  EXPECT_FALSE(document.root().find("a"));
  EXPECT_EQ(find(document.value, "a"), nullptr);
}

TEST(Node, SizesAreWhatGosInt64Holds) {
  const auto size = [](std::string_view text) { return Document(text).root().size(); };
  EXPECT_EQ(size("0"), 0u);
  EXPECT_EQ(size("9223372036854775807"), 9223372036854775807u);
  for (const std::string_view text : {"9223372036854775808", "-1", "1.0", "1e3", "\"1\"", "null", "true"}) {
    EXPECT_EQ(kind_of_failure([&] { size(text); }), Kind::invalid) << text;
  }
}

TEST(Node, TooManyElementsAreALimit) {
  const Document document("[1,2,3]");
  EXPECT_EQ(document.root().elements(3).size(), 3u);
  EXPECT_EQ(kind_of_failure([&] { document.root().elements(2); }), Kind::limit);
}

TEST(Node, OthersKeepOrderAndText) {
  const Document document(R"({"z":1.0,"known":2,"a":{"b":null}})");
  const std::vector<std::pair<std::string, std::string>> others = {{"z", "1"}, {"a", R"({"b":null})"}};
  EXPECT_EQ(document.root().others({"known"}), others);
}

TEST(Node, LookalikesAreWhatGoTakesForAKnownName) {
  for (const std::string_view text :
       {R"({"Layers":[]})", R"({"LAYERS":[]})", "{\"layer\u017f\":[]}", R"({"layer\u017f":[]})",
        R"({"layers":[],"layerS":[]})", "{\"\u212aind\":1}"}) {
    EXPECT_EQ(kind_of_failure([&] { Document(text).root().refuse_lookalikes({"layers", "kind"}); }),
              Kind::invalid)
        << text;
  }
  EXPECT_EQ(failure([] {
              Document(R"({"layers":[],"layer":1,"players":2})").root().refuse_lookalikes({"layers"});
            }),
            std::nullopt);
}

}  // namespace
}  // namespace stave::json
