// User namespaces: how an ordinary user is root of something, and owner of as many
// ids as the administrator gave (user_namespaces(7), subuid(5)). The process itself
// goes in, so it has to be one without threads: cli starts the program anew for that.

#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace stave::rootfs {

// `count` ids from `inside` on are those from `outside` on.
struct IdRange {
  std::uint32_t inside = 0;
  std::uint32_t outside = 0;
  std::uint32_t count = 0;

  friend bool operator==(const IdRange&, const IdRange&) = default;
};

// What a user namespace is to hold. 0 is always who enters it.
struct Ids {
  std::vector<IdRange> uids;
  std::vector<IdRange> gids;

  bool only_one() const { return uids.size() == 1 && gids.size() == 1; }
  // "0:1000:1,1:100000:65536/0:1000:1": the same for the same ids.
  std::string str() const;
  // What `str` gave; nullopt for anything else.
  static std::optional<Ids> parse(std::string_view text);

  friend bool operator==(const Ids&, const Ids&) = default;
};

// Who wants in.
struct Person {
  std::uint32_t uid = 0;
  std::uint32_t gid = 0;
  std::string name = {};  // empty: has no entry in the user database
};
// The one who runs this process.
Person this_person();

// The person as 0 and nobody else.
Ids one_id(const Person& person);

// The person as 0, and behind it every range that the texts of /etc/subuid and /etc/subgid give them, by name
// or by number, in their order. nullopt unless both do. Lines that make no sense, ranges beyond 2^32-2 and
// what is more than the kernel takes (340 lines of a map) count for nothing.
std::optional<Ids> parse_ranges(const Person& person, std::string_view subuid, std::string_view subgid);
// The same from the files of this host. Ranges that come from elsewhere (NSS) are not seen.
std::optional<Ids> find_ranges(const Person& person);
// The same; throws Kind::denied, with the command an administrator gives them by, for who has none.
Ids get_ranges(const Person& person);

// Can a range be mapped at all? newuidmap and newgidmap are found in `search_path` (runtime::find_program).
bool have_mappers(std::string_view search_path);

// Puts this process, which must have one thread only, into a new user namespace as its root. More than one id
// is mapped by newuidmap and newgidmap, which are looked for in `search_path`. Throws Kind::denied where the
// system allows no user namespaces, or not these ids; Kind::not_found without the two programs.
void enter_user_namespace(const Ids& ids, std::string_view search_path);

}  // namespace stave::rootfs
