// The stages of a build: which are needed, and in which order they run.

#include "stave/build/build.h"

#include <fmt/format.h>

#include <algorithm>
#include <condition_variable>
#include <exception>
#include <mutex>
#include <set>
#include <thread>

#include "stave/base/text.h"
#include "stave/build/stage.h"
#include "stave/layer/compare.h"
#include "stave/layer/stack.h"

namespace stave::build {
namespace {

std::size_t target_of(const containerfile::Containerfile& file, const std::string& target) {
  if (target.empty()) return file.stages.size() - 1;
  if (const auto found = find_stage(file, target, file.stages.size())) return *found;
  std::vector<std::string_view> names;
  for (const auto& stage : file.stages) {
    if (!stage.name.empty()) names.push_back(stage.name);
  }
  const std::string near = containerfile::suggestion(target, names);
  throw Error(Kind::usage, fmt::format("target stage {} could not be found", quote(target)),
              !near.empty()   ? fmt::format("did you mean {}?", near)
              : names.empty() ? "no stage has a name"
                              : fmt::format("there are {}", join({names.begin(), names.end()}, ", ")));
}

// The stages that the target needs, ascending, by what the file says; what triggers of images need comes by
// itself.
std::set<std::size_t> needed_stages(const Building& building, std::size_t target) {
  const auto& file = building.file;
  std::set<std::size_t> needed;
  std::vector<std::size_t> open = {target};
  while (!open.empty()) {
    const std::size_t number = open.back();
    open.pop_back();
    if (!needed.insert(number).second) continue;
    const auto& stage = file.stages[number];
    const auto add = [&](const std::string& name) {
      if (name.empty()) return;
      if (const auto other = find_stage(file, name, number)) open.push_back(*other);
    };
    std::string base;
    try {
      base = containerfile::expanded_word(file, stage.base, stage.where, global_variables(building));
    } catch (const Error&) {
      // Said when the stage is built.
    }
    if (!parse_number(base)) add(base);
    for (const auto& instruction : stage.instructions) {
      if (const auto* transfer = std::get_if<containerfile::Transfer>(&instruction.what)) add(transfer->from);
      if (const auto* run = std::get_if<containerfile::Run>(&instruction.what)) {
        const auto plain = containerfile::expanded(
            file, instruction, [](std::string_view) { return std::optional<std::string>(""); });
        static_cast<void>(run);
        for (const auto& mount : std::get<containerfile::Run>(plain.what).mounts) add(mount.from);
      }
    }
  }
  return needed;
}

bool has_run(const containerfile::Stage& stage) {
  return std::any_of(stage.instructions.begin(), stage.instructions.end(),
                     [](const auto& each) { return std::holds_alternative<containerfile::Run>(each.what); });
}

// Builds stages, each once, whoever asks for it first. A stage needs only those above it, so who waits never
// waits for somebody who waits for them.
class Stages {
 public:
  explicit Stages(Building& building) : building_(building), slots_(building.file.stages.size()) {
    building_.stage = [this](std::size_t number) -> const Built& { return get(number); };
  }

  const Built& get(std::size_t number) {
    auto& slot = slots_[number];
    {
      std::unique_lock lock(mutex_);
      if (slot.state == State::running) changed_.wait(lock, [&] { return slot.state != State::running; });
      if (slot.state == State::failed) std::rethrow_exception(slot.failure);
      if (slot.state == State::built) return *slot.built;
      slot.state = State::running;
    }
    try {
      auto built = StageBuilder(building_, number).run();
      const std::lock_guard lock(mutex_);
      slot.built = std::move(built);
      slot.state = State::built;
    } catch (...) {
      const std::lock_guard lock(mutex_);
      slot.failure = std::current_exception();
      slot.state = State::failed;
      failed_ = true;
    }
    changed_.notify_all();
    if (slot.state == State::failed) std::rethrow_exception(slot.failure);
    return *slot.built;
  }

  void run(const std::set<std::size_t>& needed) {
    std::vector<std::size_t> order(needed.begin(), needed.end());
    std::size_t next = 0;
    const auto work = [&] {
      for (;;) {
        std::size_t number = 0;
        {
          const std::lock_guard lock(mutex_);
          if (failed_ || next == order.size()) return;
          number = order[next++];
        }
        try {
          get(number);
        } catch (...) {
          // Kept in its slot; the first in the order of the file is thrown in the end.
        }
      }
    };
    const std::size_t threads = std::min<std::size_t>(building_.context.jobs, order.size());
    {
      std::vector<std::jthread> crew;
      for (std::size_t i = 1; i < threads; ++i) crew.emplace_back(work);
      work();
    }
    for (const auto number : order) {
      if (slots_[number].state == State::failed) std::rethrow_exception(slots_[number].failure);
    }
  }

 private:
  enum class State : std::uint8_t { waiting, running, built, failed };
  struct Slot {
    State state = State::waiting;
    std::optional<Built> built;
    std::exception_ptr failure;
  };

  Building& building_;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::vector<Slot> slots_;
  bool failed_ = false;
};

// The target's own layers become one.
image::Image squashed(const Building& building, const Built& built) {
  const auto& store = *building.grounds.store;
  const auto& config = built.image.config;
  const std::size_t own = config.diff_ids.size() - built.own_from;
  if (own < 2) return built.image;
  const auto stack = image::stack_of(store, built.image);
  auto lower_stack = stack;
  lower_stack.pieces.resize(built.own_from);
  const auto lower = layer::read_stack(building.context, lower_stack, layer::Digests::yes);
  const auto upper = layer::read_stack(building.context, stack, layer::Digests::yes, lower, built.own_from);
  auto changes = layer::changeset_of(upper, layer::compare(building.context, lower, upper, {}));
  layer::spool_contents(building.context, stack, building.options.spool, changes);
  const auto layer =
      layer::pack(building.context, changes, building.options.codec, store, building.options.remember);
  auto history = config.history;
  auto image = image::without_last(built.image, own);
  std::size_t layers = 0;
  for (auto& each : history) {
    if (!each.empty_layer && ++layers > built.own_from) each.empty_layer = true;
  }
  image.config.history = std::move(history);
  spec::History entry;
  if (building.options.epoch) entry.created = time_text(*building.options.epoch);
  entry.comment = "stave build --squash";
  return image::append(std::move(image), layer, std::move(entry));
}

// --build-arg that nothing declares.
void check_arguments(const Building& building, const std::set<std::size_t>& needed) {
  std::set<std::string> declared;
  const auto add = [&](const containerfile::Instruction& instruction) {
    if (const auto* arg = std::get_if<containerfile::Arg>(&instruction.what)) {
      for (const auto& one : arg->all) declared.insert(one.key);
    }
  };
  for (const auto& instruction : building.file.global_args) add(instruction);
  for (const auto number : needed) {
    for (const auto& instruction : building.file.stages[number].instructions) add(instruction);
  }
  std::vector<std::string> unused;
  for (const auto& [name, value] : building.options.build_args) {
    if (!declared.contains(name) && !is_predefined(name) && name != "SOURCE_DATE_EPOCH" &&
        !name.starts_with("BUILDKIT_") && !name.starts_with("TARGET") && !name.starts_with("BUILD"))
      unused.push_back(name);
  }
  if (!unused.empty())
    building.context.progress->warn(
        fmt::format("no ARG declares {}: --build-arg has no effect there", join(unused, ", ")));
}

image::Image finished(const Building& building, const Built& built) {
  auto image = building.options.squash ? squashed(building, built) : built.image;
  auto config = image.config;
  if (building.options.epoch) config.created = time_text(*building.options.epoch);
  for (const auto& [name, value] : building.options.labels) config.labels[name] = value;
  image = image::with_config(std::move(image), std::move(config));
  for (const auto& [name, value] : building.options.annotations) image.manifest.annotations[name] = value;
  return image;
}

bool is_skipped(const containerfile::Containerfile& file, const std::string& rule) {
  const auto lower = [](std::string text) {
    for (char& c : text) c = static_cast<char>(c >= 'A' && c <= 'Z' ? c | 0x20 : c);
    return text;
  };
  return std::any_of(file.skip_checks.begin(), file.skip_checks.end(), [&](const auto& skipped) {
    return lower(skipped) == "all" || lower(skipped) == lower(rule);
  });
}

// Warnings of all stages, each once, in the order of lines.
class Warnings {
 public:
  explicit Warnings(const containerfile::Containerfile& file) : file_(file), all_(file.warnings) {}
  void add(containerfile::Warning warning) {
    const std::lock_guard lock(mutex_);
    if (is_skipped(file_, warning.rule)) return;
    const bool known = std::any_of(all_.begin(), all_.end(), [&](const auto& each) {
      return each.rule == warning.rule && each.message == warning.message && each.where == warning.where;
    });
    if (!known) all_.push_back(std::move(warning));
  }
  std::vector<containerfile::Warning> finish() {
    std::sort(all_.begin(), all_.end(), [](const auto& a, const auto& b) {
      return std::tie(a.where.line, a.rule, a.message) < std::tie(b.where.line, b.rule, b.message);
    });
    return all_;
  }

 private:
  const containerfile::Containerfile& file_;
  std::mutex mutex_;
  std::vector<containerfile::Warning> all_;
};

}  // namespace

bool needs_runner(const containerfile::Containerfile& file, const Options& options) {
  const Grounds grounds;
  const Context context;
  Building building{.context = context,
                    .file = file,
                    .options = options,
                    .grounds = grounds,
                    .stage = {},
                    .warn = {},
                    .next_number = {}};
  const auto needed = needed_stages(building, target_of(file, options.target));
  return std::any_of(needed.begin(), needed.end(),
                     [&](std::size_t number) { return has_run(file.stages[number]); });
}

image::Image build(const Context& context, const containerfile::Containerfile& file, const Options& options,
                   const Grounds& grounds) {
  Warnings warnings(file);
  int number = 0;
  std::mutex counting;
  Building building{.context = context,
                    .file = file,
                    .options = options,
                    .grounds = grounds,
                    .stage = {},
                    .warn = [&](containerfile::Warning warning) { warnings.add(std::move(warning)); },
                    .next_number =
                        [&] {
                          const std::lock_guard lock(counting);
                          return ++number;
                        }};
  const std::size_t target = target_of(file, options.target);
  const auto needed = needed_stages(building, target);
  check_arguments(building, needed);
  if (file.checks_are_errors && !file.warnings.empty()) {
    const auto& first = file.warnings.front();
    throw containerfile::error_at(file.text, first.where, fmt::format("{} ({})", first.message, first.rule),
                                  "`# check=error=true` makes warnings errors");
  }
  // Where no RUN can work, that is said before the first step.
  const bool runs =
      std::any_of(needed.begin(), needed.end(), [&](std::size_t each) { return has_run(file.stages[each]); });
  if (runs) static_cast<void>(grounds.runner());
  Stages stages(building);
  stages.run(needed);
  auto image = finished(building, stages.get(target));
  for (const auto& warning : warnings.finish()) grounds.watcher->warning(file, warning);
  return image;
}

std::vector<containerfile::Warning> check(const Context& context, const containerfile::Containerfile& file,
                                          const Options& options, const Grounds& grounds) {
  Warnings warnings(file);
  Grounds dry = grounds;
  // A base that cannot be had brings no variables, and is no mistake of the file.
  dry.find_base = [&](const Context& inner, const std::string& name, const spec::Platform& platform) -> Base {
    try {
      return grounds.find_base(inner, name, platform);
    } catch (const Error& error) {
      if (error.kind() == Kind::cancelled) throw;
      return {.image = image::scratch(platform), .blobs = {}, .digest = {}};
    }
  };
  Building building{.context = context,
                    .file = file,
                    .options = options,
                    .grounds = dry,
                    .stage = {},
                    .warn = [&](containerfile::Warning warning) { warnings.add(std::move(warning)); },
                    .next_number = [] { return 0; },
                    .dry = true};
  Stages stages(building);
  for (std::size_t i = 0; i < file.stages.size(); ++i) static_cast<void>(stages.get(i));
  return warnings.finish();
}

}  // namespace stave::build
