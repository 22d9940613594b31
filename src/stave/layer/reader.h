// LayerReader: a layer's tar as a stream of meanings, checked while it passes.
// Every layer that comes from somewhere else is read through here.

#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "stave/base/context.h"
#include "stave/base/stream.h"
#include "stave/layer/changeset.h"
#include "stave/layer/whiteout.h"
#include "stave/tar/tar.h"

namespace stave::layer {

// One entry of a layer, with its clean path.
struct Step {
  Meaning meaning = Meaning::entry;  // entry, whiteout or opaque
  Entry entry;  // of whiteout and opaque only the path counts: what is meant, without the prefix
};

// What the names and attributes of a layer take in memory as a tree: their bytes, and 256 for each directory
// that a path goes through for the first time, as far as the path before it tells (a path of 4 KiB can go
// through two thousand).
class MetadataCount {
 public:
  // Throws Kind::limit once limits::layer_metadata is exceeded.
  void add(const tar::Header& header);

 private:
  std::uint64_t bytes_ = 0;
  std::string before_;
};

// Reads the uncompressed tar of a layer (image-spec, layer.md). Throws what tar::Reader throws, and
// Kind::invalid for a path or a hardlink target that climbs above the root, a whiteout of nothing, a root
// that is no directory, Kind::limit for more entries or bytes than limits.h allows. AUFS's own files are
// skipped.
class LayerReader {
 public:
  // `observe` hears of every step before it is given, and whether it is stored as a sparse file.
  explicit LayerReader(Source& plain, std::function<void(const Step&, bool sparse)> observe = {})
      : plain_(plain, limits::layer_bytes, "the layer"),
        tar_(plain_, tar::Reader::Ending::without_padding),
        observe_(std::move(observe)) {}

  bool next(Step& step);
  std::size_t read(MutableBytes out) { return tar_.read(out); }
  std::uint64_t content_offset() const { return tar_.content_offset(); }
  bool sparse() const { return header_.sparse; }  // the current entry is stored as sparse
  // After next() said false: reads the rest, which must be zeros only, so that hashes around the source are
  // complete.
  void finish();
  // The same, but only says whether anything else than zeros came.
  bool drain() { return tar_.drain(); }
  bool ended_properly() const { return tar_.ended_properly(); }

 private:
  bool read_step(Step& step);

  CappedSource plain_;  // headers count, too: a bomb may consist of nothing else
  tar::Reader tar_;
  std::function<void(const Step&, bool)> observe_;
  tar::Header header_;
  std::uint64_t entries_ = 0;
  std::uint64_t bytes_ = 0;
  MetadataCount metadata_;
};

// What is wrong with a foreign layer that will become part of an image as it is.
struct Findings {
  std::vector<std::string> errors;    // what the spec forbids or a client cannot unpack
  std::vector<std::string> warnings;  // what is legal and known to go wrong
};

// Checks that need more than one entry: duplicates (layer.md: "MUST NOT include duplicate entries"), a
// whiteout beside an entry of the same name, hardlinks to what the layer has not put before, sparse entries,
// names that no file system takes, a missing end, something after the end. At most 20 findings of each sort
// are kept.
class LayerChecker {
 public:
  LayerChecker();
  ~LayerChecker();
  void see(const Step& step, bool sparse);
  // Were two zero blocks seen, and anything but zeros after them?
  void end(bool properly, bool more = false);
  const Findings& findings() const { return findings_; }

 private:
  void error(std::string text);
  void warning(std::string text);

  struct Seen;
  std::unique_ptr<Seen> seen_;
  Findings findings_;
};

}  // namespace stave::layer
