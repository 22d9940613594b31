// Files: batches to threads, threads to files.

#include "stave/layer/unpack_files.h"

#include <algorithm>
#include <condition_variable>
#include <mutex>

#include "stave/base/error.h"
#include "stave/base/limits.h"
#include "stave/base/text.h"
#include "stave/layer/disk.h"

namespace stave::layer {
namespace {

// A batch: content, and how many files. 256 KiB are a dozen files of a root file system; many empty ones do
// not wait for each other.
constexpr std::size_t batch_bytes = limits::copy_buffer;
constexpr std::size_t batch_items = 64;

// What more threads would wait for is in the kernel; and each costs batches.
constexpr unsigned most_threads = 16;

// mode bits that run a program as somebody else
constexpr std::uint32_t set_ids = 06000;

fs::FileType file_type(Type type) {
  switch (type) {
    case Type::symlink:
      return fs::FileType::symlink;
    case Type::character:
      return fs::FileType::character;
    case Type::block:
      return fs::FileType::block;
    case Type::fifo:
      return fs::FileType::fifo;
    default:
      return fs::FileType::regular;
  }
}

bool is_device(Type type) { return type == Type::character || type == Type::block; }

// ACLs would change the mode, and capabilities be those of another owner's program.
bool is_given(std::string_view xattr, Owners owners) {
  return is_packed_xattr(xattr) && (owners == Owners::real || xattr.starts_with("user."));
}

// Each thread has one to work on and one waiting, and one more is being filled.
std::size_t batches_of(const Context& context) { return 2 * std::size_t{Files::threads(context)} + 1; }

}  // namespace

fs::Attributes attributes_of(const Metadata& meta, Owners owners) {
  fs::Attributes attributes;
  attributes.mode = meta.mode;
  attributes.mtime = {meta.mtime.seconds, meta.mtime.nanoseconds};
  if (owners == Owners::real) {
    attributes.owner = {meta.uid, meta.gid};
  } else {
    // Who unpacked can read and remove it all; nobody runs it as them.
    attributes.mode = (meta.mode & ~set_ids) | (meta.type == Type::directory ? 0700u : 0600u);
  }
  for (const auto& xattr : meta.xattrs) {
    if (is_given(xattr.first, owners)) attributes.xattrs.push_back(xattr);
  }
  return attributes;
}

// A file whose pieces lie in several batches. Whichever threads have them, one piece is written after the
// other; the one that is waited for was begun before, so the wait ends.
struct Files::Long {
  fs::Fd file;
  fs::HoleSink content{file};
  Hasher hasher;
  bool failed = false;

  void wait_for(std::size_t piece) {
    std::unique_lock lock(mutex);
    changed.wait(lock, [&] { return next == piece; });
  }
  void pass_on() {
    const std::lock_guard lock(mutex);
    ++next;
    changed.notify_all();
  }

 private:
  std::mutex mutex;
  std::condition_variable changed;
  std::size_t next = 0;
};

unsigned Files::threads(const Context& context) {
  return context.jobs <= 1 ? 0 : std::min(context.jobs, most_threads);
}

unsigned Files::homes(const Context& context) { return std::max(threads(context), 1u); }

Files::Files(const Context& context, const std::vector<fs::Dir>& homes, Owners owners)
    : context_(context),
      homes_(homes),
      owners_(owners),
      inborn_(fs::inborn_in(homes.front())),
      crew_(threads(context), batches_of(context),
            [this](Batch& batch, unsigned worker) { make(batch, worker); }) {}

// The batch that is being filled, or the next one if that has not so much room.
Files::Batch& Files::batch_with(std::size_t room) {
  if (open_ != nullptr && (batch_bytes - open_->used < room || open_->items.size() == batch_items)) send();
  if (open_ == nullptr) {
    open_ = &crew_.take();
    open_->bytes.resize(batch_bytes);
    open_->used = 0;
    open_->items.clear();
  }
  return *open_;
}

void Files::send() {
  Batch& batch = *open_;
  open_ = nullptr;
  crew_.hand_over(batch);
}

void Files::add(std::uint64_t number, const Entry& entry, LayerReader& reader, Made& made) {
  Item item{.number = number, .entry = entry, .made = &made};
  if (entry.meta.type == Type::regular && entry.meta.size > batch_bytes) return add_long(item, reader);
  Batch& batch = batch_with(entry.meta.size);
  item.offset = batch.used;
  while (entry.meta.type == Type::regular) {
    const std::size_t n = reader.read(MutableBytes(batch.bytes).subspan(item.offset + item.size));
    if (n == 0) break;
    item.size += n;
  }
  batch.used += item.size;
  batch.items.push_back(std::move(item));
}

void Files::add_long(const Item& item, LayerReader& reader) {
  if (open_ != nullptr) send();
  const auto file = std::make_shared<Long>();
  std::uint64_t rest = item.entry.meta.size;
  for (std::size_t piece = 0; rest != 0; ++piece) {
    context_.check();
    Batch& batch = batch_with(batch_bytes);
    Item part = item;
    part.rest = file;
    part.piece = piece;
    const auto want = static_cast<std::size_t>(std::min<std::uint64_t>(rest, batch_bytes));
    while (part.size < want) {
      part.size += reader.read(MutableBytes(batch.bytes).subspan(part.size, want - part.size));
    }
    rest -= want;
    part.last = rest == 0;
    batch.used = part.size;
    batch.items.push_back(std::move(part));
    send();
  }
}

void Files::settle() {
  if (open_ != nullptr) send();
  crew_.finish();
}

void Files::make(Batch& batch, unsigned worker) {
  for (const Item& item : batch.items) {
    const Bytes content = Bytes(batch.bytes).subspan(item.offset, item.size);
    try {
      make_item(item, content, worker);
    } catch (const Error& e) {
      throw e.within(quote(item.entry.path));
    }
  }
  batch.items.clear();
}

void Files::make_item(const Item& item, Bytes content, unsigned worker) {
  if (item.rest) return make_piece(item, content, worker);
  item.made->home = static_cast<std::uint16_t>(worker);
  if (item.entry.meta.type == Type::regular) return make_file(item, content, worker);
  make_special(item, worker);
}

// With the mode it will have, as far as the umask lets it.
fs::Fd Files::create(const Item& item, const fs::Attributes& attributes, unsigned worker) const {
  return fs::create_file(homes_[worker], std::to_string(item.number), attributes.mode & 0777u);
}

void Files::give(const fs::Fd& file, const fs::Attributes& attributes) {
  fs::Inborn has = inborn_;
  has.mode &= attributes.mode;
  if (!fs::set_attributes(file, attributes, has)) all_xattrs_ = false;
}

void Files::make_file(const Item& item, Bytes content, unsigned worker) {
  const fs::Attributes attributes = attributes_of(item.entry.meta, owners_);
  const fs::Fd file = create(item, attributes, worker);
  fs::HoleSink sink(file);
  sink.write(content);
  item.made->written = sink.finish();
  give(file, attributes);
  item.made->digest = digest_of(content);
}

void Files::make_piece(const Item& item, Bytes content, unsigned worker) {
  Long& file = *item.rest;
  file.wait_for(item.piece);
  const std::unique_ptr<Long, void (*)(Long*)> turn(&file, [](Long* done) { done->pass_on(); });
  if (file.failed) return;  // an earlier piece has told
  file.failed = true;
  if (item.piece == 0) {
    item.made->home = static_cast<std::uint16_t>(worker);
    file.file = create(item, attributes_of(item.entry.meta, owners_), worker);
  }
  file.content.write(content);
  file.hasher.update(content);
  if (item.last) {
    item.made->written = file.content.finish();
    give(file.file, attributes_of(item.entry.meta, owners_));
    item.made->digest = std::move(file.hasher).finish();
    file.file = fs::Fd();
  }
  file.failed = false;
}

void Files::make_special(const Item& item, unsigned worker) {
  const Metadata& meta = item.entry.meta;
  const fs::Dir& home = homes_[worker];
  const std::string number = std::to_string(item.number);
  const fs::FileType type = file_type(meta.type);
  const fs::Attributes attributes = attributes_of(meta, owners_);
  bool made = true;
  if (meta.type == Type::symlink) {
    fs::create_symlink(home, number, meta.link);
  } else {
    // An ordinary user may make no device but one: 0:0, which overlayfs takes for a whiteout.
    made = (owners_ == Owners::real || !is_device(meta.type)) &&
           fs::create_node(home, number, type, meta.device_major, meta.device_minor);
  }
  if (!made) {
    if (owners_ == Owners::real) ++devices_missing_;
    give(create(item, attributes, worker), attributes);
  } else if (!fs::set_attributes(home, number, type, attributes)) {
    all_xattrs_ = false;
  }
}

}  // namespace stave::layer
