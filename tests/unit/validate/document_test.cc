// Documents on their own: any text at all is answered with findings, which stand
// where the mistake is, and what readers must tolerate is no error.

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <array>

#include "stave/base/limits.h"
#include "unit/validate/shared.h"

namespace stave::validate {
namespace {

using testing::Codes;
using testing::codes_of;
using ::testing::Contains;
using ::testing::IsSubsetOf;

constexpr std::array<Sort, 5> sorts = {Sort::index, Sort::manifest, Sort::config, Sort::descriptor,
                                       Sort::layout};

const std::string a = "sha256:" + std::string(64, 'a');
const std::string b = "sha256:" + std::string(64, 'b');
const std::string layer =
    R"({"mediaType":"application/vnd.oci.image.layer.v1.tar","digest":")" + a + R"(","size":7})";
const std::string config_descriptor =
    R"({"mediaType":"application/vnd.oci.image.config.v1+json","digest":")" + b + R"(","size":7})";

std::string manifest_with(const std::string& more = "", const std::string& layers = layer) {
  return R"({"schemaVersion":2,"mediaType":"application/vnd.oci.image.manifest.v1+json","config":)" +
         config_descriptor + R"(,"layers":[)" + layers + "]" + more + "}";
}

// "code pointer line:column" of each finding.
std::vector<std::string> places(std::string_view text) {
  Report report;
  check_document(text, "document.json", std::nullopt, report);
  std::vector<std::string> out;
  for (const Finding& finding : report.findings()) {
    out.push_back(std::string(finding.rule->code) + " " + finding.where.at + " " +
                  std::to_string(finding.where.line) + ":" + std::to_string(finding.where.column));
  }
  return out;
}

// One document that has something of everything.
std::string rich() {
  return manifest_with(R"(,"subject":)" + layer +
                       R"(,"annotations":{"com.example.a":"b"},"artifactType":"x/y",
    "manifests":[{"platform":{"os":"linux","architecture":"amd64","os.features":["x"]},"urls":["https://x/"],"data":"e30="}],
    "rootfs":{"type":"layers","diff_ids":[")" +
                       a + R"("]},"history":[{"created":"2024-01-01T00:00:00Z","empty_layer":true}],
    "os":"linux","architecture":"arm","variant":"v7","created":"2024-01-01T00:00:00Z","imageLayoutVersion":"1.0.0",
    "digest":")" + a + R"(","size":7,"urls":[],"data":"e30=")");
}

RC_GTEST_PROP(AnyDocument, IsAnsweredWithFindings, ()) {
  std::string text = rich();
  const auto edits = *rc::gen::inRange(1, 6);
  for (int i = 0; i < edits; ++i) {
    const auto at = *rc::gen::inRange<std::size_t>(0, text.size());
    const auto length = *rc::gen::inRange<std::size_t>(0, 30);
    const auto with = *rc::gen::element<std::string>("", "0", "-1", "null", "\"\"", "[]", "{}", ",", "\"",
                                                     "\\", "\xff", "1e9", "true");
    text.replace(at, length, with);
  }
  for (const Sort sort : sorts) static_cast<void>(codes_of(text, sort));
  static_cast<void>(codes_of(text));
}

// Each value in turn becomes one of another type: valid JSON, and wrong in one place.
RC_GTEST_PROP(AnyDocument, WithOneValueExchangedIsAnsweredWithFindings, ()) {
  std::string text = rich();
  std::vector<std::size_t> values;
  for (std::size_t i = text.find(':'); i != std::string::npos; i = text.find(':', i + 1)) {
    if (text[i - 1] == '"') values.push_back(i + 1);
  }
  const std::size_t at = *rc::gen::elementOf(values);
  std::size_t end = at;
  int depth = 0;
  while (end < text.size() && (depth > 0 || (text[end] != ',' && text[end] != '}'))) {
    depth += text[end] == '{' || text[end] == '[' ? 1 : text[end] == '}' || text[end] == ']' ? -1 : 0;
    ++end;
  }
  text.replace(at, end - at,
               *rc::gen::element<std::string>("0", "-1", "1.5", "null", "\"\"", "[]", "[{}]", "{}",
                                              "{\"a\":1}", "true"));
  for (const Sort sort : sorts) {
    Report report;
    check_document(text, "x", sort, report);
    for (const Finding& finding : report.findings())
      RC_ASSERT(finding.where.line > 0 && finding.where.column > 0);
  }
}

TEST(Findings, StandWhereTheMistakeIs) {
  EXPECT_THAT(places("{\n  \"imageLayoutVersion\": \"1.0.0\",\n  \"x\": [1,, 2]\n}"),
              ::testing::ElementsAre("E001  3:11"));
  EXPECT_THAT(places("{\n  \"digest\": \"x\",\n  \"mediaType\": \"a/b\",\n  \"size\": 1 }"),
              ::testing::ElementsAre("E013 /digest 2:13"));
  EXPECT_THAT(places("{\n  \"digest\": \"" + a + "\", \"mediaType\": \"a/b\"\n}"),
              ::testing::ElementsAre("E010  1:1"));
  EXPECT_THAT(
      places(
          "{\n\"rootfs\":{\"type\":\"layers\",\"diff_ids\":[]},\"os\":\"linux\",\"architecture\":\"amd64\",\n"
          "\"config\":{\"Labels\":{\"a/b~c\":7}}}"),
      ::testing::ElementsAre("E601 /config/Labels/a~1b~0c 3:29"));
}

TEST(Findings, AreAllOfThemAndNotTheFirst) {
  const auto found =
      codes_of(R"({"digest":"x","mediaType":"y","size":-1,"urls":["z"],"data":"?"})", Sort::descriptor);
  EXPECT_EQ(found, (Codes{"E013", "E018", "E020", "E021", "E023"}));
}

TEST(Findings, OfOneRuleAreCountedAndNotAllKept) {
  std::string layers = "0";
  for (int i = 1; i < 1000; ++i) layers += ",0";
  Report report;
  check_document(manifest_with("", layers), "x", std::nullopt, report);
  EXPECT_EQ(report.errors(), 1000);
  EXPECT_EQ(report.findings().size(), limits::findings_of_a_rule);
}

TEST(Findings, QuoteWhatComesFromOutside) {
  Report report;
  check_document(R"({"imageLayoutVersion":"\u001b[31m"})", "x", Sort::layout, report);
  ASSERT_EQ(report.findings().size(), 1U);
  EXPECT_EQ(report.findings()[0].found.find('\x1b'), std::string::npos);
}

// image-index.md, manifest.md, config.md, annotations.md: "MUST NOT generate an error".
TEST(Tolerated, UnknownMediaTypes) {
  const std::string unknown = R"({"mediaType":"application/x.unknown","digest":")" + a + R"(","size":7})";
  for (const std::string& text :
       {R"({"schemaVersion":2,"mediaType":"application/vnd.oci.image.index.v1+json","manifests":[)" +
            unknown + "]}",
        R"({"schemaVersion":2,"mediaType":"application/vnd.oci.image.manifest.v1+json","config":)" + unknown +
            R"(,"layers":[)" + unknown + "]}",
        manifest_with("", unknown), manifest_with(R"(,"artifactType":"application/x.unknown")")}) {
    Report report;
    check_document(text, "x", std::nullopt, report);
    EXPECT_EQ(report.errors(), 0) << text << testing::described(report);
  }
}
TEST(Tolerated, UnknownMembersAndKeys) {
  EXPECT_EQ(codes_of(manifest_with(R"(,"zzz":{"a":[1]},"annotations":{"com.example.never.seen":"x"})")),
            Codes{});
}
TEST(Tolerated, NullForWhatAConfigMayLackAndLabels) {
  EXPECT_EQ(
      codes_of(
          R"({"os":"linux","architecture":"amd64","rootfs":{"type":"layers","diff_ids":[]},"author":null,)"
          R"("history":null,"config":{"Labels":null,"Env":null,"Volumes":null,"Cmd":null,"User":null}})"),
      Codes{});
}
TEST(Tolerated, DigestsOfUnknownAlgorithms) {
  Report report;
  check_document(
      R"({"mediaType":"a/b","size":1,"digest":"sha256+b64u:LCa0a2j_xo_5m0U8HTBBNBNCLXBkg7-g-YpeiGJm564"})",
      "x", Sort::descriptor, report);
  EXPECT_EQ(report.errors(), 0);
  EXPECT_EQ(testing::codes(report), Codes{"W015"});
}

TEST(Attack, DeepNestingIsALimitAndNoStackOverflow) {
  EXPECT_EQ(codes_of(std::string(1'000'000, '[')), Codes{"E006"});
}
TEST(Attack, MemberNamesThatDifferInCaseOnly) {
  EXPECT_EQ(codes_of(manifest_with(R"(,"LAYERS":[])")), Codes{"W007"});
  EXPECT_EQ(codes_of(manifest_with(",\"ſubject\":{}")), Codes{"W007"});  // U+017F, which Go takes for an s
}
TEST(Attack, IndexAndManifestAtOnce) {
  EXPECT_THAT(codes_of(manifest_with(R"(,"manifests":[])")), Contains("E008"));
  EXPECT_THAT(
      codes_of(R"({"schemaVersion":2,"mediaType":"application/vnd.oci.image.index.v1+json","config":)" +
               config_descriptor + R"(,"layers":[]})"),
      Contains("E008"));
}
TEST(Attack, NumbersThatNoIntegerHolds) {
  for (const char* size : {"1e3", "7.0", "9223372036854775808", "-0.5"}) {
    Report report;
    check_document(R"({"mediaType":"a/b","digest":")" + a + R"(","size":)" + size + "}", "x",
                   Sort::descriptor, report);
    EXPECT_THAT(testing::codes(report), Contains("E011")) << size;
  }
  EXPECT_EQ(codes_of(R"({"mediaType":"a/b","digest":")" + a + R"(","size":99999999999999999999})",
                     Sort::descriptor),
            Codes{"W004"});
  EXPECT_EQ(codes_of(R"({"mediaType":"a/b","digest":")" + a + R"(","size":1e999})", Sort::descriptor),
            Codes{"W004"});
}
TEST(Attack, EmbeddedDataThatIsAnotherContent) {
  const auto embedded = [](std::string_view data, std::uint64_t size) {
    return codes_of(R"({"mediaType":"application/vnd.oci.image.config.v1+json","digest":")" +
                        digest_of("{}").str() + R"(","size":)" + std::to_string(size) + R"(,"data":")" +
                        std::string(data) + R"("})",
                    Sort::descriptor);
  };
  EXPECT_EQ(embedded("e30=", 2), Codes{});
  EXPECT_EQ(embedded("W10=", 2), Codes{"E024"});
  EXPECT_EQ(embedded("e30K", 2), Codes{"E024"});
  EXPECT_EQ(embedded("e30", 2), Codes{"E023"});
}
TEST(Attack, BytesThatAreNoText) {
  EXPECT_EQ(codes_of(std::string("{\"a\":1}\0{}", 10)), Codes{"E001"});
  EXPECT_EQ(codes_of("\xef\xbb\xbf{}"), Codes{"E001"});
  EXPECT_EQ(codes_of("{\"a\":\"\xc0\x80\"}"), Codes{"E003"});
  EXPECT_EQ(codes_of(R"({"a":"\ud800"})"), Codes{"E001"});
  EXPECT_EQ(codes_of(""), Codes{"E001"});
}

TEST(Dates, AreThoseOfRfc3339) {
  const auto with = [](const std::string& created) {
    return codes_of(
        R"({"os":"linux","architecture":"amd64","rootfs":{"type":"layers","diff_ids":[]},"created":")" +
        created + R"("})");
  };
  for (const char* good : {"2024-02-29T00:00:00Z", "1985-04-12T23:20:50.52Z", "1996-12-19T16:39:57-08:00",
                           "1990-12-31T23:59:60Z", "0001-01-01T00:00:00Z"})
    EXPECT_EQ(with(good), Codes{}) << good;
  for (const char* bad :
       {"", "2023-02-29T00:00:00Z", "2024-13-01T00:00:00Z", "2024-01-01T24:00:00Z", "2024-01-01T00:00:00",
        "2024-01-01 00:00:00Z", "2024-01-01T00:00:00.Z", "2024-01-01T00:00:00+0100", "2024-01-01",
        "2024-01-01T00:00:00ZZ", "2024-01-01T00:00:00+24:00"})
    EXPECT_EQ(with(bad), Codes{"E406"}) << bad;
}

}  // namespace
}  // namespace stave::validate
