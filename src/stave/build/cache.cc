// Step records: small JSON documents under the digest of a step's inputs, each with
// a checksum of its own; whatever is wrong with one, it counts as absent.

#include "stave/build/cache.h"

#include <fmt/format.h>
#include <sys/stat.h>

#include <algorithm>
#include <filesystem>
#include <map>
#include <mutex>
#include <set>

#include "stave/base/limits.h"
#include "stave/base/text.h"
#include "stave/fs/fs.h"
#include "stave/json/json.h"

namespace stave::build {
namespace {

namespace paths = std::filesystem;

constexpr std::string_view artifact_type = "application/vnd.stave.cache.v1";
constexpr std::string_view records_type = "application/vnd.stave.cache.records.v1+json";
// A part's value above this is kept as its digest: what differs is what matters.
constexpr std::size_t shown_bytes = 100;

std::string shortened(const std::string& value) {
  return value.size() <= shown_bytes ? value : digest_of(value).str();
}

// "CHECKSUM\nTEXT": a file that was cut or changed by accident is noticed.
std::string sealed(const std::string& text) { return digest_of(text).str() + "\n" + text; }

std::optional<std::string> opened(const std::string& path) {
  try {
    const std::size_t slash = path.rfind('/');
    const auto file = fs::Dir::open(path.substr(0, slash)).open_file(path.substr(slash + 1));
    const std::string text = fs::read_file(file, limits::step_record_bytes, path);
    const std::size_t line = text.find('\n');
    if (line == text.npos || digest_of(std::string_view(text).substr(line + 1)).str() != text.substr(0, line))
      return std::nullopt;
    return text.substr(line + 1);
  } catch (const Error&) {
    return std::nullopt;
  }
}

void write_file(const std::string& path, const std::string& text) {
  const paths::path where(path);
  std::error_code error;
  paths::create_directories(where.parent_path(), error);
  const auto directory = fs::Dir::open(where.parent_path().string());
  auto file = fs::TempFile::in(directory, 0600);
  file.write(as_bytes(text));
  // What is lost in a crash is built again.
  std::move(file).publish(where.filename().string(), fs::TempFile::Existing::replace, false);
}

std::string print_record(const StepRecord& record) {
  json::Object object;
  if (record.layer) {
    object.string("mediaType", record.layer->media_type);
    object.string("digest", record.layer->digest.str());
    object.number("size", record.layer->size);
  }
  if (record.diff_id) object.string("diffID", record.diff_id->str());
  object.string_unless_empty("extra", record.extra);
  return std::move(object).finish();
}

// Kind::invalid for what is no record.
StepRecord parse_record(const json::Node& node) {
  StepRecord record;
  record.extra = node.string_or_empty("extra");
  if (const auto digest = node.find("digest")) {
    spec::Descriptor layer{.media_type = node.get("mediaType").string(),
                           .digest = Digest::parse(digest->string()),
                           .size = node.get("size").size()};
    if (!spec::media::is_layer(layer.media_type)) node.refuse(Kind::invalid, "not the media type of a layer");
    record.layer = std::move(layer);
  }
  if (const auto diff_id = node.find("diffID")) record.diff_id = Digest::parse(diff_id->string());
  return record;
}

std::optional<StepRecord> find_record(const std::string& text) {
  try {
    const auto value = json::parse(text, "the record");
    return parse_record(json::Node(value, "the record"));
  } catch (const Error&) {
    return std::nullopt;
  }
}

struct Import {
  std::shared_ptr<const content::BlobSource> blobs;
  std::map<std::string, StepRecord> records;  // by key
};

// An artifact of export_to: a manifest whose config is the list of records. All of it is somebody else's
// word.
Import read_import(const std::shared_ptr<const content::BlobSource>& blobs, const spec::Descriptor& root) {
  Import import{.blobs = blobs, .records = {}};
  const auto manifest = spec::Manifest::parse(content::read_document(*blobs, root));
  if (manifest.artifact_type != artifact_type || manifest.config.media_type != records_type)
    throw Error(Kind::invalid,
                fmt::format("{} in {} is no cache of stave", root.digest.str(), blobs->describe()),
                "make one with stave build --cache-to");
  const auto value = json::parse(content::read_document(*blobs, manifest.config), "the cache's records");
  const json::Node document(value, "the cache's records");
  for (const auto& node : document.get("steps").elements(limits::step_records)) {
    const std::string key = Digest::parse(node.get("key").string()).str();
    auto record = parse_record(node.get("record"));
    const bool there =
        !record.layer || std::any_of(manifest.layers.begin(), manifest.layers.end(), [&](const auto& layer) {
          return layer.digest == record.layer->digest && layer.size == record.layer->size;
        });
    if (there) import.records.emplace(key, std::move(record));
  }
  return import;
}

class Directory : public StepCache {
 public:
  explicit Directory(const StepCacheWords& words) : words_(words), base_(words.directory + "/steps") {
    std::error_code error;
    paths::create_directories(base_, error);
    if (error) throw_errno(error.value(), quote(base_));
    static_cast<void>(::chmod(words.directory.c_str(), 0700));
  }

  std::optional<StepRecord> find(const Context& context, const StepKey& key) override {
    const std::string digest = key.digest().str();
    std::optional<StepRecord> record;
    if (const auto text = opened(path_of(key.digest()))) record = find_record(*text);
    if (!record || !is_there(*record)) record = find_import(context, digest);
    if (!record) return std::nullopt;
    const std::lock_guard lock(mutex_);
    used_[digest] = *record;
    return record;
  }

  void put(const StepKey& key, const std::string& slot, const StepRecord& record) override {
    const std::string digest = key.digest().str();
    {
      const std::lock_guard lock(mutex_);
      used_[digest] = record;
    }
    try {
      const std::string path = path_of(key.digest());
      const std::string text = sealed(print_record(record));
      const auto there = opened(path);
      if (!there || sealed(*there) != text) write_file(path, text);
      write_slot(key, slot);
    } catch (const Error& error) {
      // A cache that cannot be written is slow, not wrong; a full disk shows elsewhere.
      if (error.kind() == Kind::cancelled) throw;
    }
  }

  std::string explain(const StepKey& key, const std::string& slot) override {
    const auto before = read_slot(slot);
    if (before.empty()) return {};
    return difference(before, key.parts());
  }

  spec::Descriptor export_to(const content::Store& store) override {
    const std::lock_guard lock(mutex_);
    std::vector<std::string> steps;
    std::map<std::string, spec::Descriptor> layers;
    for (const auto& [key, record] : used_) {
      json::Object step;
      step.string("key", key);
      step.text("record", print_record(record));
      steps.push_back(std::move(step).finish());
      if (record.layer) layers.emplace(record.layer->digest.str(), *record.layer);
    }
    json::Object document;
    document.text("steps", json::print_array(steps));
    spec::Manifest manifest{.artifact_type = std::string(artifact_type),
                            .config = store.put(std::move(document).finish(), records_type),
                            .layers = {}};
    for (const auto& [digest, layer] : layers) manifest.layers.push_back(layer);
    return store.put(manifest.render(), spec::media::oci_manifest);
  }

 private:
  std::string path_of(const Digest& key) const {
    const std::string hex(key.hex());
    return base_ + "/" + hex.substr(0, 2) + "/" + hex.substr(2);
  }
  std::string slot_path(const std::string& slot) const {
    const std::string hex(digest_of(slot).hex());
    return words_.directory + "/slots/" + hex.substr(0, 2) + "/" + hex.substr(2);
  }

  bool is_there(const StepRecord& record) const {
    if (!record.layer) return true;
    const auto size = words_.store->find_size(record.layer->digest);
    return size && *size == record.layer->size;
  }

  std::optional<StepRecord> find_import(const Context& context, const std::string& key) {
    load_imports(context);
    for (const auto& import : imports_) {
      const auto found = import.records.find(key);
      if (found == import.records.end()) continue;
      const auto& record = found->second;
      if (!is_there(record)) {
        const auto source = content::open_verified(*import.blobs, *record.layer);
        auto writer = words_.store->begin(record.layer->digest.algorithm());
        copy(*source, writer);
        std::move(writer).commit_as(record.layer->digest, record.layer->size);
      }
      return record;
    }
    return std::nullopt;
  }

  void load_imports(const Context& context) {
    const std::lock_guard lock(mutex_);
    if (loaded_) return;
    loaded_ = true;
    for (const auto& [blobs, root] : words_.imports) {
      try {
        imports_.push_back(read_import(blobs, root));
      } catch (const Error& error) {
        if (error.kind() == Kind::cancelled) throw;
        context.progress->warn(fmt::format("--cache-from: {}", error.what()));
      }
    }
  }

  // What is printed here has a part for each input file: it is not printed again for the key that is there
  // already.
  void write_slot(const StepKey& key, const std::string& slot) {
    const std::string digest = key.digest().str();
    const std::string mark = slot_path(slot) + ".key";
    if (opened(mark) == digest) return;
    std::vector<std::string> parts;
    for (const auto& [name, value] : key.parts()) {
      parts.push_back(name);
      parts.push_back(shortened(value));
    }
    const std::string text = json::print_strings(parts);
    const auto there = opened(slot_path(slot));
    if (!there || *there != text) write_file(slot_path(slot), sealed(text));
    write_file(mark, sealed(digest));
  }

  std::vector<std::pair<std::string, std::string>> read_slot(const std::string& slot) const {
    std::vector<std::pair<std::string, std::string>> parts;
    const auto text = opened(slot_path(slot));
    if (!text) return parts;
    try {
      const auto value = json::parse(*text, "the slot");
      const auto words = json::Node(value, "the slot").strings();
      for (std::size_t i = 0; i + 1 < words.size(); i += 2) parts.emplace_back(words[i], words[i + 1]);
    } catch (const Error&) {
      parts.clear();
    }
    return parts;
  }

  static std::string difference(const std::vector<std::pair<std::string, std::string>>& before,
                                const std::vector<std::pair<std::string, std::string>>& now) {
    std::map<std::string, std::vector<std::string>> was;
    std::map<std::string, std::vector<std::string>> is;
    for (const auto& [name, value] : before) was[name].push_back(value);
    for (const auto& [name, value] : now) is[name].push_back(shortened(value));
    std::vector<std::string> changes;
    for (const auto& [name, values] : is) {
      const auto old = was.find(name);
      if (old == was.end())
        changes.push_back(name + " is new");
      else if (old->second != values)
        changes.push_back(name + " changed");
    }
    for (const auto& [name, values] : was) {
      if (!is.contains(name)) changes.push_back(name + " is gone");
    }
    if (changes.empty()) return "what it made is not in the store any more";
    constexpr std::size_t shown = 5;
    const std::size_t more = changes.size() > shown ? changes.size() - shown : 0;
    changes.resize(changes.size() - more);
    std::string text = join(changes, ", ");
    if (more > 0) text += fmt::format(" and {} more", more);
    return text;
  }

  StepCacheWords words_;
  std::string base_;
  std::mutex mutex_;
  std::map<std::string, StepRecord> used_;
  bool loaded_ = false;
  std::vector<Import> imports_;
};

}  // namespace

void StepKey::add(std::string name, std::string value) {
  parts_.emplace_back(std::move(name), std::move(value));
}

Digest StepKey::digest() const {
  Hasher hasher;
  for (const auto& [name, value] : parts_) {
    // Lengths first: no two lists of parts are one text.
    hasher.update(fmt::format("{} {} ", name.size(), value.size()));
    hasher.update(name);
    hasher.update(value);
  }
  return std::move(hasher).finish();
}

std::unique_ptr<StepCache> open_step_cache(const StepCacheWords& words) {
  return std::make_unique<Directory>(words);
}

}  // namespace stave::build
