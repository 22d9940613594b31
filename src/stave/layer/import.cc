// import: one pass over a foreign tar, through two hashes and the checker.

#include "stave/layer/import.h"

#include <fmt/format.h>

#include <array>

#include "stave/base/error.h"
#include "stave/base/limits.h"
#include "stave/base/text.h"
#include "stave/base/watched.h"
#include "stave/fs/fs.h"
#include "stave/layer/reader.h"

namespace stave::layer {
namespace {

// Content of a foreign tar, kept in an unnamed file; the stamp of a change says where.
class Spool final : public Contents {
 public:
  explicit Spool(const std::string& directory) : file_(fs::TempFile::anonymous(directory)) {}

  Stamp keep(LayerReader& reader, const Step& step, bool sparse) {
    if (sparse) {
      if (step.entry.meta.size > limits::sparse_expansion - expanded_) {
        throw limits::sparse_expansion.exceeded(fmt::format(
            "{} is a sparse file of {}; written out, those of a layer may take {}", quote(step.entry.path),
            human_size(step.entry.meta.size), limits::sparse_expansion.shown()));
      }
      expanded_ += step.entry.meta.size;
    }
    Stamp stamp;
    stamp.inode = file_.size();
    std::vector<std::byte> buffer(limits::copy_buffer);
    while (const std::size_t n = reader.read(buffer)) file_.write(Bytes(buffer).first(n));
    return stamp;
  }

  void read(const Change& change, std::uint64_t offset, MutableBytes out) const override {
    fs::read_at(file_.fd(), change.stamp.inode + offset, out, "the spooled layer");
  }

 private:
  fs::TempFile file_;
  std::uint64_t expanded_ = 0;  // bytes of sparse files among it
};

void report(const Context& context, const Import& how, const Findings& findings) {
  for (const auto& warning : findings.warnings) context.progress->warn(how.name + ": " + warning);
  if (findings.errors.empty()) return;
  if (how.force || how.recompress) {
    for (const auto& error : findings.errors) context.progress->warn(how.name + ": " + error);
    return;
  }
  const std::string more =
      findings.errors.size() > 1 ? fmt::format(" (and {} more)", findings.errors.size() - 1) : "";
  throw Error(Kind::invalid, findings.errors.front() + more,
              "--recompress rewrites the layer in canonical form, --force takes it as it is");
}

}  // namespace

namespace {

Changeset rewritten(Tree& tree) {
  Changeset changes = tree.take_changes();
  for (const Change& change : changes) {
    if (change.removal || change.entry.meta.type != Type::regular || change.entry.meta.size == 0 ||
        change.contents)
      continue;
    throw Error(
        Kind::unsupported,
        fmt::format("{} is a hardlink to a file of the layers below, whose content is not in this layer",
                    quote(change.entry.path)),
        "pack the directory that it was made from with --layer DIR");
  }
  return changes;
}

}  // namespace

Layer import_tar(const Context& context, Source& input, const Import& how, Tree* tree,
                 const content::Store& store) {
  if (how.recompress && tree == nullptr) throw Error(Kind::internal, "a layer is rewritten on top of a tree");
  Task task(context, "reading " + how.name, how.size);
  try {
    WatchedSource counted(context, input, task);
    std::array<std::byte, tar::block_size> first{};
    // Also of what follows a compressed layer, which no reader of its tar ever sees.
    CappedSource capped(counted, limits::layer_bytes, "the layer");
    const std::size_t n = read_full(capped, first);
    if (n == 0) throw Error(Kind::invalid, "the input is empty, not even an empty tar");
    const auto format = compress::sniff(Bytes(first).first(n));
    if (format == compress::Format::none && n < first.size()) {
      throw Error(Kind::invalid, fmt::format("no tar: there are only {} bytes", n));
    }
    PrefixedSource whole(std::string(as_text(Bytes(first).first(n))), capped);

    auto writer = store.begin();
    TeeSource kept(whole, writer);
    Source& compressed = how.recompress ? static_cast<Source&>(whole) : kept;
    const auto decompressed = compress::decompress(compressed, format);
    HashingSink plain_hash;
    TeeSource plain(*decompressed, plain_hash);

    LayerChecker checker;
    std::uint64_t entries = 0;
    LayerReader reader(plain, [&](const Step& step, bool sparse) {
      ++entries;
      checker.see(step, sparse);
    });
    std::shared_ptr<Spool> spool;
    if (how.recompress) {
      spool = std::make_shared<Spool>(how.spool);
      tree->edit(context, reader, [&](const Step& step) -> Tree::Origin {
        if (step.entry.meta.type != Type::regular || step.entry.meta.size == 0) return {};
        return {spool->keep(reader, step, reader.sparse()), spool};
      });
    } else if (tree != nullptr) {
      tree->apply(context, reader);
    } else {
      Step step;
      while (reader.next(step)) {
      }
    }
    const bool more = reader.drain();
    // What a decompressor leaves unread (zero padding) belongs to the file all the same.
    CountingSink rest;
    copy(compressed, rest);
    checker.end(reader.ended_properly(), more);
    report(context, how, checker.findings());

    if (how.recompress) {
      const auto layer = pack(context, rewritten(*tree), *how.recompress, store);
      task.done();
      return layer;
    }
    const std::uint64_t plain_size = plain_hash.size();
    const content::Blob blob = std::move(writer).commit();
    task.done(human_size(blob.size));
    return Layer{.descriptor = {.media_type = std::string(media_type_of(format)),
                                .digest = blob.digest,
                                .size = blob.size},
                 .diff_id = std::move(plain_hash).finish(),
                 .plain_size = plain_size,
                 .entries = entries};
  } catch (const Error& e) {
    throw e.kind() == Kind::cancelled ? e : e.within(how.name);
  }
}

}  // namespace stave::layer
