// stave index: one name for images of several platforms.

#include <fmt/format.h>

#include <algorithm>
#include <functional>
#include <map>
#include <memory>

#include "stave/base/error.h"
#include "stave/base/text.h"
#include "stave/cli/grounds.h"
#include "stave/cli/table.h"
#include "stave/cli/transfer.h"
#include "stave/cli/verbs.h"
#include "stave/image/image.h"
#include "stave/inspect/describe.h"
#include "stave/json/json.h"
#include "stave/place/joined.h"
#include "stave/place/place.h"

namespace stave::cli {
namespace {

// What an index says of an image: of a single one with its platform, read from its config.
spec::Descriptor described(const content::BlobSource& blobs, spec::Descriptor root) {
  if (spec::media::is_manifest(root.media_type)) {
    const auto leaves = image::leaves(blobs, root);
    if (!leaves.empty()) root.platform = leaves.front().platform;
  }
  return root;
}

// Brings images into the store and gives what an index says of them: a single image with its platform, read
// from its config.
std::vector<spec::Descriptor> gather(const Invocation& invocation, const place::Grounds& grounds,
                                     const content::Store& store, std::size_t first_positional) {
  std::vector<spec::Descriptor> all;
  const auto& words = invocation.arguments.positionals();
  for (std::size_t i = first_positional; i < words.size(); ++i) {
    const auto located = place::open(invocation.context, place::Words::parse(words[i]), grounds);
    place::copy_blobs(invocation.context, *located.blobs, located.root, store);
    all.push_back(described(store, located.root));
  }
  return all;
}

void add_to(std::vector<spec::Descriptor>& manifests, const std::vector<spec::Descriptor>& added,
            const Context& context) {
  for (const auto& descriptor : added) {
    const auto same = [&](const spec::Descriptor& each) { return each.digest == descriptor.digest; };
    if (std::any_of(manifests.begin(), manifests.end(), same)) continue;
    const auto rival = [&](const spec::Descriptor& each) {
      return each.platform && each.platform == descriptor.platform;
    };
    if (std::any_of(manifests.begin(), manifests.end(), rival)) {
      context.progress->warn(
          fmt::format("there are two images for {}; clients take the first", descriptor.platform->str()));
    }
    manifests.push_back(descriptor);
  }
}

void finish(const Invocation& invocation, const content::Store& store, const std::string& name,
            const spec::Descriptor& root) {
  auto named = root;
  named.annotations.merge(place::naming_annotations(name, false));
  tell_moved(invocation, name, store.tag(name, named), root.digest);
  invocation.print(root.digest.str() + "\n");
}

spec::Annotations annotations_of(const Arguments& arguments, spec::Annotations annotations) {
  for (const auto& text : arguments.all("--annotation")) {
    const std::size_t equals = text.find('=');
    if (equals == std::string::npos && text.ends_with('-')) {
      annotations.erase(text.substr(0, text.size() - 1));
    } else if (equals == std::string::npos || equals == 0) {
      throw Error(Kind::usage, fmt::format("--annotation: {} is not NAME=VALUE", quote(text)));
    } else {
      annotations[text.substr(0, equals)] = text.substr(equals + 1);
    }
  }
  return annotations;
}

// Documents in memory: what is in no place yet, and what was read already.
class Documents final : public content::BlobSource {
 public:
  spec::Descriptor put(std::string text, std::string_view media_type) {
    const spec::Descriptor descriptor{
        .media_type = std::string(media_type), .digest = digest_of(text), .size = text.size()};
    add(descriptor.digest, std::move(text));
    return descriptor;
  }
  void add(const Digest& digest, std::string text) { texts_.insert_or_assign(digest, std::move(text)); }

  std::unique_ptr<Source> find(const Digest& digest) const override {
    const auto found = texts_.find(digest);
    return found == texts_.end() ? nullptr : std::make_unique<BytesSource>(found->second);
  }
  std::optional<std::uint64_t> find_size(const Digest& digest) const override {
    const auto found = texts_.find(digest);
    return found == texts_.end() ? std::nullopt : std::optional<std::uint64_t>(found->second.size());
  }
  std::string describe() const override { return "the new index"; }

 private:
  std::map<Digest, std::string> texts_;
};

// An index made at a registry: what it lists goes there from where it is, if it is not there already; nothing
// comes here but manifests and configs.
int create_there(const Invocation& invocation, const place::Grounds& grounds, const place::Words& target) {
  place::check_destination(target, {}, grounds);
  const auto documents = std::make_shared<Documents>();
  spec::Index index;
  std::vector<std::shared_ptr<const content::BlobSource>> from = {documents};
  for (const auto& word : invocation.arguments.positionals()) {
    const auto located = place::open(invocation.context, place::Words::parse(word), grounds);
    add_to(index.manifests, {described(*located.blobs, located.root)}, invocation.context);
    // So that none of the other places is asked for it.
    documents->add(located.root.digest, content::read_document(*located.blobs, located.root));
    from.push_back(located.blobs);
  }
  index.annotations = annotations_of(invocation.arguments, {});
  const auto root = documents->put(index.render(), spec::media::oci_index);
  print_copied(invocation,
               place::copy(invocation.context, place::Joined(std::move(from)), root, target, {}, grounds));
  return 0;
}

int run_create(const Invocation& invocation) {
  const auto grounds = grounds_of(invocation);
  if (const auto tag = invocation.arguments.get("--tag").value_or(""); tag.starts_with("docker://"))
    return create_there(invocation, grounds, place::Words::parse(tag));
  const std::string name = place::stored_name(invocation.arguments.get("--tag").value_or(""));
  place::in_store(grounds, [&](const content::Store& store) {
    std::vector<spec::Descriptor> manifests;
    add_to(manifests, gather(invocation, grounds, store, 0), invocation.context);
    finish(invocation, store, name,
           image::put_index(store, manifests, annotations_of(invocation.arguments, {})));
  });
  return 0;
}

// The index that a name of the local store stands for.
struct Named {
  std::string name;
  spec::Descriptor root;
  spec::Index index;
};

Named open_index(const Invocation& invocation, const place::Grounds& grounds) {
  const auto words = place::Words::parse(invocation.arguments.positionals().front());
  if (words.transport != place::Transport::store) {
    throw Error(Kind::usage, fmt::format("{} is not in the local store", quote(words.str())),
                "copy it there first: stave copy " + printable(words.str()) + " NAME");
  }
  const auto located = place::open(invocation.context, words, grounds);
  if (!spec::media::is_index(located.root.media_type)) {
    throw Error(Kind::invalid, fmt::format("{} is a single image, not an index", quote(located.name)),
                fmt::format("make an index over it: stave index create -t NAME {}", printable(located.name)));
  }
  return {located.name, located.root,
          spec::Index::parse(content::read_document(*located.blobs, located.root))};
}

// Makes an edit of the index that the first operand names. Under its own name it goes only if that still
// stands for what was edited; if somebody else was faster, the edit is made again on what they left: of two
// that add at once, both are there.
void edit_named(const Invocation& invocation, const place::Grounds& grounds, const content::Store& store,
                const std::function<void(Named&)>& edit) {
  const auto tag = invocation.arguments.get("--tag");
  for (;;) {
    invocation.context.check();
    auto named = open_index(invocation, grounds);
    edit(named);
    auto root = store.put(named.index.render(),
                          named.index.media_type.empty() ? named.root.media_type : named.index.media_type);
    if (tag) return finish(invocation, store, place::stored_name(*tag), root);
    root.annotations.merge(place::naming_annotations(named.name, false));
    if (!store.retag(named.name, named.root.digest, root)) continue;
    tell_moved(invocation, named.name, named.root, root.digest);
    invocation.print(root.digest.str() + "\n");
    return;
  }
}

int run_add(const Invocation& invocation) {
  const auto grounds = grounds_of(invocation);
  place::in_store(grounds, [&](const content::Store& store) {
    const auto more = gather(invocation, grounds, store, 1);
    edit_named(invocation, grounds, store, [&](Named& named) {
      add_to(named.index.manifests, more, invocation.context);
      named.index.annotations = annotations_of(invocation.arguments, named.index.annotations);
    });
  });
  return 0;
}

// Takes what a platform or a digest names out of an index.
void take_out(Named& named, const std::string& word) {
  const auto digest = Digest::find(word);
  const auto platform = digest ? std::nullopt : std::optional(spec::Platform::parse(word));
  const auto removed = std::erase_if(named.index.manifests, [&](const spec::Descriptor& each) {
    return digest ? each.digest == *digest : each.platform && each.platform->str() == platform->str();
  });
  if (removed != 0) return;
  throw Error(Kind::not_found, fmt::format("{} lists no {}", quote(named.name), quote(word)),
              "`stave index ls` shows what it lists");
}

int run_rm(const Invocation& invocation) {
  const auto grounds = grounds_of(invocation);
  place::in_store(grounds, [&](const content::Store& store) {
    edit_named(invocation, grounds, store, [&](Named& named) {
      const auto& words = invocation.arguments.positionals();
      for (std::size_t i = 1; i < words.size(); ++i) take_out(named, words[i]);
    });
  });
  return 0;
}

int run_ls(const Invocation& invocation) {
  const auto grounds = grounds_of(invocation);
  const auto located = place::open(invocation.context,
                                   place::Words::parse(invocation.arguments.positionals().front()), grounds);
  if (!spec::media::is_index(located.root.media_type)) {
    throw Error(Kind::invalid, fmt::format("{} is a single image, not an index",
                                           quote(invocation.arguments.positionals().front())));
  }
  const std::string text = content::read_document(*located.blobs, located.root);
  if (invocation.json) {
    invocation.print(json::print_pretty(json::parse(text, "the index")) + "\n");
    return 0;
  }
  Table table({{"PLATFORM"}, {"DIGEST"}, {"SIZE", true}, {"TYPE"}});
  for (const auto& each : spec::Index::parse(text).manifests) {
    const bool nested = spec::media::is_index(each.media_type);
    table.add({each.platform ? each.platform->str() : "", each.digest.str(), human_size(each.size),
               nested                                      ? "index"
               : spec::media::is_manifest(each.media_type) ? "image"
                                                           : each.media_type});
  }
  invocation.print(table.render(invocation.color()));
  return 0;
}

const Option tag_option{.names = "-t,--tag",
                        .value = "NAME[:TAG]",
                        .help = "the name of the index",
                        .completes = Completes::image};
const Option annotation_option{.names = "--annotation",
                               .value = "NAME=VALUE",
                               .help = "an annotation of the index; NAME- removes it",
                               .repeatable = true};

}  // namespace

Command index_verb() {
  Command create{
      .name = "create",
      .summary = "make an index over images in any place",
      .description =
          "Makes an index that lists the given images, in their order. Platforms are read from "
          "their configs; an image for several platforms is listed as an index within the index.\n\n"
          "With `-t docker://HOST/PATH:TAG` it is made at the registry. What is in that "
          "repository already stays where it is, what another one of the same registry has is "
          "mounted, and only the rest is sent: images that were built and pushed on different "
          "machines become one without a layer being fetched."};
  create.positionals = {{.name = "IMAGE",
                         .help = "an image in any place",
                         .least = 0,
                         .most = 0,
                         .completes = Completes::image}};
  create.options = {tag_option, annotation_option};
  create.examples = {
      {"stave index create -t hello:all hello:amd64 oci-archive:hello-arm64.tar", "one name for two images"},
      {"stave index create -t docker://registry.example.com/app:2 "
       "docker://registry.example.com/app@sha256:… docker://registry.example.com/app@sha256:…",
       "over images that were pushed by digest, without fetching them"}};
  create.run = [](const Invocation& invocation) {
    if (!invocation.arguments.has("--tag"))
      throw Error(Kind::usage, "the index has no name", "name it with -t NAME");
    return run_create(invocation);
  };

  Command add{.name = "add",
              .summary = "add images to an index",
              .description = "Makes a new index that lists the images as well, and gives it the name."};
  add.positionals = {
      {.name = "NAME", .help = "an index of the local store", .completes = Completes::image},
      {.name = "IMAGE", .help = "an image in any place", .most = 0, .completes = Completes::image}};
  add.options = {tag_option, annotation_option};
  add.examples = {{"stave index add hello:all hello:riscv64", "add another platform"}};
  add.run = run_add;

  Command rm{.name = "rm",
             .summary = "take images out of an index",
             .description =
                 "Makes a new index without the images for these platforms or with these digests, and gives "
                 "it the name."};
  rm.positionals = {
      {.name = "NAME", .help = "an index of the local store", .completes = Completes::image},
      {.name = "PLATFORM|DIGEST", .help = "what goes", .most = 0, .completes = Completes::platform}};
  rm.options = {tag_option};
  rm.examples = {{"stave index rm hello:all linux/riscv64", "leave a platform out"}};
  rm.run = run_rm;

  Command ls{.name = "ls",
             .summary = "list what is in an index",
             .description = "Lists the manifests of an index as it stands, not those of indexes within it."};
  ls.positionals = {{.name = "IMAGE", .help = "an index in any place", .completes = Completes::image}};
  ls.options = {{.names = "--json", .value = "", .help = "print the index itself"}};
  ls.examples = {{"stave index ls hello:all", "platforms and digests"}};
  ls.run = run_ls;

  return {.name = "index",
          .summary = "join images of several platforms under one name",
          .description = "Makes and changes indexes, which list an image for each platform.",
          .subcommands = {create, add, rm, ls}};
}

}  // namespace stave::cli
