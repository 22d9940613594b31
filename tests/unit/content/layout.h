// What tests of the store and of images stand on: a directory that goes away, blobs
// in memory, documents in one line, and failures as words.

#pragma once

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <functional>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "stave/base/error.h"
#include "stave/base/text.h"
#include "stave/content/store.h"

namespace stave::testing {

namespace files = std::filesystem;

// A new directory, removed with everything in it.
class Scratch {
 public:
  Scratch() {
    std::string pattern = "/tmp/stave-content-XXXXXX";
    if (!::mkdtemp(pattern.data())) std::abort();
    path_ = pattern;
    files::permissions(path_, files::perms(0755));
  }
  Scratch(const Scratch&) = delete;
  Scratch& operator=(const Scratch&) = delete;
  ~Scratch() { fs::Dir::open("/tmp").remove_tree(path_.substr(5)); }

  std::string path(std::string_view relative = {}) const {
    return relative.empty() ? path_ : path_ + "/" + std::string(relative);
  }

 private:
  std::string path_;
};

inline void write(const files::path& path, std::string_view text) {
  files::create_directories(path.parent_path());
  std::ofstream file(path, std::ios::binary | std::ios::trunc);
  file << text;
  ASSERT_TRUE(file.good()) << path;
}

inline std::string read(const files::path& path) {
  std::ifstream file(path, std::ios::binary);
  EXPECT_TRUE(file) << path;
  return std::string(std::istreambuf_iterator<char>(file), {});
}

inline struct ::stat stat_of(const files::path& path) {
  struct ::stat out{};
  EXPECT_EQ(::lstat(path.c_str(), &out), 0) << path;
  return out;
}

// The kind of Error that `f` throws: "not_found"; "nothing" if it throws none.
template <class F>
std::string failure(F f) {
  try {
    f();
  } catch (const Error& error) {
    return std::string(name(error.kind()));
  }
  return "nothing";
}

// "kind: what it says | hint".
template <class F>
std::string message(F f) {
  try {
    f();
  } catch (const Error& error) {
    return std::string(name(error.kind())) + ": " + error.what() + " | " + error.hint();
  }
  return "nothing";
}

constexpr int cannot = 77;  // what a child exits with if the machine does not let it try

// Starts `f` in a child process, which exits with what it returns, or 255 if it throws.
inline pid_t start(const std::function<int()>& f) {
  const pid_t child = ::fork();
  if (child != 0) return child;
  int code = 255;
  try {
    code = f();
  } catch (const std::exception& error) {
    ::dprintf(2, "child: %s\n", error.what());
  }
  ::_exit(code);
}

// Its exit code, or 1000 and the number of the signal that ended it.
inline int wait_for(pid_t child) {
  int status = 0;
  while (::waitpid(child, &status, 0) < 0 && errno == EINTR) {
  }
  return WIFEXITED(status) ? WEXITSTATUS(status) : 1000 + WTERMSIG(status);
}

inline int in_child(const std::function<int()>& f) { return wait_for(start(f)); }

// Root becomes nobody (65534).
inline int as_nobody(const std::function<int()>& f) {
  return in_child([&] {
    if (::geteuid() == 0 && (::setgid(65534) != 0 || ::setuid(65534) != 0)) return cannot;
    return f();
  });
}

// Blobs in memory.
class Memory : public content::BlobSource {
 public:
  spec::Descriptor put(std::string text, std::string_view media_type) {
    const Digest digest = digest_of(text);
    const spec::Descriptor descriptor{
        .media_type = std::string(media_type), .digest = digest, .size = text.size()};
    blobs_[digest] = std::move(text);
    return descriptor;
  }
  void damage(const Digest& digest, std::string text) { blobs_[digest] = std::move(text); }
  void remove(const Digest& digest) { blobs_.erase(digest); }

  std::unique_ptr<Source> find(const Digest& digest) const override {
    const auto found = blobs_.find(digest);
    if (found == blobs_.end()) return nullptr;
    ++reads_[digest];
    return std::make_unique<BytesSource>(found->second);
  }
  std::optional<std::uint64_t> find_size(const Digest& digest) const override {
    const auto found = blobs_.find(digest);
    return found == blobs_.end() ? std::nullopt : std::optional<std::uint64_t>(found->second.size());
  }
  std::string describe() const override { return "the memory"; }
  int reads(const Digest& digest) const { return reads_[digest]; }
  int reads() const {
    int all = 0;
    for (const auto& [digest, n] : reads_) all += n;
    return all;
  }

 private:
  std::map<Digest, std::string> blobs_;
  mutable std::map<Digest, int> reads_;
};

// An image of one platform; what is in its layers does not matter here.
struct Picture {
  spec::Descriptor config, layer, manifest;
};

// `Blobs` is a Memory or a Store.
template <class Blobs>
Picture picture(Blobs& blobs, const std::string& seed, const std::string& platform = "linux/amd64",
                bool docker = false) {
  namespace media = spec::media;
  const auto layer = blobs.put("layer " + seed, docker ? media::docker_layer_gzip : media::oci_layer_gzip);
  spec::Config config;
  config.platform = spec::Platform::parse(platform);
  config.diff_ids = {digest_of("plain " + seed)};
  const auto put_config = blobs.put(config.render(), docker ? media::docker_config : media::oci_config);
  const auto type = docker ? media::docker_manifest : media::oci_manifest;
  const spec::Manifest manifest{.media_type = std::string(type), .config = put_config, .layers = {layer}};
  return {put_config, layer, blobs.put(manifest.render(), type)};
}
template <class Blobs>
Picture docker_picture(Blobs& blobs, const std::string& seed) {
  return picture(blobs, seed, "linux/amd64", true);
}

template <class Blobs>
spec::Descriptor index_of(Blobs& blobs, std::vector<spec::Descriptor> children,
                          std::string_view type = spec::media::oci_index) {
  spec::Index index;
  index.media_type = type;
  index.manifests = std::move(children);
  return blobs.put(index.render(), type);
}

inline files::path shared_data() {
  const char* set = std::getenv("STAVE_DATA");
  return set ? set : STAVE_SHARED_DATA;
}

// A copy of a layout whose blobs were checked out as small files holding the targets of symlinks.
inline void copy_with_links(const files::path& from, const files::path& to) {
  files::copy(from, to, files::copy_options::recursive);
  for (const auto& blob : files::directory_iterator(from / "blobs/sha256")) {
    const std::string target = read(blob.path());
    if (!target.starts_with("../../")) continue;
    const auto link = to / "blobs/sha256" / blob.path().filename();
    files::remove(link);
    files::create_symlink(target, link);
  }
}

}  // namespace stave::testing

// In a TEST: leaves it, saying what was skipped, when other projects' data are not here.
#define STAVE_NEEDS(what)                                                 \
  if (!std::filesystem::exists(stave::testing::shared_data() / (what))) { \
    GTEST_SKIP() << "skipped: no " << (what) << " (set STAVE_DATA)";      \
  }                                                                       \
  static_assert(true)
