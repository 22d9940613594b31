// LayerReader and LayerChecker: foreign layers, entry by entry.

#include "stave/layer/reader.h"

#include <fmt/format.h>

#include <algorithm>
#include <unordered_map>

#include "stave/base/error.h"
#include "stave/base/limits.h"
#include "stave/base/text.h"
#include "stave/layer/path.h"

namespace stave::layer {
namespace {

std::uint32_t narrow_id(std::uint64_t id, const std::string& path, const char* what) {
  // 2^32-1 is (uid_t)-1: chown takes it as "leave as it is".
  if (id >= 0xffffffffull) {
    throw Error(Kind::invalid, fmt::format("{}: {} {} does not fit into 32 bits", quote(path), what, id));
  }
  return static_cast<std::uint32_t>(id);
}

std::string clean_or_throw(std::string_view name, const char* what) {
  auto path = clean(name);
  if (!path) {
    throw Error(Kind::invalid, fmt::format("{} {} climbs above the root of the image", what, quote(name)),
                "do not use this layer unless you trust who made it");
  }
  if (path->size() > limits::path_bytes) {
    throw Error(Kind::limit,
                fmt::format("a path of {} bytes; the limit is {}", path->size(), limits::path_bytes));
  }
  return *path;
}

}  // namespace

bool LayerReader::next(Step& step) {
  if (!read_step(step)) return false;
  if (observe_) observe_(step, step.meaning == Meaning::entry && header_.sparse);
  return true;
}

// A megabyte of attributes compresses to a kilobyte, and all of them stay in memory.
void MetadataCount::add(const tar::Header& header) {
  constexpr std::uint64_t directory_bytes = 256;
  const auto& name = header.name;
  const auto differs = std::mismatch(name.begin(), name.end(), before_.begin(), before_.end()).first;
  const auto directories = static_cast<std::uint64_t>(std::count(differs, name.end(), '/'));
  before_ = name;
  // One is the entry itself, or the directory that it is.
  bytes_ +=
      name.size() + header.linkname.size() + (directories > 1 ? (directories - 1) * directory_bytes : 0);
  for (const auto& [key, value] : header.xattrs) bytes_ += key.size() + value.size();
  if (bytes_ > limits::layer_metadata) {
    throw limits::layer_metadata.exceeded(fmt::format(
        "the names and attributes of the layer take more than {}", limits::layer_metadata.shown()));
  }
}

bool LayerReader::read_step(Step& step) {
  while (tar_.next(header_)) {
    if (++entries_ > limits::layer_entries) {
      throw limits::layer_entries.exceeded(
          fmt::format("the layer has more than {} entries", limits::layer_entries.value()));
    }
    if (header_.size > limits::layer_bytes - bytes_) {
      throw limits::layer_bytes.exceeded(
          fmt::format("the layer holds more than {}", limits::layer_bytes.shown()));
    }
    bytes_ += header_.size;
    metadata_.add(header_);

    const std::string path = clean_or_throw(header_.name, "the path");
    Interpreted meant = interpret(path);
    if (meant.meaning == Meaning::ignored) continue;
    if (meant.meaning == Meaning::forbidden) {
      throw Error(Kind::invalid,
                  fmt::format("{} is no whiteout of anything, and no other name may begin with .wh.",
                              quote(header_.name)));
    }
    step.meaning = meant.meaning;
    step.entry.path = std::move(meant.path);
    if (meant.meaning != Meaning::entry) return true;

    Metadata& meta = step.entry.meta;
    if (path.empty() && header_.type != Type::directory) {
      throw Error(Kind::invalid,
                  fmt::format("{} would replace the root directory by something else", quote(header_.name)));
    }
    meta.type = header_.type;
    meta.mode = header_.mode;
    meta.uid = narrow_id(header_.uid, path, "the user id");
    meta.gid = narrow_id(header_.gid, path, "the group id");
    meta.device_major = header_.device_major;
    meta.device_minor = header_.device_minor;
    meta.size = header_.type == Type::regular ? header_.size : 0;
    meta.mtime = header_.mtime;
    meta.link = header_.type == Type::hardlink ? clean_or_throw(header_.linkname, "the hardlink target")
                                               : header_.linkname;
    meta.xattrs = header_.xattrs;
    return true;
  }
  return false;
}

void LayerReader::finish() {
  if (drain()) {
    throw Error(Kind::invalid, "something other than zeros follows the end of the archive",
                "another archive was appended; make one of them with tar --concatenate or bsdtar -cf new.tar "
                "@a.tar @b.tar");
  }
}

struct LayerChecker::Seen {
  struct What {
    bool entry = false;
    bool whiteout = false;
    bool directory = false;
    bool link_target = false;  // can be hardlinked to: neither directory nor absent
  };
  std::unordered_map<std::string, What> paths;
};

LayerChecker::LayerChecker() : seen_(std::make_unique<Seen>()) {}
LayerChecker::~LayerChecker() = default;

void LayerChecker::error(std::string text) {
  if (findings_.errors.size() < 20) findings_.errors.push_back(std::move(text));
}

void LayerChecker::warning(std::string text) {
  if (findings_.warnings.size() < 20) findings_.warnings.push_back(std::move(text));
}

void LayerChecker::see(const Step& step, bool sparse) {
  const std::string& path = step.entry.path;
  if (step.meaning == Meaning::opaque) return;
  auto& what = seen_->paths[path];
  if (step.meaning == Meaning::whiteout) {
    if (what.whiteout)
      error(fmt::format(
          "the whiteout of {} stands in the archive twice (image-spec, layer.md: no duplicate entries)",
          quote(path)));
    if (what.entry)
      warning(
          fmt::format("{} is both removed and put: podman and containerd then keep files of the layers below",
                      quote(path)));
    what.whiteout = true;
    return;
  }
  if (what.entry)
    error(fmt::format("{} stands in the archive twice (image-spec, layer.md: no duplicate entries)",
                      quote(path)));
  if (what.whiteout)
    warning(
        fmt::format("{} is both removed and put: podman and containerd then keep files of the layers below",
                    quote(path)));
  what.entry = true;
  if (!what.whiteout && basename(path).size() > limits::name_bytes)
    error(fmt::format("{} has a name of {} bytes; no file system of Linux takes more than {}", quote(path),
                      basename(path).size(), limits::name_bytes));
  what.link_target = step.entry.meta.type != Type::directory;
  if (sparse)
    warning(
        fmt::format("{} is stored as a sparse file, which not every client can unpack (image-spec, layer.md)",
                    quote(path)));
  if (step.entry.meta.type == Type::hardlink) {
    const auto target = seen_->paths.find(step.entry.meta.link);
    if (target == seen_->paths.end() || !target->second.link_target) {
      error(fmt::format(
          "{} is a hardlink to {}, which this layer has not put before: podman and containerd refuse that",
          quote(path), quote(step.entry.meta.link)));
    }
  }
}

void LayerChecker::end(bool properly, bool more) {
  if (more) error("something other than zeros follows the end of the archive, which most clients never see");
  if (!properly) warning("the archive ends without its two zero blocks");
}

}  // namespace stave::layer
