// The text of a record (docs/record.md): written in path order, read by somebody who
// trusts none of it.

#pragma once

#include "stave/base/stream.h"
#include "stave/layer/record.h"

namespace stave::layer {

void render_record(const Record& record, Sink& sink);

// Throws Kind::invalid for what is no record, incomplete or damaged, naming the line; Kind::unsupported for a
// later format; Kind::limit for a line over 8 MiB or more than limits::layer_entries.
Record parse_record(Source& source);

// Does a file that begins so claim to be a record?
bool looks_like_record(std::string_view beginning);

}  // namespace stave::layer
