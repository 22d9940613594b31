// Fuzzing records of unpacked trees: they lie where anybody may have written to
// them. Whatever they hold, nothing but an Error comes out; and what could be read is
// written as it was.

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "stave/base/error.h"
#include "stave/base/stream.h"
#include "stave/hash/digest.h"
#include "stave/layer/record.h"

namespace {

using namespace stave;

void require(bool condition) {
  if (!condition) std::abort();
}

void read_and_write(const std::string& text) {
  try {
    BytesSource source(text);
    const layer::Record record = layer::Record::read(source, "the record");
    if (!record.layers.empty()) require(!record.known.contains("") || record.tree().find("") != nullptr);
    StringSink sink;
    record.write(sink);
    BytesSource again(sink.text());
    StringSink twice;
    layer::Record::read(again, "the record").write(twice);
    require(sink.text() == twice.text());
  } catch (const Error& error) {
    require(error.kind() != Kind::internal);
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string text(reinterpret_cast<const char*>(data), size);
  read_and_write(text);
  // No mutation finds a SHA-256: with a last line that is right, what comes before it is looked at.
  for (const char* first_line : {"stave record 1\n", "stave record 2\n"}) {
    const std::string head = first_line + text;
    read_and_write(head + "end " + digest_of(head).str() + "\n");
  }
  return 0;
}
