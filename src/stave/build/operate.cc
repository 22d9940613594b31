// The instructions, one by one, as BuildKit carries them out.

#include <fmt/format.h>

#include <algorithm>

#include "stave/base/text.h"
#include "stave/build/stage.h"
#include "stave/hash/digest.h"
#include "stave/layer/path.h"

namespace stave::build {

using containerfile::Instruction;

void StageBuilder::operate(const Instruction&, const containerfile::Env& env) {
  std::string text = "ENV";
  for (const auto& pair : env.pairs) {
    text += fmt::format(" {}={}", pair.key, pair.value);
    set_env(image_.config.env, pair.key, pair.value);
  }
  history(text);
}

void StageBuilder::operate(const Instruction&, const containerfile::Label& label) {
  std::string text = "LABEL";
  for (const auto& pair : label.pairs) {
    text += fmt::format(" {}={}", pair.key, pair.value);
    image_.config.labels[pair.key] = pair.value;
  }
  history(text);
}

void StageBuilder::operate(const Instruction&, const containerfile::Arg& arg) {
  std::vector<std::string> words;
  for (const auto& one : arg.all) {
    containerfile::Arg::One known = one;
    const auto given = building_.options.build_args.find(one.key);
    if (given != building_.options.build_args.end()) {
      known.value = given->second;
    } else if (!one.value) {
      known.value = find_global(building_, one.key);
    }
    if (one.key == "SOURCE_DATE_EPOCH" && !known.value && building_.options.epoch)
      known.value = std::to_string(*building_.options.epoch);
    words.push_back(known.value && !is_predefined(one.key) ? one.key + "=" + *known.value : one.key);
    args_.push_back(std::move(known));
  }
  history("ARG " + join(words, " "));
}

void StageBuilder::operate(const Instruction&, const containerfile::Cmd& cmd) {
  const auto words = words_of(cmd.command);
  image_.config.cmd = words;
  image_.config.args_escaped = true;
  cmd_set_ = true;
  history("CMD " + quoted_list(words));
}

void StageBuilder::operate(const Instruction&, const containerfile::Entrypoint& entrypoint) {
  const auto words = words_of(entrypoint.command);
  image_.config.entrypoint = words;
  if (words.empty()) image_.config.entrypoint.reset();
  if (!cmd_set_) image_.config.cmd.reset();
  history("ENTRYPOINT " + quoted_list(words));
}

void StageBuilder::operate(const Instruction&, const containerfile::Expose& expose) {
  const auto ports = ports_of(expose.ports);
  for (const auto& port : ports) image_.config.exposed_ports.emplace(port, "{}");
  history("EXPOSE " + plain_list(ports));
}

void StageBuilder::operate(const Instruction&, const containerfile::User& user) {
  image_.config.user = user.user;
  history("USER " + user.user);
}

void StageBuilder::operate(const Instruction& instruction, const containerfile::Workdir& workdir) {
  auto& config = image_.config;
  std::string path = workdir.path;
  if (!path.starts_with('/')) {
    const std::string base = config.working_dir.empty() ? "/" : config.working_dir;
    path = "/" + layer::clean(base + "/" + path).value_or("");
  }
  const std::string clean = layer::clean(path).value_or("");
  config.working_dir = path.empty() ? "/" : path;
  if (clean.empty()) {
    history("WORKDIR " + path);
    return;
  }
  auto key = parent_key(instruction);
  key.add("the path", clean);
  key.add("the user", config.user);
  const auto make = [this, clean](const Watcher::Step&) {
    const std::string target = tree().resolve(clean, layer::Tree::Follow::all);
    // Who it belongs to is asked for only if it has to be made.
    const bool missing = tree().find(target) == nullptr && !image_.config.user.empty();
    const auto owner = missing ? owner_of(image_.config.user) : std::nullopt;
    make_directories(tree(), target, owner.value_or(layer::Owner{}), made_time());
    return tree().take_changes();
  };
  make_layer(
      {.instruction = instruction, .created_by = "WORKDIR " + path, .key = std::move(key), .make = make});
}

void StageBuilder::operate(const Instruction&, const containerfile::Volume& volume) {
  for (const auto& path : volume.paths) image_.config.volumes.emplace(path, "{}");
  history("VOLUME " + plain_list(volume.paths));
}

void StageBuilder::operate(const Instruction&, const containerfile::StopSignal& stop) {
  check_signal(stop.signal);
  image_.config.stop_signal = stop.signal;
  history("STOPSIGNAL " + stop.signal);
}

void StageBuilder::operate(const Instruction&, const containerfile::Shell& shell) {
  set_strings(image_.config, "Shell", shell.words);
  history("SHELL " + plain_list(shell.words));
}

void StageBuilder::operate(const Instruction&, const containerfile::Maintainer& maintainer) {
  image_.config.author = maintainer.name;
  history("MAINTAINER " + maintainer.name);
}

void StageBuilder::operate(const Instruction&, const containerfile::OnBuild& onbuild) {
  auto triggers = find_strings(image_.config, "OnBuild").value_or(std::vector<std::string>{});
  triggers.push_back(onbuild.expression);
  set_strings(image_.config, "OnBuild", triggers);
}

void StageBuilder::operate(const Instruction&, const containerfile::Healthcheck& health) {
  set_healthcheck(image_.config, health);
  history(healthcheck_words(health));
}

std::vector<std::string> StageBuilder::shell_words() const {
  const auto shell = find_strings(image_.config, "Shell");
  return shell && !shell->empty() ? *shell : std::vector<std::string>{"/bin/sh", "-c"};
}

std::vector<std::string> StageBuilder::words_of(const containerfile::CommandLine& command) const {
  if (!command.shell) return command.words;
  auto words = shell_words();
  words.insert(words.end(), command.words.begin(), command.words.end());
  return words;
}

// --- COPY and ADD ---

std::shared_ptr<const Files> StageBuilder::files_named(const std::string& name) {
  const auto& options = building_.options;
  std::string lower = name;
  for (char& c : lower) c = static_cast<char>(c >= 'A' && c <= 'Z' ? c | 0x20 : c);
  if (const auto context = options.contexts.find(lower); context != options.contexts.end())
    return context->second;
  const auto image = options.image_contexts.find(lower);
  if (image == options.image_contexts.end()) {
    if (const auto other = find_stage(building_.file, name, number_)) return building_.stage(*other).files;
    for (std::size_t i = number_; i < building_.file.stages.size(); ++i) {
      if (building_.file.stages[i].name == lower && !lower.empty())
        throw Error(Kind::invalid, fmt::format("the stage {} is defined below", quote(name)),
                    "move it above");
    }
  }
  const std::string where = image == options.image_contexts.end() ? name : image->second;
  if (where == "scratch") return image_files(image::scratch(options.platform), {}, "scratch", options.spool);
  const auto base = building_.grounds.find_base(context_, where, options.platform);
  return image_files(base.image, base.blobs, fmt::format("the image {}", quote(where)), options.spool);
}

Input StageBuilder::fetched(const containerfile::Transfer& transfer, const std::string& source) {
  const auto& options = building_.options;
  if (is_git(source)) {
    const auto git = checkout(context_, source, transfer.keep_git_dir, options.spool, options.search_path,
                              options.environment);
    if (!transfer.checksum.empty() && !git.commit.starts_with(transfer.checksum))
      throw Error(Kind::mismatch, fmt::format("{} is at commit {}, not {}", quote(source), git.commit,
                                              quote(transfer.checksum)));
    return {.files = git.files, .source = "/", .as_directory = true};
  }
  if (!building_.grounds.fetch)
    throw Error(Kind::unsupported, fmt::format("{}: nothing is fetched here", quote(source)));
  const auto file = building_.grounds.fetch(context_, source);
  if (!transfer.checksum.empty() && file.digest.str() != transfer.checksum)
    throw Error(Kind::mismatch,
                fmt::format("{} is {}, not {}", quote(source), file.digest.str(), quote(transfer.checksum)),
                "what is there changed, or it is not what was wanted");
  return {.files = file.files,
          .source = file.name,
          .keeps_times = file.modified.has_value(),
          .may_be_archive = transfer.unpack.value_or(false)};
}

std::vector<Input> StageBuilder::inputs_of(const containerfile::Transfer& transfer) {
  std::vector<Input> inputs;
  for (const auto& content : transfer.contents)
    inputs.push_back({.files = text_file(content.name, content.content, 0644),
                      .source = content.name,
                      .is_document = true});
  if (transfer.sources.empty()) return inputs;
  std::shared_ptr<const Files> files;
  if (!transfer.from.empty()) files = files_named(transfer.from);
  for (const auto& source : transfer.sources) {
    if (transfer.add && (is_git(source) || is_url(source))) {
      inputs.push_back(fetched(transfer, source));
      continue;
    }
    if (!files) files = building_.grounds.context;
    if (!files) throw Error(Kind::usage, "there is no build context to copy from");
    inputs.push_back({.files = files,
                      .source = source,
                      .keeps_times = files->identity().has_value(),
                      .may_be_archive = transfer.add && transfer.unpack.value_or(true)});
  }
  if (!transfer.checksum.empty() &&
      (inputs.size() != 1 || !(is_git(transfer.sources.front()) || is_url(transfer.sources.front()))))
    throw Error(Kind::invalid, "checksum is only supported for one HTTP or Git source");
  return inputs;
}

std::optional<layer::Owner> StageBuilder::owner_of(const std::string& text) {
  if (text.empty()) return std::nullopt;
  const std::size_t colon = text.find(':');
  const std::string user = text.substr(0, colon);
  const std::string group = colon == text.npos ? "" : text.substr(colon + 1);
  constexpr std::uint64_t most_id = 0xfffffffe;
  const auto number = [&](const std::string& word) -> std::optional<std::uint32_t> {
    const auto id = parse_number(word);
    if (!id) return std::nullopt;
    if (*id > most_id) throw Error(Kind::invalid, fmt::format("the id {} is too large", quote(word)));
    return static_cast<std::uint32_t>(*id);
  };
  // A name's line of passwd or group: the numbers behind it.
  const auto look_up = [&](const char* file, const std::string& name) {
    for (const auto& line : split(read_file(file), '\n')) {
      const auto fields = split(line, ':');
      if (fields.size() >= 3 && fields[0] == name) return fields;
    }
    throw Error(Kind::invalid,
                fmt::format("the image has no {} {}",
                            file == std::string_view("etc/passwd") ? "user" : "group", quote(name)),
                fmt::format("it is not in the image's /{}; a number needs no entry there", file));
  };
  layer::Owner owner;
  if (const auto id = number(user)) {
    owner = {*id, *id};
  } else {
    const auto fields = look_up("etc/passwd", user);
    owner.uid = number(fields[2]).value_or(0);
    owner.gid = fields.size() > 3 ? number(fields[3]).value_or(0) : 0;
  }
  if (group.empty()) return owner;
  const auto id = number(group);
  owner.gid = id ? *id : number(look_up("etc/group", group)[2]).value_or(0);
  return owner;
}

Manner StageBuilder::manner_of(const containerfile::Transfer& transfer) {
  const auto& options = building_.options;
  Manner manner;
  const std::string& to = transfer.destination;
  manner.destination = to.starts_with('/')
                           ? to
                           : (image_.config.working_dir.empty() ? "/" : image_.config.working_dir + "/") + to;
  manner.into = to.ends_with('/') || to == "." || to == ".." || to.ends_with("/.") || to.ends_with("/..");
  const std::size_t sources = transfer.sources.size() + transfer.contents.size();
  if (sources > 1 && !manner.into && !transfer.parents)
    throw Error(Kind::invalid,
                fmt::format("When using {} with more than one source file, the destination must be a "
                            "directory and end with a /",
                            transfer.add ? "ADD" : "COPY"),
                fmt::format("write {}/", to));
  if (!transfer.chmod.empty()) manner.mode = ModeChange::parse(transfer.chmod);
  manner.parents = transfer.parents;
  manner.link = transfer.link;
  manner.excludes = containerfile::Patterns(transfer.excludes);
  manner.made = made_time();
  manner.newest = options.epoch;
  manner.spool = options.spool;
  return manner;
}

void StageBuilder::operate(const Instruction& instruction, const containerfile::Transfer& transfer) {
  if (building_.dry) {
    static_cast<void>(manner_of(transfer));
    return;
  }
  auto manner = std::make_shared<Manner>(manner_of(transfer));
  const auto inputs = std::make_shared<std::vector<Input>>(inputs_of(transfer));
  StepKey key;
  if (transfer.link) {
    // Nothing below is looked at, but for names of --chown.
    key.add("format", "stave build 1 link");
    key.add("the instruction", instruction.keyword);
    key.add("SOURCE_DATE_EPOCH", building_.options.epoch ? std::to_string(*building_.options.epoch) : "");
    key.add("compression", fmt::format("{} {}", compress::name(building_.options.codec.format),
                                       building_.options.codec.level));
    const bool named = transfer.chown.find_first_not_of("0123456789:") != std::string::npos;
    if (named) key.add("an earlier step", image_files(image_, {}, "", "")->identity().value_or(""));
  } else {
    key = parent_key(instruction);
  }
  key.add("the destination", manner->destination);
  key.add("--chown", transfer.chown);
  key.add("--chmod", transfer.chmod);
  key.add("--parents", transfer.parents ? "true" : "");
  key.add("--unpack", transfer.unpack ? (*transfer.unpack ? "true" : "false") : "");
  key.add("--exclude", join(transfer.excludes, "\n"));
  key.add("the sources", join(transfer.sources, "\n"));
  add_to_key(context_, key, *inputs, *manner);
  const auto make = [this, manner, inputs, chown = transfer.chown](const Watcher::Step&) {
    manner->owner = owner_of(chown);
    if (!manner->link) return build::transfer(context_, tree(), *inputs, *manner);
    layer::Tree alone;
    return build::transfer(context_, alone, *inputs, *manner);
  };
  make_layer({.instruction = instruction,
              .created_by = transfer_words(transfer),
              .key = std::move(key),
              .make = make,
              .in_tree = !transfer.link});
}

}  // namespace stave::build
