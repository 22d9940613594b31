// Entries of one layer against the rules (image-spec, layer.md).

#include "stave/validate/entries.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <set>

#include "stave/base/limits.h"
#include "stave/base/text.h"
#include "stave/layer/path.h"
#include "stave/layer/whiteout.h"

namespace stave::validate {
namespace {

// Attributes that belong to the machine on which a layer was made, not to the files in it.
bool is_of_a_machine(std::string_view xattr) {
  constexpr std::array<std::string_view, 6> prefixes = {
      "security.selinux", "security.ima", "security.evm", "trusted.", "user.overlay.", "system.nfs4_acl"};
  return std::any_of(prefixes.begin(), prefixes.end(),
                     [&](std::string_view prefix) { return xattr.starts_with(prefix); });
}

constexpr std::uint64_t no_id = 0xffffffff;  // chown(2) takes it as "leave it"

std::string_view name_of(tar::Type type) {
  switch (type) {
    case tar::Type::regular:
      return "a file";
    case tar::Type::hardlink:
      return "a hardlink";
    case tar::Type::symlink:
      return "a symlink";
    case tar::Type::character:
    case tar::Type::block:
      return "a device";
    case tar::Type::directory:
      return "a directory";
    case tar::Type::fifo:
      return "a fifo";
  }
  return "something else";
}

}  // namespace

void Entries::add(std::string_view code, const std::string& path, std::string found) {
  report_.add(code, {.file = name_, .at = path.empty() ? "/" : path}, std::move(found));
}

void Entries::see(const tar::Header& header) {
  ++count_;
  const auto path = layer::clean(header.name);
  if (!path) return add("E511", header.name, "the path climbs above the root of the image");
  if (header.type == tar::Type::hardlink && !layer::clean(header.linkname))
    return add(
        "E511", *path,
        fmt::format("it is a hardlink to {}, which is above the root of the image", quote(header.linkname)));
  if (path->size() > limits::path_bytes)
    return add("E514", path->substr(0, limits::name_bytes),
               fmt::format("the path has {} bytes", path->size()));
  if (static_cast<std::uint64_t>(std::count(path->begin(), path->end(), '/')) >= limits::path_depth)
    return add("E514", path->substr(0, limits::name_bytes),
               fmt::format("the path is deeper than {} directories", limits::path_depth.shown()));
  auto meant = layer::interpret(*path);
  switch (meant.meaning) {
    case layer::Meaning::ignored:
      return add("W521", *path, "the entry is AUFS's own bookkeeping");
    case layer::Meaning::forbidden:
      return add("E505", *path,
                 "no name but that of a whiteout begins with .wh., and this is a whiteout of nothing");
    case layer::Meaning::opaque:
      add("W518", meant.path,
          "an opaque whiteout hides everything that the layers below have in this directory");
      steps_.push_back(
          {Step::Does::remove_inside, *opaque_.insert(std::move(meant.path)).first, tar::Type::directory});
      return;
    case layer::Meaning::whiteout:
      if (header.type != tar::Type::regular || header.size != 0) {
        add("E505", *path,
            fmt::format("the whiteout is {} of {}, not an empty file", name_of(header.type),
                        human_size(header.size)));
      }
      return see_whiteout(meant.path);
    case layer::Meaning::entry:
      return see_entry(header, *path);
  }
}

void Entries::see_whiteout(const std::string& path) {
  auto& [key, seen] = *seen_.try_emplace(path).first;
  if (seen.whiteout) add("E504", path, "its whiteout stands in the archive twice");
  if (seen.entry) add("W507", path, "the layer puts it and removes it as well");
  seen.whiteout = true;
  if (entered_.contains(layer::parent(path)))
    add("W528", path, "its whiteout stands behind an entry of the same directory");
  if (place_ != Place::alone && !below_.find(path) && !below_.symlink_above(path))
    add("W513", path, "the layer removes it, and no layer below has it");
  if (const auto link = below_.symlink_above(path))
    add("W517", path, fmt::format("{} is a symlink in the layers below", quote(*link)));
  steps_.push_back({Step::Does::remove, key, tar::Type::regular});
}

void Entries::see_entry(const tar::Header& header, const std::string& path) {
  auto& [key, seen] = *seen_.try_emplace(path).first;
  if (seen.entry) add("E504", path, "it stands in the archive twice");
  if (seen.whiteout) add("W507", path, "the layer removes it and puts it as well");
  seen.entry = true;
  seen.type = header.type;
  if (path.empty() && header.type != tar::Type::directory)
    return add("E512", path, fmt::format("the root of the image would be {}", name_of(header.type)));
  if (!path.empty()) entered_.emplace(layer::parent(key));
  see_metadata(header, path);
  see_own_symlinks(path, "it");
  if (header.type == tar::Type::hardlink) see_hardlink(header, path);
  if (const auto link = below_.symlink_above(path))
    add("W517", path, fmt::format("{} is a symlink in the layers below", quote(*link)));
  own_.put(key, header.type);
  steps_.push_back({Step::Does::put, key, header.type});
}

void Entries::see_hardlink(const tar::Header& header, const std::string& path) {
  const std::string target = layer::clean(header.linkname).value_or("");
  see_own_symlinks(target, "the target of a hardlink");
  const auto found = seen_.find(target);
  if (found != seen_.end() && found->second.entry && target != path) {
    if (found->second.type == tar::Type::directory)
      add("E506", path, fmt::format("it is a hardlink to the directory {}", quote(target)));
    return;
  }
  const auto lower = below_.find(target);
  if (lower && *lower != tar::Type::directory) {
    add("W523", path, fmt::format("it is a hardlink to {}, which only a layer below has", quote(target)));
  } else if (place_ == Place::alone && !lower && target != path) {
    add("W523", path,
        fmt::format("it is a hardlink to {}, which this layer has not put before", quote(target)));
  } else {
    add("E506", path, fmt::format("it is a hardlink to {}, which is nowhere before it", quote(target)));
  }
}

void Entries::see_metadata(const tar::Header& header, const std::string& path) {
  if (header.sparse) add("W508", path, "it is stored as a sparse file");
  const auto base = layer::basename(path);
  if (base.size() > limits::name_bytes) add("E514", path, fmt::format("its name has {} bytes", base.size()));
  if (!is_utf8(path)) add("W520", path, "its name is not UTF-8");
  if (header.uid >= no_id || header.gid >= no_id)
    add("E526", path, fmt::format("its owner is {}:{}", header.uid, header.gid));
  for (const auto& [xattr, value] : header.xattrs) {
    if (is_of_a_machine(xattr)) add("W519", path, fmt::format("it carries the attribute {}", quote(xattr)));
  }
}

// Where an entry ends up that goes through a symlink of the same layer is each client's own decision.
void Entries::see_own_symlinks(const std::string& path, std::string_view what) {
  if (const auto link = own_.symlink_above(path))
    add("W527", path, fmt::format("{} lies below {}, a symlink of the same layer", what, quote(*link)));
}

// A directory above an entry that neither this layer nor one below has: each client makes it in its own way.
void Entries::see_parents() {
  std::set<std::string, std::less<>> told;
  for (const auto& step : steps_) {
    if (step.does != Step::Does::put || step.path.empty()) continue;
    const auto above = layer::parent(step.path);
    if (above.empty() || told.contains(above)) continue;
    const auto found = seen_.find(std::string(above));
    if ((found != seen_.end() && found->second.entry) || below_.find(above) ||
        below_.symlink_above(step.path))
      continue;
    told.emplace(above);
    add("W516", std::string(above),
        fmt::format("nothing describes this directory, which {} is in", quote(step.path)));
  }
}

void Entries::finish(Below& onto) {
  if (place_ != Place::alone) see_parents();
  // Whiteouts are about the layers below alone, wherever in the archive they stand.
  for (const auto& step : steps_) {
    if (step.does == Step::Does::remove) onto.remove(step.path);
    if (step.does == Step::Does::remove_inside) onto.remove_inside(step.path);
  }
  for (const auto& step : steps_) {
    if (step.does == Step::Does::put) onto.put(step.path, step.type);
  }
}

}  // namespace stave::validate
