// Entries of a tree, shown.

#include "stave/cli/entries.h"

#include <fmt/format.h>

#include "stave/base/text.h"
#include "stave/cli/grounds.h"
#include "stave/cli/width.h"
#include "stave/json/json.h"

namespace stave::cli {
namespace {

char type_letter(layer::Type type) {
  switch (type) {
    case layer::Type::directory:
      return 'd';
    case layer::Type::symlink:
      return 'l';
    case layer::Type::character:
      return 'c';
    case layer::Type::block:
      return 'b';
    case layer::Type::fifo:
      return 'p';
    default:
      return '-';
  }
}

}  // namespace

std::string_view type_word(layer::Type type) {
  switch (type) {
    case layer::Type::directory:
      return "directory";
    case layer::Type::symlink:
      return "symlink";
    case layer::Type::character:
      return "character";
    case layer::Type::block:
      return "block";
    case layer::Type::fifo:
      return "fifo";
    default:
      return "regular";
  }
}

std::string mode_string(const layer::Metadata& meta) {
  constexpr std::string_view all = "rwxrwxrwx";
  std::string text(1, type_letter(meta.type));
  for (std::size_t i = 0; i < all.size(); ++i) text += (meta.mode >> (8 - i) & 1) != 0 ? all[i] : '-';
  // The bit above the three stands in the place of the x: setuid, setgid, sticky.
  const auto special = [&](std::uint32_t bit, std::size_t at, char with_x, char without) {
    if ((meta.mode & bit) != 0) text[at] = text[at] == 'x' ? with_x : without;
  };
  special(04000, 3, 's', 'S');
  special(02000, 6, 's', 'S');
  special(01000, 9, 't', 'T');
  return text;
}

std::string time_text(std::int64_t seconds) {
  constexpr std::int64_t year_1 = -62135596800;
  constexpr std::int64_t year_10000 = 253402300800;
  if (seconds < year_1 || seconds >= year_10000) return "@" + std::to_string(seconds);
  std::string text = rfc3339(seconds);
  text.pop_back();
  text[text.find('T')] = ' ';
  return text;
}

std::string shown(const Invocation& invocation, std::string_view name) {
  const auto& surroundings = invocation.surroundings;
  return one_line(printable(name), surroundings.utf8 || !surroundings.stdout_is_terminal);
}

void add_metadata(json::Object& object, const layer::Metadata& meta) {
  object.string("type", type_word(meta.type));
  object.string("mode", fmt::format("{:04o}", meta.mode));
  object.number("uid", meta.uid);
  object.number("gid", meta.gid);
  if (meta.type == layer::Type::regular) object.number("size", meta.size);
  object.text("mtime", std::to_string(meta.mtime.seconds));
  if (meta.type == layer::Type::symlink) object.string("link", printable(meta.link));
  if (meta.type == layer::Type::character || meta.type == layer::Type::block)
    object.string("device", fmt::format("{}:{}", meta.device_major, meta.device_minor));
}

}  // namespace stave::cli
