// What steps made before: a step's key stands for everything that can change its
// result, and the record under it says what that was. Records need no daemon and no
// database; deleting them costs time only.

#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "stave/base/context.h"
#include "stave/content/store.h"
#include "stave/hash/digest.h"
#include "stave/spec/spec.h"

namespace stave::build {

// The inputs of a step, each with a name for people. The digest over all of them is the key.
class StepKey {
 public:
  // `name` says what it is ("instruction", "env PATH", "file src/a.c"), `value` what can change. A secret's
  // value is never one. Order counts.
  void add(std::string name, std::string value);
  Digest digest() const;
  const std::vector<std::pair<std::string, std::string>>& parts() const { return parts_; }

 private:
  std::vector<std::pair<std::string, std::string>> parts_;
};

// What a step made: a layer, or none (it changed nothing).
struct StepRecord {
  std::optional<spec::Descriptor> layer;
  std::optional<Digest> diff_id;
  std::string extra;  // what else the step's instruction wants to know again
};

class StepCache {
 public:
  virtual ~StepCache() = default;
  // The record under this key whose layer is there: in the store, or brought there from where records are
  // imported.
  virtual std::optional<StepRecord> find(const Context& context, const StepKey& key) = 0;
  // Keeps it, under the key; `slot` ("linux/amd64 builder 3") is where --explain looks for what it was the
  // last time.
  virtual void put(const StepKey& key, const std::string& slot, const StepRecord& record) = 0;
  // Why `find` found nothing: what differs from the step that was last kept in this slot. "" if that is not
  // known.
  virtual std::string explain(const StepKey& key, const std::string& slot) = 0;
  // Everything found or put since it was opened, as an artifact in `store`: an index of one manifest whose
  // layers are the blobs, and whose config is the list of records.
  virtual spec::Descriptor export_to(const content::Store& store) = 0;
};

struct StepCacheWords {
  std::string directory;  // of the cache; records are in directory/steps
  const content::Store* store = nullptr;
  // Artifacts of export_to, looked at when this cache has nothing.
  std::vector<std::pair<std::shared_ptr<const content::BlobSource>, spec::Descriptor>> imports;
};
std::unique_ptr<StepCache> open_step_cache(const StepCacheWords& words);

}  // namespace stave::build
