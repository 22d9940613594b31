// Upload: a blob on its way to a registry (distribution-spec, "Pushing blobs"), in
// one piece or in chunks, and what is remembered of it in case it is interrupted. Internal.

#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "stave/content/blob.h"
#include "stave/registry/reach.h"
#include "stave/registry/registry.h"
#include "stave/spec/spec.h"

namespace stave::registry {

using Sent = std::function<void(std::uint64_t)>;

// As Repository::push_blob.
Pushed upload_blob(const Reach& reach, const content::BlobSource& blobs, const spec::Descriptor& blob,
                   const std::vector<std::string>& from, const Sent& sent);

// An upload that a registry knows.
struct Session {
  http::Url location;
  std::uint64_t offset = 0;  // bytes that it has taken
  friend bool operator==(const Session&, const Session&) = default;
};

// Sessions of uploads that were not finished, one small file each, mode 0600: a Location can carry what lets
// anybody write there. At most 256; the oldest go. What cannot be read or written there is no error: then an
// upload begins anew.
class Sessions {
 public:
  // An empty directory: nothing is remembered.
  Sessions(std::string directory, const Location& location, const Digest& digest);

  std::optional<Session> find() const;
  void keep(const Session& session) const;
  void forget() const;

 private:
  std::string directory_;
  std::string name_;
};

}  // namespace stave::registry
