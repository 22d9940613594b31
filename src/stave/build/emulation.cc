// binfmt_misc: the kernel hands programs that begin in a certain way to an emulator.

#include "stave/build/emulation.h"

#include <dirent.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <sys/utsname.h>
#include <unistd.h>

#include <array>
#include <map>
#include <memory>
#include <optional>

#include "stave/base/error.h"
#include "stave/base/text.h"
#include "stave/fs/fs.h"

namespace stave::build {
namespace {

constexpr std::uint64_t handler_bytes = 64 * 1024;

// The first 20 bytes of a program (elf(5)): class, byte order and machine tell one architecture from another.
struct Elf {
  bool wide;
  bool big;
  unsigned machine;
};
const std::map<std::string, Elf, std::less<>> machines = {
    {"386", {false, false, 3}},     {"amd64", {true, false, 62}},   {"arm", {false, false, 40}},
    {"arm64", {true, false, 183}},  {"mips64le", {true, false, 8}}, {"mips64", {true, true, 8}},
    {"ppc64le", {true, false, 21}}, {"ppc64", {true, true, 21}},    {"riscv64", {true, false, 243}},
    {"s390x", {true, true, 22}},    {"loong64", {true, false, 258}}};

std::string first_bytes_of(const Elf& elf) {
  std::string bytes =
      "\x7f"
      "ELF";
  bytes += elf.wide ? '\2' : '\1';
  bytes += elf.big ? '\2' : '\1';
  bytes += '\1';
  bytes.append(9, '\0');
  const auto put = [&](unsigned value) {
    const char low = static_cast<char>(value & 0xffu);
    const char high = static_cast<char>(value >> 8u);
    bytes += elf.big ? high : low;
    bytes += elf.big ? low : high;
  };
  put(2);  // an executable
  put(elf.machine);
  return bytes;
}

std::string architecture_here() {
  struct utsname name = {};
  if (::uname(&name) != 0) return {};
  std::string machine = name.machine;
  if (machine == "x86_64") return "amd64";
  if (machine == "aarch64") return "arm64";
  if (machine.starts_with("armv")) return "arm";
  if (machine == "i686" || machine == "i386") return "386";
  return machine;
}

std::optional<std::string> from_hex(std::string_view text) {
  const auto digit = [](char c) -> int {
    if (c >= '0' && c <= '9') return c - '0';
    if (c >= 'a' && c <= 'f') return c - 'a' + 10;
    return -1;
  };
  std::string bytes;
  if (text.size() % 2 != 0) return std::nullopt;
  for (std::size_t i = 0; i < text.size(); i += 2) {
    if (digit(text[i]) < 0 || digit(text[i + 1]) < 0) return std::nullopt;
    bytes += static_cast<char>(digit(text[i]) * 16 + digit(text[i + 1]));
  }
  return bytes;
}

bool takes(const std::string& handler, std::string_view first_bytes) {
  std::map<std::string, std::string, std::less<>> fields;
  bool enabled = false;
  for (const auto& line : split(handler, '\n')) {
    const std::size_t blank = line.find(' ');
    enabled = enabled || line == "enabled";
    if (blank != std::string::npos) fields[line.substr(0, blank)] = line.substr(blank + 1);
  }
  const auto magic = from_hex(fields["magic"]);
  if (!enabled || !magic || magic->empty()) return false;
  const auto offset = parse_number(fields["offset"]).value_or(0);
  const auto mask = from_hex(fields["mask"]);
  for (std::size_t i = 0; i < magic->size(); ++i) {
    const std::size_t at = offset + i;
    // What comes behind the machine is nothing that tells one from another.
    if (at >= first_bytes.size()) break;
    const unsigned bits = mask && i < mask->size() ? static_cast<unsigned char>((*mask)[i]) : 0xffu;
    const unsigned difference =
        static_cast<unsigned char>((*magic)[i]) ^ static_cast<unsigned char>(first_bytes[at]);
    if ((difference & bits) != 0) return false;
  }
  return offset == 0 && magic->size() >= 20;
}

}  // namespace

bool has_handler(const std::string& directory, std::string_view first_bytes) {
  const std::unique_ptr<DIR, int (*)(DIR*)> dir(::opendir(directory.c_str()), ::closedir);
  if (!dir) return false;
  while (const dirent* entry = ::readdir(dir.get())) {  // NOLINT(concurrency-mt-unsafe): our own stream
    const std::string name = entry->d_name;
    if (name == "." || name == ".." || name == "register" || name == "status") continue;
    const fs::Fd file(::openat(::dirfd(dir.get()), name.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW));
    if (file && takes(fs::read_file(file, handler_bytes, name), first_bytes)) return true;
  }
  return false;
}

void check_machine(const spec::Platform& platform) {
  const std::string here = architecture_here();
  if (platform.architecture.empty() || platform.architecture == here) return;
  // These processors run the older programs themselves.
  if (here == "amd64" && platform.architecture == "386") return;
  if (here == "arm64" && platform.architecture == "arm") return;
  const auto elf = machines.find(platform.architecture);
  if (elf != machines.end() && has_handler("/proc/sys/fs/binfmt_misc", first_bytes_of(elf->second))) return;
  throw Error(Kind::denied,
              fmt::format("RUN for {} on a machine for {}: binfmt_misc has no handler for such programs",
                          printable(platform.str()), here),
              "install an emulator (Debian: qemu-user-static), or build for this machine with --platform");
}

}  // namespace stave::build
