// Files that remember uploads under way.

#include <fmt/format.h>

#include <algorithm>
#include <utility>
#include <vector>

#include "stave/base/error.h"
#include "stave/fs/fs.h"
#include "stave/hash/digest.h"
#include "stave/json/json.h"
#include "stave/registry/upload.h"

namespace stave::registry {

namespace {

constexpr std::size_t most_sessions = 256;
constexpr std::size_t most_bytes = 64 * 1024;  // a Location is a head's field: http bounds it
constexpr std::string_view suffix = ".upload";

// Makes room for one more: those that were touched longest ago go.
void make_room(const fs::Dir& dir) {
  std::vector<std::pair<fs::Time, std::string>> files;
  for (const std::string& name : dir.list()) {
    if (!name.ends_with(suffix)) continue;
    if (const auto stat = dir.find(name)) files.emplace_back(stat->mtime, name);
  }
  if (files.size() < most_sessions) return;
  std::sort(files.begin(), files.end());
  for (std::size_t i = 0; i + most_sessions <= files.size(); ++i) dir.remove_file(files[i].second);
}

}  // namespace

Sessions::Sessions(std::string directory, const Location& location, const Digest& digest)
    : directory_(std::move(directory)),
      name_(digest_of(location.api_host + "\n" + location.path + "\n" + digest.str()).hex() +
            std::string(suffix)) {}

std::optional<Session> Sessions::find() const {
  if (directory_.empty()) return std::nullopt;
  try {
    const fs::Dir dir = fs::Dir::open(directory_);
    const std::string text = fs::read_file(dir.open_file(name_), most_bytes, name_);
    const json::Value value = json::parse(text, name_);
    const json::Node node(value, name_);
    return Session{.location = http::Url::parse(node.get("location").string()),
                   .offset = node.get("offset").size()};
  } catch (const Error&) {
    return std::nullopt;  // absent as a rule; whatever it is, the upload begins anew
  }
}

void Sessions::keep(const Session& session) const {
  if (directory_.empty()) return;
  try {
    const fs::Dir dir = fs::Dir::create(directory_, 0700);
    if (!dir.find(name_)) make_room(dir);
    json::Object object;
    object.string("location", session.location.str());
    object.number("offset", session.offset);
    fs::TempFile file = fs::TempFile::in(dir, 0600);
    file.write(as_bytes(std::move(object).finish()));
    // After a crash of the machine an old session, or none, costs bytes and no more: no fsync.
    std::move(file).publish(name_, fs::TempFile::Existing::replace, false);
  } catch (const Error&) {
    // A full disk is no reason not to push.
  }
}

void Sessions::forget() const {
  if (directory_.empty()) return;
  try {
    fs::Dir::open(directory_).remove_file(name_);
  } catch (const Error&) {
    // It was not there, or stays and is found too old the next time.
  }
}

}  // namespace stave::registry
