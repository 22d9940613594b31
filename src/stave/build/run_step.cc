// RUN: what a step is given, and its key.

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <map>

#include "stave/base/text.h"
#include "stave/build/stage.h"
#include "stave/fs/fs.h"
#include "stave/hash/digest.h"
#include "stave/layer/path.h"
#include "stave/rootfs/kept.h"

namespace stave::build {
namespace {

// A directory for what a cache mount keeps, made when it is not there.
std::string make_directory(const std::string& path, std::uint32_t mode) {
  std::filesystem::create_directories(std::filesystem::path(path).parent_path());
  if (::mkdir(path.c_str(), 0700) == 0) {
    if (::chmod(path.c_str(), mode) != 0) throw_errno(errno, quote(path));
  } else if (errno != EEXIST) {
    throw_errno(errno, quote(path));
  }
  return path;
}

}  // namespace

std::vector<std::string> StageBuilder::run_environment() const {
  std::vector<std::string> env = image_.config.env;
  for (const auto& arg : args_) {
    if (!arg.value || find_env(image_.config.env, arg.key)) continue;
    set_env(env, arg.key, *arg.value);
  }
  if (!find_env(env, "PATH")) env.emplace_back(default_path);
  return env;
}

// BuildKit's "|2 A=1 B=2 /bin/sh -c …": arguments that were in scope stand before the words.
std::string StageBuilder::run_words(const std::vector<std::string>& arguments) const {
  std::vector<std::string> words;
  std::map<std::string, std::size_t> places;
  for (const auto& arg : args_) {
    if (is_predefined(arg.key)) continue;
    const auto value = variable(arg.key).value_or("");
    const auto [place, fresh] = places.emplace(arg.key, words.size());
    if (fresh) words.emplace_back();
    words[place->second] = arg.key + "=" + value;
  }
  if (!words.empty()) words.insert(words.begin(), fmt::format("|{}", words.size()));
  words.insert(words.end(), arguments.begin(), arguments.end());
  return "RUN " + join(words, " ") + " # buildkit";
}

std::vector<std::string> StageBuilder::run_arguments(const containerfile::Run& run,
                                                     std::vector<StepMount>& mounts) const {
  auto command = run.command;
  if (!run.files.empty()) {
    if (!command.shell || command.words.size() != 1)
      throw Error(Kind::invalid, "a RUN with a heredoc is no exec form");
    const auto& first = run.files.front();
    std::string& text = command.words.front();
    const bool alone =
        run.files.size() == 1 && text.find_first_of(" \t") == text.npos && text.find("<<") != text.npos;
    if (alone && first.content.starts_with("#!")) {
      mounts.push_back({.kind = StepMount::Kind::file,
                        .target = "/dev/pipes/" + first.name,
                        .content = first.content,
                        .mode = 0755});
      text = "/dev/pipes/" + first.name;
    } else if (alone) {
      text = first.content;
    } else {
      for (const auto& file : run.files) text += "\n" + file.content + file.name;
    }
  }
  return words_of(command);
}

std::string StageBuilder::mount_target(const std::string& target) const {
  const std::string base = image_.config.working_dir.empty() ? "/" : image_.config.working_dir;
  const auto clean = layer::clean(target.starts_with('/') ? target : base + "/" + target);
  if (!clean || clean->empty())
    throw Error(Kind::invalid, fmt::format("invalid mount target {}", quote(target)),
                "it cannot be the root");
  return "/" + *clean;
}

void StageBuilder::add_bind(const containerfile::Mount& mount, StepMount& made, StepKey& key,
                            std::vector<std::shared_ptr<const void>>& held,
                            std::vector<std::function<void()>>& later, std::size_t index, StepOrder& order) {
  const auto files = mount.from.empty() ? building_.grounds.context : files_named(mount.from);
  if (!files) throw Error(Kind::usage, "there is no build context to bind");
  const std::string source = mount.source.empty() ? "/" : mount.source;
  Manner manner;
  manner.destination = "/";
  manner.made = made_time();
  std::vector<Input> inputs = {
      {.files = files, .source = source, .keeps_times = files->identity().has_value()}};
  StepKey of_bind;
  of_bind.add("source", source);
  add_to_key(context_, of_bind, inputs, manner);
  for (const auto& [name, value] : of_bind.parts()) key.add(name, value);
  made.kind = StepMount::Kind::directory;
  made.read_only = mount.read_only;
  // What is bound is a tree that was kept: nobody else writes to it, and nothing that the ignore file hides
  // is in it.
  later.emplace_back([this, files, source, inputs, manner, index, &order, &held, digest = of_bind.digest()] {
    const auto picked = pick(context_, *files, source);
    if (picked.empty())
      throw Error(Kind::not_found, fmt::format("{} is not in {}", quote(source), files->describe()));
    const auto* inode =
        picked.front().path.empty() ? nullptr : files->tree(context_).find(picked.front().path);
    const bool directory = inode == nullptr || inode->meta.type == layer::Type::directory;
    layer::Tree tree;
    const auto changes = build::transfer(context_, tree, inputs, manner);
    auto tar = std::make_shared<fs::TempFile>(fs::TempFile::anonymous(building_.options.spool));
    layer::pack(context_, changes, {.format = compress::Format::none, .level = 0}, *tar);
    const std::uint64_t size = tar->size();
    const auto file = std::make_shared<const fs::Fd>(std::move(*tar).release());
    layer::Stack stack;
    stack.pieces.push_back(layer::piece_of_tar("what is bound", size, [file, size] {
      return std::make_unique<fs::FileSource>(file, 0, size, "what is bound");
    }));
    const auto name = digest_of("bind " + digest.str() + " " + building_.options.ids +
                                (building_.options.owners == layer::Owners::aside ? " aside" : ""))
                          .hex();
    auto kept = std::make_shared<rootfs::Kept>(
        rootfs::keep(context_, building_.options.cache, std::string(name), stack, building_.options.owners));
    order.mounts[index].source =
        directory ? kept->path : kept->path + "/" + std::string(layer::basename(picked.front().name));
    held.push_back(kept);
  });
}

void StageBuilder::add_cache(const containerfile::Mount& mount, StepMount& made, StepOrder& order,
                             std::vector<std::shared_ptr<const void>>& held,
                             std::vector<std::function<void()>>& later) {
  if (!mount.from.empty())
    throw Error(Kind::unsupported, "a cache mount with from= is not filled here",
                "fill it in the RUN, with a bind mount of the same source");
  if (building_.options.cache.empty())
    throw Error(Kind::usage, "nothing says where the cache is, and a cache mount lives there",
                "set HOME or XDG_CACHE_HOME to an absolute path");
  made.kind = StepMount::Kind::cache;
  made.read_only = mount.read_only;
  const std::string id = mount.id.empty() ? made.target : mount.id;
  const auto name = std::string(digest_of("cache mount " + id + " " + building_.options.ids).hex());
  const std::size_t index = order.mounts.size();
  later.emplace_back([this, mount, name, index, &order, &held] {
    const std::string base = building_.options.cache + "/build/mounts/" + name;
    const std::uint32_t mode = mount.mode.value_or(0755);
    std::string path =
        make_directory(base + (mount.sharing == containerfile::Mount::Sharing::privately ? ".1" : ""), mode);
    if (mount.uid || mount.gid) {
      if (::chown(path.c_str(), mount.uid.value_or(0), mount.gid.value_or(0)) != 0)
        throw_errno(errno, quote(path));
    }
    if (mount.sharing != containerfile::Mount::Sharing::shared) {
      for (int number = 1;; ++number) {
        auto lock = std::make_shared<fs::Fd>(::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
        if (lock->get() < 0) throw_errno(errno, quote(path));
        if (::flock(lock->get(), LOCK_EX | LOCK_NB) == 0) {
          held.push_back(lock);
          break;
        }
        if (mount.sharing == containerfile::Mount::Sharing::privately) {
          path = make_directory(fmt::format("{}.{}", base, number + 1), mode);
        } else {
          context_.check();
          const timespec pause{.tv_sec = 0, .tv_nsec = 5'000'000};
          ::nanosleep(&pause, nullptr);
        }
      }
    }
    order.mounts[index].source = path;
  });
}

void StageBuilder::add_mount(const containerfile::Mount& mount, StepOrder& order, StepKey& key,
                             std::vector<std::shared_ptr<const void>>& held,
                             std::vector<std::function<void()>>& later) {
  using Type = containerfile::Mount::Type;
  StepMount made;
  made.uid = mount.uid.value_or(0);
  made.gid = mount.gid.value_or(0);
  const auto& options = building_.options;
  key.add("--mount",
          fmt::format("{} {} {} {} {} {} {:o} {} {}", static_cast<int>(mount.type), mount.from, mount.source,
                      mount.target, mount.read_only, mount.id, mount.mode.value_or(0), made.uid, made.gid));
  switch (mount.type) {
    case Type::bind: {
      made.target = mount_target(mount.target);
      const std::size_t index = order.mounts.size();
      add_bind(mount, made, key, held, later, index, order);
      break;
    }
    case Type::cache:
      made.target = mount_target(mount.target);
      add_cache(mount, made, order, held, later);
      break;
    case Type::tmpfs:
      made.kind = StepMount::Kind::tmpfs;
      made.target = mount_target(mount.target);
      made.size = mount.size;
      made.read_only = mount.read_only;
      break;
    case Type::secret: {
      const std::string id = !mount.id.empty() ? mount.id
                             : !mount.source.empty()
                                 ? mount.source
                                 : std::string(layer::basename(layer::clean(mount.target).value_or("")));
      const auto secret = options.secrets.find(id);
      if (secret == options.secrets.end()) {
        if (mount.required)
          throw Error(Kind::usage, fmt::format("secret {}: not found", quote(id)),
                      fmt::format("give it with --secret id={},src=FILE", id));
        return;
      }
      const std::string value = secret->second.read();
      if (mount.env) {
        set_env(order.environment, *mount.env, value);
        if (mount.target.empty()) return;
      }
      made.kind = StepMount::Kind::file;
      made.target = mount.target.empty() ? "/run/secrets/" + std::string(layer::basename(id))
                                         : mount_target(mount.target);
      made.content = value;
      made.mode = mount.mode.value_or(0400);
      break;
    }
    case Type::ssh: {
      const std::string id = mount.id.empty() ? "default" : mount.id;
      const auto agent = options.ssh.find(id);
      if (agent == options.ssh.end()) {
        if (mount.required)
          throw Error(Kind::usage, fmt::format("ssh {}: not found", quote(id)),
                      fmt::format("give it with --ssh {}", id));
        return;
      }
      made.kind = StepMount::Kind::socket;
      made.source = agent->second;
      made.target = mount.target.empty() ? "/run/buildkit/ssh_agent.0" : mount_target(mount.target);
      made.mode = mount.mode.value_or(0600);
      if (!find_env(order.environment, "SSH_AUTH_SOCK"))
        set_env(order.environment, "SSH_AUTH_SOCK", made.target);
      break;
    }
  }
  order.mounts.push_back(std::move(made));
}

void StageBuilder::operate(const containerfile::Instruction& instruction, const containerfile::Run& run) {
  const auto& options = building_.options;
  auto order = std::make_shared<StepOrder>();
  order->arguments = run_arguments(run, order->mounts);
  const std::string created_by = run_words(order->arguments);
  if (building_.dry) return;
  if (run.security == "insecure" && !options.insecure)
    throw Error(Kind::denied, "security.insecure is not allowed",
                "say --allow security.insecure if this RUN may have all capabilities");
  if (!run.devices.empty()) throw Error(Kind::unsupported, "RUN --device is not done here");
  order->environment = run_environment();
  order->working_directory = image_.config.working_dir.empty() ? "/" : image_.config.working_dir;
  order->user = image_.config.user;
  order->insecure = run.security == "insecure";
  const std::string network = run.network.empty() || run.network == "default" ? options.network : run.network;
  order->host_network = network != "none";
  order->platform = image_.config.platform;
  order->newest_mtime = options.epoch;
  order->timeout_seconds = options.step_timeout;
  order->hosts = options.hosts;
  if (const auto name = options.build_args.find("BUILDKIT_SANDBOX_HOSTNAME");
      name != options.build_args.end())
    order->hostname = name->second;

  auto key = parent_key(instruction);
  for (const auto& word : order->arguments) key.add("a word of the command", word);
  for (const auto& mount : order->mounts) key.add("a heredoc", mount.target + "\n" + mount.content);
  for (const auto& each : order->environment) key.add("env " + each.substr(0, each.find('=')), each);
  key.add("the working directory", order->working_directory);
  key.add("the user", order->user);
  key.add("--network", network);
  key.add("--security", run.security);
  const auto held = std::make_shared<std::vector<std::shared_ptr<const void>>>();
  const auto later = std::make_shared<std::vector<std::function<void()>>>();
  for (const auto& mount : run.mounts) add_mount(mount, *order, key, *held, *later);
  // Proxies are the host's business: no part of the key.
  for (const auto& [name, value] : options.build_args) {
    if (is_predefined(name) && !find_env(order->environment, name)) set_env(order->environment, name, value);
  }

  const auto done = std::make_shared<StepDone>();
  const auto make = [this, order, held, later, done](const Watcher::Step& shown) {
    for (const auto& each : *later) each();
    const auto stack = image::stack_of(*building_.grounds.store, image_);
    order->stack = &stack;
    order->base_layers = base_layers_;
    order->tree = &tree();
    order->output = [this, &shown](std::string_view bytes) {
      building_.grounds.watcher->output(shown, bytes);
    };
    *done = building_.grounds.runner().run(context_, *order);
    held->clear();
    if (done->exit_code != 0) {
      throw Error(Kind::invalid, fmt::format("process {} did not complete successfully: exit code: {}",
                                             quote(join(order->arguments, " ")), done->exit_code));
    }
    return done->changes;
  };
  const auto made = [this, done](const std::vector<Digest>& below, const Digest& diff_id) {
    building_.grounds.runner().keep(*done, below, diff_id);
    *done = StepDone{};
  };
  make_layer({.instruction = instruction,
              .created_by = created_by,
              .key = std::move(key),
              .make = make,
              .in_tree = false,
              .made = made});
}

}  // namespace stave::build
