// Entering a user namespace. The maps of more than one id are written by setuid
// helpers (newuidmap, newgidmap), which have to stay outside: they are forked first
// and wait until there is a namespace to write to.

#include "stave/rootfs/userns.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <grp.h>
#include <pwd.h>
#include <sched.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <csignal>
#include <cstring>

#include "stave/base/error.h"
#include "stave/base/text.h"
#include "stave/fs/fs.h"
#include "stave/rootfs/pipe.h"
#include "stave/runtime/program.h"

namespace stave::rootfs {
namespace {

// 10,000 users are 300 KiB.
constexpr std::uint64_t subid_bytes = 16 * 1024 * 1024;
// Lines of a map (user_namespaces(7)): 340 since Linux 4.15, one of which is the person.
constexpr std::size_t most_ranges = 339;
// What a mapper has to say is a line.
constexpr std::size_t complaint_bytes = 4096;

std::string read_host_file(const std::string& path) {
  const fs::Fd file(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
  if (!file) {
    if (errno == ENOENT) return {};
    throw_errno(errno, path);
  }
  return fs::read_file(file, subid_bytes, path);
}

// The ranges of one file, mapped behind `own` in order.
std::vector<IdRange> ranges_of(const Person& person, std::uint32_t own, std::string_view text) {
  std::vector<IdRange> ranges = {{0, own, 1}};
  std::uint64_t next = 1;
  for (const auto& line : split(text, '\n')) {
    const auto fields = split(line, ':');
    if (fields.size() != 3 || fields[0].empty()) continue;
    if (fields[0] != person.name && fields[0] != std::to_string(person.uid)) continue;
    const auto start = parse_number(fields[1]);
    const auto count = parse_number(fields[2]);
    constexpr std::uint64_t end_of_ids = 0xffffffff;  // (uid_t)-1 is nobody's
    if (!start || !count || *count == 0 || *start >= end_of_ids || *count > end_of_ids - *start) continue;
    if (ranges.size() > most_ranges || *count > end_of_ids - next) break;
    ranges.push_back({static_cast<std::uint32_t>(next), static_cast<std::uint32_t>(*start),
                      static_cast<std::uint32_t>(*count)});
    next += *count;
  }
  return ranges;
}

std::string one_line(const std::vector<IdRange>& ranges) {
  std::vector<std::string> parts;
  for (const auto& range : ranges)
    parts.push_back(fmt::format("{}:{}:{}", range.inside, range.outside, range.count));
  return join(parts, ",");
}

[[noreturn]] void throw_refused(int error) {
  const std::string why = std::strerror(error);
  if (error == ENOSPC || error == EUSERS) {
    throw Error(Kind::denied, fmt::format("a user namespace is not to be had: {}", why),
                "the limit is in /proc/sys/user/max_user_namespaces");
  }
  if (error == EPERM || error == EACCES || error == ENOSYS) {
    throw Error(
        Kind::denied, fmt::format("this system gives ordinary users no user namespaces: {}", why),
        "an administrator allows them with `sysctl -w user.max_user_namespaces=15000`, on Debian also "
        "kernel.unprivileged_userns_clone=1, on Ubuntu kernel.apparmor_restrict_unprivileged_userns=0");
  }
  throw_errno(error, "entering a user namespace");
}

// --- one id: the kernel lets us map it ourselves ---

void write_proc(const char* path, const std::string& text) {
  const fs::Fd file(::open(path, O_WRONLY | O_CLOEXEC));
  if (!file || ::write(file.get(), text.data(), text.size()) != static_cast<ssize_t>(text.size())) {
    throw_refused(errno);
  }
}

void map_one(const Ids& ids) {
  // Without this a user could drop a group that denies them something (user_namespaces(7), setgroups).
  write_proc("/proc/self/setgroups", "deny");
  write_proc("/proc/self/uid_map", fmt::format("0 {} 1", ids.uids.front().outside));
  write_proc("/proc/self/gid_map", fmt::format("0 {} 1", ids.gids.front().outside));
}

// --- ranges: newuidmap and newgidmap ---

// A mapper that waits for `go`.
class Mapper {
 public:
  Mapper(std::string program, const std::vector<IdRange>& ranges) : program_(std::move(program)) {
    words_ = {program_, std::to_string(::getpid())};
    for (const auto& range : ranges) {
      for (const auto number : {range.inside, range.outside, range.count})
        words_.push_back(std::to_string(number));
    }
    pid_ = ::fork();
    if (pid_ < 0) throw_errno(errno, "fork");
    if (pid_ == 0) run();
    go_.out = fs::Fd();
    said_.in = fs::Fd();
  }
  Mapper(const Mapper&) = delete;
  Mapper& operator=(const Mapper&) = delete;
  ~Mapper() {
    if (pid_ <= 0) return;
    go_.in = fs::Fd();  // it gives up
    ::waitpid(pid_, nullptr, 0);
  }

  // Has the map written, or throws what the mapper said.
  void go() {
    (void)!::write(go_.in.get(), "g", 1);
    go_.in = fs::Fd();
    std::string said = said_.read_rest(complaint_bytes);
    int status = 0;
    while (::waitpid(pid_, &status, 0) < 0 && errno == EINTR) continue;
    pid_ = -1;
    if (WIFEXITED(status) && WEXITSTATUS(status) == 0) return;
    while (!said.empty() && said.back() == '\n') said.pop_back();
    throw Error(Kind::denied, fmt::format("{} did not map the ids: {}", program_, quote(said)),
                "the ranges in /etc/subuid and /etc/subgid must be yours, and newuidmap and newgidmap setuid "
                "root (or have the file capabilities cap_setuid and cap_setgid)");
  }

 private:
  [[noreturn]] void run() {
    go_.in = fs::Fd();
    char byte = 0;
    ssize_t count = 0;
    do count = ::read(go_.out.get(), &byte, 1);
    while (count < 0 && errno == EINTR);
    if (count != 1) ::_exit(1);
    ::dup2(said_.in.get(), STDOUT_FILENO);
    ::dup2(said_.in.get(), STDERR_FILENO);
    std::vector<char*> words;
    for (auto& word : words_) words.push_back(word.data());
    words.push_back(nullptr);
    std::array<char*, 1> environment = {nullptr};
    ::execve(program_.c_str(), words.data(), environment.data());
    ::_exit(127);
  }

  std::string program_;
  std::vector<std::string> words_;
  Pipe go_;
  Pipe said_;
  pid_t pid_ = -1;
};

std::string get_mapper(const std::string& name, std::string_view search_path) {
  if (auto found = runtime::find_program(name, search_path)) return *found;
  throw Error(Kind::not_found, fmt::format("{} is not installed", name),
              "more than one id takes newuidmap and newgidmap (Debian: package uidmap)");
}

}  // namespace

std::string Ids::str() const { return one_line(uids) + "/" + one_line(gids); }

std::optional<Ids> Ids::parse(std::string_view text) {
  const auto lines = [](const std::string& map) -> std::vector<IdRange> {
    std::vector<IdRange> ranges;
    for (const auto& line : split(map, ',')) {
      std::vector<std::uint32_t> numbers;
      for (const auto& word : split(line, ':')) {
        const auto number = parse_number(word);
        if (!number || *number > UINT32_MAX) return {};
        numbers.push_back(static_cast<std::uint32_t>(*number));
      }
      if (numbers.size() != 3) return {};
      ranges.push_back({numbers[0], numbers[1], numbers[2]});
    }
    return ranges;
  };
  const auto maps = split(text, '/');
  if (maps.size() != 2) return std::nullopt;
  Ids ids{lines(maps[0]), lines(maps[1])};
  if (ids.uids.empty() || ids.gids.empty()) return std::nullopt;
  return ids;
}

Person this_person() {
  Person person{.uid = ::getuid(), .gid = ::getgid()};
  // Read once, before there is a second thread that could ask as well.
  if (const passwd* entry = ::getpwuid(person.uid))
    person.name = entry->pw_name;  // NOLINT(concurrency-mt-unsafe)
  return person;
}

Ids one_id(const Person& person) { return {{{0, person.uid, 1}}, {{0, person.gid, 1}}}; }

std::optional<Ids> parse_ranges(const Person& person, std::string_view subuid, std::string_view subgid) {
  Ids ids = {ranges_of(person, person.uid, subuid), ranges_of(person, person.gid, subgid)};
  if (ids.uids.size() < 2 || ids.gids.size() < 2) return std::nullopt;
  return ids;
}

std::optional<Ids> find_ranges(const Person& person) {
  return parse_ranges(person, read_host_file("/etc/subuid"), read_host_file("/etc/subgid"));
}

Ids get_ranges(const Person& person) {
  if (auto ids = find_ranges(person)) return *ids;
  const std::string name = person.name.empty() ? std::to_string(person.uid) : person.name;
  throw Error(Kind::denied,
              fmt::format("{} has no subordinate ids in /etc/subuid and /etc/subgid", quote(name)),
              fmt::format("an administrator gives them: `usermod --add-subuids 100000-165535 --add-subgids "
                          "100000-165535 {}`",
                          name));
}

bool have_mappers(std::string_view search_path) {
  return runtime::find_program("newuidmap", search_path) && runtime::find_program("newgidmap", search_path);
}

void enter_user_namespace(const Ids& ids, std::string_view search_path) {
  if (ids.only_one()) {
    if (::unshare(CLONE_NEWUSER) != 0) throw_refused(errno);
    map_one(ids);
    return;
  }
  Mapper uids(get_mapper("newuidmap", search_path), ids.uids);
  Mapper gids(get_mapper("newgidmap", search_path), ids.gids);
  if (::unshare(CLONE_NEWUSER) != 0) throw_refused(errno);
  uids.go();
  gids.go();
  // Groups of the person that are not mapped would stay, as nobody's.
  if (::setgroups(0, nullptr) != 0) throw_errno(errno, "setgroups");
}

}  // namespace stave::rootfs
