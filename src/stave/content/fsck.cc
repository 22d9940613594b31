// fsck: first the files of the layout, then every blob, then what index.json says.
// The same findings come out whether they are mended or not.

#include "stave/content/fsck.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <memory>
#include <utility>

#include "stave/base/error.h"
#include "stave/base/limits.h"
#include "stave/base/parallel.h"
#include "stave/base/text.h"
#include "stave/content/fsck_parts.h"
#include "stave/content/lock_wait.h"
#include "stave/fs/make.h"

namespace stave::content {
namespace {

constexpr std::uint32_t others_write = 0002;

class Check {
 public:
  Check(const Context& context, const fs::Dir& root, bool repair)
      : context_(context), root_(root), repair_(repair), aside_(root), blobs_(root) {}

  void look_for_strays();
  Checked run() &&;

 private:
  struct Item {
    Digest digest;
    fs::Stat stat;
  };
  struct Verdict {
    std::string trouble;  // empty: sound
    std::uint64_t size = 0;
    bool readable = true;
  };

  Finding& add(Finding finding);
  void look_into(const std::string& directory);
  void check_layout_file();
  void check_mode(const std::string& path, const fs::Stat& stat, bool directory);
  void check_modes();
  void list_blobs();
  void list_blobs_of(Algorithm algorithm);
  void not_a_blob(const std::string& path, std::string_view file_name);
  Verdict verify(const Item& item) const;
  void verify_blobs();
  void take(const Item& item, const Verdict& verdict);

  const Context& context_;
  const fs::Dir& root_;
  bool repair_;
  Aside aside_;
  SoundBlobs blobs_;
  Checked out_;
  std::vector<Item> items_;
  std::map<Digest, std::size_t> damaged_;  // to their findings
  bool has_layout_file_ = true;
};

Finding& Check::add(Finding finding) {
  out_.findings.push_back(std::move(finding));
  return out_.findings.back();
}

// --- files ---

void Check::look_into(const std::string& directory) {
  const auto there = root_.find(directory);
  if (!there || there->type != fs::FileType::directory) return;
  for (const auto& file_name : root_.list(directory)) {
    context_.check();
    if (!file_name.starts_with(temporary_prefix)) continue;
    const std::string path = directory.empty() ? file_name : directory + "/" + file_name;
    const auto file = root_.find(path);
    if (!file || file->type != fs::FileType::regular) continue;
    auto& finding = add({.trouble = Trouble::stray_file,
                         .path = path,
                         .message = fmt::format("a writer was killed and left {}", human_size(file->size))});
    if (!repair_) continue;
    root_.remove_file(path);
    finding.repair = "removed";
  }
}

void Check::look_for_strays() {
  look_into("");
  look_into("blobs");
  for (const auto algorithm : {Algorithm::sha256, Algorithm::sha512})
    look_into(fmt::format("blobs/{}", name(algorithm)));
}

void Check::check_layout_file() {
  try {
    check_layout(root_);
  } catch (const Error& e) {
    // A later version is whole, and not ours to judge.
    if (e.kind() != Kind::invalid && e.kind() != Kind::limit) throw;
    has_layout_file_ = false;
    add({.trouble = Trouble::layout, .path = std::string(layout_file), .message = e.what()});
  }
}

// --- blobs ---

void Check::list_blobs() {
  const auto there = root_.find("blobs");
  if (!there) {
    auto& finding = add(
        {.trouble = Trouble::layout, .path = "blobs", .message = "the directory of the blobs is missing"});
    if (!repair_) return;
    static_cast<void>(root_.make_dir("blobs", root_.get("").mode & 0777));
    finding.repair = "made, empty";
    return;
  }
  for (const auto& file_name : root_.list("blobs")) {
    if (file_name.starts_with(temporary_prefix)) continue;
    const std::string path = "blobs/" + file_name;
    const auto stat = root_.find(path);
    // A directory may be that of an algorithm that is not registered (descriptor.md, "Digests").
    if (stat && stat->type != fs::FileType::directory) not_a_blob(path, file_name);
  }
  for (const auto algorithm : {Algorithm::sha256, Algorithm::sha512}) list_blobs_of(algorithm);
}

void Check::list_blobs_of(Algorithm algorithm) {
  const std::string directory = fmt::format("blobs/{}", name(algorithm));
  const auto there = root_.find(directory);
  if (!there || there->type != fs::FileType::directory) return;
  for (const auto& file_name : root_.list(directory)) {
    context_.check();
    // A part of a blob is what it should be: somebody may come back for it (Store::resume).
    if (file_name.starts_with(temporary_prefix) || file_name.starts_with(partial_prefix)) continue;
    const std::string path = directory + "/" + file_name;
    const auto digest = Digest::find(fmt::format("{}:{}", name(algorithm), file_name));
    const auto stat = root_.find(path);
    if (!digest) {
      not_a_blob(path, file_name);
    } else if (stat) {
      items_.push_back({*digest, *stat});
    }
  }
}

void Check::not_a_blob(const std::string& path, std::string_view file_name) {
  auto& finding = add({.trouble = Trouble::no_blob,
                       .path = path,
                       .message = "its name is no digest, so nothing can refer to it"});
  if (repair_) finding.repair = "moved to " + printable(aside_.move(path, file_name));
}

Check::Verdict Check::verify(const Item& item) const {
  const std::string path = blob_path(item.digest);
  Verdict verdict;
  try {
    auto fd = std::make_shared<const fs::Fd>(root_.open_in_root(path));
    verdict.size = fs::stat(*fd).size;
    fs::FileSource source(std::move(fd), 0, verdict.size, root_.name() + "/" + path);
    Hasher hasher(item.digest.algorithm());
    std::vector<std::byte> buffer(limits::copy_buffer);
    while (const std::size_t n = source.read(buffer)) {
      context_.check();
      hasher.update(Bytes(buffer).first(n));
    }
    const auto is = std::move(hasher).finish();
    if (is != item.digest)
      verdict.trouble = fmt::format("its {} are those of {}", human_size(verdict.size), is.str());
  } catch (const Error& e) {
    if (e.kind() == Kind::cancelled || e.kind() == Kind::limit) throw;
    verdict.trouble = e.what();
    verdict.readable = e.kind() != Kind::denied;
  }
  return verdict;
}

void Check::verify_blobs() {
  std::uint64_t total = 0;
  for (const auto& item : items_) total += item.stat.type == fs::FileType::regular ? item.stat.size : 0;
  Task task(context_, fmt::format("checking {} blobs", items_.size()), total);
  std::vector<Verdict> slots(2 * std::max<std::size_t>(context_.jobs, 1));
  in_order<Verdict>(context_, items_.size(), slots,
                    [&](std::size_t i, Verdict& verdict) {
                      verdict = verify(items_[i]);
                      task.advance(verdict.size);
                    },
                    {[&](std::size_t i, Verdict& verdict) { take(items_[i], verdict); }});
  task.done(human_size(out_.bytes));
}

void Check::take(const Item& item, const Verdict& verdict) {
  const std::string path = blob_path(item.digest);
  if (verdict.trouble.empty()) {
    blobs_.add(item.digest, verdict.size);
    ++out_.blobs;
    out_.bytes += verdict.size;
    if (item.stat.type == fs::FileType::regular) check_mode(path, item.stat, false);
    return;
  }
  auto& finding = add(
      {.trouble = Trouble::damaged_blob, .path = path, .digest = item.digest, .message = verdict.trouble});
  damaged_.emplace(item.digest, out_.findings.size() - 1);
  // What we may not read may well be whole.
  if (!repair_ || !verdict.readable) return;
  const auto to =
      aside_.move(path, fmt::format("{}-{}", stave::name(item.digest.algorithm()), item.digest.hex()));
  finding.repair = "moved to " + to;
}

void Check::check_mode(const std::string& path, const fs::Stat& stat, bool directory) {
  if ((stat.mode & others_write) == 0) return;
  auto& finding = add({.trouble = Trouble::open_mode,
                       .path = path.empty() ? "." : path,
                       .message = fmt::format("everybody may write to it (mode {:04o})", stat.mode)});
  if (!repair_) return;
  const std::uint32_t mode = stat.mode & ~others_write;
  if (directory) {
    fs::set_mode(path.empty() ? root_.open_dir(".").handle() : root_.open_dir(path).handle(), mode);
  } else {
    fs::set_mode(root_.open_file(path), mode);
  }
  finding.repair = fmt::format("set to {:04o}", mode);
}

void Check::check_modes() {
  for (const std::string path : {"", "blobs", "blobs/sha256", "blobs/sha512"}) {
    const auto stat = root_.find(path);
    if (stat && stat->type == fs::FileType::directory) check_mode(path, *stat, true);
  }
  for (const auto path : {layout_file, index_file}) {
    const auto stat = root_.find(path);
    if (stat && stat->type == fs::FileType::regular) check_mode(std::string(path), *stat, false);
  }
}

Checked Check::run() && {
  check_layout_file();
  list_blobs();
  verify_blobs();
  References(context_, root_, repair_, blobs_, damaged_, out_).check();
  check_modes();
  if (repair_ && !has_layout_file_) {
    // Last, as where a layout is made: with it, everybody takes the directory for one.
    const auto there = root_.find(layout_file);
    if (there) static_cast<void>(aside_.move(std::string(layout_file), layout_file));
    write_file(root_, layout_file, layout_text);
    for (auto& finding : out_.findings)
      if (finding.path == layout_file && finding.repair.empty()) finding.repair = "written anew";
  }
  return std::move(out_);
}

// Nothing is mended, moved or removed in a directory that somebody named by mistake.
void require_layout(const fs::Dir& root) {
  if (root.find(layout_file)) return;
  const auto blobs = root.find("blobs");
  if (blobs && blobs->type == fs::FileType::directory) {
    const auto names = root.list("blobs");
    const auto algorithm = [](const std::string& each) { return each == "sha256" || each == "sha512"; };
    if (names.empty() || std::any_of(names.begin(), names.end(), algorithm)) return;
  }
  throw Error(Kind::invalid,
              fmt::format("{} is not an OCI image layout: it has neither {} nor blobs/sha256",
                          quote(root.name()), quote(layout_file)),
              "name the directory that holds oci-layout, index.json and blobs/");
}

}  // namespace

std::string_view name(Trouble trouble) {
  switch (trouble) {
    case Trouble::layout:
      return "layout";
    case Trouble::index:
      return "index";
    case Trouble::damaged_blob:
      return "damaged_blob";
    case Trouble::missing_blob:
      return "missing_blob";
    case Trouble::dangling_name:
      return "dangling_name";
    case Trouble::wrong_size:
      return "wrong_size";
    case Trouble::wrong_type:
      return "wrong_type";
    case Trouble::bad_document:
      return "bad_document";
    case Trouble::stray_file:
      return "stray_file";
    case Trouble::no_blob:
      return "no_blob";
    case Trouble::open_mode:
      return "open_mode";
  }
  return "unknown";
}

std::size_t Checked::unrepaired() const {
  return static_cast<std::size_t>(std::count_if(findings.begin(), findings.end(),
                                                [](const Finding& each) { return each.repair.empty(); }));
}

Checked fsck(const Context& context, const std::string& path, bool repair) {
  const auto root = fs::Dir::open(path);
  require_layout(root);
  Check check(context, root, repair);
  if (repair) {
    const auto lock = wait_for_lock(context, root, fs::Lock::Mode::exclusive);
    check.look_for_strays();
    return std::move(check).run();
  }
  // A temporary file is stray if nobody is here who may be writing it.
  if (const auto alone = fs::Lock::try_take(root.handle(), fs::Lock::Mode::exclusive))
    check.look_for_strays();
  const auto lock = wait_for_lock(context, root, fs::Lock::Mode::shared);
  return std::move(check).run();
}

}  // namespace stave::content
