// The table of sentences from its parts, and the rules that go beyond it.

#include "stave/validate/sentences.h"

#include <array>

namespace stave::validate {
namespace {

constexpr std::string_view without_keyword = "the spec says so without a keyword";
constexpr std::string_view by_schema = "the schemas of the spec say so";
constexpr std::string_view by_type = "the spec gives the type without a keyword, and no reader takes another";
constexpr std::string_view by_practice = "legal, and known to go wrong";

constexpr std::array<Beyond, 38> all = {{
    {"E006", "no reader is without limits, and what was not read was not checked"},
    {"W007", "readers in Go ignore the case of names"},
    {"E008", "CVE-2021-41190: readers differ in what such bytes are"},
    {"E009", "the type of a descriptor is that of its content by definition"},
    {"W016", "stave leaves out what the spec leaves to implementations"},
    {"E027", "what is none of the documents cannot be checked"},
    {"W103", by_schema},
    {"E108", "a blob is content, which other things do not have"},
    {"W110", by_practice},
    {"E190", "what cannot be opened breaks no rule that has a sentence"},
    {"E202", by_type},
    {"E204", by_type},
    {"W209", by_practice},
    {"E402", by_type},
    {"W405", without_keyword},
    {"E406", without_keyword},
    {"E407", without_keyword},
    {"W408", without_keyword},
    {"W409", without_keyword},
    {"W413", without_keyword},
    {"W414", without_keyword},
    {"W605", without_keyword},
    {"W608", without_keyword},
    {"E501", "the media type says what the bytes are"},
    {"E506", "the spec warns that extracting such a layer may fail, and it does"},
    {"E511", by_practice},
    {"E512", by_practice},
    {"E514", by_practice},
    {"W516", by_practice},
    {"W517", by_practice},
    {"W519", by_practice},
    {"W520", by_practice},
    {"W521", by_practice},
    {"E522", "the media type says what the bytes are"},
    {"W523", by_practice},
    {"E526", by_practice},
    {"W527", by_practice},
    {"E530", "stave has limits, as every reader should"},
}};

}  // namespace

const std::vector<Sentence>& sentences() {
  static const std::vector<Sentence> table = [] {
    std::vector<Sentence> out = document_sentences();
    const std::vector<Sentence> rest = content_sentences();
    out.insert(out.end(), rest.begin(), rest.end());
    return out;
  }();
  return table;
}

std::span<const Beyond> beyond() { return all; }

}  // namespace stave::validate
