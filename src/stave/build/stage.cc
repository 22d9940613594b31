// FROM, and what makes a layer of a step.

#include "stave/build/stage.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "stave/base/text.h"
#include "stave/layer/compare.h"
#include "stave/layer/path.h"

namespace stave::build {
namespace {

std::string lower(std::string_view text) {
  std::string out(text);
  for (char& c : out) c = static_cast<char>(c >= 'A' && c <= 'Z' ? c | 0x20 : c);
  return out;
}

bool makes_layer(const containerfile::Instruction& instruction) {
  return std::holds_alternative<containerfile::Transfer>(instruction.what) ||
         std::holds_alternative<containerfile::Run>(instruction.what) ||
         std::holds_alternative<containerfile::Workdir>(instruction.what);
}

}  // namespace

std::optional<std::size_t> find_stage(const containerfile::Containerfile& file, const std::string& name,
                                      std::size_t before) {
  const std::string wanted = lower(name);
  // The last one of that name that stands above.
  for (std::size_t i = std::min(before, file.stages.size()); i-- > 0;) {
    if (!wanted.empty() && file.stages[i].name == wanted) return i;
  }
  if (const auto number = parse_number(name); number && *number < before)
    return static_cast<std::size_t>(*number);
  return std::nullopt;
}

bool is_predefined(std::string_view name) {
  static constexpr std::array<std::string_view, 10> names = {
      "HTTP_PROXY", "http_proxy", "HTTPS_PROXY", "https_proxy", "FTP_PROXY",
      "ftp_proxy",  "NO_PROXY",   "no_proxy",    "ALL_PROXY",   "all_proxy"};
  return std::find(names.begin(), names.end(), name) != names.end();
}

std::optional<std::string> find_global(const Building& building, std::string_view name) {
  const auto& options = building.options;
  const auto platform = [&](std::string_view prefix, const spec::Platform& of) -> std::optional<std::string> {
    if (!name.starts_with(prefix)) return std::nullopt;
    const auto rest = name.substr(prefix.size());
    if (rest == "PLATFORM") return of.str();
    if (rest == "OS") return of.os;
    if (rest == "ARCH") return of.architecture;
    if (rest == "VARIANT") return of.variant;
    return std::nullopt;
  };
  if (const auto given = options.build_args.find(std::string(name)); given != options.build_args.end()) {
    const bool declared = std::any_of(
        building.file.global_args.begin(), building.file.global_args.end(), [&](const auto& each) {
          const auto& all = std::get<containerfile::Arg>(each.what).all;
          return std::any_of(all.begin(), all.end(), [&](const auto& one) { return one.key == name; });
        });
    if (declared || platform("TARGET", options.platform) || platform("BUILD", options.build_platform))
      return given->second;
  }
  std::optional<std::string> value;
  if (name == "TARGETSTAGE") return options.target.empty() ? "default" : options.target;
  value = platform("TARGET", options.platform);
  if (!value) value = platform("BUILD", options.build_platform);
  for (const auto& instruction : building.file.global_args) {
    for (const auto& one : std::get<containerfile::Arg>(instruction.what).all) {
      if (one.key != name || !one.value) continue;
      // A default may use the ones above it.
      value = containerfile::expanded_word(
          building.file, *one.value, instruction.where,
          [&](std::string_view other) { return other == name ? value : find_global(building, other); });
    }
  }
  return value;
}

containerfile::Variables global_variables(const Building& building) {
  return [&building](std::string_view name) { return find_global(building, name); };
}

StageBuilder::StageBuilder(const Building& building, std::size_t number)
    : building_(building),
      context_(building.context),
      stage_(building.file.stages[number]),
      number_(number),
      image_(image::scratch(building.options.platform)) {
  const auto& options = building.options;
  no_cache_ =
      options.no_cache || options.no_cache_stages.contains(std::to_string(number)) ||
      std::any_of(options.no_cache_stages.begin(), options.no_cache_stages.end(),
                  [&](const auto& each) { return !stage_.name.empty() && lower(each) == stage_.name; });
  step_count_ = static_cast<unsigned>(
      std::count_if(stage_.instructions.begin(), stage_.instructions.end(), makes_layer));
}

std::string StageBuilder::name() const {
  const std::string own = stage_.name.empty() ? fmt::format("stage-{}", number_) : stage_.name;
  const auto& options = building_.options;
  return options.platform == options.build_platform ? own : options.platform.str() + " " + own;
}

Built StageBuilder::run() {
  from();
  own_from_ = image_.config.diff_ids.size();
  triggers();
  for (const auto& instruction : stage_.instructions) {
    context_.check();
    dispatch(instruction);
  }
  Built built{.image = std::move(image_),
              .base_layers = base_layers_,
              .own_from = own_from_,
              .args = args_,
              .files = {}};
  built.files = image_files(built.image, {building_.grounds.store, [](const content::BlobSource*) {}},
                            fmt::format("the stage {}", quote(name())), building_.options.spool);
  return built;
}

void StageBuilder::from() {
  const auto& file = building_.file;
  const auto unset = [&](const std::string& name) {
    building_.warn({.rule = "UndefinedArgInFrom",
                    .message = fmt::format("FROM argument '{}' is not declared", name),
                    .where = stage_.where});
  };
  const std::string base =
      containerfile::expanded_word(file, stage_.base, stage_.where, global_variables(building_), unset);
  if (base.empty())
    throw containerfile::error_at(file.text, stage_.where,
                                  fmt::format("base name ({}) should not be blank", stage_.base),
                                  "its ARG has no value; give one with --build-arg");
  spec::Platform platform = building_.options.platform;
  if (!stage_.platform.empty()) {
    const std::string text =
        containerfile::expanded_word(file, stage_.platform, stage_.where, global_variables(building_), unset);
    if (text.empty()) throw containerfile::error_at(file.text, stage_.where, "the platform of FROM is blank");
    try {
      platform = spec::Platform::parse(text);
    } catch (const Error& error) {
      throw containerfile::error_at(file.text, stage_.where, error.what(), error.hint());
    }
  }
  if (const auto other = find_stage(file, base, number_); other && !parse_number(base)) {
    const Built& built = building_.stage(*other);
    image_ = built.image;
    args_ = built.args;
    base_layers_ = built.base_layers;
    return;
  }
  if (base == "scratch" && !building_.options.image_contexts.contains("scratch")) {
    image_ = image::scratch(platform);
    image_.config.working_dir = "/";
    image_.config.env = {default_path};
    return;
  }
  try {
    from_image(base, platform);
  } catch (const Error& error) {
    if (error.kind() == Kind::cancelled || building_.dry) throw;
    throw Error(error.kind(), containerfile::show(file.text, stage_.where, error.what()), error.hint());
  }
}

void StageBuilder::from_image(const std::string& base, const spec::Platform& platform) {
  const auto& options = building_.options;
  const auto named = options.image_contexts.find(lower(base));
  if (options.contexts.contains(lower(base)))
    throw Error(Kind::unsupported,
                fmt::format("the context {} is files, and FROM takes an image", quote(base)),
                "write FROM scratch and COPY --from=NAME / /");
  const auto found = building_.grounds.find_base(
      context_, named == options.image_contexts.end() ? base : named->second, platform);
  image_ = found.image;
  image_.manifest.annotations.clear();
  auto& config = image_.config;
  config.created.clear();
  if (!find_env(config.env, "PATH")) config.env.emplace_back(default_path);
  base_layers_ = config.diff_ids.size();
}

// What the base image wanted to be done by who builds upon it, once.
void StageBuilder::triggers() {
  const auto triggers = find_strings(image_.config, "OnBuild");
  if (!triggers) return;
  set_strings(image_.config, "OnBuild", std::nullopt);
  std::vector<containerfile::Instruction> instructions;
  constexpr std::size_t most = 1000;  // each is a step, and the image is somebody else's
  if (triggers->size() > most)
    throw Error(Kind::limit, fmt::format("{} ONBUILD triggers are more than {}", triggers->size(), most));
  for (const auto& trigger : *triggers)
    instructions.push_back(containerfile::parse_onbuild(trigger, fmt::format("ONBUILD of {}", stage_.base)));
  step_count_ += static_cast<unsigned>(std::count_if(instructions.begin(), instructions.end(), makes_layer));
  for (auto& instruction : instructions) {
    instruction.where = stage_.where;
    dispatch(instruction);
  }
}

std::optional<std::string> StageBuilder::variable(std::string_view name) const {
  if (auto value = find_env(image_.config.env, name)) return value;
  std::optional<std::string> value;
  for (const auto& arg : args_) {
    if (arg.key == name && arg.value) value = arg.value;
  }
  return value;
}

void StageBuilder::dispatch(const containerfile::Instruction& instruction) {
  const auto unset = [&](const std::string& name) {
    const bool declared =
        std::any_of(args_.begin(), args_.end(), [&](const auto& arg) { return arg.key == name; });
    if (!declared)
      building_.warn({.rule = "UndefinedVar",
                      .message = fmt::format("Usage of undefined variable '${}'", name),
                      .where = instruction.where});
  };
  const auto ready = containerfile::expanded(
      building_.file, instruction, [this](std::string_view name) { return variable(name); }, unset);
  try {
    std::visit([&](const auto& what) { operate(ready, what); }, ready.what);
  } catch (const Error& error) {
    // Once is enough: an error of a stage below has its place already.
    if (error.kind() == Kind::cancelled ||
        std::string_view(error.what()).find("\n ") != std::string_view::npos)
      throw;
    throw Error(error.kind(), containerfile::show(building_.file.text, instruction.where, error.what()),
                error.hint());
  }
}

spec::History StageBuilder::entry(std::string created_by) const {
  spec::History history;
  if (building_.options.epoch) history.created = time_text(*building_.options.epoch);
  history.created_by = std::move(created_by);
  history.comment = history_comment;
  return history;
}

void StageBuilder::history(std::string created_by) {
  auto one = entry(std::move(created_by));
  one.empty_layer = true;
  image_.config.history.push_back(std::move(one));
}

layer::Tree& StageBuilder::tree() {
  const std::size_t layers = image_.config.diff_ids.size();
  if (tree_ && tree_layers_ == layers) return *tree_;
  const auto stack = image::stack_of(*building_.grounds.store, image_);
  tree_ = layer::read_stack(context_, stack, layer::Digests::yes, tree_ ? std::move(*tree_) : layer::Tree(),
                            tree_ ? tree_layers_ : 0);
  tree_layers_ = layers;
  return *tree_;
}

std::string StageBuilder::read_file(const std::string& path) {
  constexpr std::uint64_t most = 1024 * 1024;  // passwd with 10,000 users is smaller
  const std::string resolved = tree().resolve(path, layer::Tree::Follow::all);
  const auto* inode = tree().find(resolved);
  if (inode == nullptr || inode->meta.type != layer::Type::regular || inode->meta.size == 0) return {};
  if (inode->meta.size > most)
    throw Error(Kind::limit,
                fmt::format("{} of the image is larger than {}", quote("/" + path), human_size(most)));
  layer::Changeset changes;
  changes.push_back({.entry = {resolved, inode->meta},
                     .removal = false,
                     .stamp = inode->stamp,
                     .contents = inode->contents});
  if (!inode->contents)
    layer::spool_contents(context_, image::stack_of(*building_.grounds.store, image_),
                          building_.options.spool, changes);
  std::string text(static_cast<std::size_t>(inode->meta.size), '\0');
  changes.front().contents->read(changes.front(), 0,
                                 MutableBytes(reinterpret_cast<std::byte*>(text.data()), text.size()));
  return text;
}

StepKey StageBuilder::parent_key(const containerfile::Instruction& instruction) const {
  StepKey key;
  key.add("format", "stave build 1");
  key.add("the instruction", instruction.keyword);
  key.add("platform", image_.config.platform.str());
  std::string below;
  for (const auto& diff_id : image_.config.diff_ids) below += diff_id.str() + " ";
  key.add("an earlier step", below);
  key.add("SOURCE_DATE_EPOCH", building_.options.epoch ? std::to_string(*building_.options.epoch) : "");
  key.add("compression", fmt::format("{} {}", compress::name(building_.options.codec.format),
                                     building_.options.codec.level));
  return key;
}

void StageBuilder::make_layer(LayerStep step) {
  if (building_.dry) return;
  const auto& grounds = building_.grounds;
  Watcher::Step shown{.number = building_.next_number(),
                      .stage = name(),
                      .index = ++step_index_,
                      .count = step_count_,
                      .text = step.instruction.original};
  const std::string slot = fmt::format("{} {} {} {}", building_.file.text.name,
                                       building_.options.platform.str(), name(), shown.index);
  auto* steps = grounds.steps;
  if (steps != nullptr && !no_cache_) {
    if (const auto record = steps->find(context_, step.key); record && record->layer && record->diff_id) {
      image_ = image::append(
          std::move(image_),
          layer::Layer{
              .descriptor = *record->layer, .diff_id = *record->diff_id, .plain_size = 0, .entries = 0},
          entry(std::move(step.created_by)));
      grounds.watcher->step(shown, Watcher::State::cached, {});
      steps->put(step.key, slot, *record);
      return;
    }
  }
  if (building_.options.explain) {
    const std::string why = no_cache_          ? "of --no-cache"
                            : steps != nullptr ? steps->explain(step.key, slot)
                                               : "nothing is kept";
    grounds.watcher->explain(shown, why.empty() ? "it was not built before" : why);
  }
  grounds.watcher->step(shown, Watcher::State::started, {});
  try {
    const std::vector<Digest> below = image_.config.diff_ids;
    const auto changes = step.make(shown);
    const auto layer =
        layer::pack(context_, changes, building_.options.codec, *grounds.store, building_.options.remember);
    image_ = image::append(std::move(image_), layer, entry(std::move(step.created_by)));
    if (step.in_tree) ++tree_layers_;
    if (step.made) step.made(below, layer.diff_id);
    if (steps != nullptr)
      steps->put(step.key, slot, {.layer = layer.descriptor, .diff_id = layer.diff_id, .extra = {}});
    grounds.watcher->step(shown, Watcher::State::done, human_size(layer.descriptor.size));
  } catch (const Error& error) {
    grounds.watcher->step(shown, Watcher::State::failed, split(error.what(), '\n').front());
    throw;
  }
}

}  // namespace stave::build
