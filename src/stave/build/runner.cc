// A step from layers to changes: what lies below it is brought onto the disk, a
// process runs over it, and what that wrote is read.

#include "stave/build/runner.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sched.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <cstring>
#include <map>
#include <utility>

#include "stave/base/error.h"
#include "stave/base/text.h"
#include "stave/build/emulation.h"
#include "stave/build/step_layers.h"
#include "stave/build/step_order.h"
#include "stave/build/step_process.h"
#include "stave/layer/compare.h"
#include "stave/layer/disk.h"
#include "stave/layer/overlay.h"
#include "stave/rootfs/container.h"
#include "stave/rootfs/copy_tree.h"
#include "stave/rootfs/kept.h"
#include "stave/rootfs/run_directory.h"

namespace stave::build {
namespace {

// A path in the image that is a mount point, without a slash in front.
struct MountPoint {
  std::string path;
  bool directory = true;
};

bool is_directory(const std::string& path) {
  struct stat found = {};
  return ::stat(path.c_str(), &found) == 0 && S_ISDIR(found.st_mode);
}

bool is_mounted_on_directory(const StepMount& mount) {
  switch (mount.kind) {
    case StepMount::Kind::tmpfs:
      return true;
    case StepMount::Kind::file:
    case StepMount::Kind::socket:
      return false;
    default:
      return is_directory(mount.source);
  }
}

// What a step has on disk, and everything below it, as long as its changes are read.
struct OnDisk {
  OnDisk(rootfs::RunDirectory made, std::vector<runtime::Runtime> with)
      : run(std::move(made)), runtimes(std::move(with)) {}
  OnDisk(const OnDisk&) = delete;
  OnDisk& operator=(const OnDisk&) = delete;
  ~OnDisk() { rootfs::remove_run(run.id, run.path, runtimes); }

  rootfs::RunDirectory run;
  std::vector<runtime::Runtime> runtimes;
  Lowers lowers;
  // What a layer of the changes would have other than the upper directory: times.
  std::vector<std::pair<std::string, fs::Time>> times;
  bool may_be_kept = false;
};

void make_mount_points(const fs::Dir& root, const std::vector<MountPoint>& points) {
  for (const auto& point : points) {
    std::string path;
    const auto parts = split(point.path, '/');
    for (std::size_t i = 0; i < parts.size(); ++i) {
      const fs::Dir above = root.open_dir(path);
      const auto there = above.find(parts[i]);
      if (!there && (point.directory || i + 1 < parts.size())) {
        above.make_dir(parts[i], 0755);
        fs::set_mode(above.open_dir(parts[i]).handle(), 0755);
      } else if (!there) {
        fs::create_file(above, parts[i], 0644);
      }
      path += (path.empty() ? "" : "/") + parts[i];
      if (there && there->type != fs::FileType::directory) break;
    }
  }
}

// The same in a tree whose directories are to look as before.
void make_mount_points_unseen(const fs::Dir& root, const std::vector<MountPoint>& points) {
  std::vector<std::pair<fs::Dir, fs::Time>> above;
  for (const auto& point : points) {
    std::string path;
    for (const auto& part : split(point.path, '/')) {
      const auto there = root.find(path);
      if (!there || there->type != fs::FileType::directory) break;
      above.emplace_back(root.open_dir(path), there->mtime);
      path += (path.empty() ? "" : "/") + part;
    }
  }
  make_mount_points(root, points);
  for (const auto& [dir, mtime] : above) {
    const timespec times[2] = {{.tv_sec = 0, .tv_nsec = UTIME_OMIT},
                               {.tv_sec = mtime.seconds, .tv_nsec = static_cast<long>(mtime.nanoseconds)}};
    ::futimens(dir.fd(), times);
  }
}

// A copy of a tree before anybody writes to it. What its files held is gone when that is asked, so it is told
// by digests.
layer::Tree with_digests(const layer::Tree& copy, const layer::Tree& original) {
  layer::Tree told = copy;
  std::map<const layer::Tree::Inode*, std::shared_ptr<const layer::Tree::Inode>> files;
  copy.visit([&](const std::string& path, const layer::Tree::Inode& inode) {
    const auto* known = original.find(path);
    if (inode.meta.type != layer::Type::regular || known == nullptr || !known->digest) return;
    auto& file = files[&inode];
    if (!file) {
      layer::Tree::Inode with = inode;
      with.digest = known->digest;
      file = std::make_shared<const layer::Tree::Inode>(std::move(with));
    }
    told.put(path, file, {});
  });
  return told;
}

class OciRunner final : public Runner {
 public:
  explicit OciRunner(const RunnerGround& ground)
      : ground_(ground),
        cache_(ground.cache + "/build"),
        runtimes_(runtime::find_runtimes(ground.runtime, ground.search_path)) {
    rootfs::remove_left_over_runs(cache_, runtimes_);
    layers_.emplace(cache_, ground_);
  }

  StepDone run(const Context& context, const StepOrder& order) override {
    check_machine(order.platform);
    warn_of_one_id(context);
    if (!copies_) {
      if (auto done = run_on_overlay(context, order)) return std::move(*done);
      if (!copies_.exchange(true))
        context.progress->warn(fmt::format("{}: every RUN copies the root file system", rootfs::no_overlay));
    }
    return run_on_copy(context, order);
  }

  void keep(const StepDone& done, const std::vector<Digest>& below, const Digest& diff_id) override {
    const auto disk = std::static_pointer_cast<const OnDisk>(done.keeps);
    if (!disk || !disk->may_be_kept) return;
    const auto run = fs::Dir::open(disk->run.path);
    const auto upper = run.open_dir("upper");
    for (const auto& [path, mtime] : disk->times) {
      const timespec times[2] = {{.tv_sec = 0, .tv_nsec = UTIME_OMIT},
                                 {.tv_sec = mtime.seconds, .tv_nsec = 0}};
      const fs::Dir above = upper.open_dir(layer::parent(path));
      const std::string name(layer::basename(path));
      if (::utimensat(above.fd(), name.c_str(), times, AT_SYMLINK_NOFOLLOW) != 0)
        throw_errno(errno, quote(path));
    }
    auto diff_ids = below;
    diff_ids.push_back(diff_id);
    layers_->adopt(run, "upper", diff_ids);
  }

 private:
  void warn_of_one_id(const Context& context) {
    if (!ground_.one_id || warned_.exchange(true)) return;
    context.progress->warn(
        "there is one id only: RUN makes every file root's, and runs as root whatever USER says; an "
        "administrator gives more: `usermod --add-subuids 100000-165535 --add-subgids 100000-165535 NAME`");
  }

  std::shared_ptr<OnDisk> make_disk() const {
    return std::make_shared<OnDisk>(rootfs::make_run_directory(cache_, ""), runtimes_);
  }

  // --- what the step is told ---

  // Mounts with their targets as a process of the step would arrive there.
  std::vector<StepMount> mounts_of(const StepOrder& order) const {
    std::vector<StepMount> mounts;
    const auto add = [&](StepMount mount) {
      mount.target = "/" + order.tree->resolve(mount.target, layer::Tree::Follow::all);
      if (mount.target == "/") throw Error(Kind::invalid, "a mount on the root directory");
      mounts.push_back(std::move(mount));
    };
    const auto own = [&](const char* target, std::string_view what) {
      add({.kind = StepMount::Kind::file, .source = std::string(what), .target = target, .mode = 0644});
    };
    own("/etc/hosts", own_hosts);
    if (order.host_network) own("/etc/resolv.conf", own_resolv_conf);
    for (const auto& mount : order.mounts) add(mount);
    // One inside another is mounted after it; of two on one place the later one.
    std::multimap<std::string, StepMount, layer::PathLess> by_target;
    for (auto& mount : mounts) by_target.emplace(mount.target, std::move(mount));
    mounts.clear();
    for (auto& [target, mount] : by_target) mounts.push_back(std::move(mount));
    return mounts;
  }

  static std::vector<MountPoint> mount_points_of(const std::vector<StepMount>& mounts) {
    std::vector<MountPoint> points = {{"dev", true}, {"proc", true}, {"sys", true}};
    for (const auto& mount : mounts)
      points.push_back({mount.target.substr(1), is_mounted_on_directory(mount)});
    return points;
  }

  static std::set<std::string, layer::PathLess> paths_of(const std::vector<MountPoint>& points) {
    std::set<std::string, layer::PathLess> paths;
    for (const auto& point : points) {
      std::string path;
      for (const auto& part : split(point.path, '/')) {
        path += (path.empty() ? "" : "/") + part;
        paths.insert(path);
      }
    }
    return paths;
  }

  ChildAnswer start(const Context& context, const StepOrder& order, const OnDisk& disk,
                    const std::vector<StepMount>& mounts, std::vector<std::string> lowers) const {
    ChildOrder child;
    child.parent = ::getpid();
    child.id = disk.run.id;
    child.directory = disk.run.path;
    child.lowers = std::move(lowers);
    child.runtimes = runtimes_;
    child.in_user_namespace = ground_.in_user_namespace;
    child.one_id = ground_.one_id;
    child.arguments = order.arguments;
    child.environment = order.environment;
    child.working_directory = order.working_directory;
    child.user = order.user;
    child.host_network = order.host_network;
    child.insecure = order.insecure;
    child.mounts = mounts;
    child.hostname = order.hostname;
    child.hosts = order.hosts;
    return run_process(context, {.words = ground_.words,
                                 .environment = ground_.environment,
                                 .order = render(child),
                                 .held = disk.run.lock.get(),
                                 .timeout_seconds = order.timeout_seconds,
                                 .output = order.output});
  }

  // The exit code, or why there is none.
  static int code_of(const ChildAnswer& answer, const StepOrder& order) {
    if (answer.message.empty()) return answer.code;
    if (answer.code == 126 || answer.code == 127) {
      if (order.output) order.output(answer.message + "\n");
      return answer.code;
    }
    throw Error(answer.kind, answer.message, answer.hint);
  }

  // --- over an overlay ---

  // nullopt: the kernel has none for us.
  std::optional<StepDone> run_on_overlay(const Context& context, const StepOrder& order) {
    auto lowers = layers_->lowers(context, *order.stack, order.base_layers);
    const auto disk = make_disk();
    const auto mounts = mounts_of(order);
    const auto points = mount_points_of(mounts);
    const auto stubs = fs::Dir::open(disk->run.path).make_dir("stubs", 0755);
    fs::set_mode(stubs.handle(), 0755);
    make_mount_points(stubs, points);
    disk->lowers = std::move(lowers);
    auto paths = disk->lowers.paths;
    paths.push_back(disk->run.path + "/stubs");

    const auto answer = start(context, order, *disk, mounts, std::move(paths));
    if (answer.message.find(rootfs::no_overlay) != std::string::npos) return std::nullopt;
    StepDone done{.exit_code = code_of(answer, order), .changes = {}, .keeps = disk};
    if (done.exit_code != 0) return done;
    const auto upper = std::make_shared<const fs::Dir>(fs::Dir::open(disk->run.path + "/upper"));
    auto read = layer::read_upper(context, upper, *order.tree,
                                  {.form = {.in_user_namespace = ground_.in_user_namespace,
                                            .owners = layers_->owners(),
                                            .lowers = disk->lowers.directories},
                                   .newest_mtime = order.newest_mtime,
                                   .mount_points = paths_of(points)});
    done.changes = std::move(read.changes);
    disk->may_be_kept = read.sockets == 0;
    note_times(*disk, done.changes);
    return done;
  }

  static void note_times(OnDisk& disk, const layer::Changeset& changes) {
    for (const auto& change : changes) {
      if (change.removal || change.entry.meta.type == layer::Type::hardlink) continue;
      disk.times.emplace_back(change.entry.path, fs::Time{change.entry.meta.mtime.seconds, 0});
    }
  }

  // --- over a copy ---

  StepDone run_on_copy(const Context& context, const StepOrder& order) {
    auto lowers = layers_->whole(context, *order.stack);
    const auto disk = make_disk();
    disk->lowers = std::move(lowers);
    const auto mounts = mounts_of(order);
    const auto points = mount_points_of(mounts);
    const auto run = fs::Dir::open(disk->run.path);
    const auto root = std::make_shared<const fs::Dir>(run.open_dir("bundle/rootfs"));
    rootfs::copy_tree(context, *disk->lowers.directories.front(), *root, run.make_dir("scratch", 0700));
    make_mount_points_unseen(*root, points);
    const auto before = with_digests(layer::read_tree(context, root, {}, nullptr), *order.tree);
    fs::time_after_now(run);  // whatever is written from now on has another ctime

    const auto answer = start(context, order, *disk, mounts, {});
    StepDone done{.exit_code = code_of(answer, order), .changes = {}, .keeps = disk};
    if (done.exit_code != 0) return done;
    const auto after = layer::read_tree(context, root, {}, nullptr);
    done.changes = layer::changeset_of(after, layer::compare(context, before, after, {}));
    settle(done.changes, order, paths_of(points));
    return done;
  }

  void settle(layer::Changeset& changes, const StepOrder& order,
              const std::set<std::string, layer::PathLess>& points) const {
    std::erase_if(changes, [&](const layer::Change& change) {
      return points.contains(change.entry.path) && order.tree->find(change.entry.path) == nullptr &&
             (change.removal || change.entry.meta.type != layer::Type::directory ? change.entry.meta.size == 0
                                                                                 : false);
    });
    for (auto& change : changes) {
      if (change.removal) continue;
      auto& meta = change.entry.meta;
      const auto* lower = order.tree->find(change.entry.path);
      if (lower != nullptr && ground_.one_id) layer::settle_aside(meta, lower->meta);
      if (order.newest_mtime && meta.mtime.seconds > *order.newest_mtime)
        meta.mtime = {*order.newest_mtime, 0};
    }
  }

  const RunnerGround ground_;
  const std::string cache_;
  const std::vector<runtime::Runtime> runtimes_;
  std::optional<StepLayers> layers_;
  std::atomic<bool> copies_ = false;
  std::atomic<bool> warned_ = false;
};

// May this process have namespaces? Asked by a child that ends with the answer.
void check_namespaces() {
  const pid_t child = ::fork();
  if (child < 0) throw_errno(errno, "fork");
  if (child == 0) ::_exit(::unshare(CLONE_NEWPID | CLONE_NEWNS) == 0 ? 0 : errno);
  int status = 0;
  while (::waitpid(child, &status, 0) < 0 && errno == EINTR) continue;
  if (!WIFEXITED(status) || WEXITSTATUS(status) == 0) return;
  throw Error(Kind::denied,
              fmt::format("RUN needs namespaces, and this host gives none: {}",
                          std::strerror(WEXITSTATUS(status))),  // NOLINT(concurrency-mt-unsafe)
              "inside of another container, that one has to be privileged");
}

}  // namespace

std::unique_ptr<Runner> make_runner(const RunnerGround& ground, const Context& context) {
  context.check();
  if (ground.words.empty()) throw Error(Kind::internal, "nothing says how a step is started");
  check_namespaces();
  return std::make_unique<OciRunner>(ground);
}

}  // namespace stave::build
