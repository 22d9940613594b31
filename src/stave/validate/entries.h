// Entries: one layer's archive, entry by entry, against the rules of a changeset.
// Internal.

#pragma once

#include <cstdint>
#include <string>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "stave/tar/tar.h"
#include "stave/validate/below.h"
#include "stave/validate/report.h"

namespace stave::validate {

// Sees the headers of one layer in their order and reports what is wrong with them. Nothing throws for what a
// header says.
class Entries {
 public:
  // `name` is the layer as findings call it. With `lowest` there is nothing below, and what asks for it is
  // left unasked where a layer stands alone.
  enum class Place : std::uint8_t { alone, lowest, above };
  Entries(std::string name, Place place, const Below& below, Report& report)
      : name_(std::move(name)), place_(place), below_(below), report_(report) {}

  void see(const tar::Header& header);
  // All were seen: what only the whole can tell. Puts the layer on top of `onto`, which may be the one below.
  void finish(Below& onto);

  std::uint64_t count() const { return count_; }

 private:
  struct Seen {
    bool entry = false;
    bool whiteout = false;
    tar::Type type = tar::Type::regular;
  };
  struct Step {
    enum class Does : std::uint8_t { put, remove, remove_inside } does;
    std::string_view path;  // of a key of seen_, or of opaque_
    tar::Type type;
  };

  void see_whiteout(const std::string& path);
  void see_entry(const tar::Header& header, const std::string& path);
  void see_hardlink(const tar::Header& header, const std::string& path);
  void see_metadata(const tar::Header& header, const std::string& path);
  void see_own_symlinks(const std::string& path, std::string_view what);
  void see_parents();
  void add(std::string_view code, const std::string& path, std::string found);

  std::string name_;
  Place place_;
  const Below& below_;
  Report& report_;
  std::unordered_map<std::string, Seen> seen_;
  std::unordered_set<std::string> opaque_;
  std::unordered_set<std::string_view> entered_;  // directories in which an entry was put
  Below own_;                                     // what the layer put so far
  std::vector<Step> steps_;
  std::uint64_t count_ = 0;
};

}  // namespace stave::validate
