// Where a build takes things from.

#include "stave/cli/build_place.h"

#include <fmt/format.h>

#include <filesystem>
#include <map>
#include <mutex>

#include "stave/base/limits.h"
#include "stave/base/text.h"
#include "stave/cli/build_words.h"
#include "stave/cli/grounds.h"
#include "stave/fs/fs.h"
#include "stave/image/image.h"

namespace stave::cli {
namespace {

namespace paths = std::filesystem;

bool is_file(const std::string& path) {
  std::error_code error;
  return paths::exists(path, error) && !paths::is_directory(path, error);
}

std::string join_path(const std::string& directory, std::string_view name) {
  return directory + (directory.ends_with('/') ? "" : "/") + std::string(name);
}

std::string read_file(const std::string& path, std::uint64_t limit) {
  const std::size_t slash = path.rfind('/');
  const std::string directory = slash == path.npos ? "." : slash == 0 ? "/" : path.substr(0, slash);
  const auto file = std::make_shared<const fs::Fd>(
      fs::Dir::open(directory).open_file(slash == path.npos ? path : path.substr(slash + 1)));
  fs::FileSource source(file, 0, fs::stat(*file).size, path);
  return read_all(source, limit, quote(path));
}

std::string read_input(const Invocation& invocation, const place::Grounds& grounds) {
  const auto input = place::open_input(invocation.context, grounds);
  return read_all(*input, limits::containerfile_bytes, "the Containerfile on standard input");
}

// The name a person gave, else the first of those that are looked for in the context.
std::string find_containerfile(const Arguments& arguments, const std::string& directory) {
  if (const auto given = arguments.get("--file")) {
    std::string inside = directory.empty() ? *given : join_path(directory, *given);
    if (is_file(*given) || !is_file(inside)) return *given;
    return inside;
  }
  for (const char* name : {"Containerfile", "Dockerfile"}) {
    if (is_file(join_path(directory, name))) return join_path(directory, name);
  }
  throw Error(Kind::not_found, fmt::format("there is no Containerfile or Dockerfile in {}", quote(directory)),
              "name it with -f FILE");
}

// The name as it goes into messages: without a "./" in front.
std::string shown(const std::string& path) { return path.starts_with("./") ? path.substr(2) : path; }

containerfile::Patterns read_ignored(const Arguments& arguments, const std::string& containerfile,
                                     const std::string& directory) {
  std::vector<std::string> candidates;
  if (const auto given = arguments.get("--ignorefile")) {
    candidates = {*given};
    if (!is_file(*given))
      throw Error(Kind::not_found, fmt::format("--ignorefile: there is no {}", quote(*given)));
  } else {
    if (!containerfile.empty())
      candidates = {containerfile + ".containerignore", containerfile + ".dockerignore"};
    if (!directory.empty()) {
      candidates.push_back(join_path(directory, ".containerignore"));
      candidates.push_back(join_path(directory, ".dockerignore"));
    }
  }
  for (const auto& path : candidates) {
    if (!is_file(path)) continue;
    try {
      return containerfile::Patterns(containerfile::read_ignore_file(read_file(path, limits::ignore_bytes)));
    } catch (const Error& error) {
      throw error.within(shown(path));
    }
  }
  return {};
}

// A document in a context that is no directory of this host.
std::optional<std::string> find_in(const Context& context, const build::Files& files, const std::string& name,
                                   std::uint64_t limit) {
  const auto& tree = files.tree(context);
  const std::string path = tree.resolve(name, layer::Tree::Follow::all);
  const auto* inode = tree.find(path);
  if (inode == nullptr || inode->meta.type != layer::Type::regular) return std::nullopt;
  if (inode->meta.size > limit)
    throw Error(Kind::limit, fmt::format("{}: {} bytes are too many", quote(name), inode->meta.size));
  layer::Change change{
      .entry = {path, inode->meta}, .removal = false, .stamp = inode->stamp, .contents = inode->contents};
  layer::Changeset changes;
  changes.push_back(std::move(change));
  files.fill(context, changes);
  std::string text(inode->meta.size, '\0');
  if (!text.empty()) {
    if (!changes.front().contents) throw Error(Kind::internal, fmt::format("{} has no content", quote(name)));
    changes.front().contents->read(changes.front(), 0,
                                   MutableBytes(reinterpret_cast<std::byte*>(text.data()), text.size()));
  }
  return text;
}

std::string get_remote_containerfile(const Context& context, const build::Files& files,
                                     const Arguments& arguments, std::string& name) {
  std::vector<std::string> names = {"Containerfile", "Dockerfile"};
  if (const auto given = arguments.get("--file")) names = {*given};
  for (const auto& each : names) {
    if (auto text = find_in(context, files, each, limits::containerfile_bytes)) {
      name = each;
      return *text;
    }
  }
  throw Error(Kind::not_found, fmt::format("there is no {} in {}", join(names, " or "), files.describe()),
              "name it with -f FILE");
}

std::string context_word(const Arguments& arguments) {
  return arguments.positionals().empty() ? "." : arguments.positionals().front();
}

bool is_remote(std::string_view word) { return build::is_git(word) || build::is_url(word); }

std::shared_ptr<const build::Files> open_remote(const Invocation& invocation, const place::Grounds& grounds,
                                                const build::Fetch& fetch, const std::string& word) {
  const auto& context = invocation.context;
  if (build::is_git(word))
    return build::checkout(context, word, false, grounds.spool,
                           invocation.surroundings.env("PATH").value_or(""),
                           environment_of_git(invocation.surroundings))
        .files;
  const auto fetched = fetch(context, word);
  // What a URL gives is a tar, or a Containerfile and nothing else.
  const auto& tree = fetched.files->tree(context);
  const auto* inode = tree.find(fetched.name);
  layer::Changeset changes;
  if (inode == nullptr) throw Error(Kind::internal, "what was fetched is not there");
  changes.push_back({.entry = {fetched.name, inode->meta},
                     .removal = false,
                     .stamp = inode->stamp,
                     .contents = inode->contents});
  fetched.files->fill(context, changes);
  class Reader : public Source {
   public:
    explicit Reader(const layer::Change& change) : change_(change) {}
    std::size_t read(MutableBytes out) override {
      const std::size_t count = std::min<std::uint64_t>(out.size(), change_.entry.meta.size - at_);
      if (count > 0) change_.contents->read(change_, at_, out.first(count));
      at_ += count;
      return count;
    }

   private:
    const layer::Change& change_;
    std::uint64_t at_ = 0;
  };
  Reader reader(changes.front());
  return build::tar_context(context, reader, grounds.spool, quote(word));
}

}  // namespace

bool reads_input(const Arguments& arguments) {
  return context_word(arguments) == "-" || arguments.get("--file") == "-";
}

std::string stats_of(const Invocation& invocation) {
  const auto cache = find_cache(invocation.surroundings);
  return cache ? *cache + "/stat" : "";
}

BuildPlace read_build_place(const Invocation& invocation, const place::Grounds& grounds) {
  const auto& arguments = invocation.arguments;
  const std::string word = context_word(arguments);
  BuildPlace place;
  std::error_code error;
  const auto real = paths::canonical(word, error);
  if (error) {
    throw Error(kind_of_errno(error.value()), fmt::format("the context {}: {}", quote(word), error.message()),
                "stave build [OPTION]… [CONTEXT]: the directory whose files COPY takes");
  }
  if (!paths::is_directory(real))
    throw Error(Kind::usage, fmt::format("the context {} is no directory", quote(word)),
                fmt::format("a Containerfile is named with -f {}", word));
  place.directory = real.string();
  std::string name;
  std::string text;
  if (arguments.get("--file") == "-") {
    name = "-";
    text = read_input(invocation, grounds);
  } else {
    name = find_containerfile(arguments, word);
    text = read_file(name, limits::containerfile_bytes);
  }
  place.ignored = read_ignored(arguments, name == "-" ? "" : name, word);
  place.file = containerfile::parse({.name = shown(name), .text = std::move(text)});
  return place;
}

OpenedPlace open_build_place(const Invocation& invocation, const place::Grounds& grounds,
                             const build::Fetch& fetch) {
  const auto& arguments = invocation.arguments;
  const std::string word = context_word(arguments);
  if (word == "-" && arguments.get("--file") == "-")
    throw Error(Kind::usage, "standard input (-) cannot be both the context and the Containerfile");
  OpenedPlace opened;
  if (word != "-" && !is_remote(word)) {
    opened.place = read_build_place(invocation, grounds);
    opened.context = build::open_context(opened.place.directory, opened.place.ignored, stats_of(invocation),
                                         "the build context");
    return opened;
  }
  std::string name;
  std::string text;
  if (word == "-") {
    const auto input = place::open_input(invocation.context, grounds);
    opened.context =
        build::tar_context(invocation.context, *input, grounds.spool, "the build context on standard input");
  } else {
    opened.context = open_remote(invocation, grounds, fetch, word);
  }
  if (arguments.get("--file") == "-") {
    name = "-";
    text = read_input(invocation, grounds);
  } else {
    text = get_remote_containerfile(invocation.context, *opened.context, arguments, name);
  }
  opened.place.file = containerfile::parse({.name = name, .text = std::move(text)});
  return opened;
}

void add_contexts(const Invocation& invocation, const place::Grounds& grounds, const build::Fetch& fetch,
                  build::Options& options) {
  for (const auto& text : invocation.arguments.all("--build-context")) {
    auto [name, where] = parse_pair(text, "--build-context");
    for (char& c : name) c = static_cast<char>(c >= 'A' && c <= 'Z' ? c - 'A' + 'a' : c);
    if (where.starts_with("docker-image://")) {
      options.image_contexts[name] = where.substr(15);
    } else if (where.starts_with("oci-layout://")) {
      std::string rest = where.substr(13);
      options.image_contexts[name] = "oci:" + rest;
    } else if (where.starts_with("container-image://")) {
      options.image_contexts[name] = where.substr(18);
    } else if (is_remote(where)) {
      options.contexts[name] = open_remote(invocation, grounds, fetch, where);
    } else {
      std::error_code error;
      const auto real = paths::canonical(where, error);
      if (error)
        throw Error(kind_of_errno(error.value()),
                    fmt::format("--build-context {}: {}: {}", name, quote(where), error.message()));
      if (paths::is_directory(real)) {
        options.contexts[name] =
            build::open_context(real.string(), read_ignored(invocation.arguments, "", real.string()),
                                stats_of(invocation), fmt::format("the context {}", quote(name)));
      } else {
        const auto file = std::make_shared<const fs::Fd>(
            fs::Dir::open(real.parent_path().string()).open_file(real.filename().string()));
        fs::FileSource source(file, 0, fs::stat(*file).size, where);
        options.contexts[name] = build::tar_context(invocation.context, source, grounds.spool,
                                                    fmt::format("the context {}", quote(name)));
      }
    }
  }
}

build::FindBase find_base_in(const Invocation& invocation, const place::Grounds& grounds,
                             const content::Store& store) {
  struct Found {
    std::mutex mutex;
    std::map<std::string, build::Base> bases;
  };
  const auto found = std::make_shared<Found>();
  const std::string pull = invocation.arguments.get("--pull").value_or("missing");
  return [&grounds, &store, found, pull](const Context& context, const std::string& name,
                                         const spec::Platform& platform) {
    const std::lock_guard lock(found->mutex);
    const std::string key = platform.str() + " " + name;
    if (const auto known = found->bases.find(key); known != found->bases.end()) return known->second;
    const auto words = place::Words::parse(name);
    const bool local = words.transport == place::Transport::store;
    const auto located = local && pull == "always"  ? place::open_at_registry(context, name, grounds)
                         : local && pull == "never" ? place::open(context, words, grounds)
                                                    : place::open_anywhere(context, words, grounds);
    const auto descriptor = image::select(*located.blobs, located.root, platform);
    // The new image refers to the base's layers: they come along.
    place::copy_blobs(context, *located.blobs, descriptor, store);
    build::Base base{
        .image = image::load(store, descriptor),
        .blobs = std::shared_ptr<const content::BlobSource>(&store, [](const content::BlobSource*) {}),
        .digest = descriptor.digest};
    return found->bases.emplace(key, std::move(base)).first->second;
  };
}

}  // namespace stave::cli
