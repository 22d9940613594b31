// Into a user namespace and back to the same words. The program tells itself over
// one variable how far it got; who sets it by hand gets no further than they
// could without.

#include "stave/cli/userns.h"

#include <unistd.h>

#include "stave/base/error.h"
#include "stave/rootfs/userns.h"

namespace stave::cli {
namespace {

const std::string mark = "STAVE_INSIDE";  // "enter range", "enter one"; once inside "range MAPS", "one MAPS"

}  // namespace

Standing stand_as_root(const Invocation& invocation, Range range) {
  const auto& surroundings = invocation.surroundings;
  const std::string inside = surroundings.env(mark).value_or("");
  if (inside.starts_with("range ")) return Standing::range;
  if (inside.starts_with("one ")) return Standing::one_id;
  if (::geteuid() == 0) return Standing::root;
  if (!surroundings.restart) throw Error(Kind::internal, "the program cannot be started again");

  const auto person = rootfs::this_person();
  if (range == Range::needed) rootfs::get_ranges(person);
  const bool many = range == Range::needed || (rootfs::find_ranges(person) &&
                                               rootfs::have_mappers(surroundings.env("PATH").value_or("")));
  auto environment = surroundings.environment;
  environment[mark] = many ? "enter range" : "enter one";
  surroundings.restart(surroundings.words, std::move(environment));
  throw Error(Kind::internal, "the program was started again and went on");
}

std::string ids_in_use(const Invocation& invocation) {
  return invocation.surroundings.env(mark).value_or("");
}

std::optional<rootfs::Ids> ids_for_a_runtime(const Invocation& invocation) {
  const std::string inside = ids_in_use(invocation);
  if (const std::size_t blank = inside.find(' '); blank != std::string::npos)
    return rootfs::Ids::parse(std::string_view(inside).substr(blank + 1));
  if (::geteuid() == 0) return std::nullopt;
  return rootfs::one_id(rootfs::this_person());
}

void enter_namespace_if_asked(std::map<std::string, std::string>& environment) {
  const auto asked = environment.find(mark);
  if (asked == environment.end()) return;
  const bool many = asked->second == "enter range";
  if (!many && asked->second != "enter one") return;
  const auto person = rootfs::this_person();
  const auto ids = many ? rootfs::get_ranges(person) : rootfs::one_id(person);
  rootfs::enter_user_namespace(ids, environment["PATH"]);
  asked->second = (many ? "range " : "one ") + ids.str();
}

}  // namespace stave::cli
