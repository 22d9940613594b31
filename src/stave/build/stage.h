// A stage being built: its image so far, what its variables are, and its instructions
// one after the other. Internal to build.

#pragma once

#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "stave/build/build.h"
#include "stave/build/sources.h"
#include "stave/build/transfer.h"

namespace stave::build {

// What a stage became: others are built on it, or take files from it.
struct Built {
  image::Image image;
  std::size_t base_layers = 0;  // of the image at the root of its FROMs
  std::size_t own_from = 0;     // layers that its FROM brought
  std::vector<containerfile::Arg::One> args;
  std::shared_ptr<const Files> files;
};

// What all stages of one build share.
struct Building {
  const Context& context;
  const containerfile::Containerfile& file;
  const Options& options;
  const Grounds& grounds;
  // The stage of that number, built when it is not yet.
  std::function<const Built&(std::size_t)> stage;
  // `warn` may be called from any thread.
  std::function<void(containerfile::Warning)> warn;
  std::function<int()> next_number;
  bool dry = false;  // for lint: nothing is computed
};

// The number of the stage that a name means, seen from stage `before`; nullopt if none.
std::optional<std::size_t> find_stage(const containerfile::Containerfile& file, const std::string& name,
                                      std::size_t before);
// FROM's variables: global arguments and what is known of platforms.
containerfile::Variables global_variables(const Building& building);
// The value of a global argument.
std::optional<std::string> find_global(const Building& building, std::string_view name);
bool is_predefined(std::string_view name);  // proxies: known without ARG, in no history and no key

class StageBuilder {
 public:
  StageBuilder(const Building& building, std::size_t number);
  Built run();

 private:
  // FROM.
  void from();
  void from_image(const std::string& name, const spec::Platform& platform);
  void triggers();
  std::string name() const;

  // Instructions.
  void dispatch(const containerfile::Instruction& instruction);
  void operate(const containerfile::Instruction& instruction, const containerfile::Env& env);
  void operate(const containerfile::Instruction& instruction, const containerfile::Label& label);
  void operate(const containerfile::Instruction& instruction, const containerfile::Arg& arg);
  void operate(const containerfile::Instruction& instruction, const containerfile::Transfer& transfer);
  void operate(const containerfile::Instruction& instruction, const containerfile::Run& run);
  void operate(const containerfile::Instruction& instruction, const containerfile::Cmd& cmd);
  void operate(const containerfile::Instruction& instruction, const containerfile::Entrypoint& entrypoint);
  void operate(const containerfile::Instruction& instruction, const containerfile::Expose& expose);
  void operate(const containerfile::Instruction& instruction, const containerfile::User& user);
  void operate(const containerfile::Instruction& instruction, const containerfile::Workdir& workdir);
  void operate(const containerfile::Instruction& instruction, const containerfile::Volume& volume);
  void operate(const containerfile::Instruction& instruction, const containerfile::StopSignal& stop);
  void operate(const containerfile::Instruction& instruction, const containerfile::Shell& shell);
  void operate(const containerfile::Instruction& instruction, const containerfile::Maintainer& maintainer);
  void operate(const containerfile::Instruction& instruction, const containerfile::OnBuild& onbuild);
  void operate(const containerfile::Instruction& instruction, const containerfile::Healthcheck& health);

  // Steps that make a layer.
  struct LayerStep {
    const containerfile::Instruction& instruction;
    std::string created_by;
    StepKey key;
    // Makes the changes; `in_tree`: they are edits of tree().
    std::function<layer::Changeset(const Watcher::Step&)> make;
    bool in_tree = true;
    std::function<void(const std::vector<Digest>& below, const Digest& diff_id)> made = {};
  };
  void make_layer(LayerStep step);
  StepKey parent_key(const containerfile::Instruction& instruction) const;

  std::vector<Input> inputs_of(const containerfile::Transfer& transfer);
  Input fetched(const containerfile::Transfer& transfer, const std::string& source);
  std::shared_ptr<const Files> files_named(const std::string& name);
  Manner manner_of(const containerfile::Transfer& transfer);
  std::optional<layer::Owner> owner_of(const std::string& text);

  void history(std::string created_by);
  spec::History entry(std::string created_by) const;
  layer::Tree& tree();
  std::string read_file(const std::string& path);
  std::vector<std::string> shell_words() const;
  std::vector<std::string> words_of(const containerfile::CommandLine& command) const;

  // RUN.
  std::string run_words(const std::vector<std::string>& arguments) const;
  std::vector<std::string> run_environment() const;
  std::vector<std::string> run_arguments(const containerfile::Run& run, std::vector<StepMount>& mounts) const;
  void add_mount(const containerfile::Mount& mount, StepOrder& order, StepKey& key,
                 std::vector<std::shared_ptr<const void>>& held, std::vector<std::function<void()>>& later);
  void add_bind(const containerfile::Mount& mount, StepMount& made, StepKey& key,
                std::vector<std::shared_ptr<const void>>& held, std::vector<std::function<void()>>& later,
                std::size_t index, StepOrder& order);
  void add_cache(const containerfile::Mount& mount, StepMount& made, StepOrder& order,
                 std::vector<std::shared_ptr<const void>>& held, std::vector<std::function<void()>>& later);
  std::string mount_target(const std::string& target) const;
  std::optional<std::string> variable(std::string_view name) const;
  layer::Timestamp made_time() const { return {building_.options.epoch.value_or(0), 0}; }

  const Building& building_;
  const Context& context_;
  const containerfile::Stage& stage_;
  std::size_t number_;
  image::Image image_;
  std::size_t base_layers_ = 0;
  std::size_t own_from_ = 0;  // layers that FROM brought
  std::vector<containerfile::Arg::One> args_;
  bool cmd_set_ = false;
  bool no_cache_ = false;
  std::optional<layer::Tree> tree_;  // of the first `tree_layers_` layers, and edits
  std::size_t tree_layers_ = 0;
  unsigned step_index_ = 0;
  unsigned step_count_ = 0;
};

}  // namespace stave::build
