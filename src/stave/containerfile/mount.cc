// RUN --mount: comma-separated fields, with the quoting of CSV.

#include <fmt/format.h>

#include <algorithm>
#include <map>

#include "stave/base/text.h"
#include "stave/containerfile/parts.h"

namespace stave::containerfile {
namespace {

std::vector<std::string> csv_fields(std::string_view text) {
  std::vector<std::string> fields;
  std::size_t at = 0;
  for (;;) {
    std::string field;
    if (at < text.size() && text[at] == '"') {
      ++at;
      for (;;) {
        if (at >= text.size()) throw Error(Kind::invalid, "a quoted field of --mount has no end");
        if (text[at] == '"' && at + 1 < text.size() && text[at + 1] == '"') {
          field += '"';
          at += 2;
        } else if (text[at] == '"') {
          ++at;
          break;
        } else {
          field += text[at++];
        }
      }
      if (at < text.size() && text[at] != ',')
        throw Error(Kind::invalid, "a quoted field of --mount goes on behind its end");
    } else {
      while (at < text.size() && text[at] != ',') field += text[at++];
    }
    fields.push_back(std::move(field));
    if (at >= text.size()) return fields;
    ++at;
  }
}

const char* type_name(Mount::Type type) {
  switch (type) {
    case Mount::Type::bind:
      return "bind";
    case Mount::Type::cache:
      return "cache";
    case Mount::Type::tmpfs:
      return "tmpfs";
    case Mount::Type::secret:
      return "secret";
    case Mount::Type::ssh:
      return "ssh";
  }
  return "";
}

const std::vector<std::string_view> keys = {
    "type", "from",     "source", "src", "target",  "dst",  "destination", "readonly", "ro", "readwrite",
    "rw",   "required", "size",   "id",  "sharing", "mode", "uid",         "gid",      "env"};

std::string did_you_mean(std::string_view word, const std::vector<std::string_view>& known) {
  const std::string near = suggestion(word, known);
  return near.empty() ? "" : fmt::format("did you mean {}?", near);
}

class Reader {
 public:
  explicit Reader(const std::string& text) : text_(text) {}

  Mount run(const std::function<std::string(const std::string&)>& expand) {
    for (const auto& field : csv_fields(text_)) {
      const std::size_t equals = field.find('=');
      const std::string key = lower(std::string_view(field).substr(0, equals));
      if (equals == field.npos) {
        flag(key, field);
        continue;
      }
      std::string value = field.substr(equals + 1);
      if (key == "from") {
        if (value.find('$') != value.npos)
          throw Error(
              Kind::invalid,
              fmt::format("'{}' doesn't support variable expansion, define alias stage instead", key));
      } else {
        value = expand(value);
      }
      set(key, value, field);
    }
    finish();
    return std::move(mount_);
  }

 private:
  bool about_file() const { return mount_.type == Mount::Type::secret || mount_.type == Mount::Type::ssh; }

  [[noreturn]] void unexpected(const std::string& key) const {
    throw Error(Kind::invalid,
                fmt::format("unexpected key '{}' for mount type '{}'", key, type_name(mount_.type)));
  }

  void flag(const std::string& key, const std::string& field) {
    if (key == "readonly" || key == "ro") {
      read_only_ = true;
    } else if (key == "readwrite" || key == "rw") {
      read_only_ = false;
    } else if (key == "required") {
      if (!about_file()) unexpected(key);
      mount_.required = true;
    } else {
      throw Error(Kind::invalid, fmt::format("invalid field '{}' must be a key=value pair", printable(field)),
                  did_you_mean(key, keys));
    }
  }

  static bool boolean(const std::string& key, const std::string& value) {
    const auto read = find_bool(value);
    if (!read) throw Error(Kind::invalid, fmt::format("invalid value for {}: {}", key, quote(value)));
    return *read;
  }

  static std::uint32_t number(const std::string& key, const std::string& value, std::uint64_t base) {
    std::uint64_t number = 0;
    bool sound = !value.empty() && value.size() < 12;
    for (const char c : value) {
      sound = sound && c >= '0' && static_cast<std::uint64_t>(c - '0') < base;
      number = number * base + static_cast<std::uint64_t>(c - '0');
    }
    if (!sound || number > 0xffffffffu)
      throw Error(Kind::invalid, fmt::format("invalid value {} for {}", quote(value), key));
    return static_cast<std::uint32_t>(number);
  }

  void set_type(const std::string& value) {
    const std::string name = lower(value);
    for (const auto type :
         {Mount::Type::bind, Mount::Type::cache, Mount::Type::tmpfs, Mount::Type::secret, Mount::Type::ssh}) {
      if (name == type_name(type)) {
        mount_.type = type;
        return;
      }
    }
    throw Error(Kind::invalid, fmt::format("unsupported mount type {}", quote(value)),
                did_you_mean(name, {"bind", "cache", "tmpfs", "secret", "ssh"}));
  }

  void set_sharing(const std::string& value) {
    const std::string name = lower(value);
    if (name != "shared" && name != "private" && name != "locked")
      throw Error(Kind::invalid, fmt::format("unsupported sharing value {}", quote(value)),
                  did_you_mean(name, {"shared", "private", "locked"}));
    has_sharing_ = true;
    mount_.sharing = name == "shared"    ? Mount::Sharing::shared
                     : name == "private" ? Mount::Sharing::privately
                                         : Mount::Sharing::locked;
  }

  void set(const std::string& key, const std::string& value, const std::string& field) {
    if (key == "type") return set_type(value);
    if (key == "from") {
      mount_.from = value;
    } else if (key == "source" || key == "src") {
      mount_.source = value;
    } else if (key == "target" || key == "dst" || key == "destination") {
      mount_.target = value;
    } else if (key == "readonly" || key == "ro") {
      read_only_ = boolean(key, value);
    } else if (key == "readwrite" || key == "rw") {
      read_only_ = !boolean(key, value);
    } else if (key == "required") {
      if (!about_file()) unexpected(key);
      mount_.required = boolean(key, value);
    } else if (key == "size") {
      if (mount_.type != Mount::Type::tmpfs) unexpected(key);
      const auto size = parse_size(lower(value).ends_with('b') ? upper(value) : value);
      if (!size) throw Error(Kind::invalid, fmt::format("invalid value for {}: {}", key, quote(value)));
      mount_.size = *size;
    } else if (key == "id") {
      mount_.id = value;
    } else if (key == "sharing") {
      set_sharing(value);
    } else if (key == "mode") {
      mount_.mode = number(key, value, 8);
    } else if (key == "uid") {
      mount_.uid = number(key, value, 10);
    } else if (key == "gid") {
      mount_.gid = number(key, value, 10);
    } else if (key == "env") {
      if (mount_.type != Mount::Type::secret) unexpected(key);
      mount_.env = value;
    } else {
      throw Error(Kind::invalid, fmt::format("unexpected key '{}' in '{}'", printable(key), printable(field)),
                  did_you_mean(key, keys));
    }
  }

  void finish() {
    const char* type = type_name(mount_.type);
    const bool owns = about_file() || mount_.type == Mount::Type::cache;
    for (const auto& [name, given] :
         {std::pair("mode", mount_.mode.has_value()), std::pair("uid", mount_.uid.has_value()),
          std::pair("gid", mount_.gid.has_value())}) {
      if (given && !owns)
        throw Error(Kind::invalid, fmt::format("{} not allowed for {} type mounts", name, quote(type)));
    }
    if (has_sharing_ && mount_.type != Mount::Type::cache)
      throw Error(Kind::invalid, fmt::format("invalid cache sharing set for {} mount", type));
    const bool written = mount_.type == Mount::Type::cache || mount_.type == Mount::Type::tmpfs;
    mount_.read_only = read_only_.value_or(!written);
    if (mount_.type == Mount::Type::secret) {
      if (!mount_.from.empty()) throw Error(Kind::invalid, "secret mount should not have a from");
      if (mount_.source.empty() && mount_.target.empty() && mount_.id.empty())
        throw Error(Kind::invalid, "invalid secret mount. one of source, target required");
      if (!mount_.source.empty() && !mount_.id.empty())
        throw Error(Kind::invalid, "invalid secret mount. both source and id can't be set");
    }
  }

  const std::string& text_;
  Mount mount_;
  std::optional<bool> read_only_;
  bool has_sharing_ = false;
};

}  // namespace

Mount read_mount(const std::string& text, const std::function<std::string(const std::string&)>& expand) {
  return Reader(text).run(expand);
}

}  // namespace stave::containerfile
