// stave unpack: an image or layers become a directory, or a bundle that an OCI
// runtime runs as it is.

#include <fmt/format.h>
#include <unistd.h>

#include <filesystem>

#include "stave/base/error.h"
#include "stave/base/text.h"
#include "stave/cli/grounds.h"
#include "stave/cli/operand.h"
#include "stave/cli/userns.h"
#include "stave/cli/verbs.h"
#include "stave/json/json.h"
#include "stave/layer/record.h"
#include "stave/layer/unpack.h"
#include "stave/rootfs/runtime_config.h"

namespace stave::cli {
namespace {

// What is named before the directory: one image, or layers from the lowest up.
struct Material {
  std::vector<Layers> layers;  // keeps open what `stack` reads
  layer::Stack stack;

  const image::Image* image() const {
    return layers.size() == 1 && layers.front().image ? &*layers.front().image : nullptr;
  }
};

Material open_material(const Invocation& invocation, const std::vector<Operand>& operands,
                       const place::Grounds& grounds) {
  Material material;
  for (const Operand& operand : operands) {
    auto opened = open_layers(invocation, operand, grounds);
    if (operands.size() > 1 && opened.image) {
      throw Error(
          Kind::usage,
          fmt::format("{} is an image; what is unpacked together are tars of layers", quote(operand.text)),
          "unpack the image alone");
    }
    for (auto& piece : opened.stack.pieces) material.stack.pieces.push_back(std::move(piece));
    material.layers.push_back(std::move(opened));
  }
  return material;
}

std::vector<Operand> operands_of(const std::vector<std::string>& words) {
  std::vector<Operand> operands;
  bool input = false;
  for (std::size_t i = 0; i + 1 < words.size(); ++i) {
    operands.push_back(Operand::parse(words[i]));
    if (words[i] == "-" && std::exchange(input, true))
      throw Error(Kind::usage, "standard input can only be read once");
  }
  return operands;
}

// Everybody may read it: it says nothing that the image does not.
void write_runtime_config(const Invocation& invocation, const fs::Dir& bundle, const spec::Config& config) {
  const auto ids = ids_for_a_runtime(invocation);
  const rootfs::Wishes wishes{
      .rootless = ids.has_value(), .user_namespace = ids, .one_id = ids && ids->only_one()};
  fs::TempFile file = fs::TempFile::in(bundle, 0644);
  file.write(as_bytes(rootfs::runtime_config(config, bundle.open_dir("rootfs"), wishes)));
  std::move(file).publish("config.json", fs::TempFile::Existing::fail, false);
}

std::string summary(const layer::Unpacked& done, const std::string& target, bool bundle, bool aside) {
  std::string text =
      fmt::format("{}: {}, {}", printable(target), plural(done.entries, "file"), human_size(done.bytes));
  if (done.disk_bytes < done.bytes) text += fmt::format(" ({} without holes)", human_size(done.disk_bytes));
  if (aside) {
    const std::string record = bundle ? target + "/rootfs" : target;
    text += fmt::format("; owners are kept aside in {}", printable(layer::Record::name_for(record)));
  }
  return text + "\n";
}

void tell(const Invocation& invocation, const Material& material, const layer::Unpacked& done,
          const std::string& target, const std::string& text) {
  if (!invocation.quiet) invocation.surroundings.err(text);
  if (!invocation.json) return;
  json::Object object;
  object.string("path", std::filesystem::absolute(target).lexically_normal().string());
  object.number("entries", done.entries);
  object.number("bytes", done.bytes);
  const auto* layers = material.image() != nullptr ? &material.layers.front() : nullptr;
  if (layers != nullptr && layers->descriptor) object.string("digest", layers->descriptor->digest.str());
  invocation.print(json::print_pretty(json::parse(std::move(object).finish(), "the result")) + "\n");
}

int run_unpack(const Invocation& invocation) {
  const auto& words = invocation.arguments.positionals();
  const std::string& target = words.back();
  layer::check_target(target);
  if (invocation.arguments.has("--userns")) stand_as_root(invocation, Range::needed);
  const auto grounds = grounds_of(invocation);
  const bool bundle = invocation.arguments.has("--bundle");
  const Material material = open_material(invocation, operands_of(words), grounds);
  const image::Image* const image = material.image();
  if (bundle && image == nullptr)
    throw Error(Kind::usage, "--bundle needs an image: a layer does not say what to run");

  layer::Unpack how{.owners = ::geteuid() == 0 ? layer::Owners::real : layer::Owners::aside};
  if (bundle) how.bundle = [&](const fs::Dir& dir) { write_runtime_config(invocation, dir, image->config); };
  const auto done = layer::unpack(invocation.context, material.stack, target, how);
  tell(invocation, material, done, target, summary(done, target, bundle, how.owners == layer::Owners::aside));
  return 0;
}

}  // namespace

Command unpack_verb() {
  Command verb{
      .name = "unpack",
      .summary = "make a directory of an image or of layers",
      .description =
          "Applies the layers in order, verifies every digest on the way, and gives the directory its name "
          "when everything was right; until then nothing is there, and after a failure nothing is left. DIR "
          "must "
          "not exist, or be empty. `IMAGE~N` leaves off the last N layers.\n\n"
          "Beside the tree lies its record, `DIR.stave`: fingerprints of all files, so that `diff` and "
          "`pack --tree` need not read again what did not change. Keep it next to the tree, and remove it "
          "along with it.\n\n"
          "Root gives every file its owner. An ordinary user owns everything and can read and remove it; the "
          "real owners and modes, and devices, which become empty files, are kept in the record, and `diff` "
          "and "
          "`pack --tree` go by that. With `--userns` the files get real owners: the ids of the range that "
          "/etc/subuid and /etc/subgid give the user, as in the containers that podman makes for them.\n\n"
          "`--bundle` makes a directory with the tree in `rootfs` and a `config.json` that runc and crun "
          "run as it is."};
  verb.positionals = {
      {.name = "IMAGE|LAYER",
       .help = "an image in any place, or the tars of layers, the lowest first",
       .most = 0,
       .completes = Completes::image},
      {.name = "DIR", .help = "the directory that appears", .completes = Completes::directory}};
  verb.options = {
      {.names = "--platform",
       .value = "P",
       .help = "which image of several; default: this machine's",
       .completes = Completes::platform},
      {.names = "--bundle", .value = "", .help = "make a bundle: rootfs and config.json"},
      {.names = "--userns", .value = "", .help = "real owners out of a subordinate range, without root"},
      {.names = "--json", .value = "", .help = "print the result as JSON"},
  };
  verb.examples = {
      {"stave unpack app:2 rootfs", "the tree of an image"},
      {"stave unpack app:2 bundle --bundle && runc run -b bundle app", "for a runtime"},
      {"stave unpack base.tar.gz change.tar.gz rootfs", "layers on top of each other"},
      {"podman save alpine | stave unpack - rootfs", "from podman"},
  };
  verb.run = run_unpack;
  return verb;
}

}  // namespace stave::cli
