// Users of an image. Both files are the image's word: bounded, resolved inside the
// root, and never an error because of a line that makes no sense.

#include "stave/rootfs/user.h"

#include <fmt/format.h>

#include <algorithm>
#include <optional>

#include "stave/base/error.h"
#include "stave/base/text.h"

namespace stave::rootfs {
namespace {

// Debian's passwd has 1 KiB, one with 10,000 users under 1 MiB.
constexpr std::uint64_t database_bytes = 1024 * 1024;

// Kernels go to 2^32-2, runc and crun read an int.
constexpr std::uint64_t most_id = 0x7fffffff;

// The kernel's NGROUPS_MAX.
constexpr std::size_t most_groups = 65536;

std::optional<std::uint32_t> find_id(std::string_view text) {
  const auto number = parse_number(text);
  if (!number || *number > most_id) return std::nullopt;
  return static_cast<std::uint32_t>(*number);
}

// The lines of a file of the image in fields; none when there is no such file.
std::vector<std::vector<std::string>> read_database(const fs::Dir& root, std::string_view path,
                                                    std::size_t fields) {
  std::string text;
  try {
    const fs::Fd file = root.open_in_root(path);
    text = fs::read_file(file, database_bytes, fmt::format("{} of the image", path));
  } catch (const Error& error) {
    if (error.kind() != Kind::not_found) throw;
  }
  std::vector<std::vector<std::string>> lines;
  for (const std::string& line : split(text, '\n')) {
    auto parts = split(line, ':');
    if (parts.size() >= fields && !parts[0].empty()) lines.push_back(std::move(parts));
  }
  return lines;
}

struct Passwd {
  std::string name;
  std::uint32_t uid = 0;
  std::uint32_t gid = 0;
  std::string home;
};

// By name first: a user may be called 1000 (passwd(5) does not forbid it).
std::optional<Passwd> find_passwd(const fs::Dir& root, std::string_view who) {
  const auto uid_wanted = find_id(who);
  std::optional<Passwd> by_number;
  for (const auto& line : read_database(root, "etc/passwd", 6)) {
    const auto uid = find_id(line[2]);
    const auto gid = find_id(line[3]);
    if (!uid || !gid) continue;
    if (line[0] == who) return Passwd{line[0], *uid, *gid, line[5]};
    if (!by_number && uid == uid_wanted) by_number = Passwd{line[0], *uid, *gid, line[5]};
  }
  return by_number;
}

[[noreturn]] void throw_unknown(std::string_view what, std::string_view who, std::string_view file) {
  if (parse_number(who)) {
    throw Error(Kind::invalid, fmt::format("the {} {} is larger than {}", what, quote(who), most_id));
  }
  throw Error(Kind::invalid, fmt::format("the image has no {} {}", what, quote(who)),
              fmt::format("it is not in the image's /{}; a number needs no entry there", file));
}

std::uint32_t get_group(const fs::Dir& root, std::string_view who) {
  const auto gid_wanted = find_id(who);
  if (gid_wanted) return *gid_wanted;
  for (const auto& line : read_database(root, "etc/group", 3)) {
    const auto gid = find_id(line[2]);
    if (gid && line[0] == who) return *gid;
  }
  throw_unknown("group", who, "etc/group");
}

// Groups that name `user` as a member.
std::vector<std::uint32_t> groups_of(const fs::Dir& root, const Passwd& user) {
  std::vector<std::uint32_t> groups;
  for (const auto& line : read_database(root, "etc/group", 4)) {
    const auto gid = find_id(line[2]);
    if (!gid || *gid == user.gid) continue;
    const auto members = split(line[3], ',');
    if (std::find(members.begin(), members.end(), user.name) != members.end()) groups.push_back(*gid);
  }
  std::sort(groups.begin(), groups.end());
  groups.erase(std::unique(groups.begin(), groups.end()), groups.end());
  if (groups.size() > most_groups) {
    throw Error(Kind::limit, fmt::format("user {} is in more than {} groups", quote(user.name), most_groups));
  }
  return groups;
}

}  // namespace

User find_user(std::string_view text, const fs::Dir& root) {
  const std::size_t colon = text.find(':');
  const bool with_group = colon != std::string_view::npos;
  const std::string_view who = text.empty() || colon == 0 ? "0" : text.substr(0, colon);
  if (with_group && colon + 1 == text.size()) {
    throw Error(Kind::invalid, fmt::format("user {}: nothing follows the colon", quote(text)),
                "write USER or USER:GROUP");
  }

  User user;
  const auto entry = find_passwd(root, who);
  if (entry) {
    user.uid = entry->uid;
    user.gid = entry->gid;
    if (entry->home.starts_with('/')) user.home = entry->home;
  } else if (const auto uid = find_id(who)) {
    user.uid = *uid;
  } else {
    throw_unknown("user", who, "etc/passwd");
  }
  if (with_group) {
    user.gid = get_group(root, text.substr(colon + 1));
  } else if (entry) {
    user.groups = groups_of(root, *entry);
  }
  return user;
}

}  // namespace stave::rootfs
