// Stack: reading layers in order, and those of their files that are wanted again.

#include "stave/layer/stack.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <map>

#include "stave/base/error.h"
#include "stave/base/limits.h"
#include "stave/base/text.h"
#include "stave/base/watched.h"
#include "stave/compress/compress.h"
#include "stave/fs/fs.h"
#include "stave/layer/reader.h"

namespace stave::layer {
namespace {

// Owns the chain from a file to the plain tar in it.
class PlainTar final : public Source {
 public:
  PlainTar(std::unique_ptr<Source> stored, unsigned jobs) : stored_(std::move(stored)) {
    std::array<std::byte, tar::block_size> first{};
    const std::size_t n = read_full(*stored_, first);
    if (n == 0) throw Error(Kind::invalid, "the file is empty, not even an empty tar");
    prefixed_ = std::make_unique<PrefixedSource>(std::string(as_text(Bytes(first).first(n))), *stored_);
    plain_ = compress::decompress(*prefixed_, compress::sniff(Bytes(first).first(n)), jobs);
  }
  std::size_t read(MutableBytes out) override { return plain_->read(out); }

 private:
  std::unique_ptr<Source> stored_;
  std::unique_ptr<Source> prefixed_;
  std::unique_ptr<Source> plain_;
};

bool has_content(const Metadata& meta) { return meta.type == Type::regular && meta.size != 0; }

// Reads one piece to its end, so that whatever verifies it has seen everything.
void read_plain(const Context& context, const Stack::Piece& piece, Source& plain,
                const std::function<void(LayerReader&)>& work) {
  Task task(context, "reading " + piece.name, 0);
  try {
    WatchedSource watched(context, plain, task);
    LayerReader reader(watched);
    work(reader);
    reader.finish();
  } catch (const Error& e) {
    throw e.kind() == Kind::cancelled ? e : e.within(piece.name);
  }
  task.done();
}

void read_piece(const Context& context, const Stack::Piece& piece,
                const std::function<void(LayerReader&)>& work) {
  const auto plain = piece.open(context.jobs);
  read_plain(context, piece, *plain, work);
}

// By what is known of the piece; false if that is nothing, or turned out to be wrong: then nothing was done
// that `work` on all of the piece does not do again.
bool read_known(const Context& context, const Stack::Piece& piece,
                const std::function<void(LayerReader&)>& work) {
  if (!piece.listing) return false;
  try {
    const auto listing = piece.listing();
    Context quiet = context;
    quiet.progress = &no_progress();
    read_plain(quiet, piece, *listing, work);
    return true;
  } catch (const Error& e) {
    if (e.kind() == Kind::cancelled || e.kind() == Kind::no_space) throw;
    return false;
  }
}

Digest digest_of_content(LayerReader& reader, std::vector<std::byte>& buffer) {
  Hasher hasher;
  while (const std::size_t n = reader.read(buffer)) hasher.update(Bytes(buffer).first(n));
  return std::move(hasher).finish();
}

// Content that was read off the stack once more; where each file begins in it, the map knows.
class Spooled final : public Contents {
 public:
  explicit Spooled(const std::string& directory) : file_(fs::TempFile::anonymous(directory)) {}

  void keep(LayerReader& reader, const Stamp& stamp, std::vector<std::byte>& buffer) {
    offsets_[{stamp.device, stamp.inode}] = file_.size();
    while (const std::size_t n = reader.read(buffer)) file_.write(Bytes(buffer).first(n));
  }

  // The same of a file that lies at `offset` of the tar of a piece.
  void keep(const Stack::Piece& piece, std::uint64_t offset, std::uint64_t size, const Stamp& stamp,
            std::vector<std::byte>& buffer) {
    offsets_[{stamp.device, stamp.inode}] = file_.size();
    while (size != 0) {
      const auto part = MutableBytes(buffer).first(std::min<std::uint64_t>(buffer.size(), size));
      piece.read_at(offset, part);
      file_.write(part);
      offset += part.size();
      size -= part.size();
    }
  }

  void read(const Change& change, std::uint64_t offset, MutableBytes out) const override {
    const auto at = offsets_.find({change.stamp.device, change.stamp.inode});
    if (at == offsets_.end()) throw Error(Kind::internal, "the content of a file was not spooled");
    fs::read_at(file_.fd(), at->second + offset, out, "the spooled layers");
  }

 private:
  fs::TempFile file_;
  std::map<std::pair<std::uint64_t, std::uint64_t>, std::uint64_t> offsets_;
};

}  // namespace

Stack::Piece piece_of_tar(std::string name, std::uint64_t size,
                          std::function<std::unique_ptr<Source>()> open_file) {
  return {.name = std::move(name), .size = size, .open = [open = std::move(open_file)](unsigned jobs) {
            return std::make_unique<PlainTar>(open(), jobs);
          }};
}

Tree read_stack(const Context& context, const Stack& stack, Digests digests, Tree on, std::size_t from) {
  std::vector<std::byte> buffer(limits::copy_buffer);
  for (std::size_t i = from; i < stack.pieces.size(); ++i) {
    const auto put = [&](LayerReader& reader) {
      std::uint64_t entry = 0;
      on.apply(context, reader, [&](const Step& step) {
        ++entry;
        Tree::Origin origin;
        origin.stamp.device = i;
        origin.stamp.inode = entry;
        if (digests == Digests::yes && has_content(step.entry.meta))
          origin.digest = digest_of_content(reader, buffer);
        return origin;
      });
    };
    if (digests == Digests::yes || !read_known(context, stack.pieces[i], put))
      read_piece(context, stack.pieces[i], put);
  }
  return on;
}

void spool_contents(const Context& context, const Stack& stack, const std::string& directory,
                    Changeset& changes) {
  std::map<std::uint64_t, std::map<std::uint64_t, std::vector<Change*>>> wanted;  // by piece and entry
  for (Change& change : changes) {
    if (!change.removal && has_content(change.entry.meta) && !change.contents)
      wanted[change.stamp.device][change.stamp.inode].push_back(&change);
  }
  if (wanted.empty()) return;
  const auto spooled = std::make_shared<Spooled>(directory);
  std::vector<std::byte> buffer(limits::copy_buffer);
  for (const auto& [piece, entries] : wanted) {
    if (piece >= stack.pieces.size()) throw Error(Kind::internal, "a change is of another stack");
    const Stack::Piece& of = stack.pieces[piece];
    const auto visit = [&](LayerReader& reader,
                           const std::function<void(const Stamp&, std::uint64_t)>& keep) {
      Step step;
      for (std::uint64_t entry = 1; reader.next(step); ++entry) {
        context.check();
        const auto found = entries.find(entry);
        if (found != entries.end()) keep(found->second.front()->stamp, step.entry.meta.size);
      }
    };
    const bool known = read_known(context, of, [&](LayerReader& reader) {
      visit(reader, [&](const Stamp& stamp, std::uint64_t size) {
        spooled->keep(of, reader.content_offset(), size, stamp, buffer);
      });
    });
    if (!known) {
      read_piece(context, of, [&](LayerReader& reader) {
        visit(reader, [&](const Stamp& stamp, std::uint64_t) { spooled->keep(reader, stamp, buffer); });
      });
    }
    for (const auto& [entry, those] : entries) {
      for (Change* change : those) change->contents = spooled;
    }
  }
}

}  // namespace stave::layer
